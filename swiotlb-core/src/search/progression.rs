//! The candidates of Linux's walk as arithmetic progressions. No state.
//!
//! From its start index the walk looks at the aligned slots up to the area's end, `stride` apart; then, from the
//! area's first slot on, at those that its count of steps still reaches. Strides of candidates are powers of
//! two, so nothing here divides.

use super::{AreaRange, InWindow, SlotRequest};
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};

/// The ones of a segment at every 2^i-th bit from bit 0 on.
const LATTICE: [u128; 8] = {
    let mut ones = [1; 8];
    let mut i = 0;
    while i < 7 {
        // 2^128 - 1 divided by 2^stride - 1 has ones at the multiples of the stride.
        ones[i] = u128::MAX / ((1 << (1 << i)) - 1);
        i += 1;
    }
    ones
};

/// Which slots of an area are aligned, and how far apart the walk looks at them.
#[derive(Clone, Copy)]
pub struct Aligned {
    /// The address bits that alignment compares, in slots; a pool starts on a page, so no lower bit is left.
    fixed: u64,
    /// What they must be, less the place of the area's first slot.
    kept: u64,
    /// Slots from one candidate to the next, a power of two.
    stride: u32,
}

impl Aligned {
    /// The walk's stride leads to or before the next aligned slot (an alignment below kept bits shortens it), single
    /// steps lead on: candidates are the stride rounded up to the alignment's period apart.
    #[inline]
    pub(crate) const fn new(area: AreaRange, at: InWindow, req: &SlotRequest) -> Self {
        let fixed = (req.align | req.keep) >> IO_TLB_SHIFT;
        let here = (at.base >> IO_TLB_SHIFT) + area.first as u64;
        let kept = (req.kept >> IO_TLB_SHIFT).wrapping_sub(here);
        // A stride is at most 2^31; so a longer period leads past the end of any area, as the largest stride does.
        let stride = if fixed >= 1 << 31 {
            1 << 31
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "compared above")]
            let fixed = fixed as u32;
            // The bits compared are a run of low bits, so this rounds up to a multiple of their period.
            (req.stride + fixed) & !fixed
        };
        debug_assert!(stride.is_power_of_two());
        Self { fixed, kept, stride }
    }

    /// The first candidate from `within` on, relative to the area; it may lie past its end.
    #[inline]
    const fn from(self, within: u32) -> u32 {
        let steps = self.kept.wrapping_sub(within as u64) & self.fixed;
        let most = u32::MAX as u64;
        #[expect(clippy::cast_possible_truncation, reason = "cut to 32 bits")]
        let steps = (if steps < most { steps } else { most }) as u32;
        within.saturating_add(steps)
    }

    /// The candidates from `within` on, below `end`.
    #[inline]
    pub(crate) const fn progression(self, within: u32, end: u32) -> Progression {
        Progression { first: self.from(within), stride: self.stride, end }
    }
}

/// Candidates `first, first + stride, …` below `end`, relative to the area.
#[derive(Clone, Copy)]
pub struct Progression {
    pub(crate) first: u32,
    stride: u32,
    pub(crate) end: u32,
}

impl Progression {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.first >= self.end
    }

    /// Slots that the walk has stepped over when it comes to the area's first slot, having started at `from`
    /// and looked at every candidate. Single steps end there exactly; a `step` from the last candidate may
    /// lead past the end, and still counts in full.
    #[inline]
    pub(crate) const fn stepped(&self, from: u32, step: u32) -> u32 {
        if self.is_empty() {
            return self.end - from;
        }
        let last = self.first + ((self.end - 1 - self.first) & !(self.stride - 1));
        let beyond = last.saturating_add(step);
        if beyond >= self.end { beyond - from } else { self.end - from }
    }

    /// Ones at the multiples of the stride.
    #[inline]
    const fn lattice(&self) -> u128 {
        // In a segment, candidates 128 slots apart or more are one alone.
        let stride = self.stride | 1 << 7;
        LATTICE[stride.trailing_zeros() as usize]
    }

    /// The candidates in the half segment of the first one, those past the end too.
    #[inline]
    pub(crate) const fn in_first_half(&self) -> u64 {
        // In a half, candidates 64 slots apart or more are the first one alone.
        let stride = self.stride | 1 << 6;
        let (ones, _) = super::mask::halves(LATTICE[stride.trailing_zeros() as usize]);
        ones << (self.first % u64::BITS)
    }

    /// The candidates in the segment of the first one, those past the end too.
    #[inline]
    pub(crate) const fn in_first_segment(&self) -> u128 {
        self.lattice() << (self.first % IO_TLB_SEGSIZE)
    }

    /// The candidates in `segment`, which lies behind that of the first one, those past the end too.
    #[inline]
    pub(crate) const fn in_later_segment(&self, segment: u32) -> u128 {
        let start = segment * IO_TLB_SEGSIZE;
        let next = self.first.wrapping_sub(start) & (self.stride - 1);
        if next < IO_TLB_SEGSIZE { self.lattice() << next } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_every_stride_th_slot() {
        let area = AreaRange { first: 0, len: 1 << 12 };
        for shift in 0..10 {
            let aligned = Aligned { fixed: (1 << shift) - 1, kept: 5, stride: 1 << shift };
            for from in 0..300 {
                let all = aligned.progression(from, area.len);
                let is_one = |slot: u32| slot >= from && slot & ((1 << shift) - 1) == 5 & ((1 << shift) - 1);
                let of_first = all.first / 128;
                for segment in of_first..of_first + 4 {
                    let slow = (0..128).filter(|&i| is_one(segment * 128 + i));
                    let slow = slow.fold(0_u128, |bits, i| bits | 1 << i);
                    let quick = match segment == of_first {
                        true => all.in_first_segment(),
                        false => all.in_later_segment(segment),
                    };
                    assert_eq!(quick, slow, "{shift} {from} {segment}");
                }
                let half = all.in_first_segment() >> (all.first % 128 / 64 * 64);
                assert_eq!(u128::from(all.in_first_half()), half & u128::from(u64::MAX));
            }
        }
    }

    #[test]
    fn what_was_stepped_over_is_what_a_walk_steps_over() {
        for (shift, end, from) in
            (0..8).flat_map(|s| (1..40).flat_map(move |e| (0..e).map(move |f| (s, e, f))))
        {
            let stride = 1 << shift;
            let all = Aligned { fixed: u64::from(stride) - 1, kept: 3, stride }.progression(from, end);
            let mut within = from;
            while within < end {
                within += if within & (stride - 1) == 3 & (stride - 1) { stride } else { 1 };
            }
            assert_eq!(all.stepped(from, stride), within - from, "{stride} {from}..{end}");
            assert_eq!(all.stepped(from, 1), end - from, "in single steps");
        }
    }
}
