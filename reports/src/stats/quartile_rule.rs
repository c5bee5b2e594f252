//! Whether the newest night stands out of the changes that nights before it made by themselves.
//!
//! The rule of rustc-perf: a change is significant where its size is above the third quartile of the sizes
//! of earlier changes plus three times their interquartile range (J. Tukey's outer fence, "Exploratory Data
//! Analysis", 1977). Quartiles are the medians of the upper and of the lower half. It needs no model of a
//! series, and asks nothing but: is this unusual here?

use super::median;
use serde::{Deserialize, Serialize};

/// How many of the last changes are looked at.
pub const LAST: usize = 30;

/// Fewer changes than this are no history.
pub const FEWEST: usize = 10;

/// How many interquartile ranges above the third quartile the fence stands.
const RANGES: f64 = 3.0;

/// The newest value against the changes before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Newest {
    /// The change from the value before, relative to that.
    pub change: f64,
    /// The size above which a change is significant.
    pub fence: f64,
    /// How many earlier changes made the fence.
    pub changes: usize,
    /// Whether the change is above the fence.
    pub significant: bool,
}

/// The rule for the last value of `series`, which is in the order of time; nothing where fewer than
/// [`FEWEST`] changes come before it. A value of zero has no relative change after it, and is passed over.
#[must_use]
pub fn newest(series: &[f64]) -> Option<Newest> {
    let changes: Vec<f64> = changes(series);
    let (change, before) = changes.split_last()?;
    let last = &before[before.len().saturating_sub(LAST)..];
    let fence = fence(last).filter(|_| last.len() >= FEWEST)?;
    Some(Newest { change: *change, fence, changes: last.len(), significant: change.abs() > fence })
}

/// Relative changes from each finite value to the next.
fn changes(series: &[f64]) -> Vec<f64> {
    let finite: Vec<f64> = series.iter().copied().filter(|x| x.is_finite()).collect();
    finite.windows(2).map(|pair| (pair[1] - pair[0]) / pair[0]).filter(|x| x.is_finite()).collect()
}

/// Third quartile + 3 x interquartile range of the sizes of `changes`; nothing below two.
#[must_use]
pub fn fence(changes: &[f64]) -> Option<f64> {
    let sizes = super::sorted(&changes.iter().map(|x| x.abs()).collect::<Vec<_>>());
    let half = sizes.len() / 2;
    let (first, third) = (median(&sizes[..half])?, median(&sizes[sizes.len() - half..])?);
    Some(third + RANGES * (third - first))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    /// D. Moore and G. McCabe's quartiles, by hand: of 1 to 11 the halves are 1 to 5 and 7 to 11.
    #[test]
    fn fences_by_hand() {
        let eleven: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_eq!(fence(&eleven), Some(9.0 + 3.0 * 6.0));
        let eight = [-8.0, 7.0, -6.0, 5.0, -4.0, 3.0, -2.0, 1.0];
        assert_eq!(fence(&eight), Some(6.5 + 3.0 * 4.0));
        assert_eq!((fence(&[1.0]), fence(&[]), fence(&[2.0; 5])), (None, None, Some(2.0)));
    }

    /// Nights that swing by 1 % or 2 %, then one that jumps.
    fn nights(n: usize, jump: f64) -> Vec<f64> {
        let mut series: Vec<f64> = vec![100.0];
        for i in 0..n {
            let size = if i % 3 == 0 { 0.02 } else { 0.01 };
            let change = if i % 2 == 0 { size } else { -size };
            series.push(series.last().unwrap() * (1.0 + change));
        }
        series.push(series.last().unwrap() * (1.0 + jump));
        series
    }

    #[test]
    fn a_jump_stands_out_and_a_swing_does_not() {
        // Quartiles 1 % and 2 %: the fence stands at 5 %.
        for (jump, significant) in [(0.049, false), (0.051, true), (-0.051, true), (0.0, false)] {
            let found = newest(&nights(30, jump)).unwrap();
            assert_eq!((found.significant, found.changes), (significant, 30), "{jump}");
            assert!((found.fence - 0.05).abs() < 1e-9 && (found.change - jump).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn only_the_last_thirty_count() {
        let mut series = vec![1.0, 50.0, 2.0, 80.0, 100.0];
        series.extend(nights(30, 0.06).split_off(1));
        let found = newest(&series).unwrap();
        assert!(found.significant && found.changes == LAST, "{found:?}");
    }

    #[test]
    fn too_short_and_holes() {
        assert_eq!((newest(&[]), newest(&nights(FEWEST - 1, 0.5))), (None, None));
        assert!(newest(&nights(FEWEST, 0.5)).unwrap().significant);
        let mut holes = nights(12, 0.5);
        holes.insert(3, f64::NAN);
        assert!(newest(&holes).unwrap().significant);
    }
}
