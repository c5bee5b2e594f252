//! The binomial distribution of fair coins, exactly.

/// The most tosses whose counts fit into 128 bits.
pub const MOST: u32 = 120;

/// n over k; nothing above [`MOST`].
#[must_use]
pub fn choose(n: u32, k: u32) -> Option<u128> {
    if n > MOST || k > n {
        return (n <= MOST).then_some(0);
    }
    let mut product = 1_u128;
    for i in 0..u128::from(k.min(n - k)) {
        // The product of i + 1 neighbours is a multiple of (i + 1)!, so nothing is lost.
        product = product.checked_mul(u128::from(n) - i)? / (i + 1);
    }
    Some(product)
}

/// How many of the 2^n sequences of n tosses show at most `k` heads; nothing above [`MOST`].
#[must_use]
pub fn at_most(n: u32, k: u32) -> Option<u128> {
    (0..=k.min(n)).try_fold(0, |sum, i| Some(sum + choose(n, i)?))
}

/// The probability of at most `k` heads in `n` tosses; nothing above [`MOST`].
#[must_use]
pub fn probability_at_most(n: u32, k: u32) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share, to 15 digits")]
    Some(at_most(n, k)? as f64 / 2_f64.powi(i32::try_from(n).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_all_sequences() {
        for n in 0..=16_u32 {
            for k in 0..=n {
                let counted = (0..1_u32 << n).filter(|tosses| tosses.count_ones() <= k).count() as u128;
                assert_eq!(at_most(n, k), Some(counted), "{n} {k}");
            }
        }
    }

    #[test]
    fn the_triangle_of_pascal_up_to_the_limit() {
        for n in 1..=MOST {
            assert_eq!(at_most(n, n), Some(1 << n), "{n}");
            for k in 1..n {
                let above = choose(n - 1, k - 1).zip(choose(n - 1, k)).map(|(a, b)| a + b);
                assert_eq!(choose(n, k), above, "{n} {k}");
            }
        }
        assert_eq!((choose(MOST + 1, 1), choose(5, 6)), (None, Some(0)));
    }
}
