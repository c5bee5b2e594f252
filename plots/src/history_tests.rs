//! Tests of [`super::by_night`]: machines are lines of their own, and changes have their numbers.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

fn ns(value: f64) -> Measured {
    Measured { value, interval: Some((value * 0.98, value * 1.02)), n: 12 }
}

fn nights(values: &[f64]) -> Vec<Night<'static>> {
    let night = |(i, v): (usize, &f64)| Night {
        label: "2026-11-26",
        machine: if i < 4 { "old" } else { "new" },
        value: ns(*v),
        limit: (i >= 2).then_some(112.0),
    };
    values.iter().enumerate().map(night).collect()
}

fn draw(nights: &[Night<'_>], changes: &[Change<'_>]) -> Result<String, PlotError> {
    by_night(&History {
        title: "t",
        quantity: "time of map and unmap",
        bars: "intervals",
        unit: Unit::Time,
        nights,
        changes,
    })
}

#[test]
fn changes_and_machines_are_told() {
    let nights = nights(&[100.0, 101.0, 110.0, 111.0, 90.0, 91.0, 120.0]);
    let changes = [
        Change { night: 2, percent: ns(9.5), accepted: Some("padding <off>") },
        Change { night: 6, percent: Measured { interval: None, ..ns(31.0) }, accepted: None },
    ];
    let svg = draw(&nights, &changes).unwrap();
    assert_harmless(&svg);
    assert_says(&svg, &["time of map and unmap, N 12 launches a night", "night (date), 7 nights", "100 ns"]);
    assert_says(
        &svg,
        &[
            "old: 4 nights",
            "new: 3 nights",
            "1: 2026-11-26, +9.5 % [9.31, 9.69], accepted: padding &lt;off&gt;",
        ],
    );
    assert_says(&svg, &["2: 2026-11-26, +31 % (?)", "limit, and a night above it"]);
    let rings = tags(&svg).iter().filter(|tag| *tag == "circle").count();
    assert_eq!(rings, 4 + 1 + 2 + 1, "old nights, their key, the limit's key in two parts, one alarm");
}

#[test]
fn hostile_names_are_text() {
    let nights: Vec<_> = HOSTILE
        .iter()
        .map(|name| Night { label: name, machine: name, value: ns(1.0), limit: None })
        .collect();
    let changes = HOSTILE.map(|name| Change { night: 1, percent: ns(1.0), accepted: Some(name) });
    for name in HOSTILE {
        let history = History {
            title: name,
            quantity: name,
            bars: name,
            unit: Unit::Count,
            nights: &nights,
            changes: &changes,
        };
        assert_harmless(&by_night(&history).unwrap());
    }
}

#[test]
fn any_number_is_drawn_or_refused() {
    assert_eq!(draw(&[], &[]), Err(PlotError::Empty("nights")));
    let change = Change { night: 1, percent: ns(1.0), accepted: None };
    assert!(matches!(draw(&nights(&[1.0]), &[change]), Err(PlotError::Number { .. })));
    for value in [0.0, 1e-300, 1e17, f64::NAN, f64::INFINITY] {
        for values in [vec![value], vec![value; 3], vec![1.0, value, 2.0]] {
            let drawn = draw(&nights(&values), &[]);
            drawn
                .map_or_else(|e| assert!(matches!(e, PlotError::Number { .. })), |svg| assert_harmless(&svg));
        }
    }
    assert_harmless(&draw(&nights(&vec![5.0; NIGHTS]), &[]).unwrap());
}

#[test]
fn nights_that_differ_little_have_labels_that_differ() {
    for (unit, ends, wanted) in [
        (Unit::Time, (11_602.0, 11_609.0), "11,605 ns"),
        (Unit::Time, (11_603.0, 11_606.0), "11,603.5 ns"),
        (Unit::Time, (11_000.0, 19_000.0), "16.0 us"),
        (Unit::Count, (1_014.0, 1_016.0), "1,014.5"),
        (Unit::Bytes, (1_000_000.0, 1_000_001.0), "1,000,000.2 B"),
    ] {
        let axis = levels(unit, ends.0, ends.1);
        assert!(
            !axis.is_ambiguous() && axis.marks().iter().any(|(_, label)| label == wanted),
            "{:?}",
            axis.marks()
        );
    }
}
