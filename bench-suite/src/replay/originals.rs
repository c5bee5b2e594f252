//! Where each original of a trace lies in the replay: where it was recorded, or moved to a place of its own.
//!
//! An original is moved if it overlaps one that is live, or a pool; if it lies beyond the made-up address
//! space; or if it lies in none of the first [`MAX_WINDOWS`] windows that the trace uses, so that a trace
//! that is scattered over a whole machine needs no memory of that size. A moved original keeps its
//! low 16 bits, so that it is placed as before (no alignment that Linux's drivers ask for is larger).
//!
//! Invariant: live originals that were placed share no byte with each other or with a pool.

use super::space::{Span, Spans, Windows, windows_of};
use std::collections::{BTreeSet, HashMap};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::{PhysMemory, SPACE, WINDOW};
use swiotlb_core::rules::PAGE_SIZE;

/// Most windows in which originals keep their recorded addresses: 2 GiB.
const MAX_WINDOWS: usize = 64;
/// Low address bits that a moved original keeps.
const KEPT_BITS: u64 = 0xffff;
/// Places for moved originals: of up to 64 KiB, and of up to 256 KiB. Each holds the kept bits as well.
const PLACES: [u64; 2] = [128 << 10, 512 << 10];
/// Most pages that are touched before the clock starts: 1 GiB.
const MAX_TOUCHED: usize = 1 << 18;

/// How many originals lie elsewhere than recorded, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// They overlapped another live original.
    pub(super) overlapping: u64,
    /// They overlapped a pool.
    pub(super) in_pool: u64,
    /// They lay beyond the address space, or in a window too many.
    pub(super) far: u64,
    /// They found no place; their maps are left out.
    pub(super) left_out: u64,
}

enum Home {
    Recorded,
    Moved { place: u64, class: usize },
}

/// The originals of a trace, walked in order.
pub(super) struct Originals<'a> {
    pools: &'a Spans,
    windows: BTreeSet<u64>,
    live: Spans,
    homes: HashMap<u32, (PhysAddr, Home)>,
    free: [Vec<u64>; PLACES.len()],
    next: u64,
    end: u64,
    pages: BTreeSet<u64>,
    untouched: bool,
    pub(super) moved: Moved,
}

/// The first windows that originals lie in, in the order of the trace.
#[derive(Default)]
pub(super) struct FirstWindows(BTreeSet<u64>);

impl FirstWindows {
    /// Takes note of an original.
    pub(super) fn note(&mut self, orig: PhysAddr, bytes: u64) {
        if PhysMemory::in_space(orig, bytes) && bytes <= WINDOW {
            for window in windows_of(orig, bytes) {
                if self.0.len() < MAX_WINDOWS {
                    self.0.insert(window);
                }
            }
        }
    }

    /// Marks them as used.
    pub(super) fn mark(&self, windows: &mut Windows) {
        self.0.iter().for_each(|window| windows.mark(PhysAddr(window * WINDOW), WINDOW));
    }
}

impl<'a> Originals<'a> {
    /// None placed yet. `room` is where moved originals go.
    pub(super) fn new(pools: &'a Spans, windows: FirstWindows, room: Option<Span>) -> Self {
        let (start, bytes) = room.unwrap_or((PhysAddr(0), 0));
        Self {
            pools,
            windows: windows.0,
            live: Spans::default(),
            homes: HashMap::new(),
            free: [Vec::new(), Vec::new()],
            next: start.0,
            end: start.0 + bytes,
            pages: BTreeSet::new(),
            untouched: false,
            moved: Moved::default(),
        }
    }

    /// Where the original of mapping `number` lies; `None` if there is no room for it.
    pub(super) fn place(&mut self, number: u32, orig: PhysAddr, bytes: u64) -> Option<PhysAddr> {
        let (at, home) = if self.keeps(orig, bytes) {
            (orig, Home::Recorded)
        } else {
            let class = usize::from(bytes > PLACES[0] - KEPT_BITS - 1);
            let Some(place) = self.find_place(class) else {
                self.moved.left_out += 1;
                return None;
            };
            (PhysAddr(place | (orig.0 & KEPT_BITS)), Home::Moved { place, class })
        };
        if matches!(home, Home::Recorded) {
            self.live.add(at, bytes);
        }
        self.touch(at, bytes);
        self.homes.insert(number, (at, home));
        Some(at)
    }

    /// Whether an original may stay where it was recorded; counts why not.
    fn keeps(&mut self, orig: PhysAddr, bytes: u64) -> bool {
        let near = PhysMemory::in_space(orig, bytes)
            && windows_of(orig, bytes).all(|window| self.windows.contains(&window));
        let reason = if !near {
            &mut self.moved.far
        } else if self.pools.overlap(orig, bytes) {
            &mut self.moved.in_pool
        } else if self.live.overlap(orig, bytes) {
            &mut self.moved.overlapping
        } else {
            return true;
        };
        *reason += 1;
        false
    }

    fn find_place(&mut self, class: usize) -> Option<u64> {
        if let Some(place) = self.free[class].pop() {
            return Some(place);
        }
        let place = self.next.next_multiple_of(PLACES[class]);
        let end = place + PLACES[class];
        (end <= self.end).then(|| {
            self.next = end;
            place
        })
    }

    /// Mapping `number` has ended: its place is free.
    pub(super) fn ended(&mut self, number: u32) {
        match self.homes.remove(&number) {
            Some((at, Home::Recorded)) => self.live.remove(at),
            Some((_, Home::Moved { place, class })) => self.free[class].push(place),
            None => {}
        }
    }

    fn touch(&mut self, at: PhysAddr, bytes: u64) {
        let last = at.0.saturating_add(bytes.max(1) - 1) / PAGE_SIZE;
        for page in at.0 / PAGE_SIZE..=last {
            if self.pages.len() < MAX_TOUCHED {
                self.pages.insert(page);
            } else {
                self.untouched |= !self.pages.contains(&page);
            }
        }
    }

    /// The ranges that originals lie in, joined; and whether some were left out because they are too many.
    pub(super) fn touched(&self) -> (Vec<Span>, bool) {
        let mut ranges: Vec<Span> = Vec::new();
        for page in &self.pages {
            let start = page * PAGE_SIZE;
            match ranges.last_mut() {
                Some((first, bytes)) if first.0 + *bytes == start => *bytes += PAGE_SIZE,
                _ => ranges.push((PhysAddr(start), PAGE_SIZE)),
            }
        }
        (ranges, self.untouched)
    }
}

/// Where an original lies that is larger than any mapping, so that no byte of it is ever copied: anywhere in
/// the space, with its low bits as recorded.
pub(super) fn too_large_to_copy(orig: PhysAddr) -> PhysAddr {
    PhysAddr(orig.0 % (SPACE / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Span = (PhysAddr(SPACE - (1 << 20)), 1 << 20);

    fn originals<'a>(pools: &'a Spans, seen: &[(u64, u64)]) -> Originals<'a> {
        let mut windows = FirstWindows::default();
        seen.iter().for_each(|&(orig, bytes)| windows.note(PhysAddr(orig), bytes));
        Originals::new(pools, windows, Some(ROOM))
    }

    #[test]
    fn only_what_is_in_the_way_is_moved() {
        let mut pools = Spans::default();
        pools.add(PhysAddr(0x20_0000), 0x1000);
        let mut o = originals(&pools, &[(0x1000, 8)]);
        assert_eq!(o.place(0, PhysAddr(0x1230), 0x100), Some(PhysAddr(0x1230)));
        let second = o.place(1, PhysAddr(0x12ff), 1);
        assert_eq!(second, Some(PhysAddr(ROOM.0.0 | 0x12ff)));
        o.ended(0);
        assert_eq!(o.place(2, PhysAddr(0x12ff), 1), Some(PhysAddr(0x12ff)));
        o.ended(1);
        assert_eq!(o.place(3, PhysAddr(0x20_0fff), 1), Some(PhysAddr(ROOM.0.0 | 0x0fff)));
        assert!(o.place(4, PhysAddr(u64::MAX - 70), 64).is_some());
        assert_eq!(o.moved, Moved { overlapping: 1, in_pool: 1, far: 1, left_out: 0 });
        assert_eq!(o.touched().0.first(), Some(&(PhysAddr(0x1000), 0x1000)));
    }

    #[test]
    fn room_runs_out_and_comes_back() {
        let pools = Spans::default();
        let mut o = originals(&pools, &[]);
        let large = 256 << 10;
        assert!(o.place(0, PhysAddr(0x5_ffff), large).is_some());
        assert!(o.place(1, PhysAddr(0x5_ffff), large).is_some());
        assert_eq!(o.place(2, PhysAddr(0x5_ffff), large), None);
        o.ended(1);
        assert!(o.place(3, PhysAddr(0), large).is_some());
        assert_eq!(o.moved.left_out, 1);
    }
}
