//! Intervals of anything that can be computed from blocks, by drawing blocks again.
//!
//! B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile interval as in B. Efron and
//! R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. The unit is the block, never a launch
//! or an operation. Each replicate draws from its own stream, made of the seed and its number: the answer is
//! the same on any number of threads. It is approximate with few blocks: for numbers without an exact
//! interval, such as a slope or a share, and never for a verdict.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;

/// How often to draw, and from what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draws {
    /// Replicates; 2,000 are enough for a 95 % interval.
    pub replicates: u32,
    /// The seed of all streams.
    pub seed: u64,
}

/// `statistic` of each replicate that has one, in the order of their numbers. It is given the blocks drawn:
/// `blocks` indices below `blocks`, with repetition.
pub fn replicates<F>(blocks: usize, draws: Draws, statistic: F) -> Vec<f64>
where
    F: Fn(&[usize]) -> Option<f64> + Sync,
{
    if blocks == 0 {
        return Vec::new();
    }
    let one = |number: u32| {
        let mut rng = stream(draws.seed, number);
        let drawn: Vec<usize> = (0..blocks).map(|_| rng.random_range(0..blocks)).collect();
        statistic(&drawn).filter(|x| x.is_finite())
    };
    let all: Vec<Option<f64>> = (0..draws.replicates).into_par_iter().map(one).collect();
    all.into_iter().flatten().collect()
}

/// A stream that depends on nothing but the seed and the number.
fn stream(seed: u64, number: u32) -> Xoshiro256PlusPlus {
    // The generator scrambles its seed (SplitMix64); an odd factor keeps numbers apart.
    Xoshiro256PlusPlus::seed_from_u64(seed ^ (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The percentile interval at 1 - `alpha`; nothing where replicates are too few for it, or where more than
/// half of them have no statistic.
pub fn interval<F>(blocks: usize, draws: Draws, alpha: f64, statistic: F) -> Option<(f64, f64)>
where
    F: Fn(&[usize]) -> Option<f64> + Sync,
{
    let values = super::sorted(&replicates(blocks, draws, statistic));
    if values.len() * 2 < draws.replicates as usize {
        return None;
    }
    let beyond =
        (0..=values.len()).take_while(|&k| k as f64 <= (values.len() + 1) as f64 * alpha / 2.0).last()?;
    let low = values.get(beyond.checked_sub(1)?)?;
    let high = values.get(values.len().checked_sub(beyond)?)?;
    Some((*low, *high))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::stats::spread::standard_deviation;
    use crate::stats::{mean, median};

    /// Survival of seven treated mice, in days (Efron and Tibshirani, 1993, table 2.1).
    const MICE: [f64; 7] = [94.0, 197.0, 16.0, 38.0, 99.0, 141.0, 23.0];

    fn drawn(values: &[f64], which: &[usize]) -> Vec<f64> {
        which.iter().map(|&i| values[i]).collect()
    }

    /// The book's standard errors with endless replicates: 23.36 for the mean, 37.83 for the median.
    #[test]
    fn mice() {
        let draws = Draws { replicates: 20_000, seed: 1 };
        let of_mean = replicates(7, draws, |which| mean(&drawn(&MICE, which)));
        let of_median = replicates(7, draws, |which| median(&drawn(&MICE, which)));
        assert!((standard_deviation(&of_mean).unwrap() - 23.36).abs() < 0.5);
        assert!((standard_deviation(&of_median).unwrap() - 37.83).abs() < 0.8);
        assert!((mean(&of_mean).unwrap() - 86.857).abs() < 0.7);
    }

    /// All 5^5 ways to draw five blocks: the interval's ends are those of the whole distribution.
    #[test]
    fn all_draws_of_five() {
        let values = [1.0, 2.5, 4.0, 7.0, 11.0];
        let all: Vec<f64> = (0..3_125_usize)
            .map(|mut code| {
                let digits = [(); 5].map(|()| {
                    let digit = code % 5;
                    code /= 5;
                    digit
                });
                mean(&drawn(&values, &digits)).unwrap()
            })
            .collect();
        let all = crate::stats::sorted(&all);
        let (low, high) =
            interval(5, Draws { replicates: 20_000, seed: 3 }, 0.1, |which| mean(&drawn(&values, which)))
                .unwrap();
        let share = |side: &dyn Fn(f64) -> bool| all.iter().filter(|x| side(**x)).count() as f64 / 3_125.0;
        assert!(share(&|x| x < low) < 0.055 && share(&|x| x <= low) > 0.045, "{low}");
        assert!(share(&|x| x > high) < 0.055 && share(&|x| x >= high) > 0.045, "{high}");
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let draws = Draws { replicates: 500, seed: 42 };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| replicates(7, draws, |which| median(&drawn(&MICE, which))))
        };
        let one = on(1);
        assert_eq!(one.len(), 500);
        assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
        let other = replicates(7, Draws { seed: 43, ..draws }, |which| median(&drawn(&MICE, which)));
        assert_ne!(one, other);
    }

    #[test]
    fn too_little_for_an_interval() {
        let few = Draws { replicates: 30, seed: 1 };
        assert_eq!(interval(7, few, 0.05, |which| mean(&drawn(&MICE, which))), None);
        let many = Draws { replicates: 1_000, seed: 1 };
        assert_eq!(interval(0, many, 0.05, |_| Some(1.0)), None);
        assert_eq!(interval(7, many, 0.05, |_| None), None);
        assert_eq!(interval(7, many, 0.05, |_| Some(2.0)), Some((2.0, 2.0)));
    }
}
