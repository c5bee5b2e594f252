//! Tests of [`super::of_candidates`]: who is on the front, and what is a tie.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::markup::{HOSTILE, assert_harmless, assert_says};

const MIB: f64 = 1_048_576.0;

fn of(name: &str, mib: f64, tail: f64, delayed: f64) -> Candidate<'_> {
    let tail = Measured { value: tail, interval: Some((tail * 0.9, tail * 1.1)), n: 12 };
    Candidate { name, memory: Measured::exact(mib * MIB, 12), tail, delayed: Measured::exact(delayed, 12) }
}

#[test]
fn the_front_is_what_none_beats() {
    let all =
        [of("large", 128.0, 500.0, 0.0), of("worse", 128.0, 900.0, 3.0), of("small", 16.0, 5_000.0, 40.0)];
    assert_eq!(front(&all).iter().map(|c| c.name).collect::<Vec<_>>(), ["small", "large"]);
    let near = [of("a", 64.0, 500.0, 0.0), of("b", 64.0, 520.0, 0.0)];
    assert_eq!(front(&near).len(), 2, "the intervals overlap");
    assert_eq!(ties(&front(&near)), [(0, 1)]);
    assert_eq!(ties(&front(&all)), []);
}

#[test]
fn a_front_is_never_empty() {
    let measure = |i: u32, by: u32| f64::from(1 + (i * by) % 7);
    let all: Vec<_> =
        (0..60).map(|i| of("x", measure(i, 3), 1_000.0 * measure(i, 5), measure(i, 4))).collect();
    for n in 1..all.len() {
        assert!(!front(&all[..n]).is_empty());
    }
}

#[test]
fn ties_and_the_front_are_told() {
    let all = [
        of("swiotlb=8192,4", 16.0, 4_000.0, 120.0),
        of("swiotlb=32768,4", 64.0, 500.0, 0.0),
        of("swiotlb=32768,8", 64.0, 520.0, 0.0),
        of("swiotlb=65536,1", 128.0, 2_000.0, 9.0),
    ];
    let svg = of_candidates("t", "p99.9 of map", &all).unwrap();
    assert_says(&svg, &["p99.9 of map, log scale, N 12 rounds", "requests delayed (count), log, N 12"]);
    assert_says(
        &svg,
        &[
            "memory, log scale, 4 candidates",
            "2: swiotlb=32768,4: 64 MiB, 500 ns [450 ns, 550 ns], 0 delayed; tie with 3",
        ],
    );
    let beaten = "4: swiotlb=65536,1: 128 MiB, 2,000 ns [1,800 ns, 2,200 ns], 9 delayed; beaten";
    assert_says(&svg, &[beaten, "tie: no interval sets one apart from the other"]);
    let svg = of_candidates("t", "p99", &all[..1]).unwrap();
    assert!(!svg.contains("tie") && !svg.contains("; beaten"));
    let many: Vec<_> =
        (1..=40).map(|i| of("x", f64::from(i), 1_000.0 * f64::from(i), f64::from(i))).collect();
    assert_says(&of_candidates("t", "p99", &many).unwrap(), &["beaten: 39"]);
}

#[test]
fn hostile_names_are_text() {
    let all: Vec<_> = HOSTILE.iter().map(|name| of(name, 1.0, 1.0, 0.0)).collect();
    HOSTILE.iter().for_each(|name| assert_harmless(&of_candidates(name, name, &all).unwrap()));
}

#[test]
fn any_number_is_drawn_or_refused() {
    assert_eq!(of_candidates("t", "p99", &[]), Err(PlotError::Empty("candidates")));
    for wild in [0.0, -1.0, 1e-300, 1e17, f64::NAN, f64::INFINITY] {
        for one in [of("a", wild, 1.0, 1.0), of("a", 1.0, wild, 1.0), of("a", 1.0, 1.0, wild)] {
            let drawn = of_candidates("t", "p99", &[one, of("b", 2.0, 2.0, 2.0)]);
            drawn
                .map_or_else(|e| assert!(matches!(e, PlotError::Number { .. })), |svg| assert_harmless(&svg));
        }
    }
    let many = vec![of("a", 1.0, 1.0, 0.0); CANDIDATES];
    let svg = of_candidates("t", "p99", &many).unwrap();
    assert_says(&svg, &["and 484 more of the front", "tie with 2, 3, 4, 496 more"]);
    assert!(svg.len() < 1_000_000, "{}", svg.len());
}
