//! A bitmap with a summary: for each segment a byte that its longest free run does not exceed, and one number for
//! the area.
//!
//! The same answers as Linux's walk without taking its steps: the candidates of the walk form at most two
//! progressions ([`super::progression`]), so a segment's serving candidates are one mask, whole segments that
//! cannot serve are passed eight at a time, and an area that cannot serve is passed by one comparison.
//!
//! Invariant, under the area's lock: bit i % 128 of the segment's mask is 1 exactly if slot i is free; bits
//! past the area's end are 0; `longest` of a segment is at least its longest free run, and `most` at least every
//! `longest`. Both are raised by a release, and lowered by a search that looked in vain, so their upkeep costs
//! a claim nothing.

use super::mask::{halves, run_around, run_starts, span, whole};
use super::progression::{Aligned, Progression};
use super::{AreaRange, InWindow, SlotRequest, SlotSearch};
use crate::probe::Probe;
use crate::rules::IO_TLB_SEGSIZE;
use crate::slot::{EachSlot, SlotTable};
use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};
use core::marker::PhantomData;

/// Bytes of `longest` in one word.
const LANES: u32 = 8;
/// A one in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Masks of free slots under a summary of runs. Relaxed throughout: all accesses come under the area's lock.
pub struct Summary<T = EachSlot> {
    first: u32,
    most: AtomicU32,
    masks: Box<[Mask]>,
    /// A byte per segment.
    longest: Box<[AtomicU64]>,
    table: PhantomData<fn() -> T>,
}

/// A segment's free slots: the lower half, the upper half.
#[derive(Default)]
struct Mask(AtomicU64, AtomicU64);

impl<T> Summary<T> {
    #[inline]
    fn mask(&self, segment: u32) -> u128 {
        let Mask(low, high) = &self.masks[segment as usize];
        whole(low.load(Relaxed), high.load(Relaxed))
    }

    #[inline]
    fn set_mask(&self, segment: u32, mask: u128) {
        let Mask(low, high) = &self.masks[segment as usize];
        let (low_now, high_now) = halves(mask);
        low.store(low_now, Relaxed);
        high.store(high_now, Relaxed);
    }

    /// Segment and bit of `slot`.
    #[inline]
    const fn place(&self, slot: u32) -> (u32, u32) {
        let within = slot - self.first;
        (within / IO_TLB_SEGSIZE, within % IO_TLB_SEGSIZE)
    }

    #[inline]
    fn longest(&self, segment: u32) -> u32 {
        let word = self.longest[(segment / LANES) as usize].load(Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "one byte")]
        let byte = (word >> (segment % LANES * 8)) as u8;
        u32::from(byte)
    }

    #[inline]
    fn set_longest(&self, segment: u32, run: u32) {
        let word = &self.longest[(segment / LANES) as usize];
        let shift = segment % LANES * 8;
        word.store(word.load(Relaxed) & !(0xff << shift) | u64::from(run) << shift, Relaxed);
    }

    /// A release made a run of `run` in `segment`.
    #[inline]
    fn raise(&self, segment: u32, run: u32) {
        self.set_longest(segment, run);
        if run > self.most.load(Relaxed) {
            self.most.store(run, Relaxed);
        }
    }

    /// A search found no run of `n` in `segment`, if it may have had one.
    #[inline]
    fn lower(&self, segment: u32, n: u32) {
        if self.longest(segment) >= n {
            self.set_longest(segment, n - 1);
        }
    }

    /// A search found nothing in the whole area: what may the longest run be?
    #[cold]
    fn lower_most(&self) {
        let bytes = self.longest.iter().flat_map(|word| word.load(Relaxed).to_le_bytes());
        self.most.store(bytes.max().map_or(0, u32::from), Relaxed);
    }

    /// The first segment from `from` on, below `end`, that may have a run of `n`.
    #[inline]
    fn next_segment(&self, from: u32, end: u32, n: u32) -> Option<u32> {
        // A byte b is at most 128, so b + (128 - n) has its top bit exactly if b >= n, and never carries.
        let add = ONES * u64::from(IO_TLB_SEGSIZE - n);
        let mut keep = u64::MAX << (from % LANES * 8);
        let mut word = from / LANES;
        while word * LANES < end {
            let may = (self.longest[word as usize].load(Relaxed) + add) & (ONES << 7) & keep;
            if may != 0 {
                let segment = word * LANES + may.trailing_zeros() / 8;
                return if segment < end { Some(segment) } else { None };
            }
            keep = u64::MAX;
            word += 1;
        }
        None
    }

    /// The first candidate of `p`, which is not empty, that serves `req`; counts segments looked at.
    #[inline]
    fn first_fit(
        &self,
        p: Progression,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        looked: &mut u32,
    ) -> Option<u32> {
        let segments = p.end.div_ceil(IO_TLB_SEGSIZE);
        // The first one is looked at whatever its summary says: mostly it serves.
        let mut segment = p.first / IO_TLB_SEGSIZE;
        loop {
            *looked += 1;
            let runs = run_starts(self.mask(segment), req.nslots);
            if runs == 0 {
                self.lower(segment, req.nslots);
            }
            let mut fits = runs & p.candidates(segment);
            while fits != 0 {
                let within = segment * IO_TLB_SEGSIZE + fits.trailing_zeros();
                if within >= p.end {
                    return None;
                }
                if !req.crosses(at, area.first + within) {
                    return Some(within);
                }
                fits &= fits - 1;
            }
            segment = self.next_segment(segment + 1, segments, req.nslots)?;
        }
    }

    /// Whether slot `index` is free.
    #[inline]
    pub(super) fn is_free(&self, index: u32) -> bool {
        let (segment, bit) = self.place(index);
        self.mask(segment) >> bit & 1 != 0
    }
}

impl<T: SlotTable> SlotSearch for Summary<T> {
    type Table = T;
    const NAME: &'static str = "summary";
    const KEEPS_PLACEMENT: bool = true;

    fn new(_slots: &T, area: AreaRange) -> Self {
        let segments = area.len.div_ceil(IO_TLB_SEGSIZE);
        let this = Self {
            first: area.first,
            most: AtomicU32::new(area.len.min(IO_TLB_SEGSIZE)),
            masks: (0..segments).map(|_| Mask::default()).collect(),
            longest: (0..segments.div_ceil(LANES)).map(|_| AtomicU64::new(0)).collect(),
            table: PhantomData,
        };
        for segment in 0..segments {
            let slots = (area.len - segment * IO_TLB_SEGSIZE).min(IO_TLB_SEGSIZE);
            this.set_mask(segment, span(0, slots));
            this.set_longest(segment, slots);
        }
        this
    }

    #[inline]
    fn run(&self, _slots: &T, index: u32) -> u32 {
        let (segment, bit) = self.place(index);
        (self.mask(segment) >> bit).trailing_ones()
    }

    #[inline]
    fn find<C: Probe>(
        &self,
        _slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        if req.nslots > self.most.load(Relaxed) {
            return None;
        }
        let mut looked = 0;
        let aligned = Aligned::new(area, at, req);
        // From the start index to the area's end.
        let ahead = aligned.progression(from, area.len);
        let mut found =
            if ahead.is_empty() { None } else { self.first_fit(ahead, area, at, req, &mut looked) };
        if found.is_none() {
            // From the area's first slot on, as far as the walk's steps reach.
            let rest = aligned.progression(0, area.len.saturating_sub(ahead.stepped(from, req.stride)));
            if !rest.is_empty() {
                found = self.first_fit(rest, area, at, req, &mut looked);
            }
            if found.is_none() {
                self.lower_most();
            }
        }
        probe.slots_scanned(looked);
        found.map(|within| area.first + within)
    }

    #[inline]
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        slots.claim(first, req);
        let (segment, bit) = self.place(first);
        self.set_mask(segment, self.mask(segment) & !span(bit, req.nslots));
        2
    }

    #[inline]
    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        slots.forget(first, n);
        let (segment, bit) = self.place(first);
        let mask = self.mask(segment) | span(bit, n);
        self.set_mask(segment, mask);
        let longest = self.longest(segment);
        // Most of the time the summary still stands from before the claim.
        if longest < IO_TLB_SEGSIZE {
            let run = run_around(mask, bit);
            if run > longest {
                self.raise(segment, run);
                return 3;
            }
        }
        2
    }
}
