//! Shifts of series whose answers are known, and what acceptances make of them.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::history::{Key, Number};
use crate::stats::normal;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

fn key() -> Key {
    let (machine, suite, cell) = ("m".to_owned(), "s".to_owned(), "s/policy=kernel".to_owned());
    Key {
        machine,
        suite,
        cell,
        parameters: std::collections::BTreeMap::new(),
        metric: "ns_per_op".to_owned(),
    }
}

fn name(night: usize) -> String {
    format!("night-{night:04}")
}

fn series(medians: &[f64], spread: f64) -> Series {
    let point = |(i, median): (usize, &f64)| Point {
        run: name(i),
        started: i as u64,
        revision: "r".into(),
        number: Number { median: *median, n: 3, spread: Some(spread) },
    };
    Series { key: key(), points: medians.iter().enumerate().map(point).collect() }
}

fn accepted(night: usize) -> Accepted {
    Accepted { key: key(), run: name(night), reason: format!("of {night}"), by: "me".into(), at: 7 }
}

fn open(series: &Series, accepted: &[Accepted]) -> Vec<usize> {
    of(series, accepted).iter().filter(|shift| shift.is_open()).map(|shift| shift.index).collect()
}

/// `n` nights around 100 that spread by 1, from a seed.
fn still(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..n).map(|_| 100.0 + normal::quantile(rng.random_range(0.0..1.0))).collect()
}

/// Still nights, by another level from each of `steps` on.
fn stepped(n: usize, steps: &[(usize, f64)]) -> Vec<f64> {
    let level = |i: usize| steps.iter().filter(|(at, _)| i >= *at).map(|(_, by)| by).sum::<f64>();
    still(n, 5).into_iter().enumerate().map(|(i, x)| x + level(i)).collect()
}

#[test]
fn a_step_is_open_from_its_night_on() {
    let series = series(&stepped(40, &[(25, 10.0)]), 1.0);
    let found = of(&series, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].index, found[0].run.as_str()), (25, "night-0025"));
    assert!((found[0].change() - 0.10).abs() < 0.01 && matches!(found[0].rule, Rule::ChangePoint { .. }));
    // On its first night, too.
    let first = Series { points: series.points[..26].to_vec(), ..series.clone() };
    assert_eq!(open(&first, &[]), [25]);
    let before = Series { points: series.points[..25].to_vec(), ..series };
    assert!(open(&before, &[]).is_empty());
}

#[test]
fn an_acceptance_settles_what_lies_before() {
    let series = series(&stepped(70, &[(20, 10.0), (40, -5.0), (55, 12.0)]), 1.0);
    assert_eq!(open(&series, &[]), [20, 40, 55]);
    let found = of(&series, &[accepted(40)]);
    let states: Vec<(usize, &str)> = found
        .iter()
        .map(|shift| match &shift.state {
            State::Open => (shift.index, "open"),
            State::Settled => (shift.index, "settled"),
            State::Accepted { reason, .. } => (shift.index, reason.as_str()),
        })
        .collect();
    assert_eq!(states, [(20, "settled"), (40, "of 40"), (55, "open")]);
    assert!(found[1].before > 109.0 && found[1].after < 106.0, "{:?}", found[1]);
    assert!(open(&series, &[accepted(55), accepted(20)]).is_empty());
    // Of another series, of no night yet, of the first night: nothing is settled.
    let other = Accepted { key: Key { metric: "failed".into(), ..key() }, ..accepted(55) };
    assert_eq!(open(&series, &[other, accepted(0), accepted(99)]), [20, 40, 55]);
}

#[test]
fn a_night_that_stands_out_is_gone_some_nights_later() {
    for height in [106.0, 110.0, 130.0] {
        let mut nights = still(60, 3);
        nights[37] = height;
        let upto = |n: usize| series(&nights[..n], 1.0);
        assert!(open(&upto(37), &[]).is_empty());
        assert_eq!(open(&upto(38), &[]), [37]);
        assert!(open(&upto(38), &[accepted(37)]).is_empty());
        // Its end stands out as well, and a very high one looks like a level until more nights are there.
        assert!(open(&upto(39), &[]).contains(&38));
        for n in 42..=60 {
            assert!(open(&upto(n), &[]).is_empty(), "{height}: night {n}");
        }
    }
}

#[test]
fn counts_alert_on_any_change_and_from_the_third_night_on() {
    let counts = |medians: &[f64], spread: f64| {
        let mut found = series(medians, spread);
        found.key.metric = "lookups_per_op".into();
        found
    };
    assert_eq!(open(&counts(&[64.0, 64.0, 64.5], 0.0), &[]), [2]);
    assert_eq!(open(&counts(&[0.0, 0.0, 0.0, 3.0], 0.0), &[]), [3]);
    assert!(open(&counts(&[64.0; 50], 0.0), &[]).is_empty());
    assert!(open(&counts(&[0.0; 50], 0.0), &[]).is_empty());
    // The same numbers of launches that differ say nothing.
    assert!(open(&counts(&[64.0, 64.0, 64.5], 0.1), &[]).is_empty());
    // Nor does a time, whose launches may agree by chance.
    assert!(open(&series(&[10.0, 10.0, 9.0], 0.0), &[]).is_empty());
    let mut long = vec![64.0; 30];
    long.push(64.5);
    assert!(open(&counts(&long, 0.1), &[]).is_empty(), "below the floor");
    assert_eq!(open(&counts(&long, 0.0), &[]), [30]);
}

#[test]
fn short_series_say_nothing() {
    for n in 0..FEWEST {
        assert!(open(&series(&stepped(n, &[(3, 50.0)]), 1.0), &[]).is_empty(), "{n}");
    }
    assert_eq!(open(&series(&stepped(FEWEST, &[(3, 50.0)]), 1.0), &[]), [3]);
}

/// Sixty nights of a series that does not change, judged every night: how many series ever alert?
#[test]
fn still_series_seldom_alert() {
    let (mut points, mut outstanding) = (0, 0);
    for seed in 0..100 {
        let nights = still(60, 1_000 + seed);
        let found: Vec<Shift> = (1..=60).flat_map(|n| of(&series(&nights[..n], 1.0), &[])).collect();
        let by = |point: bool| found.iter().any(|s| matches!(s.rule, Rule::ChangePoint { .. }) == point);
        points += usize::from(by(true));
        outstanding += usize::from(by(false));
    }
    assert!(points <= 2 && outstanding <= 17, "of 100 series: {points} by level, {outstanding} by night");
}
