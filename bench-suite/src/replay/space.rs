//! Who lies where in the made-up address space: recorded originals and pools where they were, and what this
//! replay adds (grown and transient pools, moved originals) in windows that the trace leaves free.
//!
//! Grown pools must lie below 4 GiB (the kernel's `phys_limit`), so a range there is the zone
//! [`Zone::Dma32`]; transient pools lie as high as the device reaches, and no trace says that a device
//! reaches less than everything, so a range above 4 GiB is [`Zone::Normal`]. Each is the longest run of
//! free windows, cut to what a replay may use. There is no [`Zone::Dma`].

use std::collections::BTreeMap;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::{BuddyZones, SPACE, WINDOW, Zone};

/// Most bytes of grown pools: 512 MiB.
const GROWN: u64 = 512 << 20;
/// Most bytes of transient pools: 256 MiB.
const TRANSIENT: u64 = 256 << 20;
/// Most bytes of moved originals: 1 GiB.
const MOVED: u64 = 1 << 30;
const FOUR_GIB: u64 = 4 << 30;

/// A range: first address and bytes.
pub(super) type Span = (PhysAddr, u64);

/// Disjoint ranges, each named by its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    /// Whether any of them shares a byte with `[start, start + bytes)`.
    pub(super) fn overlap(&self, start: PhysAddr, bytes: u64) -> bool {
        let end = start.0.saturating_add(bytes);
        self.0.range(..end).next_back().is_some_and(|(_, &held_end)| held_end > start.0)
    }

    /// Adds a range unless it overlaps another; whether it was added.
    pub(super) fn add(&mut self, start: PhysAddr, bytes: u64) -> bool {
        let free = !self.overlap(start, bytes);
        if free {
            self.0.insert(start.0, start.0.saturating_add(bytes));
        }
        free
    }

    /// Removes the range that starts at `start`.
    pub(super) fn remove(&mut self, start: PhysAddr) {
        self.0.remove(&start.0);
    }
}

/// Which windows the trace uses.
pub(super) struct Windows(Vec<bool>);

impl Windows {
    pub(super) fn new() -> Self {
        Self((0..SPACE / WINDOW).map(|_| false).collect())
    }

    /// Marks the windows of a range, as far as they lie in the space.
    pub(super) fn mark(&mut self, start: PhysAddr, bytes: u64) {
        for window in windows_of(start, bytes) {
            if let Some(used) = usize::try_from(window).ok().and_then(|i| self.0.get_mut(i)) {
                *used = true;
            }
        }
    }

    /// The longest run of free windows in `[from, to)`, cut to `most` bytes; none if there is no window.
    fn longest_free(&self, from: u64, to: u64, most: u64) -> Option<Span> {
        let (mut best, mut run) = ((0, 0), (0, 0));
        for (&used, i) in self.0.iter().zip(0_u64..) {
            let inside = (from..to).contains(&(i * WINDOW));
            run = match (used || !inside, run.1) {
                (true, _) => (0, 0),
                (false, 0) => (i, 1),
                (false, n) => (run.0, n + 1),
            };
            if run.1 > best.1 {
                best = run;
            }
        }
        let bytes = (best.1 * WINDOW).min(most);
        (bytes > 0).then_some((PhysAddr(best.0 * WINDOW), bytes))
    }
}

/// Where what this replay adds lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// For grown pools; none if the trace leaves no window below 4 GiB free.
    pub(super) grown: Option<Span>,
    /// For transient pools.
    pub(super) transient: Option<Span>,
    /// For moved originals.
    pub(super) moved: Option<Span>,
}

impl Layout {
    /// A layout around what the trace uses.
    pub(super) fn around(windows: &Windows) -> Self {
        // The first window is the trace's: nothing of ours starts at address 0.
        let grown = windows.longest_free(WINDOW, FOUR_GIB, GROWN);
        let high = windows.longest_free(FOUR_GIB, SPACE, TRANSIENT + MOVED);
        let transient = high.map(|(start, bytes)| (start, (bytes / 4 / WINDOW * WINDOW).min(TRANSIENT)));
        let moved = high
            .zip(transient)
            .map(|((start, bytes), (_, used))| (start.wrapping_add(used), bytes.saturating_sub(used)));
        Self { grown, transient: transient.filter(|span| span.1 > 0), moved }
    }

    /// The page blocks that grown and transient pools are made of.
    pub(super) fn blocks(&self) -> BuddyZones {
        let zone = |zone, span: Option<Span>| span.map(|(start, bytes)| (zone, start, bytes));
        let ranges: Vec<_> = [zone(Zone::Dma32, self.grown), zone(Zone::Normal, self.transient)]
            .into_iter()
            .flatten()
            .collect();
        BuddyZones::new(&ranges)
    }
}

/// The windows that hold a byte of the range, by number, as far as they lie in the space.
pub(super) fn windows_of(start: PhysAddr, bytes: u64) -> core::ops::Range<u64> {
    let end = start.0.saturating_add(bytes).min(SPACE).div_ceil(WINDOW);
    start.0 / WINDOW..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_overlap_where_they_share_a_byte() {
        let mut spans = Spans::default();
        assert!(spans.add(PhysAddr(100), 50) && spans.add(PhysAddr(150), 1) && spans.add(PhysAddr(90), 10));
        assert!(!spans.add(PhysAddr(149), 1) && !spans.add(PhysAddr(0), 1000) && !spans.add(PhysAddr(99), 2));
        assert!(spans.overlap(PhysAddr(150), 1) && !spans.overlap(PhysAddr(151), u64::MAX));
        spans.remove(PhysAddr(150));
        assert!(spans.add(PhysAddr(150), 7));
    }

    #[test]
    fn what_is_added_lies_in_windows_of_its_own() {
        let mut windows = Windows::new();
        windows.mark(PhysAddr(0x7ce9_b000), 2 << 20);
        windows.mark(PhysAddr(0x1_1011_00f0), 16);
        windows.mark(PhysAddr(u64::MAX - 3), 3);
        let layout = Layout::around(&windows);
        let (grown, transient, moved) = (layout.grown, layout.transient, layout.moved);
        assert!(grown.is_some_and(|(start, bytes)| start.0 >= WINDOW && bytes == GROWN));
        assert!(grown.is_some_and(|(start, bytes)| start.0 >= 0x7e00_0000 && start.0 + bytes <= FOUR_GIB));
        assert!(transient.is_some_and(|(start, bytes)| start.0 > 0x1_1011_00f0 && bytes == TRANSIENT));
        assert!(moved.zip(transient).is_some_and(|(m, t)| m.0.0 == t.0.0 + t.1 && m.1 == MOVED));
        let _ = layout.blocks();
    }

    #[test]
    fn a_full_space_leaves_nothing() {
        let mut windows = Windows::new();
        windows.mark(PhysAddr(0), SPACE);
        let layout = Layout::around(&windows);
        assert!(layout.grown.is_none() && layout.transient.is_none() && layout.moved.is_none());
        let _ = layout.blocks();
    }
}
