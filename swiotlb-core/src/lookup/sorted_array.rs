//! An array sorted by address, replaced as a whole at every change.
//!
//! Invariant: `current` is null (no pool was ever inserted) or points to a snapshot that nobody changes
//! any more; a replaced snapshot is freed after a grace period.

use super::ranges::Ranges;
use super::{PoolIndex, PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::{AtomicPtr, Mutex, Ordering};
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

/// The sorted array.
pub struct SortedArray;

impl PoolLookup for SortedArray {
    type Index<T: PoolRange, R: Reclaim> = Array<T, R>;
    const NAME: &'static str = "sorted-array";
}

/// What readers see: the pools by address, and by age for the walk (newest first).
struct Snapshot<T> {
    by_start: Ranges<T>,
    by_age: Vec<NonNull<T>>,
}

// SAFETY: the pointers are to pools that are `Sync` (`PoolRange`), which their owner keeps valid; a
// snapshot gives out shared references only.
unsafe impl<T: Sync> Send for Snapshot<T> {}

/// The array of one allocator or device.
pub struct Array<T, R> {
    current: AtomicPtr<Snapshot<T>>,
    writer: Mutex<()>,
    readers: PhantomData<fn(R)>,
}

impl<T, R> Default for Array<T, R> {
    fn default() -> Self {
        Self { current: AtomicPtr::new(ptr::null_mut()), writer: Mutex::new(()), readers: PhantomData }
    }
}

impl<T, R> Drop for Array<T, R> {
    fn drop(&mut self) {
        let last = self.current.load(Ordering::Relaxed);
        if !last.is_null() {
            // SAFETY: made by `Box::into_raw` in `replace`, and nobody reads through `&mut self`.
            drop(unsafe { Box::from_raw(last) });
        }
    }
}

impl<T: PoolRange, R: Reclaim> Array<T, R> {
    #[inline]
    fn snapshot<'g>(&self, _guard: &'g R::Guard<'_>) -> Option<&'g Snapshot<T>> {
        // Acquire: pairs with the Release swap in `replace`.
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: null, or a snapshot that is freed only after this guard has gone (`replace`).
        unsafe { current.as_ref() }
    }

    /// Under the writer's lock: publishes `next` and frees what it replaces after a grace period.
    fn replace(&self, guard: &R::Guard<'_>, next: Snapshot<T>) {
        let next = Box::into_raw(Box::new(next));
        // AcqRel: Release publishes the snapshot (and the pools in it) to readers; Acquire because the
        // old snapshot may have been written by another thread before it is freed here.
        let old = NonNull::new(self.current.swap(next, Ordering::AcqRel));
        if let Some(old) = old {
            // SAFETY: made by `Box::into_raw` above, unreachable for readers who come from now on.
            let old = unsafe { Box::from_raw(old.as_ptr()) };
            // SAFETY: the box owns all that the closure needs.
            unsafe { R::defer(guard, move || drop(old)) };
        }
    }
}

impl<T: PoolRange, R: Reclaim> PoolIndex<T, R> for Array<T, R> {
    unsafe fn insert(&self, guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock();
        let old = self.snapshot(guard);
        // SAFETY: the caller keeps `pool` valid.
        let by_start = unsafe { old.map_or(&Ranges::default(), |o| &o.by_start).with(pool) };
        let mut by_age = Vec::with_capacity(old.map_or(0, |o| o.by_age.len()) + 1);
        by_age.push(pool);
        by_age.extend(old.into_iter().flat_map(|o| &o.by_age));
        self.replace(guard, Snapshot { by_start, by_age });
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        let _writer = self.writer.lock();
        let Some(old) = self.snapshot(guard) else { return false };
        if !old.by_age.contains(&pool) {
            return false;
        }
        // SAFETY: it is in, and its owner frees it after this removal only.
        let by_start = unsafe { old.by_start.without(pool) };
        let by_age = old.by_age.iter().filter(|&&p| p != pool).copied().collect();
        self.replace(guard, Snapshot { by_start, by_age });
        true
    }

    #[inline]
    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        let by_start = &self.snapshot(guard)?.by_start;
        probe.pools_visited(by_start.steps());
        // SAFETY: a pool in the snapshot is valid as long as the guard (`insert`).
        by_start.at(addr).map(|pool| unsafe { pool.as_ref() })
    }

    #[inline]
    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        let pools: &'g [NonNull<T>] = self.snapshot(guard).map_or(&[], |s| &s.by_age);
        // SAFETY: as in `find`.
        pools.iter().map(|pool| unsafe { pool.as_ref() })
    }
    fn bytes(&self) -> usize {
        let _writer = self.writer.lock();
        let current = self.current.load(Ordering::Relaxed);
        // SAFETY: null, or the snapshot that readers see now; it is replaced under the lock only.
        let held = unsafe { current.as_ref() }.map_or(0, |now| {
            let ages = now.by_age.capacity() * size_of::<NonNull<T>>();
            size_of::<Snapshot<T>>() + now.by_start.bytes() + ages
        });
        size_of::<Self>() + held
    }
}
