//! A sorted array under a lock: what a lookup costs when readers exclude each other, or only writers. A change moves
//! the entries behind its place, and copies nothing else.

use super::indexed::{AddressIndex, Indexed};
use super::ranges::Ranges;
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::turn;
use core::ptr::NonNull;
use parking_lot::{Mutex, RwLock};

/// An array under a reader-writer lock.
pub struct RwLockArray;

impl PoolLookup for RwLockArray {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Shared<T>>;
    const NAME: &'static str = "rwlock-array";
}

/// An array under a mutex.
pub struct MutexArray;

impl PoolLookup for MutexArray {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Exclusive<T>>;
    const NAME: &'static str = "mutex-array";
}

/// See [`RwLockArray`].
pub struct Shared<T>(RwLock<Ranges<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Shared<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        turn();
        // SAFETY: the caller keeps `pool` valid.
        unsafe { self.0.write().insert(pool) };
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        turn();
        // SAFETY: it was added, and its owner frees it after this removal only.
        unsafe { self.0.write().remove(pool) };
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        turn();
        let pools = self.0.read();
        probe.pools_visited(pools.steps());
        // SAFETY: a pool in the array is valid for as long as a guard lives that was there when it was removed
        // (`PoolIndex::insert`), and this guard is here now, under the lock.
        pools.at(addr).map(|pool| unsafe { pool.as_ref() })
    }

    fn bytes(&self) -> usize {
        self.0.read().bytes()
    }
}

/// See [`MutexArray`].
pub struct Exclusive<T>(Mutex<Ranges<T>>);

impl<T> Default for Exclusive<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Exclusive<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        turn();
        // SAFETY: the caller keeps `pool` valid.
        unsafe { self.0.lock().insert(pool) };
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        turn();
        // SAFETY: it was added, and its owner frees it after this removal only.
        unsafe { self.0.lock().remove(pool) };
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        turn();
        let pools = self.0.lock();
        probe.pools_visited(pools.steps());
        // SAFETY: as in `Shared`.
        pools.at(addr).map(|pool| unsafe { pool.as_ref() })
    }

    fn bytes(&self) -> usize {
        self.0.lock().bytes()
    }
}
