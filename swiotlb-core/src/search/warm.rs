//! The slots freed last are handed out first, while their bytes are still in the cache: what a mapping of that
//! size left is what the next of about that size gets. Where nothing of the kind was freed, [`Summary`] decides.
//!
//! Invariant: the stacks only advise. What they name is checked against the masks before it is used, so a name that
//! is out of date costs a look and never a guarantee.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch, Summary};
use crate::probe::Probe;
use crate::slot::{EachSlot, SlotTable};
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// Runs that a stack remembers; a push onto a full stack forgets the oldest. A power of two.
const DEPTH: u32 = 16;
/// Stacks: one for runs of up to 1, 2, 4, …, 128 slots.
const CLASSES: usize = 8;

/// Recently freed runs over a summary. Relaxed throughout: all accesses come under the area's lock.
pub struct Warm<T = EachSlot> {
    room: Summary<T>,
    freed: [Stack; CLASSES],
}

/// First slots of runs of about one size, the one freed last on top.
#[derive(Default)]
struct Stack {
    /// Pushes less pops, modulo 2^32: where the next push goes.
    top: AtomicU32,
    len: AtomicU32,
    firsts: [AtomicU32; DEPTH as usize],
}

impl Stack {
    /// The `nth` from the top; `nth` is less than `len`.
    #[inline]
    fn at(&self, nth: u32) -> u32 {
        let place = self.top.load(Relaxed).wrapping_sub(nth + 1) % DEPTH;
        self.firsts[place as usize].load(Relaxed)
    }

    #[inline]
    fn len(&self) -> u32 {
        self.len.load(Relaxed)
    }

    #[inline]
    fn is_top(&self, first: u32) -> bool {
        self.len() > 0 && self.at(0) == first
    }

    #[inline]
    fn push(&self, first: u32) {
        let top = self.top.load(Relaxed);
        self.firsts[(top % DEPTH) as usize].store(first, Relaxed);
        self.top.store(top.wrapping_add(1), Relaxed);
        self.len.store((self.len() + 1).min(DEPTH), Relaxed);
    }

    /// The stack is not empty.
    #[inline]
    fn pop(&self) {
        self.top.store(self.top.load(Relaxed).wrapping_sub(1), Relaxed);
        self.len.store(self.len() - 1, Relaxed);
    }
}

impl<T: SlotTable> Warm<T> {
    /// The stack for runs of `n` slots.
    #[inline]
    fn stack(&self, n: u32) -> &Stack {
        &self.freed[n.next_power_of_two().trailing_zeros() as usize]
    }

    /// The run freed last that serves `req`; counts runs looked at.
    #[inline]
    fn freed_last(&self, slots: &T, at: InWindow, req: &SlotRequest, looked: &mut u32) -> Option<u32> {
        let stack = self.stack(req.nslots);
        while stack.len() > 0 && !self.room.is_free(stack.at(0)) {
            stack.pop();
        }
        for nth in 0..stack.len() {
            *looked += 1;
            let first = stack.at(nth);
            let long_enough = self.room.run(slots, first) >= req.nslots;
            if long_enough && req.aligned(at, first) && !req.crosses(at, first) {
                return Some(first);
            }
        }
        None
    }
}

impl<T: SlotTable> SlotSearch for Warm<T> {
    type Table = T;
    const NAME: &'static str = "warm";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &T, area: AreaRange) -> Self {
        Self { room: Summary::new(slots, area), freed: Default::default() }
    }

    #[inline]
    fn run(&self, slots: &T, index: u32) -> u32 {
        self.room.run(slots, index)
    }

    #[inline]
    fn find<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let mut looked = 0;
        let warm = self.freed_last(slots, at, req, &mut looked);
        probe.slots_scanned(looked);
        if warm.is_some() { warm } else { self.room.find(slots, area, at, req, from, probe) }
    }

    #[inline]
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        let stack = self.stack(req.nslots);
        if stack.is_top(first) {
            stack.pop();
        }
        self.room.take(slots, first, req)
    }

    #[inline]
    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        let stack = self.stack(n);
        if !stack.is_top(first) {
            stack.push(first);
        }
        self.room.give(slots, first, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PhysAddr;
    use crate::device::DeviceLimits;
    use crate::probe::Counters;
    use crate::rules::IO_TLB_SIZE;
    use crate::slot::FirstSlot;

    #[test]
    fn names_that_are_out_of_date_are_forgotten() {
        let area = AreaRange { first: 128, len: 256 };
        let slots = FirstSlot::new(384);
        let search = Warm::<FirstSlot>::new(&slots, area);
        let at = InWindow { base: 0, shift: 0 };
        let req = SlotRequest::new(&DeviceLimits::default(), PhysAddr(0), 4 * IO_TLB_SIZE, 0x7ff, 0);
        let looked = || {
            let counters = Counters::default();
            let found = search.find(&slots, area, at, &req, 99, &counters);
            (found, counters.get().slots_scanned)
        };
        let _ = [140, 204].map(|first| search.take(&slots, first, &req));
        let _ = [140, 204].map(|first| search.give(&slots, first, 4));
        assert_eq!(looked(), (Some(204), 1));
        search.take(&slots, 140, &req);
        search.take(&slots, 204, &req);
        assert_eq!(looked(), (Some(227), 1), "slot 140 is taken: one look, at the summary's segment");
    }

    #[test]
    fn a_full_stack_forgets_its_oldest() {
        let stack = Stack::default();
        for first in 0..DEPTH + 3 {
            stack.push(first);
        }
        assert_eq!(stack.len(), DEPTH);
        assert_eq!((stack.at(0), stack.at(DEPTH - 1)), (DEPTH + 2, 3));
        stack.pop();
        assert!(stack.is_top(DEPTH + 1));
    }
}
