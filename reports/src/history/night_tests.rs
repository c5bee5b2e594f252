//! What one run becomes, and what is refused.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::evidence::Place;
use crate::record::{Kind, PolicyName, SCHEMA};

/// Launch `launch` of a cell, in a run that began at `started`, with this many ns.
pub(in super::super) fn launch(started: u64, launch: u32, ns: f64) -> RunRecord {
    let mut record = RunRecord::new(Kind::Cell, "s/policy=kernel", PolicyName::default());
    record.suite = Some("s".into());
    record.place = Some(Place { launch, ..Place::default() });
    record.parameters.insert("policy".into(), "kernel".into());
    (record.started, record.revision) = (started + u64::from(launch), "r1".into());
    record.machine.cpu_model = Some("one".into());
    record.metrics.insert("ns_per_op".into(), ns);
    record
}

pub(in super::super) fn text(records: &[RunRecord]) -> Vec<u8> {
    records.iter().flat_map(|r| format!("{}\n", serde_json::to_string(r).unwrap()).into_bytes()).collect()
}

fn read(text: Vec<u8>) -> Result<Night, HistoryError> {
    Night::read(Path::new("runs.jsonl"), text)
}

fn three() -> Vec<RunRecord> {
    [10.0, 12.0, 11.0].into_iter().zip(0..).map(|(ns, i)| launch(1_700_000_000, i, ns)).collect()
}

fn refused(records: &[RunRecord], why: &str) {
    let error = read(text(records)).unwrap_err().to_string();
    assert!(error.starts_with("runs.jsonl: ") && error.contains(why), "{error}");
}

#[test]
fn launches_become_their_median() {
    let mut records = three();
    let mut void = launch(1_700_000_000, 3, 99.0);
    void.void = Some("too slow".into());
    records.push(void);
    let night = read(text(&records)).unwrap();
    assert!(night.run.name.starts_with("2023-11-14T221320Z-"), "{}", night.run.name);
    assert_eq!((night.run.records, night.run.void, night.run.revision.as_str()), (3, 1, "r1"));
    let found: Vec<(&str, f64, u32)> =
        night.numbers.iter().map(|(key, number)| (key.metric.as_str(), number.median, number.n)).collect();
    assert_eq!(found, [("failed", 0.0, 3), ("ns_per_op", 11.0, 3)]);
    let spreads: Vec<f64> = night.numbers.values().map(|number| number.spread.unwrap()).collect();
    assert!(spreads[0] == 0.0 && spreads[1] > 1.0 && spreads[1] < 3.0, "{spreads:?}");
    assert_eq!(night.notes, ["1 void launch left out"]);
}

#[test]
fn machines_are_told_apart() {
    let mut records = three();
    let mut other = launch(1_700_000_000, 0, 50.0);
    other.machine.cpu_model = Some("another".into());
    records.push(other);
    let night = read(text(&records)).unwrap();
    let medians: BTreeSet<String> = night
        .numbers
        .iter()
        .filter(|(k, _)| k.metric == "ns_per_op")
        .map(|(_, n)| n.median.to_string())
        .collect();
    assert_eq!(medians, BTreeSet::from(["11", "50"].map(str::to_owned)));
    assert!(night.notes[0].contains("records of 2 machines"), "{:?}", night.notes);
}

#[test]
fn what_may_not_be_put_together_is_refused() {
    let with = |change: &dyn Fn(&mut RunRecord)| {
        let mut records = three();
        change(&mut records[2]);
        records
    };
    refused(&with(&|r| r.revision = "r2".into()), "records of the builds r1 and r2");
    refused(&with(&|r| r.place.as_mut().unwrap().launch = 0), "has its launch 0 twice");
    refused(&with(&|r| drop(r.parameters.insert("copy".into(), "off".into()))), "several sets of parameters");
    // A replay's records have no launches that could be counted.
    let mut replayed = three();
    replayed.iter_mut().for_each(|r| r.place = None);
    assert_eq!(read(text(&replayed)).unwrap().run.records, 3);
    replayed.push(replayed[1].clone());
    refused(&replayed, "record 4 is record 2 once more");
    let mut arms = three();
    arms.iter_mut().for_each(|r| r.place.as_mut().unwrap().arm = Some("A".into()));
    refused(&arms, "all its records are arms of a comparison");
    refused(&[], "no record in it");
    arms.push(launch(0, 9, 1.0));
    let night = read(text(&arms)).unwrap();
    assert_eq!((night.run.records, night.notes.len()), (1, 1));
}

#[test]
fn other_versions_and_damage_are_refused_by_line() {
    let lines = String::from_utf8(text(&three())).unwrap();
    let foreign = lines.replacen(SCHEMA, "swiotlb-bench/9.0", 2);
    let error = read(foreign.into_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("runs.jsonl:1: ") && error.contains("read it with the version"), "{error}");
    assert!(error.contains("(and 1 more)"), "{error}");
    let middle = lines.replacen("\"seed\"", "seed", 1);
    assert!(read(middle.into_bytes()).unwrap_err().to_string().starts_with("runs.jsonl:1: "));
}

#[test]
fn a_cut_last_line_is_left_out_and_told() {
    let whole = text(&three());
    for cut in 1..whole.len() {
        let kept = whole[..cut].iter().filter(|b| **b == b'\n').count();
        // A whole line that lacks only its newline is a record.
        let kept = kept + usize::from(whole[cut] == b'\n');
        match read(whole[..cut].to_vec()) {
            Err(error) => assert!(kept == 0 && error.to_string().contains("no record"), "{cut}: {error}"),
            Ok(night) => {
                assert_eq!((night.run.records, night.hashes.len()), (kept as u64, kept), "{cut}");
                assert!(whole.starts_with(&night.text) && night.text.ends_with(b"\n"), "{cut}");
                let clean = whole[cut - 1] == b'\n' || whole[cut] == b'\n';
                assert_eq!(night.notes.is_empty(), clean, "{cut}: {:?}", night.notes);
            }
        }
    }
}
