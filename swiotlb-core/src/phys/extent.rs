//! One contiguous range of pages of one zone, cut into buddies.
//!
//! Invariant: every page of the range is in exactly one place: a free list (as part of a block of that
//! order), the untouched middle, or a live block. A block starts at a multiple of its own size; two free
//! buddies below the largest order never exist, because [`Extent::give`] merges them.
//!
//! The untouched middle is one pair of numbers however large it is: its blocks of the largest order enter
//! the lists only when taken. A terabyte costs as little as a megabyte until it is used.

use super::Zone;
use crate::rules::MAX_PAGE_ORDER;
use std::collections::{BTreeMap, BTreeSet};

const ORDERS: usize = MAX_PAGE_ORDER as usize + 1;
/// Pages in a block of the largest order.
const MAX_BLOCK: u64 = 1 << MAX_PAGE_ORDER;

/// Buddies over the pages `[first, end)` of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) zone: Zone,
    pub(super) first: u64,
    pub(super) end: u64,
    /// First page of the untouched middle, which holds blocks of the largest order up to `fresh_end`.
    fresh: u64,
    fresh_end: u64,
    /// First pages of the free blocks, by order.
    free: [BTreeSet<u64>; ORDERS],
    /// First page and order of every block handed out.
    live: BTreeMap<u64, u32>,
    pub(super) free_pages: u64,
}

impl Extent {
    /// The pages `[first, end)`, all free.
    pub(super) fn new(zone: Zone, first: u64, end: u64) -> Self {
        let fresh = first.next_multiple_of(MAX_BLOCK).min(end);
        let fresh_end = (end & !(MAX_BLOCK - 1)).max(fresh);
        let free = core::array::from_fn(|_| BTreeSet::new());
        let live = BTreeMap::new();
        let mut extent = Self { zone, first, end, fresh, fresh_end, free, live, free_pages: end - first };
        extent.carve(first, fresh);
        extent.carve(fresh_end, end);
        extent
    }

    /// Puts `[from, to)` on the free lists, in the largest blocks that fit and are aligned.
    fn carve(&mut self, mut from: u64, to: u64) {
        while from < to {
            let order = from.trailing_zeros().min((to - from).ilog2()).min(MAX_PAGE_ORDER);
            self.free[order as usize].insert(from);
            from += 1 << order;
        }
    }

    /// Takes `2^order` pages and returns the first: from the smallest block that is large enough, of these
    /// the one with the lowest address, of it the lowest part.
    pub(super) fn take(&mut self, order: u32) -> Option<u64> {
        let (page, mut found) = self.pop_smallest(order)?;
        while found > order {
            found -= 1;
            self.free[found as usize].insert(page + (1 << found));
        }
        self.live.insert(page, order);
        self.free_pages -= 1 << order;
        Some(page)
    }

    /// Removes the smallest, then lowest, free block of `order` or more.
    fn pop_smallest(&mut self, order: u32) -> Option<(u64, u32)> {
        for order in order..=MAX_PAGE_ORDER {
            if let Some(page) = self.free[order as usize].pop_first() {
                return Some((page, order));
            }
        }
        if order > MAX_PAGE_ORDER || self.fresh == self.fresh_end {
            return None;
        }
        let page = self.fresh;
        self.fresh += MAX_BLOCK;
        Some((page, MAX_PAGE_ORDER))
    }

    /// Gives a block back and merges it with its buddy as often as that is free. Says no, and changes
    /// nothing, if no live block of that order starts there.
    pub(super) fn give(&mut self, page: u64, order: u32) -> bool {
        if self.live.get(&page) != Some(&order) {
            return false;
        }
        self.live.remove(&page);
        self.free_pages += 1 << order;
        let (mut page, mut order) = (page, order);
        while order < MAX_PAGE_ORDER && self.free[order as usize].remove(&(page ^ (1 << order))) {
            page &= !(1 << order);
            order += 1;
        }
        self.free[order as usize].insert(page);
        self.join_fresh();
        true
    }

    /// Moves whole blocks that end where the untouched middle starts back into it.
    fn join_fresh(&mut self) {
        let blocks = &mut self.free[MAX_PAGE_ORDER as usize];
        while self.fresh > MAX_BLOCK && blocks.remove(&(self.fresh - MAX_BLOCK)) {
            self.fresh -= MAX_BLOCK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_range_is_carved_into_aligned_blocks() {
        let mut extent = Extent::new(Zone::Dma, 3, 3 + 2 * MAX_BLOCK);
        let taken: u64 = core::iter::from_fn(|| extent.take(0)).count() as u64;
        assert_eq!((taken, extent.free_pages), (2 * MAX_BLOCK, 0));
        for (first, end) in [(5, 5), (5, 6), (7, 12), (1023, 1025), (1024, 2048), (0, 3000)] {
            let extent = Extent::new(Zone::Dma, first, end);
            let listed: u64 = (0..ORDERS).map(|o| (extent.free[o].len() as u64) << o).sum();
            assert_eq!(listed + extent.fresh_end - extent.fresh, end - first);
            let aligned = |o: usize| extent.free[o].iter().all(|page| page % (1 << o) == 0);
            assert!((0..ORDERS).all(aligned));
        }
    }

    #[test]
    fn the_lowest_address_comes_first_and_splits_leave_the_upper_half() {
        let mut extent = Extent::new(Zone::Dma, 0, 1 << 20);
        assert_eq!([extent.take(0), extent.take(1), extent.take(0)], [Some(0), Some(2), Some(1)]);
        assert_eq!(extent.take(10), Some(1024));
        assert!(extent.give(0, 0));
        assert_eq!(extent.take(0), Some(0));
    }

    #[test]
    fn everything_given_back_leaves_the_extent_as_it_began() {
        let fresh = Extent::new(Zone::Normal, 1000, 10_000);
        let mut extent = fresh.clone();
        let taken: Vec<_> = [0, 3, 10, 1, 10, 7, 0, 2].map(|order| (extent.take(order), order)).into();
        for (page, order) in taken {
            assert!(page.is_some_and(|page| extent.give(page, order)));
        }
        assert_eq!(extent, fresh);
    }

    #[test]
    fn what_is_not_live_is_refused() {
        let mut extent = Extent::new(Zone::Normal, 0, 4096);
        assert_eq!(extent.take(1), Some(0));
        let before = extent.clone();
        assert!(!extent.give(0, 0) && !extent.give(1, 0) && !extent.give(4, 1) && !extent.give(9999, 1));
        assert_eq!(extent, before);
        assert!(extent.give(0, 1) && !extent.give(0, 1));
        assert_eq!(extent.take(MAX_PAGE_ORDER + 1), None);
    }
}
