//! Series of a history, night by night, with their change points.
//!
//! Series that differ in their machine alone stand in one figure: a new machine begins a new line. Which series are
//! drawn is the caller's; nothing is judged here that the history has not judged.

use super::Drawn;
use plots::history::{Change, History, Night, by_night};
use plots::label::Unit;
use plots::measured::Measured;
use reports::date;
use reports::export::measure;
use reports::history::shifts::{Rule, Shift, State};
use reports::history::{Judged, Key, Point};
use reports::stats::{mann_whitney, quartile_rule};

/// An interval's probability to miss.
const ALPHA: f64 = 0.05;

/// Draws the series of one measure, one for each machine.
#[must_use]
pub fn draw(all: &[&Judged]) -> Drawn {
    let mut drawn = Drawn::default();
    let Some(key) = all.first().map(|judged| &judged.series.key) else { return drawn };
    let days: Vec<Vec<String>> = all.iter().map(|judged| days(judged)).collect();
    let mut nights: Vec<(&Point, Night<'_>)> =
        all.iter().zip(&days).flat_map(|(judged, days)| nights_of(judged, days)).collect();
    nights.sort_by(|(a, _), (b, _)| a.run.cmp(&b.run));
    let at = |shift: &Shift, judged: &Judged| {
        let machine = judged.series.key.machine.as_str();
        nights.iter().position(|(point, night)| point.run == shift.run && night.machine == machine)
    };
    let mut changes: Vec<Change<'_>> = all
        .iter()
        .flat_map(|judged| judged.shifts.iter().map(move |shift| (shift, *judged)))
        // What stands out has its ring.
        .filter(|(shift, _)| !matches!(shift.rule, Rule::StandsOut { .. }))
        .filter_map(|(shift, judged)| change(shift, judged, at(shift, judged)?))
        .collect();
    changes.sort_by_key(|change| change.night);
    let title = format!("{}: {}", key.cell, key.metric);
    let nights: Vec<Night<'_>> = nights.into_iter().map(|(_, night)| night).collect();
    let (quantity, bars) = (key.metric.as_str(), "the spread of launches");
    let history =
        History { title: &title, quantity, bars, unit: unit(key), nights: &nights, changes: &changes };
    let svg = by_night(&history);
    drawn.take(title, svg);
    drawn
}

fn days(judged: &Judged) -> Vec<String> {
    judged.series.points.iter().map(|point| date::day(point.started)).collect()
}

/// A machine's nights, each with the limit that was known when it came.
fn nights_of<'a>(judged: &'a Judged, days: &'a [String]) -> impl Iterator<Item = (&'a Point, Night<'a>)> {
    let (points, medians) = (&judged.series.points, judged.series.medians());
    points.iter().zip(days).enumerate().map(move |(i, (point, label))| {
        let before = i.checked_sub(1).and_then(|before| medians.get(before)).copied();
        let fence = quartile_rule::newest(&medians[..=i]).map(|newest| newest.fence);
        let limit = before.zip(fence).map(|(before, fence)| before * (1.0 + fence));
        let number = point.number;
        let interval = number.spread.map(|spread| (number.median - spread, number.median + spread));
        let value = Measured { value: number.median, interval, n: u64::from(number.n) };
        (point, Night { label, machine: &judged.series.key.machine, value, limit })
    })
}

/// A shift with its size: how far the nights since lie from those before, up to the shifts on either side.
fn change<'a>(shift: &'a Shift, judged: &Judged, night: usize) -> Option<Change<'a>> {
    let logs: Vec<f64> = judged.series.medians().iter().map(|median| median.ln()).collect();
    let bounds = |other: &&Shift| other.index != shift.index && !matches!(other.rule, Rule::StandsOut { .. });
    let others = || judged.shifts.iter().filter(bounds).map(|other| other.index);
    let from = others().filter(|index| *index < shift.index).max().unwrap_or(0);
    let to = others().filter(|index| *index > shift.index).min().unwrap_or(logs.len());
    let size = mann_whitney::shift(logs.get(from..shift.index)?, logs.get(shift.index..to)?, ALPHA)?;
    let percent = |log: f64| 100.0 * (log.exp() - 1.0);
    let interval = size.interval.map(|(low, high, _)| (percent(low), percent(high)));
    let percent = Measured { value: percent(size.median), interval, n: size.n as u64 };
    let accepted = match &shift.state {
        State::Accepted { reason, .. } => Some(reason.as_str()),
        State::Open | State::Settled => None,
    };
    // From nothing there is no percentage: the table has both levels.
    percent.value.is_finite().then_some(Change { night, percent, accepted })
}

/// What a metric is counted in.
fn unit(key: &Key) -> Unit {
    let unit = measure::unit(&key.metric);
    let what = unit.strip_suffix("/op").unwrap_or(&unit);
    if what == "ns" || what.ends_with("_ns") { Unit::Time } else { Unit::Count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::history::{Number, Series};
    use std::collections::BTreeMap;

    fn judged(machine: &str, values: &[f64]) -> Judged {
        let key = Key {
            machine: machine.to_owned(),
            suite: "s".to_owned(),
            cell: "s/policy=kernel".to_owned(),
            parameters: BTreeMap::new(),
            metric: "ns_per_op".to_owned(),
        };
        let point = |(value, i): (&f64, u64)| Point {
            run: format!("run-{i:03}"),
            started: i * 86_400,
            revision: "r".to_owned(),
            number: Number { median: *value, n: 6, spread: Some(value / 100.0) },
        };
        let series = Series { key, points: values.iter().zip(0..).map(point).collect() };
        Judged { shifts: reports::history::shifts::of(&series, &[]), series }
    }

    /// Nights around a level that never are the same.
    fn level(level: f64, nights: u32) -> Vec<f64> {
        (0..nights).map(|i| level * (1.0 + f64::from(i * 7 % 5) / 1_000.0)).collect()
    }

    #[test]
    fn only_times_are_written_as_times() {
        let of = |metric: &str| unit(&Key { metric: metric.to_owned(), ..judged("m", &[]).series.key });
        for time in
            ["ns_per_op", "warmup_ns_per_op", "map.p99", "response.p99.9", "map.max", "longest_wait_ns"]
        {
            assert_eq!(of(time), Unit::Time, "{time}");
        }
        for count in
            ["pools_visited_per_op", "count.pools_added", "placed_as_recorded", "counter.max", "ops_per_s"]
        {
            assert_eq!(of(count), Unit::Count, "{count}");
        }
    }

    #[test]
    fn a_series_has_its_change_with_an_interval() {
        let all = judged("m", &[level(100.0, 15), level(110.0, 15)].concat());
        let svg = &draw(&[&all]).figures[0].svg;
        for words in [
            "m: 30 nights",
            "1: 1970-01-16, +10 % [",
            "ns_per_op, N 6 launches a night",
            "the spread of launches",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
    }

    #[test]
    fn a_new_machine_is_a_new_line_and_no_change() {
        let (old, new) = (judged("old", &level(100.0, 12)), judged("new", &level(300.0, 12)));
        let drawn = draw(&[&old, &new]);
        let svg = &drawn.figures[0].svg;
        assert!(svg.contains("old: 12 nights") && svg.contains("new: 12 nights") && !svg.contains("1: 1970"));
        assert_eq!(drawn.figures[0].title, "s/policy=kernel: ns_per_op");
        assert!(draw(&[]).figures.is_empty());
    }
}
