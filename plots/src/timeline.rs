//! Occupancy, fragmentation, number of pools and the tail of each interval, on one time axis.
//!
//! One panel below the other, so that what happens in one is seen against the others at the same moment. Each
//! interval shows its mean and, as a band, its lowest and highest moment. A tail stands only where the sample
//! rule allows it in that interval, with a bar up to the longest sample; an interval that has too few samples
//! is left open and counted.

use plotters::style::Color;
use reports::quantile::{Cell, Quantile};

use crate::axis::{Axis, FEW, MANY};
use crate::measured::check_number;
use crate::page::{Entry, Key, Page};
use crate::panel::{MARGINS, Margins, Panel};
use crate::slot_search::check_percent;
use crate::theme::{self, look};
use crate::{PlotError, check_count, label};

/// Intervals of one figure.
const INTERVALS: usize = 5_000;
/// More intervals than this have no markers.
const MARKED: usize = 60;

/// A quantity over an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean over the time of the interval.
    pub mean: f64,
    /// Its lowest moment.
    pub low: f64,
    /// Its highest moment.
    pub high: f64,
}

/// One interval of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its end, ns from the beginning; intervals come in rising order.
    pub end_ns: u64,
    /// Slots in use, % of all.
    pub occupancy: Spread,
    /// What [`Timeline::fragmentation`] says, %.
    pub fragmentation: Spread,
    /// Pools, transient ones included.
    pub pools: Spread,
    /// Requests that were completed.
    pub samples: u64,
    /// The quantile of their latencies.
    pub tail: Cell,
    /// The longest of them, ns.
    pub max_ns: Option<u64>,
}

/// What a timeline shows.
#[derive(Debug, Clone, Copy)]
pub struct Timeline<'a> {
    /// The title.
    pub title: &'a str,
    /// Whose tails they are, such as `map`.
    pub operation: &'a str,
    /// What fragmentation is a share of, such as `free slots no segment's worth lies in`.
    pub fragmentation: &'a str,
    /// Which quantile the tails are.
    pub quantile: Quantile,
    /// The intervals.
    pub intervals: &'a [Interval],
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no intervals, too many of them, and numbers that are no percentages or not finite.
pub fn over_time(timeline: &Timeline<'_>) -> Result<String, PlotError> {
    let intervals = timeline.intervals;
    check_count("intervals", intervals.len(), INTERVALS)?;
    intervals.iter().try_for_each(check)?;
    let end = intervals.iter().map(|i| i.end_ns).max().unwrap_or(1).max(1) as f64;
    let page = Page {
        title: timeline.title,
        kind: "Occupancy, fragmentation, pools and tail over time",
        panels: vec![208, 208, 170, 290],
        legend: legend(timeline),
        notes: notes(timeline),
    };
    let samples = label::samples(intervals.iter().map(|i| i.samples));
    let tail_title = format!("{} of {}, log", timeline.quantile, theme::fit(timeline.operation, 18));
    let x_title = format!("time, {} intervals of {samples} samples", intervals.len());
    page.draw(|areas| {
        let time = Axis::between(0.0, end, MANY, label::time);
        let silent = || time.clone().unlabelled();
        let upper = Margins { bottom: 12, ..MARGINS };
        let percent = |of: fn(&Interval) -> Spread| {
            let most = intervals.iter().map(|i| of(i).high).fold(1.0, f64::max);
            Axis::linear(0.0, most, FEW, label::number)
        };
        let pools =
            Axis::linear(0.0, intervals.iter().map(|i| i.pools.high).fold(1.0, f64::max), FEW - 1, whole)
                .labelled();
        let first =
            Panel::draw(&areas[0], upper, (silent(), ""), (percent(|i| i.occupancy), "slots in use (%)"))?;
        draw_spread(&first, 0, intervals, |i| i.occupancy)?;
        let second = Panel::draw(
            &areas[1],
            upper,
            (silent(), ""),
            (percent(|i| i.fragmentation), "fragmentation (%)"),
        )?;
        draw_spread(&second, 1, intervals, |i| i.fragmentation)?;
        let third = Panel::draw(&areas[2], upper, (silent(), ""), (pools, "pools (count)"))?;
        draw_spread(&third, 2, intervals, |i| i.pools)?;
        let fourth =
            Panel::draw(&areas[3], MARGINS, (time.clone(), &x_title), (tails(intervals), &tail_title))?;
        draw_tails(&fourth, intervals)
    })
}

fn check(interval: &Interval) -> Result<(), PlotError> {
    for spread in [interval.occupancy, interval.fragmentation] {
        [spread.mean, spread.low, spread.high].into_iter().try_for_each(check_percent)?;
    }
    for number in [interval.pools.mean, interval.pools.low, interval.pools.high] {
        check_number(number, "pools")?;
    }
    Ok(())
}

/// A count's label; nothing between two counts.
fn whole(value: f64) -> String {
    if value.fract() == 0.0 { label::number(value) } else { String::new() }
}

fn tails(intervals: &[Interval]) -> Axis {
    let times = || {
        intervals.iter().flat_map(|i| [value(i.tail), i.max_ns.filter(|_| value(i.tail).is_some())]).flatten()
    };
    Axis::times(times().min().unwrap_or(1), times().max().unwrap_or(10))
}

fn value(tail: Cell) -> Option<u64> {
    match tail {
        Cell::Value(ns) | Cell::Above(ns) => Some(ns),
        Cell::TooFew(_) => None,
    }
}

fn draw_spread(
    panel: &Panel<'_, '_>,
    i: usize,
    intervals: &[Interval],
    of: impl Fn(&Interval) -> Spread,
) -> Result<(), PlotError> {
    let (mut band, mut line) = (Vec::new(), Vec::new());
    for (start, interval) in starts(intervals).zip(intervals) {
        let (spread, end) = (of(interval), interval.end_ns as f64);
        band.extend([start, end].map(|x| (x, spread.low, spread.high)));
        line.extend([start, end].map(|x| (x, spread.mean)));
    }
    panel.band(look(i).colour, &band)?;
    panel.line(look(i), &line)
}

/// Where each interval begins: at the end of the one before.
fn starts(intervals: &[Interval]) -> impl Iterator<Item = f64> {
    [0.0].into_iter().chain(intervals.iter().map(|i| i.end_ns as f64))
}

fn draw_tails(panel: &Panel<'_, '_>, intervals: &[Interval]) -> Result<(), PlotError> {
    let look = look(4);
    let mut run = Vec::new();
    for (start, interval) in starts(intervals).zip(intervals) {
        let Some(ns) = value(interval.tail) else {
            panel.line(look, &std::mem::take(&mut run))?;
            continue;
        };
        let at = (f64::midpoint(start, interval.end_ns as f64), ns as f64);
        if let Some(max) = interval.max_ns {
            panel.path(vec![panel.at(at), panel.at((at.0, max as f64))], look.colour.stroke_width(1))?;
        }
        run.push(at);
        if intervals.len() <= MARKED {
            panel.marker(look, at)?;
        }
    }
    panel.line(look, &run)
}

fn legend(timeline: &Timeline<'_>) -> Vec<Entry> {
    let fragmentation = format!("fragmentation: {}", crate::svg::short(timeline.fragmentation));
    let of = |i, words: &str| Entry { key: Key::Line(look(i)), words: words.to_owned() };
    let tail = format!("{}; bar: up to the longest sample", timeline.quantile);
    vec![
        of(0, "slots in use"),
        of(1, &fragmentation),
        of(2, "pools"),
        Entry { key: Key::Curve(look(4)), words: tail },
    ]
}

fn notes(timeline: &Timeline<'_>) -> Vec<String> {
    let few = timeline.intervals.iter().filter(|i| value(i.tail).is_none()).count();
    let mut note =
        "Line: mean of the interval; band: its lowest to its highest moment. A bar is no interval: it \
                    ends at the longest of the interval's samples."
            .to_owned();
    if few > 0 {
        let needed = label::number(timeline.quantile.samples_needed() as f64);
        note += &format!(" Intervals without a tail: {few}, of fewer than {needed} samples.");
    }
    vec![note]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

    fn interval(second: u64) -> Interval {
        let spread = |mean: f64| Spread { mean, low: mean - 1.0, high: mean + 1.0 };
        Interval {
            end_ns: second * 1_000_000_000,
            occupancy: spread(40.0),
            fragmentation: spread(20.0),
            pools: spread(3.0),
            samples: 5_000,
            tail: if second == 3 { Cell::TooFew(50) } else { Cell::Value(900 * second) },
            max_ns: Some(10_000 * second),
        }
    }

    fn draw(intervals: &[Interval]) -> Result<String, PlotError> {
        let words = HOSTILE[0];
        over_time(&Timeline {
            title: words,
            operation: words,
            fragmentation: words,
            quantile: Quantile::P99,
            intervals,
        })
    }

    #[test]
    fn four_panels_have_their_units_and_counts() {
        let intervals: Vec<_> = (1..=6).map(interval).collect();
        let svg = draw(&intervals).unwrap();
        assert_harmless(&svg);
        assert_says(
            &svg,
            &[
                "slots in use (%)",
                "fragmentation (%)",
                "pools (count)",
                "6 intervals of N 5,000 samples",
                "5.00 s",
            ],
        );
        assert_says(&svg, &["p99 of ", "Intervals without a tail: 1, of fewer than 1,000 samples."]);
        assert_says(
            &svg,
            &["p99; bar: up to the longest sample", "A bar is no interval: it ends at the longest"],
        );
        assert_eq!(tags(&svg).iter().filter(|tag| *tag == "polygon").count(), 3, "three bands");
    }

    #[test]
    fn any_interval_is_drawn_or_refused() {
        assert_eq!(draw(&[]), Err(PlotError::Empty("intervals")));
        assert_harmless(&draw(&[Interval { end_ns: 0, ..interval(0) }]).unwrap());
        assert_harmless(
            &draw(&[Interval { end_ns: u64::MAX, tail: Cell::Above(u64::MAX), ..interval(1) }]).unwrap(),
        );
        for wrong in [f64::NAN, -1.0, 101.0, f64::INFINITY] {
            let spread = Spread { mean: wrong, low: 0.0, high: 1.0 };
            assert!(matches!(
                draw(&[Interval { occupancy: spread, ..interval(1) }]),
                Err(PlotError::Number { .. })
            ));
        }
        let many = vec![interval(1); INTERVALS + 1];
        assert_eq!(draw(&many), Err(PlotError::TooMany { what: "intervals", given: 5_001, most: 5_000 }));
    }
}
