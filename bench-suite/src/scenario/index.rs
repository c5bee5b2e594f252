//! A pool that comes and goes in an index of many: what a lookup strategy pays for its lookups, in time and in
//! memory.
//!
//! The index stands alone, over pools that are ranges and no more; the newest one goes in and comes out again, as a
//! transient pool does. Garbage is handed to the reclaimer, which is pushed along after each read section.
//!
//! Invariant: fields drop in order, so the index goes before the ranges that it points to.

use super::find_pool::{NSLABS, more_pools};
use super::ground::POOL;
use super::{PER_SECTION, Prepared, ScenarioError};
use core::ptr::NonNull;
use std::sync::atomic::AtomicPtr;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::lookup::{PoolIndex, PoolLookup, PoolRange};
use swiotlb_core::policy::Policy;
use swiotlb_core::reclaim::Reclaim;
use swiotlb_core::rules::IO_TLB_SHIFT;

/// A pool as an index sees it.
struct Range {
    start: PhysAddr,
    link: AtomicPtr<Self>,
}

impl Range {
    fn at(start: PhysAddr) -> Self {
        Self { start, link: AtomicPtr::default() }
    }
}

impl PoolRange for Range {
    fn start(&self) -> PhysAddr {
        self.start
    }

    fn end(&self) -> PhysAddr {
        self.start.wrapping_add(NSLABS << IO_TLB_SHIFT)
    }

    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

type IndexOf<P> = <<P as Policy>::Lookup as PoolLookup>::Index<Range, <P as Policy>::Reclaim>;

/// An index of so many pools, and one more that comes and goes.
pub(super) struct State<P: Policy> {
    index: IndexOf<P>,
    local: <P::Reclaim as Reclaim>::Local,
    #[expect(dead_code, reason = "keeps the collector alive that the index hands its garbage to")]
    reclaim: P::Reclaim,
    stay: Box<[Range]>,
    comes: Box<Range>,
}

impl<P: Policy> State<P> {
    /// `pools` pools stay.
    pub(super) fn new(pools: u32) -> Self {
        let mut places: Vec<_> = [POOL].into_iter().chain(more_pools(pools + 1)).collect();
        let newest = places.pop().unwrap_or(POOL);
        let reclaim = P::Reclaim::default();
        let this = Self {
            index: IndexOf::<P>::default(),
            local: reclaim.register(),
            reclaim,
            stay: places.into_iter().map(Range::at).collect(),
            comes: Box::new(Range::at(newest)),
        };
        let guard = P::Reclaim::enter(&this.local);
        for range in &this.stay {
            // SAFETY: it lives as long as the index does, and is in no other.
            unsafe { this.index.insert(&guard, NonNull::from(range)) };
        }
        drop(guard);
        this
    }

    /// `ops` times in and out; how often it was not in.
    #[inline(never)]
    fn come_and_go(&self, ops: u64) -> u64 {
        let (mut missing, mut left) = (0, ops);
        while left > 0 {
            let section = left.min(PER_SECTION);
            left -= section;
            let guard = P::Reclaim::enter(&self.local);
            for _ in 0..section {
                let range = NonNull::from(&*self.comes);
                // SAFETY: it outlives the index, and was taken out again before.
                unsafe { self.index.insert(&guard, range) };
                missing += u64::from(!self.index.remove(&guard, range));
            }
            drop(guard);
            P::Reclaim::advance(&self.local);
        }
        missing
    }
}

impl<P: Policy> Prepared for State<P> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        for _ in 0..batches {
            let start = Instant::now();
            let wrong = self.come_and_go(ops);
            let took = start.elapsed();
            if wrong > 0 {
                return Err(ScenarioError::Unverified { wrong, ops });
            }
            each(took);
        }
        Ok(())
    }

    fn more(&self) -> Vec<(&'static str, f64)> {
        vec![("index_bytes_per_pool", self.index.bytes() as f64 / self.stay.len() as f64)]
    }
}

impl<P: Policy> Drop for State<P> {
    /// Empties the index: nobody frees what is only lent to it.
    fn drop(&mut self) {
        let guard = P::Reclaim::enter(&self.local);
        for range in &self.stay {
            self.index.remove(&guard, NonNull::from(range));
        }
    }
}
