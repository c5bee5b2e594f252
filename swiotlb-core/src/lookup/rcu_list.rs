//! Linux's index: a singly linked list with the newest pool at its head, read without a lock.
//!
//! Invariant: from `head` every pool is reached once, newest first. A removed pool keeps its link, so a
//! reader that stands on it walks on into the list; the grace period keeps it valid until then.

use super::{PoolIndex, PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::{AtomicPtr, Mutex, Ordering};
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

/// The RCU list (`list_add_rcu`, `list_for_each_entry_rcu`).
pub struct RcuList;

impl PoolLookup for RcuList {
    type Index<T: PoolRange, R: Reclaim> = List<T, R>;
    const NAME: &'static str = "rcu-list";
}

/// The list of one allocator or device.
pub struct List<T, R> {
    head: AtomicPtr<T>,
    writer: Mutex<()>,
    readers: PhantomData<fn(R)>,
}

impl<T, R> Default for List<T, R> {
    fn default() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), writer: Mutex::new(()), readers: PhantomData }
    }
}

/// A walk from one pool to the next. Holds the link that leads on and follows it only when asked, so that a
/// walk which ends at a pool never reads that pool's link.
struct Walk<'g, T> {
    link: &'g AtomicPtr<T>,
}

impl<'g, T: PoolRange> Iterator for Walk<'g, T> {
    type Item = &'g T;

    #[inline]
    fn next(&mut self) -> Option<&'g T> {
        // Acquire: pairs with the Release store in `insert` or `remove` that linked the pool we get here.
        let pool = self.link.load(Ordering::Acquire);
        // SAFETY: null, or a pool that `insert`'s caller keeps valid for as long as a guard lives that
        // was there when it was removed; 'g is within such a guard's life.
        let pool = unsafe { pool.as_ref() }?;
        self.link = pool.link();
        Some(pool)
    }
}

impl<T: PoolRange, R: Reclaim> List<T, R> {
    #[inline]
    fn walk<'g>(&'g self, _guard: &'g R::Guard<'_>) -> Walk<'g, T> {
        Walk { link: &self.head }
    }
}

impl<T: PoolRange, R: Reclaim> PoolIndex<T, R> for List<T, R> {
    unsafe fn insert(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock();
        // SAFETY: the caller keeps `pool` valid.
        let link = unsafe { pool.as_ref() }.link();
        // Relaxed: nobody reads this link before the store below; other writers wait for the mutex.
        link.store(self.head.load(Ordering::Relaxed), Ordering::Relaxed);
        // Release: a reader that gets `pool` from here sees it initialised, link included.
        self.head.store(pool.as_ptr(), Ordering::Release);
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        let _writer = self.writer.lock();
        let mut from = &self.head;
        for at in self.walk(guard) {
            if ptr::eq(at, pool.as_ptr()) {
                // Release: the pool behind was published by an earlier Release store; storing it again
                // under this one keeps that publication for readers who get it from here.
                from.store(at.link().load(Ordering::Relaxed), Ordering::Release);
                return true;
            }
            from = at.link();
        }
        false
    }

    #[inline]
    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        let mut visited = 0;
        let found = self.walk(guard).find(|pool| {
            visited += 1;
            pool.start() <= addr && addr < pool.end()
        });
        probe.pools_visited(visited);
        found
    }

    #[inline]
    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.walk(guard)
    }
    fn bytes(&self) -> usize {
        // The links lie in the pools.
        size_of::<Self>()
    }
}
