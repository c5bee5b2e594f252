//! A bitmap with a summary: for each segment a byte that its longest free run does not exceed.
//!
//! The same answers as Linux's walk without taking its steps: the candidates of the walk form at most two
//! arithmetic progressions (from the start index to the area's end, and from the first slot on), so a
//! segment's serving candidates are one mask, and whole segments that cannot serve are passed eight at a
//! time.
//!
//! Invariant, under the area's lock: bit i % 128 of the segment's mask is 1 exactly if slot i is free; bits
//! past the area's end are 0; `longest` of a segment is at least its longest free run. It is raised by a
//! release, and lowered by a search that looked in vain, so its upkeep costs a claim nothing.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch};
use crate::probe::Probe;
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};
use crate::slot::Slot;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Bytes of `longest` in one word.
const LANES: u32 = 8;

/// Masks of free slots under a summary of runs.
pub struct Summary {
    first: u32,
    /// Two words per segment, the lower half first. Relaxed: all accesses come under the area's lock.
    masks: Box<[AtomicU64]>,
    /// A byte per segment.
    longest: Box<[AtomicU64]>,
}

/// Candidates `first, first + stride, …` below `end`, relative to the area.
#[derive(Clone, Copy)]
struct Progression {
    first: u32,
    stride: u32,
    end: u32,
}

/// Bits from which at least `n` ones follow (n from 1 to 128).
#[inline]
const fn run_starts(mut mask: u128, n: u32) -> u128 {
    let mut have = 1;
    while have < n && mask != 0 {
        let more = if have < n - have { have } else { n - have };
        mask &= mask >> more;
        have += more;
    }
    mask
}

/// Ones at every `stride`th bit from `offset` on; `stride` is a power of two up to 128.
#[inline]
const fn lattice(offset: u32, stride: u32) -> u128 {
    // 2^128 - 1 divided by 2^stride - 1 has ones at the multiples of the stride.
    let ones = if stride >= 128 { 1 } else { u128::MAX / ((1 << stride) - 1) };
    ones << offset
}

/// The free run of `mask` that holds bit `at`, which is free: its length.
#[inline]
const fn run_around(mask: u128, at: u32) -> u32 {
    let above = (mask >> at).trailing_ones();
    let below = (mask << (127 - at)).leading_ones();
    above + below - 1
}

impl Summary {
    #[inline]
    fn mask(&self, segment: u32) -> u128 {
        let low = self.masks[2 * segment as usize].load(Relaxed);
        let high = self.masks[2 * segment as usize + 1].load(Relaxed);
        u128::from(high) << 64 | u128::from(low)
    }

    #[inline]
    fn set_mask(&self, segment: u32, mask: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (low, high) = (mask as u64, (mask >> 64) as u64);
        self.masks[2 * segment as usize].store(low, Relaxed);
        self.masks[2 * segment as usize + 1].store(high, Relaxed);
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

    /// The first segment from `from` on, below `end`, that may have a run of `n`.
    #[inline]
    fn next_segment(&self, from: u32, end: u32, n: u32) -> Option<u32> {
        // A byte b is at most 128, so b + (128 - n) has its top bit exactly if b >= n, and never carries.
        const ONES: u64 = 0x0101_0101_0101_0101;
        let add = ONES * u64::from(128 - n);
        let mut word = from / LANES;
        let mut keep = u64::MAX << (from % LANES * 8);
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

    /// The first candidate of `p` that serves `req`; counts segments looked at.
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
        let mut segment = self.next_segment(p.first / IO_TLB_SEGSIZE, segments, req.nslots)?;
        loop {
            *looked += 1;
            let runs = run_starts(self.mask(segment), req.nslots);
            if runs == 0 {
                self.set_longest(segment, req.nslots - 1);
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
}

impl Progression {
    /// Slots that the walk has stepped over when it comes to the area's first slot, having started at `from`
    /// and looked at every candidate. Single steps end there exactly; a `step` from the last candidate may
    /// lead past the end, and still counts in full.
    #[inline]
    const fn stepped(self, from: u32, step: u32) -> u32 {
        if self.first >= self.end {
            return self.end - from;
        }
        let last = self.first + (self.end - 1 - self.first) / self.stride * self.stride;
        let beyond = last.saturating_add(step);
        if beyond >= self.end { beyond - from } else { self.end - from }
    }

    /// The candidates that lie in `segment`.
    #[inline]
    const fn candidates(self, segment: u32) -> u128 {
        let start = segment * IO_TLB_SEGSIZE;
        let in_progression = if self.stride <= IO_TLB_SEGSIZE {
            lattice(self.first % self.stride, self.stride)
        } else if (start ^ self.first) & (self.stride - 1) & !(IO_TLB_SEGSIZE - 1) == 0 {
            1 << (self.first % IO_TLB_SEGSIZE)
        } else {
            0
        };
        if self.first <= start {
            in_progression
        } else if self.first - start >= IO_TLB_SEGSIZE {
            0
        } else {
            in_progression & u128::MAX << (self.first - start)
        }
    }
}

/// Slots from one candidate to the next: the walk's stride leads to or before the next aligned slot (an
/// alignment above the kept bits shortens it), single steps lead on. A power of two.
#[inline]
const fn candidate_stride(req: &SlotRequest) -> u32 {
    let period = ((req.align | req.keep) >> IO_TLB_SHIFT).saturating_add(1);
    // A stride is at most 2^31; so a longer period leads past the end of any area, as the largest stride does.
    if period > 1 << 31 {
        return 1 << 31;
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared above")]
    let period = period as u32;
    req.stride.next_multiple_of(period)
}

/// Slots from `within` to the next aligned one.
#[inline]
fn to_aligned(area: AreaRange, at: InWindow, req: &SlotRequest, within: u32) -> u32 {
    // The bits that alignment compares, in slots; a pool starts on a page, so no lower bit is left.
    let mask = (req.align | req.keep) >> IO_TLB_SHIFT;
    let here = (at.base >> IO_TLB_SHIFT) + u64::from(area.first) + u64::from(within);
    #[expect(clippy::cast_possible_truncation, reason = "larger steps end the walk all the same")]
    let steps = ((req.kept >> IO_TLB_SHIFT).wrapping_sub(here) & mask).min(u64::from(u32::MAX)) as u32;
    steps
}

impl SlotSearch for Summary {
    type Mark = ();
    const NAME: &'static str = "summary";
    const KEEPS_PLACEMENT: bool = true;

    fn new(_slots: &[Slot<()>], area: AreaRange) -> Self {
        let segments = area.len.div_ceil(IO_TLB_SEGSIZE);
        let words = |n: u32| (0..n).map(|_| AtomicU64::new(0)).collect();
        let this =
            Self { first: area.first, masks: words(2 * segments), longest: words(segments.div_ceil(LANES)) };
        for segment in 0..segments {
            let slots = (area.len - segment * IO_TLB_SEGSIZE).min(IO_TLB_SEGSIZE);
            this.set_mask(segment, u128::MAX >> (IO_TLB_SEGSIZE - slots));
            this.set_longest(segment, slots);
        }
        this
    }

    #[inline]
    fn run(&self, _slots: &[Slot<()>], index: u32) -> u32 {
        let (segment, bit) = self.place(index);
        (self.mask(segment) >> bit).trailing_ones()
    }

    #[inline]
    fn find<C: Probe>(
        &self,
        _slots: &[Slot<()>],
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let mut looked = 0;
        let stride = candidate_stride(req);
        // From the start index to the area's end.
        let first = from.saturating_add(to_aligned(area, at, req, from));
        let ahead = Progression { first, stride, end: area.len };
        let mut found =
            if first < area.len { self.first_fit(ahead, area, at, req, &mut looked) } else { None };
        if found.is_none() {
            // From the area's first slot on, as far as the walk's steps reach.
            let first = to_aligned(area, at, req, 0);
            let end = area.len.saturating_sub(ahead.stepped(from, req.stride));
            if first < end {
                found = self.first_fit(Progression { first, stride, end }, area, at, req, &mut looked);
            }
        }
        probe.slots_scanned(looked);
        found.map(|within| area.first + within)
    }

    #[inline]
    fn take(&self, slots: &[Slot<()>], first: u32, n: u32, each: impl Fn(&Slot<()>, u32)) -> u32 {
        for (i, slot) in (0..).zip(&slots[first as usize..(first + n) as usize]) {
            each(slot, i);
        }
        let (segment, bit) = self.place(first);
        self.set_mask(segment, self.mask(segment) & !(u128::MAX >> (IO_TLB_SEGSIZE - n) << bit));
        2
    }

    #[inline]
    fn give(&self, slots: &[Slot<()>], first: u32, n: u32, each: impl Fn(&Slot<()>)) -> u32 {
        slots[first as usize..(first + n) as usize].iter().for_each(each);
        let (segment, bit) = self.place(first);
        let mask = self.mask(segment) | u128::MAX >> (IO_TLB_SEGSIZE - n) << bit;
        self.set_mask(segment, mask);
        let run = run_around(mask, bit);
        if run > self.longest(segment) {
            self.set_longest(segment, run);
            return 3;
        }
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_starts_are_where_runs_start() {
        let masks = [0_u128, 1, u128::MAX, 0xff00_ff0f, u128::MAX << 3, 0x5555_5555];
        for mask in masks {
            for n in 1..=128 {
                let slow = (0..128).filter(|&i| (mask >> i).trailing_ones() >= n);
                let slow = slow.fold(0_u128, |bits, i| bits | 1 << i);
                assert_eq!(run_starts(mask, n), slow, "{mask:#x} {n}");
            }
        }
    }

    #[test]
    fn a_lattice_has_every_stride_th_bit() {
        for shift in 0..8 {
            let stride = 1 << shift;
            for offset in 0..stride {
                let slow = (0..128).filter(|i| i % stride == offset).fold(0_u128, |bits, i| bits | 1 << i);
                assert_eq!(lattice(offset, stride), slow);
            }
        }
    }

    #[test]
    fn a_run_is_counted_to_both_sides() {
        assert_eq!(run_around(0b0111_0110, 5), 3);
        assert_eq!(run_around(0b0111_0110, 1), 2);
        assert_eq!(run_around(u128::MAX, 0), 128);
        assert_eq!(run_around(u128::MAX, 127), 128);
        assert_eq!(run_around(1 << 127, 127), 1);
    }
}
