//! A page allocator over zones: power-of-two blocks that split and merge.
//!
//! Invariant: live blocks never overlap, whatever callers do: a free of what is not live changes nothing
//! but a count. For one sequence of calls the answers are always the same.

use super::Zone;
use super::block::{Block, PageBlocks};
use super::extent::Extent;
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::{PAGE_SHIFT, PAGE_SIZE};
use core::cmp::Reverse;
use parking_lot::Mutex;

/// Page blocks out of made-up ranges, each belonging to a zone (the page allocator, as far as pools need
/// it). One lock; the largest block has [`crate::rules::MAX_PAGE_ORDER`].
#[derive(Debug)]
pub struct BuddyZones {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Highest zone first, then by address: the order in which a request looks.
    extents: Vec<Extent>,
    bad_frees: u64,
}

impl BuddyZones {
    /// Pages of the given ranges: zone, first address, bytes. Pages that a range holds only in part are
    /// left out.
    ///
    /// # Panics
    /// If two ranges overlap, or one passes the last address: then no block could be told whose it is.
    #[must_use]
    pub fn new(ranges: &[(Zone, PhysAddr, u64)]) -> Self {
        let mut extents: Vec<_> = ranges.iter().filter_map(|range| whole_pages(*range)).collect();
        extents.sort_by_key(|extent| extent.first);
        for pair in extents.windows(2) {
            assert!(pair[0].end <= pair[1].first, "ranges overlap at page {:#x}", pair[1].first);
        }
        extents.sort_by_key(|extent| (Reverse(extent.zone), extent.first));
        Self { inner: Mutex::new(Inner { extents, bad_frees: 0 }) }
    }

    /// A PC's memory up to address `total_bytes`: [`Zone::Dma`] from 1 to 16 MiB, [`Zone::Dma32`] from there
    /// to 4 GiB, [`Zone::Normal`] above.
    #[must_use]
    pub fn pc(total_bytes: u64) -> Self {
        let borders = [(Zone::Dma, 1 << 20, 16 << 20), (Zone::Dma32, 16 << 20, 4 << 30)];
        let normal = (Zone::Normal, 4 << 30, u64::MAX);
        let ranges: Vec<_> = borders
            .into_iter()
            .chain([normal])
            .map(|(zone, start, end)| (zone, PhysAddr(start), end.min(total_bytes).saturating_sub(start)))
            .collect();
        Self::new(&ranges)
    }

    /// Free pages in `zone` alone.
    #[must_use]
    pub fn free_pages(&self, zone: Zone) -> u64 {
        let inner = self.inner.lock();
        inner.extents.iter().filter(|extent| extent.zone == zone).map(|extent| extent.free_pages).sum()
    }

    /// Frees that were refused because no such block was live: freed twice, or never handed out.
    #[must_use]
    pub fn bad_frees(&self) -> u64 {
        self.inner.lock().bad_frees
    }
}

/// The whole pages of a range, if there are any.
fn whole_pages((zone, start, bytes): (Zone, PhysAddr, u64)) -> Option<Extent> {
    let end = start.checked_add(bytes);
    assert!(end.is_some(), "{bytes} bytes at {start} pass the last address");
    let first = start.0.div_ceil(PAGE_SIZE);
    let end = end?.0 >> PAGE_SHIFT;
    (first < end).then(|| Extent::new(zone, first, end))
}

impl PageBlocks for BuddyZones {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        let mut inner = self.inner.lock();
        let mut allowed = inner.extents.iter_mut().filter(|extent| extent.zone <= zone);
        let page = allowed.find_map(|extent| extent.take(order));
        let page = page.ok_or(PageError::OutOfPages { order, zone })?;
        Ok(Block { base: PhysAddr(page << PAGE_SHIFT), order })
    }

    /// A block that is not live (freed twice, or foreign) is counted and left alone; a debug build panics.
    fn free(&self, block: Block) {
        let mut inner = self.inner.lock();
        let page = block.base.0 >> PAGE_SHIFT;
        let aligned = block.base.0.is_multiple_of(PAGE_SIZE);
        let extent = inner.extents.iter_mut().find(|extent| (extent.first..extent.end).contains(&page));
        let done = aligned && extent.is_some_and(|extent| extent.give(page, block.order));
        inner.bad_frees += u64::from(!done);
        drop(inner);
        debug_assert!(done, "{block:?} is not live");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::rules::MAX_PAGE_ORDER;
    use proptest::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_pc_has_three_zones() {
        let zones = BuddyZones::pc(1 << 40);
        let free = [Zone::Dma, Zone::Dma32, Zone::Normal].map(|zone| zones.free_pages(zone) << PAGE_SHIFT);
        assert_eq!(free, [15 * MIB, 4080 * MIB, (1 << 40) - (4 << 30)]);
        assert_eq!(BuddyZones::pc(8 * MIB).free_pages(Zone::Dma), 7 * 256);
        assert_eq!(BuddyZones::pc(8 * MIB).free_pages(Zone::Dma32), 0);
        assert_eq!(zones.alloc(0, Zone::Normal).unwrap().base, PhysAddr(4 << 30));
        assert_eq!(zones.alloc(10, Zone::Dma32).unwrap().base, PhysAddr(16 * MIB));
        assert_eq!(zones.alloc(0, Zone::Dma).unwrap().base, PhysAddr(MIB));
    }

    #[test]
    fn an_exhausted_zone_falls_to_lower_ones_only() {
        let ranges = [(Zone::Dma, PhysAddr(0x1000), 0x1000), (Zone::Normal, PhysAddr(0x8000), 0x1000)];
        let zones = BuddyZones::new(&ranges);
        assert_eq!(zones.alloc(0, Zone::Normal).unwrap().base, PhysAddr(0x8000));
        assert_eq!(zones.alloc(0, Zone::Normal).unwrap().base, PhysAddr(0x1000));
        let full = PageError::OutOfPages { order: 0, zone: Zone::Normal };
        assert_eq!(zones.alloc(0, Zone::Normal), Err(full));
        zones.free(Block { base: PhysAddr(0x8000), order: 0 });
        assert!(zones.alloc(0, Zone::Dma32).is_err());
        assert!(zones.alloc(MAX_PAGE_ORDER + 1, Zone::Normal).is_err());
    }

    #[test]
    fn partial_pages_are_left_out() {
        let zones =
            BuddyZones::new(&[(Zone::Dma, PhysAddr(0x1800), 0x1000), (Zone::Dma, PhysAddr(0x3001), 0x1fff)]);
        assert_eq!(zones.free_pages(Zone::Dma), 1);
        assert_eq!(zones.alloc(0, Zone::Dma).unwrap().base, PhysAddr(0x4000));
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_ranges_are_refused() {
        let _ =
            BuddyZones::new(&[(Zone::Dma, PhysAddr(0), 0x3000), (Zone::Normal, PhysAddr(0x2000), 0x1000)]);
    }

    #[test]
    fn a_bad_free_is_counted_and_corrupts_nothing() {
        let zones = BuddyZones::pc(64 * MIB);
        let block = zones.alloc(3, Zone::Dma32).unwrap();
        let free = zones.free_pages(Zone::Dma32);
        let foreign = Block { base: PhysAddr(63 * MIB), order: 3 };
        let within = Block { base: block.base.wrapping_add(PAGE_SIZE), order: 0 };
        let odd = Block { base: block.base.wrapping_add(1), order: 3 };
        let outside = Block { base: PhysAddr(1 << 50), order: 0 };
        for bad in [foreign, within, odd, outside, Block { order: 2, ..block }] {
            let outcome = catch_unwind(AssertUnwindSafe(|| zones.free(bad)));
            assert_eq!(outcome.is_err(), cfg!(debug_assertions));
        }
        assert_eq!((zones.bad_frees(), zones.free_pages(Zone::Dma32)), (5, free));
        zones.free(block);
        assert_eq!((zones.bad_frees(), zones.free_pages(Zone::Dma32)), (5, free + 8));
    }

    #[test]
    fn threads_never_share_a_page() {
        let zones = BuddyZones::pc(64 * MIB);
        let before = zones.free_pages(Zone::Dma32);
        let taken = std::thread::scope(|scope| {
            let worker = || (0..200).map(|i| zones.alloc(i % 4, Zone::Dma32).unwrap()).collect::<Vec<_>>();
            let workers: Vec<_> = (0..3).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|w| w.join().unwrap()).collect::<Vec<_>>()
        });
        assert_disjoint(&taken);
        taken.into_iter().for_each(|block| zones.free(block));
        assert_eq!(zones.free_pages(Zone::Dma32), before);
    }

    /// Takes all there is, largest blocks first; in order of address.
    fn largest_blocks(zones: &BuddyZones) -> Vec<Block> {
        let all_of = |order| std::iter::from_fn(move || zones.alloc(order, Zone::Normal).ok());
        let mut blocks: Vec<Block> = (0..=MAX_PAGE_ORDER).rev().flat_map(all_of).collect();
        blocks.sort();
        blocks
    }

    fn assert_disjoint(blocks: &[Block]) {
        let mut sorted = blocks.to_vec();
        sorted.sort();
        for pair in sorted.windows(2) {
            assert!(pair[0].base.0 + pair[0].bytes() <= pair[1].base.0, "{pair:?} overlap");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// A step below 11 allocates that order, one above frees some live block.
        #[test]
        fn blocks_are_aligned_disjoint_and_merge_back(
            start in 0_u64..3000,
            pages in 1_u64..5000,
            steps in prop::collection::vec((0_u32..22, any::<prop::sample::Index>()), 1..120),
        ) {
            let ranges = [(Zone::Dma, PhysAddr(start * PAGE_SIZE), pages * PAGE_SIZE)];
            let zones = BuddyZones::new(&ranges);
            let mut live: Vec<Block> = Vec::new();
            for (step, index) in steps {
                if step <= MAX_PAGE_ORDER {
                    live.extend(zones.alloc(step, Zone::Normal));
                } else if !live.is_empty() {
                    zones.free(live.swap_remove(index.index(live.len())));
                }
                assert_disjoint(&live);
                prop_assert!(live.iter().all(|block| block.base.0.is_multiple_of(block.bytes())));
                let used: u64 = live.iter().map(Block::bytes).sum();
                prop_assert_eq!(zones.free_pages(Zone::Dma), pages - used / PAGE_SIZE);
            }
            for block in live {
                prop_assert!(block.base.0 >= start * PAGE_SIZE);
                prop_assert!(block.base.0 + block.bytes() <= (start + pages) * PAGE_SIZE);
                zones.free(block);
            }
            prop_assert_eq!(largest_blocks(&zones), largest_blocks(&BuddyZones::new(&ranges)));
        }
    }
}
