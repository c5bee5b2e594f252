//! A bitmap with a summary: for each segment a byte that its longest free run does not exceed, and one number for
//! the area.
//!
//! The same answers as Linux's walk without taking its steps: the candidates of the walk form at most two
//! progressions ([`super::progression`]), so a segment's serving candidates are one mask, whole segments that
//! cannot serve are passed eight at a time, and an area that cannot serve is passed by one comparison.
//!
//! Invariant, under the area's lock: bit i % 128 of a segment's `free` is 1 exactly if slot i is free; bits
//! past the area's end are 0. `old` has the slots that were taken already when `longest` of the segment was last
//! lowered; so `longest` is at least the longest run of slots that are not old, and these include all free ones.
//! `most` is at least every `longest`. A search that looked in vain lowers them, the release of old slots raises
//! them: their upkeep costs a claim nothing, and the release of a claim made since then one comparison.

use super::mask::{halves, run_around, run_from, run_starts, span, span_of_half, whole};
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
    segments: Box<[Segment]>,
    /// A byte per segment.
    longest: Box<[AtomicU64]>,
    table: PhantomData<fn() -> T>,
}

/// Two masks of a segment.
#[derive(Default)]
struct Segment {
    free: Mask,
    old: Mask,
}

/// A bit per slot of a segment: the lower half, the upper half.
#[derive(Default)]
struct Mask([AtomicU64; 2]);

impl Mask {
    #[inline]
    fn get(&self) -> u128 {
        whole(self.0[0].load(Relaxed), self.0[1].load(Relaxed))
    }

    #[inline]
    fn set(&self, mask: u128) {
        let (low, high) = halves(mask);
        self.0[0].store(low, Relaxed);
        self.0[1].store(high, Relaxed);
    }

    /// The half that holds `bit`.
    #[inline]
    fn half(&self, bit: u32) -> &AtomicU64 {
        &self.0[(bit / u64::BITS % 2) as usize]
    }
}

impl<T> Summary<T> {
    #[inline]
    fn segment(&self, segment: u32) -> &Segment {
        &self.segments[segment as usize]
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

    /// The old slots `[bit, bit + n)` of `segment` were freed: the run that they may be part of from now on counts.
    /// Returns words written.
    fn raise(&self, segment: u32, bit: u32, n: u32) -> u32 {
        let old = self.segment(segment).old.get() & !span(bit, n);
        self.segment(segment).old.set(old);
        let run = run_around(!old, bit);
        if run <= self.longest(segment) {
            return 2;
        }
        self.set_longest(segment, run);
        self.most.store(self.most.load(Relaxed).max(run), Relaxed);
        4
    }

    /// A search found no run of `n` among the slots `free` of `segment`; if it may have had one.
    fn lower(&self, segment: u32, free: u128, n: u32) {
        if self.longest(segment) >= n {
            self.set_longest(segment, n - 1);
            self.segment(segment).old.set(!free);
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
        let mut candidates = p.in_first_segment();
        loop {
            *looked += 1;
            let free = self.segment(segment).free.get();
            let runs = run_starts(free, req.nslots);
            if runs == 0 {
                self.lower(segment, free, req.nslots);
            }
            let mut fits = runs & candidates;
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
            candidates = p.in_later_segment(segment);
        }
    }

    /// What is seen of candidates `p`, which are not empty, without a loop: for one or two slots the first that serves
    /// in the half segment where they begin, for more the first candidate alone.
    #[inline]
    fn first_look(&self, p: &Progression, n: u32) -> Option<u32> {
        let (segment, bit) = (p.first / IO_TLB_SEGSIZE, p.first % IO_TLB_SEGSIZE);
        let mask = &self.segment(segment).free;
        let at = bit % u64::BITS;
        if n <= 2 {
            // A pair that begins in one half and ends in the other is left to the full search: it comes last.
            let free = mask.half(bit).load(Relaxed);
            let fits = free & free >> (n - 1) & p.in_first_half();
            return if fits == 0 { None } else { Some(p.first - at + fits.trailing_zeros()) };
        }
        let serves = if at + n <= u64::BITS {
            !mask.half(bit).load(Relaxed) & span_of_half(at, n) == 0
        } else {
            bit + n <= IO_TLB_SEGSIZE && !mask.get() & span(bit, n) == 0
        };
        serves.then_some(p.first)
    }

    /// Whether slot `index` is free.
    #[inline]
    pub(super) fn is_free(&self, index: u32) -> bool {
        let (segment, bit) = self.place(index);
        self.segment(segment).free.half(bit).load(Relaxed) >> (bit % u64::BITS) & 1 != 0
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
            segments: (0..segments).map(|_| Segment::default()).collect(),
            longest: (0..segments.div_ceil(LANES)).map(|_| AtomicU64::new(0)).collect(),
            table: PhantomData,
        };
        for segment in 0..segments {
            let slots = (area.len - segment * IO_TLB_SEGSIZE).min(IO_TLB_SEGSIZE);
            this.segment(segment).free.set(span(0, slots));
            this.segment(segment).old.set(!span(0, slots));
            this.set_longest(segment, slots);
        }
        this
    }

    #[inline]
    fn run(&self, _slots: &T, index: u32) -> u32 {
        let (segment, bit) = self.place(index);
        run_from(self.segment(segment).free.get(), bit)
    }

    /// Out of line: mostly [`Summary::claim`] needs no more than one look.
    #[inline(never)]
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

    /// One look at the half segment where the walk starts; the rest is [`Summary::find`]'s.
    #[inline(always)]
    fn claim<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        if req.nslots > self.most.load(Relaxed) {
            return None;
        }
        let ahead = Aligned::new(area, at, req).progression(from, area.len);
        if !ahead.is_empty()
            && let Some(within) = self.first_look(&ahead, req.nslots)
            && !req.crosses(at, area.first + within)
        {
            let first = area.first + within;
            probe.slots_scanned(1);
            probe.written_at_map(self.take(slots, first, req));
            return Some(first);
        }
        // A copy of its own for the call: the request above stays in registers.
        let req = *req;
        let first = self.find(slots, area, at, &req, from, probe)?;
        probe.written_at_map(self.take(slots, first, &req));
        Some(first)
    }

    #[inline]
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        slots.claim(first, req);
        let (segment, bit) = self.place(first);
        let (mask, at) = (&self.segment(segment).free, bit % u64::BITS);
        if at + req.nslots <= u64::BITS {
            let half = mask.half(bit);
            half.store(half.load(Relaxed) & !span_of_half(at, req.nslots), Relaxed);
            return 1;
        }
        mask.set(mask.get() & !span(bit, req.nslots));
        2
    }

    #[inline]
    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        slots.forget(first, n);
        let (segment, bit) = self.place(first);
        let (Segment { free, old }, at) = (self.segment(segment), bit % u64::BITS);
        let was_old = if at + n <= u64::BITS {
            let (half, span) = (free.half(bit), span_of_half(at, n));
            half.store(half.load(Relaxed) | span, Relaxed);
            old.half(bit).load(Relaxed) & span != 0
        } else {
            let span = span(bit, n);
            free.set(free.get() | span);
            old.get() & span != 0
        };
        if was_old {
            return 2 + self.raise(segment, bit, n);
        }
        2
    }
}
