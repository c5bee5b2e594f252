//! Linux's list with the stores of a change in the wrong order: for a moment the pools behind the change are not
//! reached. The first change of that kind lasts until a reader has looked.

use std::iter;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::lookup::{PoolIndex, PoolLookup, PoolRange};
use swiotlb_core::probe::Probe;
use swiotlb_core::reclaim::Reclaim;

/// The right order.
pub const IN_ORDER: u8 = 0;
/// An insertion publishes the pool before it has linked it to the next.
pub const PUBLISHES_FIRST: u8 = 1;
/// A removal unlinks the pool before it publishes the next.
pub const UNLINKS_FIRST: u8 = 2;

/// The lookup.
pub struct Torn<const ORDER: u8>;

impl<const ORDER: u8> PoolLookup for Torn<ORDER> {
    type Index<T: PoolRange, R: Reclaim> = TornList<T, R, ORDER>;
    const NAME: &'static str = "torn";
}

/// Its index.
pub struct TornList<T, R, const ORDER: u8> {
    head: AtomicPtr<T>,
    writer: Mutex<()>,
    /// Searches that have ended, and those of them that found nothing.
    searches: AtomicU64,
    misses: AtomicU64,
    met: AtomicBool,
    readers: PhantomData<fn(R)>,
}

impl<T, R, const ORDER: u8> Default for TornList<T, R, ORDER> {
    fn default() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            writer: Mutex::new(()),
            searches: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            met: AtomicBool::new(false),
            readers: PhantomData,
        }
    }
}

impl<T: PoolRange, R: Reclaim, const ORDER: u8> TornList<T, R, ORDER> {
    /// Inside a change: waits, the first time, until the one reader has missed something or has ended two searches, of
    /// which the second began in here.
    fn meet_reader(&self) {
        if self.met.swap(true, Ordering::SeqCst) {
            return;
        }
        let searches = self.searches.load(Ordering::SeqCst);
        let misses = self.misses.load(Ordering::SeqCst);
        while self.misses.load(Ordering::SeqCst) == misses
            && self.searches.load(Ordering::SeqCst) < searches + 2
        {
            thread::yield_now();
        }
    }

    fn walk<'g>(&'g self, _guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        // SAFETY: null or a pool that is kept as long as a guard lives that was there at its removal.
        let head = unsafe { self.head.load(Ordering::Acquire).as_ref() };
        // SAFETY: as above; a removed pool keeps its link.
        iter::successors(head, |pool| unsafe { pool.link().load(Ordering::Acquire).as_ref() })
    }
}

impl<T: PoolRange, R: Reclaim, const ORDER: u8> PoolIndex<T, R> for TornList<T, R, ORDER> {
    unsafe fn insert(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock().unwrap();
        // SAFETY: the caller keeps `pool` valid.
        let link = unsafe { pool.as_ref() }.link();
        let next = self.head.load(Ordering::Relaxed);
        if ORDER != PUBLISHES_FIRST {
            link.store(next, Ordering::Relaxed);
        }
        if ORDER == IN_ORDER && !next.is_null() {
            self.meet_reader();
        }
        self.head.store(pool.as_ptr(), Ordering::Release);
        if ORDER == PUBLISHES_FIRST {
            if !next.is_null() {
                self.meet_reader();
            }
            link.store(next, Ordering::Release);
        }
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        let _writer = self.writer.lock().unwrap();
        let mut from = &self.head;
        for at in self.walk(guard) {
            if ptr::eq(at, pool.as_ptr()) {
                let next = at.link().load(Ordering::Relaxed);
                if ORDER == UNLINKS_FIRST && !next.is_null() {
                    from.store(ptr::null_mut(), Ordering::Release);
                    self.meet_reader();
                }
                from.store(next, Ordering::Release);
                return true;
            }
            from = at.link();
        }
        false
    }

    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, _probe: &C) -> Option<&'g T> {
        let found = self.walk(guard).find(|pool| pool.start() <= addr && addr < pool.end());
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::SeqCst);
        }
        self.searches.fetch_add(1, Ordering::SeqCst);
        found
    }

    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.walk(guard)
    }

    fn bytes(&self) -> usize {
        0
    }
}
