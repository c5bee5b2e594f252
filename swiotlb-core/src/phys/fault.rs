//! A page source that fails on demand and keeps the balance: for tests and for failure injection.
//!
//! Invariant: a request that is made to fail never reaches the source behind it; every other one does, and
//! [`FailingBlocks::outstanding`] is what it handed out and has not got back.

use super::Zone;
use super::block::{Block, PageBlocks};
use crate::error::PageError;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A source of page blocks with failures on demand.
///
/// Every counter is Relaxed: each is exact by itself and publishes nothing. Read them when no call runs.
#[derive(Debug)]
pub struct FailingBlocks<B> {
    blocks: B,
    fail_next: AtomicU64,
    max_order: AtomicU32,
    allocs: AtomicU64,
    frees: AtomicU64,
    failures: AtomicU64,
}

impl<B: PageBlocks> FailingBlocks<B> {
    /// `blocks`, failing nothing yet.
    #[must_use]
    pub const fn new(blocks: B) -> Self {
        Self {
            blocks,
            fail_next: AtomicU64::new(0),
            max_order: AtomicU32::new(u32::MAX),
            allocs: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// The source behind it.
    #[must_use]
    pub const fn inner(&self) -> &B {
        &self.blocks
    }

    /// Makes the next `count` requests fail. Sets the number, does not add to it.
    pub fn fail_next(&self, count: u64) {
        self.fail_next.store(count, Relaxed);
    }

    /// Makes requests above `order` fail from now on; they do not count for [`FailingBlocks::fail_next`]
    /// once that is used up. `u32::MAX` lifts the limit.
    pub fn max_order(&self, order: u32) {
        self.max_order.store(order, Relaxed);
    }

    /// Requests that were answered with a block.
    #[must_use]
    pub fn allocs(&self) -> u64 {
        self.allocs.load(Relaxed)
    }

    /// Blocks that came back.
    #[must_use]
    pub fn frees(&self) -> u64 {
        self.frees.load(Relaxed)
    }

    /// Requests that failed, on demand or of themselves.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Blocks handed out and not yet back: the balance, which must be 0 in the end unless memory leaked on
    /// purpose. Negative after a free too many.
    #[must_use]
    pub fn outstanding(&self) -> i64 {
        self.allocs().wrapping_sub(self.frees()).cast_signed()
    }

    /// Takes one of the failures that were asked for, if any is left.
    fn take_failure(&self) -> bool {
        self.fail_next.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl<B: PageBlocks> PageBlocks for FailingBlocks<B> {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        let fails = self.take_failure() || order > self.max_order.load(Relaxed);
        let outcome =
            if fails { Err(PageError::OutOfPages { order, zone }) } else { self.blocks.alloc(order, zone) };
        let counter = if outcome.is_ok() { &self.allocs } else { &self.failures };
        counter.fetch_add(1, Relaxed);
        outcome
    }

    fn free(&self, block: Block) {
        self.frees.fetch_add(1, Relaxed);
        self.blocks.free(block);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::BuddyZones;
    use super::*;

    #[test]
    fn fail_next_sets_and_runs_out() {
        let blocks = FailingBlocks::new(BuddyZones::pc(32 << 20));
        blocks.fail_next(5);
        blocks.fail_next(2);
        let full = PageError::OutOfPages { order: 1, zone: Zone::Dma };
        assert_eq!(blocks.alloc(1, Zone::Dma), Err(full));
        assert_eq!(blocks.alloc(1, Zone::Dma), Err(full));
        let block = blocks.alloc(1, Zone::Dma).unwrap();
        assert_eq!((blocks.allocs(), blocks.failures(), blocks.outstanding()), (1, 2, 1));
        blocks.free(block);
        assert_eq!((blocks.frees(), blocks.outstanding()), (1, 0));
    }

    #[test]
    fn max_order_lets_smaller_requests_through() {
        let blocks = FailingBlocks::new(BuddyZones::pc(32 << 20));
        blocks.max_order(2);
        assert!(blocks.alloc(3, Zone::Dma32).is_err());
        assert!(blocks.alloc(2, Zone::Dma32).is_ok());
        blocks.max_order(u32::MAX);
        assert!(blocks.alloc(3, Zone::Dma32).is_ok());
        assert_eq!(blocks.inner().bad_frees(), 0);
    }

    #[test]
    fn each_failure_is_taken_once_by_racing_threads() {
        let blocks = FailingBlocks::new(BuddyZones::pc(32 << 20));
        blocks.fail_next(50);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).filter_map(|_| blocks.alloc(0, Zone::Dma).ok()).count());
            }
        });
        assert_eq!((blocks.failures(), blocks.allocs()), (50, 150));
    }
}
