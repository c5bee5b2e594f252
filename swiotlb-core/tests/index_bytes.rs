//! What an index says of its memory, against what it took from the allocator of the process.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::lookup::{
    ArcSwapArray, GranuleHash, LeftRight, MutexArray, PageDirectory, PoolIndex, PoolLookup, PoolRange,
    RcuList, RwLockArray, SkipList, SortedArray,
};
use swiotlb_core::reclaim::{Reclaim, RwLocked};

/// The system's allocator with a count of the bytes that are handed out.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's; the count changes nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Range {
    start: u64,
    link: AtomicPtr<Range>,
}

const BYTES: u64 = 0x1000;

impl PoolRange for Range {
    fn start(&self) -> PhysAddr {
        PhysAddr(self.start)
    }
    fn end(&self) -> PhysAddr {
        PhysAddr(self.start + BYTES)
    }
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

/// What the index says, what it took, and what is still taken when it was dropped, with `pools` in it that came in an order like a buddy allocator's.
fn said_took_and_left<L: PoolLookup>(pools: u64) -> (usize, usize, usize) {
    let place = |i: u64| i.wrapping_mul(0x9e37_79b1) % pools;
    let ranges: Vec<Range> = (0..pools)
        .map(|i| Range { start: place(i) * 2 * BYTES, link: AtomicPtr::new(ptr::null_mut()) })
        .collect();
    let reclaim = RwLocked::default();
    let local = reclaim.register();
    let before = HELD.load(Ordering::Relaxed);
    let index = Box::new(<L::Index<Range, RwLocked>>::default());
    for range in &ranges {
        // SAFETY: `ranges` outlives `index`, and `reclaim` is the only collector.
        unsafe { index.insert(&RwLocked::enter(&local), NonNull::from(range)) };
        // Nobody reads: what was replaced is freed here.
        RwLocked::advance(&local);
    }
    let took = HELD.load(Ordering::Relaxed) - before;
    let said = index.bytes();
    drop(index);
    (said, took, HELD.load(Ordering::Relaxed) - before)
}

/// The first two figures agree within `percent` of what was taken, and a drop leaves no more than that.
fn agrees<L: PoolLookup>(percent: usize) {
    // What a crate keeps for the thread comes with its first use.
    said_took_and_left::<L>(1);
    for pools in [1, 2, 1009] {
        let (said, took, left) = said_took_and_left::<L>(pools);
        let most = took * percent / 100;
        assert!(said.abs_diff(took) <= most, "{} with {pools} pools: said {said}, took {took}", L::NAME);
        assert!(left <= most, "{} with {pools} pools leaves {left}", L::NAME);
    }
}

// One test: the count is of the whole process.
#[test]
fn an_index_says_what_it_takes() {
    agrees::<RcuList>(0);
    agrees::<SortedArray>(0);
    agrees::<ArcSwapArray>(0);
    agrees::<LeftRight>(0);
    agrees::<PageDirectory>(0);
    agrees::<GranuleHash>(0);
    agrees::<RwLockArray>(0);
    agrees::<MutexArray>(0);
    agrees::<SkipList>(25);
}
