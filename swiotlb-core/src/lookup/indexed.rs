//! An index by address beside the list: the list gives the walk its order, the index answers `find_pool`.
//!
//! Invariant: after every insertion and removal both hold the same pools. A reader that comes in between
//! may find a pool in one and not in the other: insertion publishes in the list last, so that no map can
//! use a pool whose addresses are not known yet, and removal happens only when nobody may ask any more.

use super::rcu_list::List;
use super::{PoolIndex, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use core::ptr::NonNull;

/// A set of pools that is searched by address only.
pub trait AddressIndex<T: PoolRange, R: Reclaim>: Default + Send + Sync {
    /// Adds a pool; ranges never overlap.
    ///
    /// # Safety
    /// As [`PoolIndex::insert`].
    unsafe fn add(&self, guard: &R::Guard<'_>, pool: NonNull<T>);

    /// Takes a pool out that was added.
    fn take(&self, guard: &R::Guard<'_>, pool: NonNull<T>);

    /// The pool whose `[start, end)` holds `addr`.
    fn at<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T>;

    /// Bytes that it holds from the heap; otherwise as [`PoolIndex::bytes`].
    fn bytes(&self) -> usize;
}

/// The list and an index.
pub struct Indexed<T, R, I> {
    list: List<T, R>,
    index: I,
}

impl<T, R, I: Default> Default for Indexed<T, R, I> {
    fn default() -> Self {
        Self { list: List::default(), index: I::default() }
    }
}

impl<T: PoolRange, R: Reclaim, I: AddressIndex<T, R>> PoolIndex<T, R> for Indexed<T, R, I> {
    unsafe fn insert(&self, guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller's promise is handed on; the pool is in both until `remove` takes it out of both.
        unsafe { self.index.add(guard, pool) };
        // SAFETY: as above.
        unsafe { self.list.insert(guard, pool) };
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        let was_in = self.list.remove(guard, pool);
        if was_in {
            self.index.take(guard, pool);
        }
        was_in
    }

    #[inline]
    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        self.index.at(guard, addr, probe)
    }

    #[inline]
    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.list.iter(guard)
    }
    fn bytes(&self) -> usize {
        // The list's links lie in the pools.
        size_of::<Self>() + self.index.bytes()
    }
}
