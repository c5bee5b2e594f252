//! Which figures suites have, and what is said of those that they have not.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::measure::groups;
use crate::report::made_up::{all_cells, run, source};
use reports::latency::Latency;

/// The suite's figures, from launches that `fill` makes up.
fn drawn(text: &str, launches: u32, fill: impl Fn(&mut RunRecord)) -> Drawn {
    let text = format!("name = \"s\"\ntitle = \"t\"\nanalysis = \"a\"\n{text}");
    let folder = run(&text, launches, fill);
    let source = source(&folder);
    let (cells, groups) = (all_cells(&text), groups::by_cell(&source.records));
    let whole = |cells: &BTreeSet<&str>| source.whole(cells);
    of_suite(&Given { suite: &source.suites[0], cells: &cells, groups: &groups, cpus: 4, whole: &whole })
}

fn titles(drawn: &Drawn) -> Vec<&str> {
    drawn.figures.iter().map(|figure| figure.title.as_str()).collect()
}

fn timed(record: &mut RunRecord) {
    let launch = record.place.as_ref().map_or(0, |place| place.launch);
    record.metrics.insert("ns_per_op".into(), 100.0 + f64::from(launch));
}

#[test]
fn lookups_are_drawn_by_pools() {
    let suite = "scenario = \"find_pool\"\npolicies = [\"kernel\", \"lookup-sorted\"]\n[axes]\npools = [1, 64]\nposition = [\"tail\", \"miss\"]";
    let drawn = drawn(suite, 6, timed);
    assert_eq!(titles(&drawn), ["s: find_pool by number of pools"]);
    let svg = &drawn.figures[0].svg;
    assert!(
        svg.contains("kernel, position=tail: N 6") && svg.contains("lookup-sorted, position=miss"),
        "{svg}"
    );
    assert!(drawn.notes.is_empty(), "{:?}", drawn.notes);
}

#[test]
fn searches_are_drawn_by_occupancy_and_an_empty_area_begins_every_kind() {
    let suite = "scenario = \"slot_search\"\npolicies = [\"kernel\"]\n[axes]\nstate = [\"empty\", \"taken-50\", \"fragmented-90\"]\nslots = [1]";
    let drawn = drawn(suite, 3, |record| {
        timed(record);
        record.metrics.insert("slots_scanned_per_op".into(), 3.0);
    });
    assert_eq!(titles(&drawn), ["s: time by occupancy", "s: steps by occupancy"]);
    for kind in ["taken: N 3", "fragmented: N 3"] {
        assert!(drawn.figures[0].svg.contains(kind), "{kind}");
    }
}

#[test]
fn threads_are_drawn_as_throughput_and_locks_by_hold() {
    let suite = |policies: &str| {
        format!(
            "scenario = \"model storage\"\npolicies = [{policies}]\n[axes]\nthreads = [1, 2, 4]\nsizes = [\"4KiB\", \"64KiB\"]"
        )
    };
    let fill = |record: &mut RunRecord| {
        timed(record);
        record.metrics.insert("ops_per_s".into(), 1e6);
    };
    let one = drawn(&suite("\"kernel\""), 6, fill);
    assert_eq!(titles(&one), ["s: throughput by threads", "s: each value by itself (kernel)"]);
    let locks = drawn(&suite("\"kernel\", \"lock-mcs\""), 6, fill);
    assert_eq!(titles(&locks)[0], "s: an operation by threads and lock");
    assert!(locks.figures[0].svg.contains("sizes=64KiB"), "a panel for each size");
}

#[test]
fn a_fallback_is_stacked_by_part_where_parts_were_measured() {
    let suite = |parts: &str| {
        format!("scenario = \"fallback\"\npolicies = [\"kernel\"]\n[axes]\nslots = [1, 32]\npart = [{parts}]")
    };
    let parts =
        drawn(&suite("\"round-trip\", \"search\", \"pages\", \"reclaim\", \"grace\", \"free\""), 6, timed);
    assert_eq!(
        titles(&parts),
        ["s: what a driver waits for, by part", "s: what the worker pays later, by part"]
    );
    assert!(parts.figures[0].svg.contains("slots=32"));
    assert!(titles(&drawn(&suite("\"round-trip\", \"reclaim\""), 6, timed)).is_empty());
}

#[test]
fn histograms_are_read_again_and_drawn_by_policy() {
    let suite =
        "scenario = \"model nvme\"\npolicies = [\"kernel\", \"stats-off\"]\n[parameters]\nthreads = 2";
    let drawn = drawn(suite, 3, |record| {
        let mut latency = Latency::new();
        (100..1_100).for_each(|ns| latency.record(ns));
        for operation in ["map", "unmap", "empty_loop"] {
            record.latencies.insert(operation.into(), latency.clone());
        }
    });
    assert_eq!(titles(&drawn), ["s: latency of map"]);
    for words in ["kernel: N 3,000", "stats-off: N 3,000", "empty loop (the machine)"] {
        assert!(drawn.figures[0].svg.contains(words), "{words}: {}", drawn.figures[0].svg);
    }
}

#[test]
fn what_is_not_drawn_is_said() {
    let slots = (0..20).map(|i| (1 + i).to_string()).collect::<Vec<_>>().join(", ");
    let suite = format!(
        "scenario = \"slot_search\"\npolicies = [\"kernel\", \"fast\", \"search-bitmap\", \"lock-mcs\"]\n[axes]\nstate = [\"empty\", \"taken-50\"]\nslots = [{slots}]"
    );
    let many = drawn(&suite, 1, timed);
    assert_eq!(many.figures.len(), MOST);
    assert!(many.notes.iter().any(|note| note.contains("12 more figures are not drawn")), "{:?}", many.notes);
    let suite = "scenario = \"find_pool\"\npolicies = [\"kernel\"]\n[axes]\npools = [1, 64]";
    let huge = drawn(suite, 1, |record| {
        record.metrics.insert("ns_per_op".into(), 1e30);
    });
    assert!(
        huge.figures.is_empty() && huge.notes[0].contains("No figure \"s: find_pool"),
        "{:?}",
        huge.notes
    );
    let nothing = drawn(suite, 1, |record| record.void = Some("x".into()));
    assert!(nothing.figures.is_empty(), "void launches are drawn nowhere");
}
