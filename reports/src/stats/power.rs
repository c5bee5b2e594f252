//! What a number of blocks can find: power, the smallest effect, the fewest blocks.
//!
//! A verdict wants two things at once: at most [`few`] of the n differences on the other side of zero (the
//! sign test, W. Dixon and A. Mood, "The Statistical Sign Test", 1946), and a median beyond the floor. The
//! probability of both together is exact for normal differences; the verdicts themselves assume no shape.

use super::binomial::MOST;
use super::normal;
use super::root;
use super::sign_test::ranks;

/// The power at which an effect counts as detectable.
pub const TARGET: f64 = 0.8;

/// How many differences may lie on the other side of zero, where the interval at `level` still excludes it;
/// nothing where n are too few.
#[must_use]
pub fn few(n: u32, level: f64) -> Option<u32> {
    let low = ranks(n as usize, level)?.low;
    u32::try_from(low).ok()?.checked_sub(1)
}

/// The fewest blocks whose interval at `level` can exclude zero at all: 2^(1 - n) is at most the level.
/// Nothing where that is beyond [`MOST`].
#[must_use]
pub fn fewest_blocks(level: f64) -> Option<u32> {
    (1..=MOST).find(|&n| few(n, level).is_some())
}

/// The power of the sign test alone, on the right side, where each difference is above zero with
/// probability `p`; 0 where n blocks cannot decide.
#[must_use]
pub fn sign_test(n: u32, level: f64, p: f64) -> f64 {
    let Some(few) = few(n, level) else { return 0.0 };
    (0..=few).map(|k| ways(n, k) * (1.0 - p).powi(k.cast_signed()) * p.powi((n - k).cast_signed())).sum()
}

/// What is supposed of the differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supposed {
    /// Their centre: the true effect, above 0.
    pub effect: f64,
    /// Their standard deviation.
    pub spread: f64,
    /// What the median has to pass, 0 or above.
    pub floor: f64,
}

impl Supposed {
    /// The probability of a difference of at most `x`.
    fn at_most(&self, x: f64) -> f64 {
        if self.spread > 0.0 {
            return normal::cdf((x - self.effect) / self.spread);
        }
        f64::from(u8::from(self.effect <= x))
    }
}

/// The probability that n blocks at `level` find the supposed effect: the interval above zero, the median
/// above the floor. 0 where n blocks cannot decide.
#[must_use]
pub fn verdict(n: u32, level: f64, supposed: &Supposed) -> f64 {
    let Some(few) = few(n, level) else { return 0.0 };
    let (below_zero, below_floor) = (supposed.at_most(0.0), supposed.at_most(supposed.floor));
    // Surely above the floor: less than half of the differences are at most the floor.
    let sure: f64 = (0..n.div_ceil(2))
        .map(|low| {
            let above = (1.0 - below_floor).powi((n - low).cast_signed());
            ways(n, low) * above * few_below(low, few, below_zero, below_floor - below_zero)
        })
        .sum();
    let half = if n.is_multiple_of(2) { halves(n / 2, few, supposed) } else { 0.0 };
    (sure + half).min(1.0)
}

/// That of `low` differences at most `few` fall into a part of probability `below`, all others into one of
/// `between`.
fn few_below(low: u32, few: u32, below: f64, between: f64) -> f64 {
    let one = |k: u32| ways(low, k) * below.powi(k.cast_signed()) * between.powi((low - k).cast_signed());
    (0..=few.min(low)).map(one).sum()
}

/// Half of the 2 h differences on each side of the floor: the median is the mean of the two next to it, and
/// above the floor where the upper one is farther away. Over the distance of the lower one, by Simpson's rule.
fn halves(h: u32, few: u32, supposed: &Supposed) -> f64 {
    const PANELS: u32 = 32;
    if supposed.spread <= 0.0 || supposed.floor <= 0.0 {
        return 0.0;
    }
    let zero = supposed.at_most(0.0);
    let density = |away: f64| {
        let at = supposed.floor - away;
        let nearest = normal::density((at - supposed.effect) / supposed.spread) / supposed.spread;
        let others = few_below(h - 1, few, zero, supposed.at_most(at) - zero);
        let farther = (1.0 - supposed.at_most(supposed.floor + away)).powi(h.cast_signed());
        f64::from(h) * nearest * others * farther
    };
    let width = supposed.floor / f64::from(2 * PANELS);
    let weight = |i: u32| match i {
        0 => 1.0,
        i if i == 2 * PANELS => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=2 * PANELS).map(|i| weight(i) * density(f64::from(i) * width)).sum();
    ways(2 * h, h) * sum * width / 3.0
}

/// The smallest effect that n blocks at `level` find with the probability `target`, where blocks spread by
/// `spread` and the median has to pass `floor`; nothing where n blocks cannot decide.
#[must_use]
pub fn minimum_detectable(n: u32, level: f64, spread: f64, floor: f64, target: f64) -> Option<f64> {
    few(n, level)?;
    if spread <= 0.0 {
        return Some(floor);
    }
    let missing = |effect: f64| verdict(n, level, &Supposed { effect, spread, floor }) - target;
    // Forty deviations off, every difference is on the right side.
    Some(root::rising(0.0, floor + 40.0 * spread, missing))
}

/// n over k, to 14 digits: quicker than the exact one, for the many sums here.
fn ways(n: u32, k: u32) -> f64 {
    (0..k.min(n - k)).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::stats::{median, sign_test::estimate};
    use rand::RngExt;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;

    #[test]
    fn fewest_blocks_by_hand() {
        // 2 / 2^n: 6 at 5 %, 8 at 1 %; ten cells in one look 9, with three looks 11.
        for (level, n) in [(0.05, 6), (0.01, 8), (0.005, 9), (0.05 / 30.0, 11), (1.0, 1)] {
            assert_eq!(fewest_blocks(level), Some(n), "{level}");
        }
        assert_eq!(fewest_blocks(0.0), None);
        assert_eq!((few(12, 0.05), few(5, 0.05), few(24, 0.005)), (Some(2), None, Some(4)));
    }

    /// Ten cells at 3 % with a block spread of 2 %: 12 blocks find it in 43 %, 24 in 96 % where the median
    /// has to pass 2 %.
    #[test]
    fn ten_cells_want_more_than_twelve_blocks() {
        let p = normal::cdf(1.03_f64.ln() / 1.02_f64.ln());
        assert!((sign_test(12, 0.005, p) - 0.430_847).abs() < 1e-6);
        assert!((sign_test(24, 0.005, p) - 0.979_496).abs() < 1e-6);
        let find = |n| verdict(n, 0.005, &Supposed { effect: 0.03, spread: 0.02, floor: 0.02 });
        assert!((find(12) - 0.4234).abs() < 1e-4 && (find(24) - 0.9614).abs() < 1e-4);
    }

    #[test]
    fn without_a_floor_it_is_the_sign_test() {
        for n in 6..=30 {
            for effect in [0.0, 0.01, 0.03] {
                let supposed = Supposed { effect, spread: 0.02, floor: 0.0 };
                let p = 1.0 - supposed.at_most(0.0);
                assert!((verdict(n, 0.05, &supposed) - sign_test(n, 0.05, p)).abs() < 1e-12, "{n} {effect}");
            }
        }
    }

    /// 4,000 made-up comparisons each, judged as data would be.
    #[test]
    fn made_up_comparisons_agree() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        for (n, effect, floor) in [(12, 0.03, 0.02), (12, 0.02, 0.015), (13, 0.03, 0.025), (24, 0.02, 0.02)] {
            let supposed = Supposed { effect, spread: 0.02, floor };
            let mut draw = || effect + 0.02 * normal::quantile(rng.random_range(0.0..1.0));
            let found = (0..4_000)
                .filter(|_| {
                    let differences: Vec<f64> = (0..n).map(|_| draw()).collect();
                    let (low, _, _) = estimate(&differences, 0.05).unwrap().interval.unwrap();
                    low > 0.0 && median(&differences).unwrap() > floor
                })
                .count() as f64
                / 4_000.0;
            let power = verdict(n, 0.05, &supposed);
            let error = (power * (1.0 - power) / 4_000.0).sqrt();
            assert!((found - power).abs() < 4.0 * error, "{n} {effect} {floor}: {found} {power}");
        }
    }

    #[test]
    fn the_smallest_effect_has_the_power_that_was_asked_for() {
        for (n, floor) in [(12, 0.0), (12, 0.01), (18, 0.01), (24, 0.02)] {
            let effect = minimum_detectable(n, 0.05, 0.02, floor, TARGET).unwrap();
            let power = verdict(n, 0.05, &Supposed { effect, spread: 0.02, floor });
            assert!((power - TARGET).abs() < 1e-9 && effect > floor, "{n} {floor}: {effect} {power}");
        }
        assert_eq!(minimum_detectable(5, 0.05, 0.02, 0.0, TARGET), None);
        assert_eq!(minimum_detectable(12, 0.05, 0.0, 0.01, TARGET), Some(0.01));
    }

    #[test]
    fn blocks_that_do_not_spread() {
        let power = |effect, floor| verdict(12, 0.05, &Supposed { effect, spread: 0.0, floor });
        assert_eq!((power(0.02, 0.01), power(0.01, 0.02), power(0.0, 0.0)), (1.0, 0.0, 0.0));
    }
}
