//! One set of cases for every lookup, against a list that is searched from its newest entry.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;
use crate::probe::Counters;
use crate::reclaim::Epoch;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use std::thread;

pub(super) struct Range {
    start: u64,
    bytes: u64,
    link: AtomicPtr<Range>,
}

impl Range {
    pub(super) fn new(start: u64, bytes: u64) -> Box<Self> {
        Box::new(Self { start, bytes, link: AtomicPtr::new(core::ptr::null_mut()) })
    }
}

impl PoolRange for Range {
    fn start(&self) -> PhysAddr {
        PhysAddr(self.start)
    }
    fn end(&self) -> PhysAddr {
        PhysAddr(self.start + self.bytes)
    }
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

/// A removed range on its way to be freed.
struct Gone(NonNull<Range>);

// SAFETY: the only owner of the range.
unsafe impl Send for Gone {}

impl Gone {
    fn overwrite_and_free(self, freed: &AtomicU64) {
        // SAFETY: leaked by the test below, removed from its index, past its grace period.
        let mut range = unsafe { Box::from_raw(self.0.as_ptr()) };
        range.bytes = 0;
        freed.fetch_add(1, Ordering::Relaxed);
    }
}

fn finds_what_it_holds<L: PoolLookup>() {
    let epoch = Epoch::default();
    let local = epoch.register();
    let guard = Epoch::enter(&local);
    let index = <L::Index<Range, Epoch>>::default();
    let order = [5_u64, 1, 9, 3, 7, 0, 2];
    let pools: Vec<_> = order.iter().map(|&i| Range::new(i * 0x1000, 0x800)).collect();
    for pool in &pools {
        // SAFETY: `pools` outlives `index`.
        unsafe { index.insert(&guard, NonNull::from(&**pool)) };
    }
    let newest_first: Vec<u64> = index.iter(&guard).map(|p| p.start / 0x1000).collect();
    assert_eq!(newest_first, [2, 0, 7, 3, 9, 1, 5], "{}", L::NAME);
    for addr in (0..0xb000).step_by(0x100).chain([u64::MAX]) {
        let slow = pools.iter().find(|p| p.start <= addr && addr < p.start + p.bytes).map(|p| p.start);
        let found = index.find(&guard, PhysAddr(addr), &()).map(|p| p.start);
        assert_eq!(found, slow, "{} at {addr:#x}", L::NAME);
    }
    for pool in pools.iter().skip(1) {
        assert!(index.remove(&guard, NonNull::from(&**pool)));
        assert!(!index.remove(&guard, NonNull::from(&**pool)), "{} removes once", L::NAME);
        assert!(index.find(&guard, pool.start(), &()).is_none());
    }
    assert_eq!(index.iter(&guard).count(), 1, "{}", L::NAME);
}

/// Readers look for a pool that stays while others come and go; freed ones are overwritten first.
fn readers_never_miss_what_stays<L: PoolLookup>() {
    let epoch = Epoch::default();
    let index = <L::Index<Range, Epoch>>::default();
    let stays = Range::new(0x10_0000, 0x1000);
    let freed = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    {
        let local = epoch.register();
        // SAFETY: `stays` outlives `index`.
        unsafe { index.insert(&Epoch::enter(&local), NonNull::from(&*stays)) };
    }
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let local = epoch.register();
                while !done.load(Ordering::Relaxed) {
                    let guard = Epoch::enter(&local);
                    assert!(index.find(&guard, PhysAddr(0x10_0800), &()).is_some(), "{}", L::NAME);
                    assert!(index.iter(&guard).all(|p| p.bytes != 0), "{} read freed memory", L::NAME);
                }
            });
        }
        let local = epoch.register();
        for i in 0..2_000 {
            let pool = NonNull::from(Box::leak(Range::new((i % 16) * 0x1000, 0x1000)));
            let guard = Epoch::enter(&local);
            // SAFETY: freed below only after removal and a grace period.
            unsafe { index.insert(&guard, pool) };
            assert!(index.remove(&guard, pool));
            let (pool, freed) = (Gone(pool), &freed);
            // SAFETY: the closure runs before `epoch` is dropped at the end of this function, and
            // `freed` is declared before it.
            unsafe { Epoch::defer(&guard, move || pool.overwrite_and_free(freed)) };
        }
        done.store(true, Ordering::Relaxed);
    });
    let local = epoch.register();
    while freed.load(Ordering::Relaxed) < 2_000 {
        Epoch::advance(&local);
    }
}

/// Places for pools of many sizes, wall to wall or with a gap, so that large ones share granules with small ones.
fn places() -> Vec<Range> {
    let sizes = [0x800, 0x1000, 0x4_1000, 0x1800, 0x40_1000, 0x1000, 0x1000, 0x200_0000, 0x10_0000];
    let mut start = 0x3f_f000;
    let place = |i: usize| {
        let bytes = sizes[i % sizes.len()];
        let range = *Range::new(start, bytes);
        start = (start + bytes).next_multiple_of(0x1000) + if i.is_multiple_of(4) { 0x3000 } else { 0 };
        range
    };
    (0..180).map(place).collect()
}

/// Pools of many sizes come and go in no order; after each step some addresses are asked for.
fn finds_what_is_left<L: PoolLookup>() {
    let places = places();
    let epoch = Epoch::default();
    let local = epoch.register();
    let index = <L::Index<Range, Epoch>>::default();
    let mut held = vec![false; places.len()];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 33) as usize % below
    };
    for step in 0..2_000 {
        let guard = Epoch::enter(&local);
        let at = random(places.len());
        let pool = NonNull::from(&places[at]);
        if held[at] {
            assert!(index.remove(&guard, pool), "{}", L::NAME);
        } else {
            // SAFETY: `places` outlives `index`, and a pool goes in only while it is not in.
            unsafe { index.insert(&guard, pool) };
        }
        held[at] = !held[at];
        for asked in [at, random(places.len()), random(places.len())] {
            let (start, end) = (places[asked].start, places[asked].end().0);
            for addr in [start - 1, start, start + (end - start) / 2, end - 1, end] {
                let holder = |i: &usize| held[*i] && (places[*i].start..places[*i].end().0).contains(&addr);
                let expected = (0..places.len()).find(holder).map(|i| places[i].start);
                let found = index.find(&guard, PhysAddr(addr), &()).map(|pool| pool.start);
                assert_eq!(found, expected, "{} at {addr:#x} in step {step}", L::NAME);
            }
        }
    }
    assert_eq!(index.iter(&Epoch::enter(&local)).count(), held.iter().filter(|held| **held).count());
}

#[test]
fn every_lookup_finds_what_it_holds() {
    finds_what_it_holds::<RcuList>();
    finds_what_it_holds::<SortedArray>();
    finds_what_it_holds::<ArcSwapArray>();
    finds_what_it_holds::<LeftRight>();
    finds_what_it_holds::<RwLockArray>();
    finds_what_it_holds::<MutexArray>();
    finds_what_it_holds::<SkipList>();
    finds_what_it_holds::<PageDirectory>();
    finds_what_it_holds::<GranuleHash>();
}

#[test]
fn no_reader_misses_a_pool_that_stays() {
    readers_never_miss_what_stays::<RcuList>();
    readers_never_miss_what_stays::<SortedArray>();
    readers_never_miss_what_stays::<ArcSwapArray>();
    readers_never_miss_what_stays::<LeftRight>();
    readers_never_miss_what_stays::<RwLockArray>();
    readers_never_miss_what_stays::<MutexArray>();
    readers_never_miss_what_stays::<SkipList>();
    readers_never_miss_what_stays::<PageDirectory>();
    readers_never_miss_what_stays::<GranuleHash>();
}

#[test]
fn pools_of_every_size_come_and_go() {
    finds_what_is_left::<RcuList>();
    finds_what_is_left::<SortedArray>();
    finds_what_is_left::<ArcSwapArray>();
    finds_what_is_left::<LeftRight>();
    finds_what_is_left::<RwLockArray>();
    finds_what_is_left::<MutexArray>();
    finds_what_is_left::<SkipList>();
    finds_what_is_left::<PageDirectory>();
    finds_what_is_left::<GranuleHash>();
}

/// Pools that a lookup of each of five pools compares at most, in order of their insertion.
fn visited<L: PoolLookup>() -> [u64; 5] {
    let epoch = Epoch::default();
    let local = epoch.register();
    let guard = Epoch::enter(&local);
    let index = <L::Index<Range, Epoch>>::default();
    let pools = [0, 1, 2, 3, 4].map(|i| Range::new(i << 12, 0x1000));
    // SAFETY: `pools` outlives `index`.
    pools.iter().for_each(|pool| unsafe { index.insert(&guard, NonNull::from(&**pool)) });
    pools.each_ref().map(|pool| {
        let counters = Counters::default();
        assert!(index.find(&guard, pool.start(), &counters).is_some());
        counters.get().pools_visited
    })
}

#[test]
fn pools_that_a_lookup_compares_are_counted() {
    assert_eq!(visited::<RcuList>(), [5, 4, 3, 2, 1]);
    assert_eq!(visited::<GranuleHash>(), [2, 2, 2, 2, 1]);
    assert_eq!((visited::<SkipList>(), visited::<PageDirectory>()), ([1; 5], [1; 5]));
    assert_eq!((visited::<SortedArray>(), visited::<ArcSwapArray>()), ([3; 5], [3; 5]));
    assert_eq!((visited::<RwLockArray>(), visited::<MutexArray>()), ([3; 5], [3; 5]));
    assert_eq!(visited::<LeftRight>(), [3; 5]);
}
