//! An ordered map under a lock: what a lookup costs when readers exclude each other, or only writers.

use super::indexed::{AddressIndex, Indexed};
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use core::ptr::NonNull;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;

/// A map under a reader-writer lock.
pub struct RwLockMap;

impl PoolLookup for RwLockMap {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Shared<T>>;
    const NAME: &'static str = "rwlock-map";
}

/// A map under a mutex.
pub struct MutexMap;

impl PoolLookup for MutexMap {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Exclusive<T>>;
    const NAME: &'static str = "mutex-map";
}

/// Pools by their start.
struct Map<T>(BTreeMap<PhysAddr, NonNull<T>>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

// SAFETY: the pointers are to pools that are `Send` and `Sync` (`PoolRange`), owned elsewhere; the map gives
// out shared references only.
unsafe impl<T: Sync> Send for Map<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Map<T> {}

impl<T: PoolRange> Map<T> {
    /// Bytes that the nodes take, as std builds them: up to 11 entries beside a header of two words, on average
    /// two thirds full where keys come in any order.
    fn bytes(&self) -> usize {
        const FULL: usize = 11;
        let node = FULL * (size_of::<PhysAddr>() + size_of::<NonNull<T>>()) + 2 * size_of::<usize>();
        self.0.len().div_ceil(FULL * 2 / 3) * node
    }

    /// # Safety
    /// The pools in the map must outlive `'g`.
    unsafe fn at<'g>(&self, addr: PhysAddr) -> Option<&'g T> {
        let (_, pool) = self.0.range(..=addr).next_back()?;
        // SAFETY: the caller's promise.
        let pool = unsafe { pool.as_ref() };
        if addr < pool.end() { Some(pool) } else { None }
    }
}

/// See [`RwLockMap`].
pub struct Shared<T>(RwLock<Map<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Shared<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        let start = unsafe { pool.as_ref() }.start();
        self.0.write().0.insert(start, pool);
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        self.0.write().0.retain(|_, &mut held| held != pool);
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        probe.pools_visited(1);
        // SAFETY: a pool in the map is valid for as long as a guard lives that was there when it was removed
        // (`PoolIndex::insert`), and this guard is here now, under the lock.
        unsafe { self.0.read().at(addr) }
    }

    fn bytes(&self) -> usize {
        self.0.read().bytes()
    }
}

/// See [`MutexMap`].
pub struct Exclusive<T>(Mutex<Map<T>>);

impl<T> Default for Exclusive<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Exclusive<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        let start = unsafe { pool.as_ref() }.start();
        self.0.lock().0.insert(start, pool);
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        self.0.lock().0.retain(|_, &mut held| held != pool);
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        probe.pools_visited(1);
        // SAFETY: as in `Shared`.
        unsafe { self.0.lock().at(addr) }
    }

    fn bytes(&self) -> usize {
        self.0.lock().bytes()
    }
}
