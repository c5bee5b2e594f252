//! Tests of [`super::by_threads`]: a law is fitted where it may be, and nowhere else.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

fn points<const N: usize>(threads: [u32; N]) -> [(u32, Measured); N] {
    let law = Law { lambda: 2e6, sigma: 0.05, kappa: 0.001 };
    threads.map(|n| {
        let x = law.at(f64::from(n));
        (n, Measured { value: x, interval: Some((x * 0.95, x * 1.05)), n: 12 })
    })
}

#[test]
fn a_law_is_drawn_where_six_counts_fit_the_machine() {
    let points = points([1, 2, 3, 4, 6, 8, 16]);
    let svg = by_threads("t", 8, &[Series { name: "kernel", points: &points }]).unwrap();
    assert_says(
        &svg,
        &["threads (count)", "throughput (operations a second), N 12 launches a point", "10 M"],
    );
    assert_says(
        &svg,
        &["kernel: N 12; contention 5 %, coherence 0.1 %", "oversubscribed", "scalability law"],
    );
    assert_eq!(tags(&svg).iter().filter(|tag| *tag == "polygon").count(), 1, "the band");
}

#[test]
fn oversubscribed_counts_are_no_part_of_a_law() {
    let points = points([1, 2, 3, 4, 6, 8, 16]);
    let svg = by_threads("t", 6, &[Series { name: "kernel", points: &points }]).unwrap();
    assert_says(&svg, &["kernel: N 12; no fit: 5 thread counts of 6 needed"]);
    assert!(!svg.contains("scalability law") && !svg.contains("<polygon"));
    let svg = by_threads("t", 64, &[Series { name: "kernel", points: &points }]).unwrap();
    assert!(!svg.contains("oversubscribed"));
}

#[test]
fn hostile_names_are_text() {
    let points = points([1, 2]);
    let series: Vec<_> = HOSTILE.iter().map(|name| Series { name, points: &points }).collect();
    HOSTILE.iter().for_each(|name| assert_harmless(&by_threads(name, 2, &series).unwrap()));
}

#[test]
fn any_number_is_drawn_or_refused() {
    assert_eq!(by_threads("t", 2, &[]), Err(PlotError::Empty("series")));
    for value in [0.0, 1e-300, 1e-9, 1.0, 1e18, f64::NAN, f64::NEG_INFINITY] {
        let points = [1, 2, 3, 4, 5, u32::MAX, 0].map(|n| (n, Measured::exact(value, 1)));
        let drawn = by_threads("t", u32::MAX, &[Series { name: "a", points: &points }]);
        drawn.map_or_else(|e| assert!(matches!(e, PlotError::Number { .. })), |svg| assert_harmless(&svg));
    }
}
