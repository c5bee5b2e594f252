//! A list of free slots, the one freed last at its head: what was proposed for Linux in 2021.
//!
//! A claim takes the first slot of the list from which enough free slots follow. One slot is found at once; for
//! several the list is walked, and after a while its order has nothing to do with addresses.
//!
//! Invariant, under the area's lock: the list holds exactly the slots whose bit in `free` is 1.

use super::{AreaRange, Bitmap, InWindow, SlotRequest, SlotSearch};
use crate::probe::Probe;
use crate::slot::{EachSlot, SlotTable};
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// A doubly linked list of free slots.
pub struct Lifo<T = EachSlot> {
    first: u32,
    free: Bitmap<T>,
    /// One per slot of the area, and behind them the list's own: `next` of that is the head.
    links: Box<[Link]>,
}

/// Neighbours in the list. Relaxed throughout: all accesses come under the area's lock.
#[derive(Default)]
struct Link {
    next: AtomicU32,
    prev: AtomicU32,
}

impl<T: SlotTable> Lifo<T> {
    #[inline]
    fn link(&self, within: u32) -> &Link {
        &self.links[within as usize]
    }

    /// The number of the list's own link.
    #[inline]
    fn ends(&self) -> u32 {
        // Made from a `u32` and one more; a pool has fewer slots than 2^32 - 1.
        u32::try_from(self.links.len() - 1).unwrap_or(0)
    }

    fn push(&self, within: u32) {
        let ends = self.link(self.ends());
        let head = ends.next.load(Relaxed);
        let link = self.link(within);
        link.next.store(head, Relaxed);
        link.prev.store(self.ends(), Relaxed);
        self.link(head).prev.store(within, Relaxed);
        ends.next.store(within, Relaxed);
    }

    fn unlink(&self, within: u32) {
        let link = self.link(within);
        let (next, prev) = (link.next.load(Relaxed), link.prev.load(Relaxed));
        self.link(prev).next.store(next, Relaxed);
        self.link(next).prev.store(prev, Relaxed);
    }
}

impl<T: SlotTable> SlotSearch for Lifo<T> {
    type Table = T;
    const NAME: &'static str = "lifo";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &T, area: AreaRange) -> Self {
        let links = (0..=area.len).map(|_| Link::default()).collect();
        let this = Self { first: area.first, free: Bitmap::new(slots, area), links };
        let ends = this.link(this.ends());
        ends.next.store(this.ends(), Relaxed);
        ends.prev.store(this.ends(), Relaxed);
        (0..area.len).rev().for_each(|within| this.push(within));
        this
    }

    #[inline]
    fn run(&self, slots: &T, index: u32) -> u32 {
        self.free.run(slots, index)
    }

    #[inline]
    fn find<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        _from: u32,
        probe: &C,
    ) -> Option<u32> {
        let mut looked = 0;
        let mut within = self.link(self.ends()).next.load(Relaxed);
        while within != self.ends() {
            looked += 1;
            let first = area.first + within;
            if req.aligned(at, first) && !req.crosses(at, first) && self.run(slots, first) >= req.nslots {
                probe.slots_scanned(looked);
                return Some(first);
            }
            within = self.link(within).next.load(Relaxed);
        }
        probe.slots_scanned(looked);
        None
    }

    #[inline]
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        let within = first - self.first;
        (within..within + req.nslots).for_each(|within| self.unlink(within));
        req.nslots + self.free.take(slots, first, req)
    }

    #[inline]
    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        let within = first - self.first;
        // The run's first slot ends at the head, where the next claim of that size looks first.
        (within..within + n).rev().for_each(|within| self.push(within));
        n + self.free.give(slots, first, n)
    }
}
