//! An ordered concurrent map: crossbeam's skip list, readers without a lock, writers in parallel.

use super::indexed::{AddressIndex, Indexed};
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::turn;
use core::ptr::NonNull;
use crossbeam_skiplist::SkipMap;

/// The skip list. It has a reclamation of its own for its nodes, on top of the policy's for the pools.
pub struct SkipList;

impl PoolLookup for SkipList {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Nodes<T>>;
    const NAME: &'static str = "skip-list";
}

/// A pool as the map holds it.
struct Held<T>(NonNull<T>);

// SAFETY: the pointer is to a pool that is `Send` and `Sync` (`PoolRange`), owned elsewhere; it gives out
// shared references only.
unsafe impl<T: Sync> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Held<T> {}

/// The map of one allocator or device: pools by their start.
pub struct Nodes<T: 'static>(SkipMap<PhysAddr, Held<T>>);

impl<T: PoolRange> Default for Nodes<T> {
    fn default() -> Self {
        Self(SkipMap::new())
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Nodes<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        let start = unsafe { pool.as_ref() }.start();
        turn();
        self.0.insert(start, Held(pool));
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: it was added, and its owner frees it after this removal only.
        let start = unsafe { pool.as_ref() }.start();
        turn();
        self.0.remove(&start);
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        turn();
        let entry = self.0.upper_bound(core::ops::Bound::Included(&addr))?;
        turn();
        probe.pools_visited(1);
        // SAFETY: a pool in the map is valid for as long as a guard lives that was there when it was removed.
        let pool = unsafe { entry.value().0.as_ref() };
        if addr < pool.end() { Some(pool) } else { None }
    }
    fn bytes(&self) -> usize {
        // The crate does not say. As it is built, a node is key, value, a word for its height and references, and
        // a tower of two links on average; the head lies in the map itself.
        self.0.len() * (size_of::<PhysAddr>() + size_of::<Held<T>>() + 3 * size_of::<usize>())
    }
}
