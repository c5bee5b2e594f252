//! Which handle owns which slot: the oracle's own book, kept beside the allocator's.
//!
//! Slots of pools that are known beforehand have a word each; whatever lies elsewhere (grown and transient
//! pools) goes into one locked map of ranges. Invariant: a slot has at most one owner in the book; a claim
//! that meets another owner says so and takes the slot over.
//!
//! The words are Relaxed: an owner gives its slots up before it calls unmap, and the next one claims them
//! after its map has returned. If the allocator does not order the two, the oracle says that a slot had two
//! owners, and is right.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use swiotlb_core::rules::{IO_TLB_SHIFT, IO_TLB_SIZE};

/// A pool known beforehand.
#[derive(Debug)]
struct Pool {
    start: u64,
    end: u64,
    /// Owner plus 1 of each slot; 0 is nobody.
    slots: Box<[AtomicU32]>,
}

/// What has been claimed by hand: ranges of slots by their first byte, and each handle's range.
#[derive(Debug, Default)]
struct Elsewhere {
    ranges: BTreeMap<u64, (u64, u32)>,
}

/// The book.
#[derive(Debug)]
pub struct Owners {
    pools: Vec<Pool>,
    elsewhere: Mutex<Elsewhere>,
    /// What each handle claimed.
    claims: Mutex<BTreeMap<u32, (u64, u64)>>,
}

impl Owners {
    /// A book over `pools`: first byte, and the byte after the last.
    #[must_use]
    pub fn new(pools: &[(u64, u64)]) -> Self {
        let pool = |&(start, end): &(u64, u64)| {
            let slots = (start..end).step_by(1 << IO_TLB_SHIFT).map(|_| AtomicU32::new(0)).collect();
            Pool { start, end, slots }
        };
        let pools = pools.iter().map(pool).collect();
        Self { pools, elsewhere: Mutex::default(), claims: Mutex::default() }
    }

    /// `handle` owns every slot that `[from, to)` touches.
    ///
    /// # Errors
    /// The handle that owned one of them before.
    pub fn claim(&self, handle: u32, (from, to): (u64, u64)) -> Result<(), u32> {
        let (from, to) = (from & !(IO_TLB_SIZE - 1), to.next_multiple_of(IO_TLB_SIZE));
        lock(&self.claims).insert(handle, (from, to));
        let Some(slots) = self.words(from, to) else {
            return lock(&self.elsewhere).claim(handle, from, to);
        };
        let mut other = Ok(());
        for slot in slots {
            let before = slot.swap(handle + 1, Relaxed);
            if before != 0 {
                other = Err(before - 1);
            }
        }
        other
    }

    /// `handle` owns nothing any more; `false` if another has taken over one of its slots.
    pub fn release(&self, handle: u32) -> bool {
        let Some((from, to)) = lock(&self.claims).remove(&handle) else { return false };
        let Some(slots) = self.words(from, to) else {
            return lock(&self.elsewhere).release(handle, from);
        };
        let mut all = true;
        for slot in slots {
            all &= slot.compare_exchange(handle + 1, 0, Relaxed, Relaxed).is_ok();
        }
        all
    }

    /// Handles that own something.
    #[must_use]
    pub fn live(&self) -> usize {
        lock(&self.claims).len()
    }

    /// The words of a range that lies in a pool known beforehand.
    fn words(&self, from: u64, to: u64) -> Option<&[AtomicU32]> {
        let pool = self.pools.iter().find(|pool| pool.start <= from && to <= pool.end)?;
        let slot = |at: u64| usize::try_from((at - pool.start) >> IO_TLB_SHIFT).ok();
        pool.slots.get(slot(from)?..slot(to)?)
    }
}

impl Elsewhere {
    fn claim(&mut self, handle: u32, from: u64, to: u64) -> Result<(), u32> {
        let before = self.ranges.range(..to).next_back().filter(|&(_, &(end, _))| end > from);
        let other = before.map(|(&start, &(_, owner))| (start, owner));
        if let Some((start, _)) = other {
            self.ranges.remove(&start);
        }
        self.ranges.insert(from, (to, handle));
        other.map_or(Ok(()), |(_, owner)| Err(owner))
    }

    fn release(&mut self, handle: u32, from: u64) -> bool {
        if self.ranges.get(&from).is_some_and(|&(_, owner)| owner == handle) {
            self.ranges.remove(&from);
            return true;
        }
        false
    }
}

/// The oracle goes on after a panic elsewhere: it only reports.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_owners(owners: &Owners, base: u64) {
        assert_eq!(owners.claim(1, (base, base + 4_096)), Ok(()));
        assert_eq!(owners.claim(2, (base + 4_096, base + 4_097)), Ok(()));
        assert_eq!(owners.claim(3, (base + 3_000, base + 3_001)), Err(1));
        assert!(!owners.release(1) && owners.release(2) && owners.release(3));
        assert!(!owners.release(2), "released twice");
        assert_eq!(owners.live(), 0);
    }

    #[test]
    fn a_slot_with_two_owners_is_seen_in_a_known_pool() {
        two_owners(&Owners::new(&[(1 << 20, 2 << 20)]), 1 << 20);
    }

    #[test]
    fn and_elsewhere() {
        two_owners(&Owners::new(&[]), 1 << 20);
    }
}
