//! Tests of stored runs side by side, on records that are made up.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use reports::evidence::Place;
use reports::record::{Kind, PolicyName};
use std::path::PathBuf;

/// A run of cells with six launches each; `ns` makes the time of cell and launch.
fn run(machine: &str, cells: &[(&str, &str)], ns: impl Fn(&str, u32) -> f64, slots: u64) -> StoredRun {
    let stored = |(policy, pools): &(&str, &str)| {
        let id = format!("s/policy={policy},pools={pools}");
        let parameters: BTreeMap<String, String> =
            [("policy", *policy), ("pools", *pools)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let launch = |launch| {
            let mut record = RunRecord::new(Kind::Cell, id.clone(), PolicyName::default());
            record.place = Some(Place { launch, ..Place::default() });
            record.parameters = parameters.clone();
            record.metrics.insert("ns_per_op".into(), ns(policy, launch));
            record.counters.insert("slots_scanned".into(), slots);
            record
        };
        (id.clone(), Stored { parameters: parameters.clone(), launches: (0..6).map(launch).collect() })
    };
    let cells = cells.iter().map(stored).collect();
    StoredRun { path: PathBuf::new(), machine: machine.to_owned(), cells, notes: Vec::new() }
}

const CELLS: [(&str, &str); 4] = [("fast", "1"), ("fast", "4"), ("kernel", "1"), ("kernel", "4")];

fn base(_: &str, launch: u32) -> f64 {
    100.0 + f64::from(launch)
}

fn text(comparison: &Comparison, rows: &[&str], column: Option<&str>) -> String {
    let rows = rows.iter().map(|key| (*key).to_owned()).collect();
    let slices = Slices { rows, column: column.map(str::to_owned) };
    reports::terminal::render(&table("t".into(), comparison, &slices))
}

fn all() -> Filter {
    Filter::default()
}

#[test]
fn cells_that_are_apart_are_said_to_be_and_nothing_more() {
    let old = run("m", &CELLS, base, 7);
    let new = run("m", &CELLS, |policy, n| base("", n) * if policy == "fast" { 1.5 } else { 1.0 }, 7);
    let found = compare(&old, &new, "ns_per_op", &all());
    let shown = text(&found, &["policy"], None);
    assert_eq!(
        (shown.matches("| apart").count(), shown.matches("no difference seen").count()),
        (2, 2),
        "{shown}"
    );
    assert!(shown.contains("no verdict follows") && shown.contains("1.500 ["), "{shown}");
    let one = compare(&old, &new, "ns_per_op", &Filter::parse("policy=fast,pools>=4").unwrap());
    assert_eq!(one.cells.len(), 1);
}

#[test]
fn an_axis_is_spread_over_columns_without_averaging() {
    let old = run("m", &CELLS, base, 7);
    let new = run("m", &CELLS[..3], base, 7);
    let shown = text(&compare(&old, &new, "ns_per_op", &all()), &[], Some("pools"));
    assert!(shown.contains("pools=1") && shown.contains("pools=4"), "{shown}");
    let row = shown.lines().find(|line| line.contains("s/policy=kernel")).unwrap();
    assert_eq!(
        (row.matches("no difference seen").count(), row.matches("no number").count()),
        (1, 1),
        "{shown}"
    );
    assert!(!shown.contains("s/policy=kernel,pools"), "{shown}");
}

#[test]
fn machines_are_not_mixed_but_counts_are_counts() {
    let (old, new) = (run("m", &CELLS, base, 7), run("n", &CELLS, base, 8));
    let times = text(&compare(&old, &new, "ns_per_op", &all()), &[], None);
    assert_eq!(times.matches("other machine: not compared").count(), 4, "{times}");
    assert!(times.contains("two machines (m and n)"), "{times}");
    let steps = text(&compare(&old, &new, "counter.slots_scanned", &all()), &[], None);
    assert_eq!(steps.matches("counts differ").count(), 4, "{steps}");
}

#[test]
fn a_cell_with_other_parameters_is_another_cell() {
    let (old, mut new) = (run("m", &CELLS, base, 7), run("m", &CELLS, base, 7));
    let cell = new.cells.get_mut("s/policy=fast,pools=1").unwrap();
    cell.parameters.insert("copy".into(), "off".into());
    let found = compare(&old, &new, "ns_per_op", &all());
    assert_eq!(found.cells.len(), 3);
    assert!(found.notes[0].contains("is left out: copy was nothing and is off"), "{:?}", found.notes);
}
