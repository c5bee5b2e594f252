//! Page blocks for pools: the recorded ones of a vector, or those of a made-up machine that has so many and no more.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::golden::{PageEvent, PageEventKind, Zone};

const PAGE: u64 = 4096;
/// log2 of the pages in the largest block that there is.
const MAX_ORDER: u32 = 10;

/// Gives blocks of 2^order pages.
#[derive(Debug)]
pub(super) enum Blocks {
    /// The next operation's events, as they were recorded.
    Recorded(VecDeque<PageEvent>),
    /// A machine's memory.
    Made(Made),
}

/// Memory of a made-up machine.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// What there is of each zone, whole pages: bytes from address to address.
    zones: BTreeMap<Zone, Range<u64>>,
    /// Decides where in a zone a block lies: 0 is always the lowest place.
    places: u64,
    /// Blocks that are handed out.
    taken: Vec<Range<u64>>,
    /// Requests that fail from now on, and the largest order that may succeed.
    failing: u64,
    largest: u32,
}

/// What a request for memory came to: the block's address and order, or whether all that there was lies too high.
pub(super) type Had = Result<(u64, u32), TooHigh>;

/// Whether there was memory, but above the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooHigh(pub(super) bool);

/// log2 of the pages in the smallest block that holds so many bytes.
pub(super) fn order_of(bytes: u64) -> u32 {
    (0..).find(|&order| PAGE << order >= bytes).unwrap_or_default()
}

/// The zone that holds an address.
fn zone_of(addr: u64) -> Zone {
    [Zone::Dma, Zone::Dma32].into_iter().find(|&zone| addr <= last_of(zone)).unwrap_or(Zone::Normal)
}

/// The last address of a zone.
fn last_of(zone: Zone) -> u64 {
    match zone {
        Zone::Dma => (16 << 20) - 1,
        Zone::Dma32 => (4 << 30) - 1,
        Zone::Normal => u64::MAX,
    }
}

/// A block for `bytes` bytes that end at or below `limit`. `events` tells what was asked for and given back.
pub(super) fn alloc(blocks: &mut Blocks, bytes: u64, limit: u64, events: &mut Vec<PageEvent>) -> Had {
    let order = order_of(bytes);
    let named = [Zone::Dma, Zone::Dma32].into_iter().find(|&zone| limit <= last_of(zone));
    let mut zone = named.unwrap_or(Zone::Normal);
    loop {
        let base = blocks.alloc(order, zone);
        events.push(PageEvent { ev: PageEventKind::Alloc, order: order.into(), zone, base });
        let base = base.ok_or(TooHigh(false))?;
        if base + (bytes - 1) <= limit {
            return Ok((base, order));
        }
        free(blocks, base, order, events);
        zone = match zone {
            Zone::Normal => Zone::Dma32,
            Zone::Dma32 => Zone::Dma,
            Zone::Dma => return Err(TooHigh(true)),
        };
    }
}

/// Takes a block back.
pub(super) fn free(blocks: &mut Blocks, base: u64, order: u32, events: &mut Vec<PageEvent>) {
    blocks.free(base);
    events.push(PageEvent {
        ev: PageEventKind::Free,
        order: order.into(),
        zone: zone_of(base),
        base: Some(base),
    });
}

impl Blocks {
    fn alloc(&mut self, order: u32, zone: Zone) -> Option<u64> {
        match self {
            Self::Recorded(events) => {
                let asked = |event: &PageEvent| event.ev == PageEventKind::Alloc && event.zone == zone;
                events.pop_front().filter(|event| asked(event) && event.order == u64::from(order))?.base
            }
            Self::Made(made) => made.alloc(order, zone),
        }
    }

    /// The next `count` requests fail.
    pub(super) fn fail_next(&mut self, count: u64) {
        if let Self::Made(made) = self {
            made.failing = count;
        }
    }

    /// Requests above this order fail from now on.
    pub(super) fn max_order(&mut self, order: u64) {
        if let Self::Made(made) = self {
            made.largest = u32::try_from(order).map_or(MAX_ORDER, |order| order.min(MAX_ORDER));
        }
    }

    fn free(&mut self, base: u64) {
        match self {
            Self::Recorded(events) => {
                events.pop_front();
            }
            Self::Made(made) => made.taken.retain(|block| block.start != base),
        }
    }
}

impl Made {
    /// A machine with so much memory: zones are ranges of whole pages. `places` decides where blocks lie.
    #[must_use]
    pub fn new(zones: &[(Zone, Range<u64>)], places: u64) -> Self {
        Self { zones: zones.iter().cloned().collect(), places, largest: MAX_ORDER, ..Self::default() }
    }

    /// A block of the highest zone, up to this one, that has a free one.
    fn alloc(&mut self, order: u32, zone: Zone) -> Option<u64> {
        if self.failing > 0 {
            self.failing -= 1;
            return None;
        }
        if order > self.largest {
            return None;
        }
        let bytes = PAGE << order;
        let base = self.zones.range(..=zone).rev().find_map(|(_, range)| {
            let free: Vec<u64> = (range.start.next_multiple_of(bytes)..range.end)
                .step_by(usize::try_from(bytes).ok()?)
                .filter(|&base| base + bytes <= range.end && self.is_free(base..base + bytes))
                .collect();
            let place = usize::try_from(self.places % (free.len() as u64).max(1)).ok()?;
            free.get(place).copied()
        })?;
        self.taken.push(base..base + bytes);
        // Another place next time, but after 0 always the lowest.
        self.places = self.places.rotate_left(23).wrapping_mul(6_364_136_223_846_793_005);
        Some(base)
    }

    fn is_free(&self, range: Range<u64>) -> bool {
        self.taken.iter().all(|taken| taken.end <= range.start || range.end <= taken.start)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn machine() -> Blocks {
        let zones = [(Zone::Dma, 0x10_0000..0x10_2000), (Zone::Dma32, 0x4000_0000..0x4000_4000)];
        Blocks::Made(Made::new(&zones, 0))
    }

    #[test]
    fn an_order_holds_the_bytes() {
        assert_eq!([1, 4096, 4097, 8192, 4 << 20].map(order_of), [0, 0, 1, 1, 10]);
    }

    #[test]
    fn blocks_are_aligned_apart_and_come_back() {
        let (mut blocks, mut events) = (machine(), Vec::new());
        let mut had = |bytes| alloc(&mut blocks, bytes, u64::MAX, &mut Vec::new());
        assert_eq!(had(4096), Ok((0x4000_0000, 0)));
        assert_eq!(had(8000), Ok((0x4000_2000, 1)));
        assert_eq!(had(4096), Ok((0x4000_1000, 0)));
        assert_eq!(had(2048), Ok((0x10_0000, 0)), "the lower zone");
        assert_eq!(had(8192), Err(TooHigh(false)));
        free(&mut blocks, 0x4000_2000, 1, &mut events);
        assert_eq!(alloc(&mut blocks, 8192, u64::MAX, &mut events), Ok((0x4000_2000, 1)));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn what_lies_too_high_goes_back() {
        let (mut blocks, mut events) = (machine(), Vec::new());
        assert_eq!(alloc(&mut blocks, 100, 0x3fff_ffff, &mut events), Ok((0x10_0000, 0)));
        let kinds: Vec<_> = events.iter().map(|event| (event.ev, event.zone)).collect();
        let (had, back) = (PageEventKind::Alloc, PageEventKind::Free);
        assert_eq!(kinds, [(had, Zone::Dma32), (back, Zone::Dma32), (had, Zone::Dma)]);
        assert_eq!(alloc(&mut blocks, 100, 0xfff, &mut events), Err(TooHigh(true)));
    }

    #[test]
    fn requests_fail_when_told_to() {
        let mut blocks = machine();
        blocks.fail_next(1);
        assert_eq!((blocks.alloc(0, Zone::Normal), blocks.alloc(0, Zone::Dma)), (None, Some(0x10_0000)));
        blocks.max_order(0);
        assert_eq!(blocks.alloc(1, Zone::Normal), None);
    }
}
