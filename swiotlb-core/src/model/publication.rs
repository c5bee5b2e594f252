//! Publication: whoever has a map's address finds its pool, whichever Relaxed atomic carried the address, and
//! also if a third thread had inserted the pool.

use super::harness::{fails, holds};
use crate::addr::PhysAddr;
use crate::lookup::{
    GranuleHash, LeftRight, PageDirectory, PoolIndex, PoolLookup, PoolRange, RcuList, SortedArray,
};
use crate::publish::{FullBarrier, NoFlag, Publish, ReleaseFence};
use crate::reclaim::Leak;
use crate::sync::Ordering::{Acquire, Relaxed, SeqCst};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, fence};
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

const LOST: &str = "a lookup has the address and finds no pool";
const START: PhysAddr = PhysAddr(0x1000);

/// A pool of one page.
pub(super) struct Page {
    link: AtomicPtr<Page>,
}

impl PoolRange for Page {
    fn start(&self) -> PhysAddr {
        START
    }
    fn end(&self) -> PhysAddr {
        PhysAddr(START.0 + 0x1000)
    }
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

/// A device and the way on which addresses leave it.
struct Device<I> {
    pools: I,
    flag: AtomicBool,
    address: AtomicU64,
}

impl<I: PoolIndex<Page, Leak>> Device<I> {
    fn new() -> Arc<Self> {
        Arc::new(Self { pools: I::default(), flag: AtomicBool::new(false), address: AtomicU64::new(0) })
    }

    fn insert(&self) {
        let pool = NonNull::from(Box::leak(Box::new(Page { link: AtomicPtr::default() })));
        // SAFETY: leaked, and in this index only.
        unsafe { self.pools.insert(&(), pool) };
    }

    /// What a map does once it has a pool.
    fn hand_out<P: Publish>(&self) {
        P::publish(&self.flag);
        self.address.store(START.0, Relaxed);
    }

    fn look_up<P: Publish>(&self) {
        let addr = PhysAddr(self.address.load(Relaxed));
        if addr == START {
            let found = P::may_have_pools(&self.flag) && self.pools.find(&(), addr, &()).is_some();
            assert!(found, "{LOST}");
        }
    }
}

type IndexOf<L> = <L as PoolLookup>::Index<Page, Leak>;

/// One thread maps, one looks up.
fn two<P: Publish, L: PoolLookup>() {
    let device = Device::<IndexOf<L>>::new();
    let theirs = Arc::clone(&device);
    let reader = thread::spawn(move || theirs.look_up::<P>());
    device.insert();
    device.hand_out::<P>();
    reader.join().expect("it found the pool");
}

/// One thread inserts, another maps in what it found, a third looks up. The inserting one is the one that loom
/// runs first: it would not reach the other orders from an execution in which nothing is found.
fn three<P: Publish, L: PoolLookup>() {
    let device = Device::<IndexOf<L>>::new();
    let (mapper, reader) = (Arc::clone(&device), Arc::clone(&device));
    let mapper = thread::spawn(move || {
        if mapper.pools.iter(&()).next().is_some() {
            mapper.hand_out::<P>();
        }
    });
    let reader = thread::spawn(move || reader.look_up::<P>());
    device.insert();
    mapper.join().expect("it maps");
    reader.join().expect("it found the pool");
}

#[test]
fn every_index_under_the_full_barrier() {
    holds("full-barrier, rcu-list, 2 threads", None, two::<FullBarrier, RcuList>);
    holds("full-barrier, rcu-list, pool of a third thread", None, three::<FullBarrier, RcuList>);
    holds("full-barrier, sorted-array, 2 threads", None, two::<FullBarrier, SortedArray>);
    holds("full-barrier, sorted-array, pool of a third thread", None, three::<FullBarrier, SortedArray>);
    holds("full-barrier, page-directory, 2 threads", None, two::<FullBarrier, PageDirectory>);
    holds("full-barrier, page-directory, pool of a third thread", None, three::<FullBarrier, PageDirectory>);
    holds("full-barrier, left-right, 2 threads", None, two::<FullBarrier, LeftRight>);
    holds("full-barrier, left-right, pool of a third thread", None, three::<FullBarrier, LeftRight>);
    holds("full-barrier, granule-hash, 2 threads", None, two::<FullBarrier, GranuleHash>);
    holds("full-barrier, granule-hash, pool of a third thread", None, three::<FullBarrier, GranuleHash>);
}

#[test]
fn every_protocol() {
    holds("release, 2 threads", None, two::<ReleaseFence, RcuList>);
    holds("release, pool of a third thread", None, three::<ReleaseFence, RcuList>);
    holds("no-flag, 2 threads", None, two::<NoFlag, RcuList>);
    holds("no-flag, pool of a third thread", None, three::<NoFlag, RcuList>);
}

/// The full barrier is missing, or stands in the wrong place.
struct Faulty<const FENCE: u8>;

const NO_FENCE: u8 = 0;
const BEFORE_FLAG: u8 = 1;
const NO_ACQUIRE: u8 = 2;

impl<const FAULT: u8> Publish for Faulty<FAULT> {
    const NAME: &'static str = "faulty";
    const ASKS_FLAG: bool = true;

    fn publish(flag: &AtomicBool) {
        if FAULT == BEFORE_FLAG {
            fence(SeqCst);
        }
        flag.store(true, Relaxed);
        if FAULT == NO_ACQUIRE {
            fence(SeqCst);
        }
    }

    fn may_have_pools(flag: &AtomicBool) -> bool {
        if FAULT != NO_ACQUIRE {
            fence(Acquire);
        }
        flag.load(Relaxed)
    }
}

#[test]
fn a_fence_that_is_missing_loses_the_pool() {
    fails("publication, no barrier in the map", None, LOST, two::<Faulty<NO_FENCE>, RcuList>);
    fails("publication, the barrier before the flag", None, LOST, two::<Faulty<BEFORE_FLAG>, RcuList>);
    fails("publication, no Acquire fence in the lookup", None, LOST, two::<Faulty<NO_ACQUIRE>, RcuList>);
    fails("publication, no barrier, third thread", None, LOST, three::<Faulty<NO_FENCE>, RcuList>);
}
