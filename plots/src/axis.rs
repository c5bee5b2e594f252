//! Axes whose marks are chosen, not guessed.
//!
//! An [`Axis`] turns a value into a place between its two ends and carries its own marks, so that a mark
//! stands where a reader wants one. No value is placed outside of it.

use std::ops::Range;

use reports::quantile::Quantile;
use reports::units;

use crate::label;

/// An axis with labelled marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// After the scale.
    range: Range<f64>,
    scale: Scale,
    /// In rising order, inside the range, before the scale.
    marks: Vec<(f64, String)>,
}

/// How a value becomes a place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    Log,
}

/// How many marks fit an axis as long as the figure is wide.
pub const MANY: usize = 9;
/// How many marks fit half of that.
pub const FEW: usize = 5;

/// Where a quantile stands: the decimal logarithm of 1 / (1 - q). p50 is at 0.3, p90 at 1, p99 at 2.
#[must_use]
pub fn place_of_quantile(q: Quantile) -> f64 {
    6.0 - f64::from(1_000_000 - q.ppm()).log10()
}

impl Scale {
    /// A logarithm is taken of 1e-12 at least.
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.max(1e-12).log10(),
        }
    }
}

impl Axis {
    /// From the smallest sample to `furthest`, at least to p90, marked at 0, 50, 90, 99, 99.9 and on.
    #[must_use]
    pub fn percentiles(furthest: Quantile) -> Self {
        let end = place_of_quantile(furthest.max(Quantile::P90));
        let ppm = [0, 500_000, 900_000, 990_000, 999_000, 999_900, 999_990, 999_999];
        let marks = ppm
            .into_iter()
            .filter_map(Quantile::from_ppm)
            .map(|q| (place_of_quantile(q), q.to_string().trim_start_matches('p').to_owned()))
            .filter(|(at, _)| *at <= end)
            .collect();
        Self { range: 0.0..end + 0.04, scale: Scale::Linear, marks }
    }

    /// Nanoseconds on a log scale, from a mark below `least` to a mark above `most`, 1 at least: marked at
    /// 1, 2 and 5 of each power of ten where that is few enough to read, else at the powers.
    #[must_use]
    pub fn times(least: u64, most: u64) -> Self {
        let (least, most) = (least.max(1) as f64, most.max(2) as f64);
        Self::log(least, most, |ns| units::time(label::whole(ns)))
    }

    /// A log scale from a mark below `least` to a mark above `most`. What is below 1e-9 counts as that, and
    /// above 1e19 likewise.
    #[must_use]
    pub fn log(least: f64, most: f64, label: impl Fn(f64) -> String) -> Self {
        let least = if least.is_nan() { 1.0 } else { least.clamp(1e-9, 1e19) };
        let most = most.min(1.000_1e19).max(least * 1.000_001);
        let spread = (most / least).log10();
        let steps: &[f64] = if spread > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let all: Vec<f64> = (-10..=20).flat_map(|p| steps.iter().map(move |s| decade(p) * s)).collect();
        let first = all.iter().rposition(|at| *at <= least).unwrap_or(0);
        let last = all.iter().position(|at| *at >= most).unwrap_or(all.len() - 1).max(first + 1);
        let every = if spread > 9.0 { 2 } else { 1 };
        let marks = all[first..=last].iter().step_by(every).map(|at| (*at, label(*at))).collect();
        Self { range: all[first].log10()..all[last].log10(), scale: Scale::Log, marks }
    }

    /// A log scale marked at powers of two from `least` to `most`, at most `marks` of them, with a little
    /// room on both sides.
    #[must_use]
    pub fn powers_of_two(least: f64, most: f64, marks: usize, label: impl Fn(f64) -> String) -> Self {
        let (first, last) = (exponent(least.max(1e-9), f64::floor), exponent(most.max(1e-9), f64::ceil));
        let last = last.max(first + 1);
        let every = usize::try_from(last - first).unwrap_or(0) / marks.max(1) + 1;
        let marks = (first..=last).step_by(every).map(|p| (2_f64.powi(p), label(2_f64.powi(p)))).collect();
        let (start, end) = (2_f64.powi(first).log10(), 2_f64.powi(last).log10());
        let room = (end - start) * 0.03;
        Self { range: start - room..end + room, scale: Scale::Log, marks }
    }

    /// A linear scale from `least` to `most` with at most `marks` marks at 1, 2 or 5 of a power of ten; it
    /// ends at marks. Both ends are finite numbers below 1e18 in size, or it shows 0 to 1.
    #[must_use]
    pub fn linear(least: f64, most: f64, marks: usize, label: impl Fn(f64) -> String) -> Self {
        let usable = |v: f64| v.is_finite() && v.abs() <= 1e18;
        let (least, most) = if usable(least) && usable(most) { (least, most) } else { (0.0, 1.0) };
        let most =
            if most - least > least.abs().max(1e-9) * 1e-9 { most } else { least + least.abs().max(1.0) };
        let step = step((most - least) / marks.max(2) as f64);
        let (first, last) = ((least / step).floor(), (most / step).ceil());
        let count = label::whole(last - first).min(100);
        let marks = (0..=count).map(|i| (first + i as f64) * step).map(|at| (at, label(at))).collect();
        Self { range: first * step..last * step, scale: Scale::Linear, marks }
    }

    /// As [`Axis::linear`], from `least` to `most` exactly: marks outside of them are left out.
    #[must_use]
    pub fn between(least: f64, most: f64, marks: usize, label: impl Fn(f64) -> String) -> Self {
        let mut axis = Self::linear(least, most, marks, label);
        if most > least && axis.range.start <= least && axis.range.end >= most {
            axis.range = least..most;
            axis.marks.retain(|(at, _)| (least..=most).contains(at));
        }
        axis
    }

    /// One place for each name, at 0, 1, 2 and on.
    #[must_use]
    pub fn names(names: impl IntoIterator<Item = String>) -> Self {
        let marks: Vec<_> = names.into_iter().enumerate().map(|(i, name)| (i as f64, name)).collect();
        Self { range: -0.5..marks.len().max(1) as f64 - 0.5, scale: Scale::Linear, marks }
    }

    /// As [`Axis::names`], with at most `most` of the marks, evenly spread.
    #[must_use]
    pub fn some_names(names: impl IntoIterator<Item = String>, most: usize) -> Self {
        let mut axis = Self::names(names);
        let every = axis.marks.len().div_ceil(most.max(1)).max(1);
        axis.marks = axis.marks.into_iter().step_by(every).collect();
        axis
    }

    /// Counts from 0 to a power of ten above `most`, on a log scale with 0 at its foot.
    #[must_use]
    pub fn counts(most: f64) -> Self {
        let upto = Self::log(1.0, most.max(1.0), label::number);
        let zero = [(0.0, "0".to_owned())];
        let marks = zero.into_iter().chain(upto.marks).collect();
        Self { range: -0.4..upto.range.end, scale: Scale::Log, marks }
    }

    /// The same axis, longer by `share` of its length at both ends.
    #[must_use]
    pub fn with_room(mut self, share: f64) -> Self {
        let room = (self.range.end - self.range.start) * share;
        self.range = self.range.start - room..self.range.end + room;
        self
    }

    /// The same axis without the marks that have no label.
    #[must_use]
    pub fn labelled(mut self) -> Self {
        self.marks.retain(|(_, label)| !label.is_empty());
        self
    }

    /// The same axis without labels; its marks stay.
    #[must_use]
    pub fn unlabelled(mut self) -> Self {
        self.marks.iter_mut().for_each(|(_, label)| label.clear());
        self
    }

    /// Whether two marks beside each other have the same label.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.marks.windows(2).any(|two| matches!(two, [(_, one), (_, other)] if one == other))
    }

    /// The marks and their labels, in rising order.
    #[must_use]
    pub fn marks(&self) -> &[(f64, String)] {
        &self.marks
    }

    /// Where `value` stands between the places of the two ends, px; at an end where it lies beyond it.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // between two px
    pub fn place(&self, value: f64, (from, to): (i32, i32)) -> i32 {
        let share = (self.scale.of(value) - self.range.start) / (self.range.end - self.range.start);
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }
}

/// A power of ten, exact where that is a whole number.
fn decade(power: i32) -> f64 {
    if power < 0 { 1.0 / 10_f64.powi(-power) } else { 10_f64.powi(power) }
}

#[allow(clippy::cast_possible_truncation)] // of a double: within +-1,100
fn exponent(value: f64, round: impl Fn(f64) -> f64) -> i32 {
    round(value.min(1e300).log2()) as i32
}

/// 1, 2 or 5 times a power of ten, `least` or the next above it.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= least * 0.999_999).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;
