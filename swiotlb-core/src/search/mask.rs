//! A segment's free slots as 128 bits, 1 = free: runs in it, without a loop over slots. No state.
//!
//! Shifts of 128 bits by a variable cost a dozen instructions, slow ones on some processors; so spans come from a
//! table.

use crate::rules::IO_TLB_SEGSIZE;

/// The bits below each place, 128 included.
const BELOW: [u128; IO_TLB_SEGSIZE as usize + 1] = {
    let mut below = [0; IO_TLB_SEGSIZE as usize + 1];
    let mut place = 1;
    while place < below.len() {
        below[place] = below[place - 1] << 1 | 1;
        place += 1;
    }
    below
};

/// The bits of slots `[bit, bit + n)`, all of them in the segment.
#[inline]
pub(crate) fn span(bit: u32, n: u32) -> u128 {
    BELOW[(bit + n) as usize] & !BELOW[bit as usize]
}

/// The bits of `[bit, bit + n)` of one half; n from 1 to 64, and all of them in the half.
#[inline]
pub(crate) const fn span_of_half(bit: u32, n: u32) -> u64 {
    u64::MAX >> (u64::BITS - n) << bit
}

/// Bits from which at least `n` ones follow (n from 1 to 128).
#[inline]
pub(crate) const fn run_starts(mut mask: u128, n: u32) -> u128 {
    let mut have = 1;
    while have < n && mask != 0 {
        let more = if have < n - have { have } else { n - have };
        mask &= mask >> more;
        have += more;
    }
    mask
}

/// [`run_starts`] in one half (n from 1 to 64): runs that end in it.
#[inline]
pub(crate) const fn run_starts_of_half(mut half: u64, n: u32) -> u64 {
    let mut have = 1;
    while have < n && half != 0 {
        let more = if have < n - have { have } else { n - have };
        half &= half >> more;
        have += more;
    }
    half
}

/// Ones of `mask` from bit `at` on in a row.
#[inline]
pub(crate) fn run_from(mask: u128, at: u32) -> u32 {
    (!mask & !BELOW[at as usize]).trailing_zeros() - at
}

/// The free run of `mask` that holds bit `at`, which is free: its length.
#[inline]
pub(crate) fn run_around(mask: u128, at: u32) -> u32 {
    let before = IO_TLB_SEGSIZE - (!mask & BELOW[at as usize]).leading_zeros();
    at + run_from(mask, at) - before
}

/// The two halves of a mask.
#[inline]
pub(crate) const fn halves(mask: u128) -> (u64, u64) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let halves = (mask as u64, (mask >> u64::BITS) as u64);
    halves
}

/// The mask of two halves.
#[inline]
pub(crate) const fn whole(low: u64, high: u64) -> u128 {
    (high as u128) << u64::BITS | low as u128
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
                let (low, _) = halves(mask);
                if n <= 64 {
                    assert_eq!(run_starts_of_half(low, n), halves(run_starts(low.into(), n)).0);
                }
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
        assert_eq!((run_from(0b0111_0110, 1), run_from(0b0111_0110, 3), run_from(1 << 127, 127)), (2, 0, 1));
    }

    #[test]
    fn a_span_has_n_bits_from_its_first() {
        assert_eq!(span(0, 128), u128::MAX);
        assert_eq!(span(127, 1), 1 << 127);
        assert_eq!(span(3, 4), 0b111_1000);
        assert_eq!((span_of_half(3, 4), span_of_half(0, 64)), (0b111_1000, u64::MAX));
        assert_eq!(whole(halves(span(60, 9)).0, halves(span(60, 9)).1), span(60, 9));
    }
}
