//! Pools sorted by address in one run of memory, without any synchronisation: what the array-like lookups share.
//!
//! Invariant: entries are sorted by start and never overlap, and an entry's range is its pool's. The range lies
//! beside the pointer, so that a search stays in the array and reads no pool.

use super::PoolRange;
use crate::addr::PhysAddr;
use core::ptr::NonNull;

/// One pool as the array sees it.
struct Entry<T> {
    start: PhysAddr,
    end: PhysAddr,
    pool: NonNull<T>,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Entry<T> {}

/// Pools by their start.
pub(super) struct Ranges<T>(Vec<Entry<T>>);

// SAFETY: the pointers are to pools that are `Send` and `Sync` (`PoolRange`), which their owner keeps valid; an
// array gives out pointers to them and shared references only.
unsafe impl<T: Sync> Send for Ranges<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Ranges<T> {}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PoolRange> Ranges<T> {
    /// The entry of `pool` and its place.
    ///
    /// # Safety
    /// `pool` must be valid.
    unsafe fn entry(&self, pool: NonNull<T>) -> (usize, Entry<T>) {
        // SAFETY: the caller's promise.
        let range = unsafe { pool.as_ref() };
        let entry = Entry { start: range.start(), end: range.end(), pool };
        (self.0.partition_point(|e| e.start < entry.start), entry)
    }

    /// Adds `pool`.
    ///
    /// # Safety
    /// `pool` must be valid.
    pub(super) unsafe fn insert(&mut self, pool: NonNull<T>) {
        // SAFETY: the caller's promise.
        let (at, entry) = unsafe { self.entry(pool) };
        self.0.insert(at, entry);
    }

    /// The place of `pool`, if it is in.
    ///
    /// # Safety
    /// `pool` must be valid.
    unsafe fn place(&self, pool: NonNull<T>) -> Option<usize> {
        // SAFETY: the caller's promise.
        let (at, _) = unsafe { self.entry(pool) };
        self.0.get(at).filter(|entry| entry.pool == pool).map(|_| at)
    }

    /// Takes `pool` out, if it is in.
    ///
    /// # Safety
    /// `pool` must be valid.
    pub(super) unsafe fn remove(&mut self, pool: NonNull<T>) {
        // SAFETY: the caller's promise.
        if let Some(at) = unsafe { self.place(pool) } {
            self.0.remove(at);
        }
    }

    /// A copy with `pool` added.
    ///
    /// # Safety
    /// `pool` must be valid.
    pub(super) unsafe fn with(&self, pool: NonNull<T>) -> Self {
        // SAFETY: the caller's promise.
        let (at, entry) = unsafe { self.entry(pool) };
        let mut all = Vec::with_capacity(self.0.len() + 1);
        all.extend_from_slice(&self.0[..at]);
        all.push(entry);
        all.extend_from_slice(&self.0[at..]);
        Self(all)
    }

    /// A copy without `pool`, which is in.
    ///
    /// # Safety
    /// `pool` must be valid.
    pub(super) unsafe fn without(&self, pool: NonNull<T>) -> Self {
        // SAFETY: the caller's promise.
        let Some(at) = (unsafe { self.place(pool) }) else { return Self(self.0.clone()) };
        let mut all = Vec::with_capacity(self.0.len() - 1);
        all.extend_from_slice(&self.0[..at]);
        all.extend_from_slice(&self.0[at + 1..]);
        Self(all)
    }

    /// The pool whose `[start, end)` holds `addr`.
    #[inline]
    pub(super) fn at(&self, addr: PhysAddr) -> Option<NonNull<T>> {
        let after = self.0.partition_point(|e| e.start <= addr);
        let entry = self.0.get(after.checked_sub(1)?)?;
        if addr < entry.end { Some(entry.pool) } else { None }
    }

    /// Entries that a search looks at, at most.
    #[inline]
    pub(super) fn steps(&self) -> u32 {
        self.0.len().checked_ilog2().map_or(0, |log| log + 1)
    }

    /// Memory of the entries, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Entry<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Range;
    use super::*;

    #[test]
    fn only_the_pool_itself_is_taken_out() {
        let pools: Vec<_> = (0..5).map(|i| Range::new(i * 0x1000, 0x1000)).collect();
        let twin = Range::new(0x2000, 0x1000);
        let mut ranges = Ranges::<Range>::default();
        // SAFETY: `pools` and `twin` live to the end.
        unsafe { pools.iter().for_each(|pool| ranges.insert(NonNull::from(&**pool))) };
        let found = |ranges: &Ranges<Range>| {
            [0_u64, 1, 2, 3, 4].map(|i| ranges.at(PhysAddr(i * 0x1000 + 8)).is_some())
        };
        // SAFETY: as above.
        unsafe { ranges.remove(NonNull::from(&*twin)) };
        assert_eq!(found(&ranges), [true; 5], "same place, another pool");
        // SAFETY: as above.
        let copy = unsafe { ranges.without(NonNull::from(&*pools[2])) };
        assert_eq!(found(&copy), [true, true, false, true, true]);
        for (gone, left) in [(0, [false, true, true, true, true]), (4, [false, true, true, true, false])] {
            // SAFETY: as above.
            unsafe { ranges.remove(NonNull::from(&*pools[gone])) };
            assert_eq!(found(&ranges), left);
        }
    }
}
