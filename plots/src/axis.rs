//! Axes whose marks are chosen, not guessed.
//!
//! An [`Axis`] is linear in the number that it is given, and carries its own marks: logarithms are taken
//! before, by [`Axis::percentiles`] and [`Axis::times`], so that a mark stands where a reader wants one.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use reports::quantile::Quantile;
use reports::units;

/// A linear axis with labelled marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    range: Range<f64>,
    /// In rising order, inside the range.
    marks: Vec<(f64, String)>,
}

/// Where a quantile stands: the decimal logarithm of 1 / (1 - q). p50 is at 0.3, p90 at 1, p99 at 2.
#[must_use]
pub fn place_of_quantile(q: Quantile) -> f64 {
    6.0 - f64::from(1_000_000 - q.ppm()).log10()
}

/// Where a time stands: its decimal logarithm; 0 ns stands at 1 ns.
#[must_use]
pub fn place_of_time(ns: u64) -> f64 {
    (ns.max(1) as f64).log10()
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
        Self { range: 0.0..end + 0.04, marks }
    }

    /// From a mark below `least` ns to a mark above `most` ns, marked at 1, 2 and 5 of each power of ten
    /// where that is few enough to read, else at the powers.
    #[must_use]
    pub fn times(least: u64, most: u64) -> Self {
        let least = least.max(1);
        let most = most.max(least.saturating_add(1));
        let spread = place_of_time(most) - place_of_time(least);
        let steps: &[u64] = if spread > 3.0 { &[1] } else { &[1, 2, 5] };
        let all: Vec<u64> = (0..20)
            .flat_map(|p| steps.iter().filter_map(move |s| 10_u64.checked_pow(p)?.checked_mul(*s)))
            .collect();
        let first = all.iter().rposition(|ns| *ns <= least).unwrap_or(0).min(all.len() - 2);
        let last = all.iter().position(|ns| *ns >= most).unwrap_or(all.len() - 1);
        let marks: Vec<_> =
            all[first..=last].iter().map(|ns| (place_of_time(*ns), units::time(*ns))).collect();
        Self { range: place_of_time(all[first])..place_of_time(most.max(all[last])), marks }
    }

    /// The marks and their labels, in rising order.
    #[must_use]
    pub fn marks(&self) -> &[(f64, String)] {
        &self.marks
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[allow(clippy::cast_possible_truncation)] // clamped to the figure before
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        let place = f64::from(from) + share.clamp(-1.0, 2.0) * f64::from(to - from);
        place.round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let near = |at: f64| (at - value).abs() < 1e-9;
        self.marks.iter().find(|(at, _)| near(*at)).map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.marks().iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn percentiles_stand_a_decade_apart() {
        let ppm = |ppm| place_of_quantile(Quantile::from_ppm(ppm).unwrap());
        assert!(
            (ppm(0)).abs() < 1e-12
                && (ppm(900_000) - 1.0).abs() < 1e-12
                && (ppm(999_990) - 5.0).abs() < 1e-12
        );
        assert_eq!(labels(&Axis::percentiles(Quantile::P50)), ["0", "50", "90"]);
        let upto = labels(&Axis::percentiles(Quantile::P99_99)).join(" ");
        assert_eq!(upto, "0 50 90 99 99.9 99.99");
    }

    #[test]
    fn times_are_enclosed_by_marks() {
        assert_eq!(labels(&Axis::times(97, 480)), ["50 ns", "100 ns", "200 ns", "500 ns"]);
        assert_eq!(labels(&Axis::times(0, 0)), ["1 ns", "2 ns"]);
        let wide = labels(&Axis::times(3, 9_000_000)).join(" ");
        assert_eq!(wide, "1 ns 10 ns 100 ns 1,000 ns 10.0 us 100 us 1.00 ms 10.0 ms");
    }

    #[test]
    fn any_range_of_times_has_few_marks_and_holds_both_ends() {
        let ends = [0, 1, 2, 9, 10, 99, 1_000, 12_345, 10_u64.pow(9), 10_u64.pow(19), u64::MAX];
        for (least, most) in
            ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b))).filter(|(a, b)| a <= b)
        {
            let axis = Axis::times(least, most);
            assert!((2..=21).contains(&axis.marks().len()), "{least} {most}");
            let range = axis.range();
            assert!(
                range.start <= place_of_time(least) && range.end >= place_of_time(most),
                "{least} {most}"
            );
            assert!(range.start < range.end);
        }
    }

    #[test]
    fn the_ends_map_to_the_ends() {
        let axis = Axis::times(1, 100);
        assert_eq!(
            (axis.map(&0.0, (0, 200)), axis.map(&1.0, (0, 200)), axis.map(&2.0, (200, 0))),
            (0, 100, 0)
        );
        assert_eq!(axis.map(&f64::INFINITY, (0, 100)), 200);
    }
}
