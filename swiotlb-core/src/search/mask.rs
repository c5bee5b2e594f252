//! A segment's free slots as 128 bits, 1 = free: runs in it, without a loop over slots. No state.

use crate::rules::IO_TLB_SEGSIZE;

/// The bits of slots `[bit, bit + n)`; n from 1 to 128, and all of them in the segment.
#[inline]
pub(super) const fn span(bit: u32, n: u32) -> u128 {
    u128::MAX >> (IO_TLB_SEGSIZE - n) << bit
}

/// Bits from which at least `n` ones follow (n from 1 to 128).
#[inline]
pub(super) const fn run_starts(mut mask: u128, n: u32) -> u128 {
    let mut have = 1;
    while have < n && mask != 0 {
        let more = if have < n - have { have } else { n - have };
        mask &= mask >> more;
        have += more;
    }
    mask
}

/// The free run of `mask` that holds bit `at`, which is free: its length.
#[inline]
pub(super) const fn run_around(mask: u128, at: u32) -> u32 {
    let above = (mask >> at).trailing_ones();
    let below = (mask << (IO_TLB_SEGSIZE - 1 - at)).leading_ones();
    above + below - 1
}

/// The two halves of a mask.
#[inline]
pub(super) const fn halves(mask: u128) -> (u64, u64) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let halves = (mask as u64, (mask >> u64::BITS) as u64);
    halves
}

/// The mask of two halves.
#[inline]
pub(super) const fn whole(low: u64, high: u64) -> u128 {
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

    #[test]
    fn a_span_has_n_bits_from_its_first() {
        assert_eq!(span(0, 128), u128::MAX);
        assert_eq!(span(127, 1), 1 << 127);
        assert_eq!(span(3, 4), 0b111_1000);
        assert_eq!(whole(halves(span(60, 9)).0, halves(span(60, 9)).1), span(60, 9));
    }
}
