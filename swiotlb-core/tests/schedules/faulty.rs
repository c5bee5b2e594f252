//! Strategies with one fault, which only another thread in the wrong place shows.

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};
use shuttle::thread;
use std::iter;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::lock::AreaLock;
use swiotlb_core::lookup::{PoolIndex, PoolLookup, PoolRange};
use swiotlb_core::probe::Probe;
use swiotlb_core::publish::Publish;
use swiotlb_core::reclaim::Reclaim;

/// A lock that looks whether it is free, and then takes it: two may have looked.
#[derive(Default)]
pub struct LooksFirst(AtomicBool);

impl AreaLock for LooksFirst {
    const NAME: &'static str = "looks-first";

    fn with<C: Probe, R>(&self, _probe: &C, section: impl FnOnce() -> R) -> R {
        while self.0.load(SeqCst) {
            thread::yield_now();
        }
        self.0.store(true, SeqCst);
        let answer = section();
        self.0.store(false, SeqCst);
        answer
    }
}

/// A map that clears the flag of its device before it sets it: between the two, who holds another map's address
/// finds no pool.
pub struct Flickers;

impl Publish for Flickers {
    const NAME: &'static str = "flickers";
    const ASKS_FLAG: bool = true;

    fn publish(flag: &AtomicBool) {
        flag.store(false, SeqCst);
        flag.store(true, SeqCst);
    }

    fn may_have_pools(flag: &AtomicBool) -> bool {
        flag.load(SeqCst)
    }
}

/// The right order.
pub const IN_ORDER: u8 = 0;
/// An insertion publishes the pool before it has linked it to the next.
pub const PUBLISHES_FIRST: u8 = 1;
/// A removal unlinks the pool before it publishes the next.
pub const UNLINKS_FIRST: u8 = 2;

/// Linux's list with the stores of a change in the wrong order.
pub struct Torn<const ORDER: u8>;

impl<const ORDER: u8> PoolLookup for Torn<ORDER> {
    type Index<T: PoolRange, R: Reclaim> = TornList<T, R, ORDER>;
    const NAME: &'static str = "torn";
}

/// Its index.
pub struct TornList<T, R, const ORDER: u8> {
    head: AtomicPtr<T>,
    writer: Mutex<()>,
    readers: PhantomData<fn(R)>,
}

impl<T, R, const ORDER: u8> Default for TornList<T, R, ORDER> {
    fn default() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), writer: Mutex::new(()), readers: PhantomData }
    }
}

impl<T: PoolRange, R: Reclaim, const ORDER: u8> TornList<T, R, ORDER> {
    fn walk<'g>(&'g self, _guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        // SAFETY: null or a pool that is kept as long as a guard lives that was there at its removal.
        let head = unsafe { self.head.load(SeqCst).as_ref() };
        // SAFETY: as above; a removed pool keeps its link.
        iter::successors(head, |pool| unsafe { pool.link().load(SeqCst).as_ref() })
    }
}

impl<T: PoolRange, R: Reclaim, const ORDER: u8> PoolIndex<T, R> for TornList<T, R, ORDER> {
    unsafe fn insert(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock().unwrap();
        // SAFETY: the caller keeps `pool` valid.
        let link = unsafe { pool.as_ref() }.link();
        let next = self.head.load(SeqCst);
        if ORDER == PUBLISHES_FIRST {
            self.head.store(pool.as_ptr(), SeqCst);
            link.store(next, SeqCst);
        } else {
            link.store(next, SeqCst);
            self.head.store(pool.as_ptr(), SeqCst);
        }
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        let _writer = self.writer.lock().unwrap();
        let mut from = &self.head;
        for at in self.walk(guard) {
            if ptr::eq(at, pool.as_ptr()) {
                let next = at.link().load(SeqCst);
                if ORDER == UNLINKS_FIRST {
                    from.store(ptr::null_mut(), SeqCst);
                }
                from.store(next, SeqCst);
                return true;
            }
            from = at.link();
        }
        false
    }

    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, _probe: &C) -> Option<&'g T> {
        self.walk(guard).find(|pool| pool.start() <= addr && addr < pool.end())
    }

    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.walk(guard)
    }

    fn bytes(&self) -> usize {
        0
    }
}
