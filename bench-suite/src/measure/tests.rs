//! Tests of plans and of driving them, with a launcher that only makes records up.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::folder::{Folder, FolderError};
use super::launch::{Launch, Launched};
use super::made::Made;
use super::plan::{PlannedSuite, RUNS_FILE, RunPlan, Step, done, key_of};
use super::verdict::Ending;
use super::{groups, table, verdict};
use crate::cell::{CellSpec, blank};
use reports::record::{Kind, PolicyName, RunRecord};
use std::collections::BTreeSet;
use workloads::suite::expect::Shape;
use workloads::suite::{Cell, Changes, Limits, Mode, cells, read};

const SUITE: &str = r#"
name = "made-up"
title = "t"
analysis = "a"
scenario = "find_pool"
policies = ["kernel", "lookup-sorted"]
[axes]
pools = [1, 16, 256]
position = ["tail", "miss"]
[[expect]]
says = "half"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
ratio_below = 0.6
[[expect]]
says = "a tenth"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
ratio_below = 0.1
[[expect]]
says = "of nothing"
metric = "jain"
compare = "policy=kernel"
above = 0
[[claim]]
id = "N1"
says = "cheaper"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
where = { pools = "16|256" }
sign = "lower"
smallest = 0.3
claimed = 0.5
"#;

fn all_cells() -> Vec<Cell> {
    let suite = read("made-up.toml", SUITE).unwrap();
    cells(&suite, &Changes::default(), &["kernel", "lookup-sorted"], Limits::default()).unwrap()
}

fn planned() -> PlannedSuite {
    PlannedSuite { source_name: "made-up.toml".into(), text: SUITE.into() }
}

fn plan(launches: u32, seed: u64) -> RunPlan {
    RunPlan::rounds(vec![(planned(), all_cells(), launches)], seed, Mode::Quick)
}

fn all(_: &Step) -> bool {
    true
}

/// Answers at once; stops before the launch with the number `stop_at`.
struct Fake {
    launched: Vec<CellSpec>,
    stop_at: usize,
}

impl Fake {
    fn new(stop_at: usize) -> Self {
        Self { launched: Vec::new(), stop_at }
    }
}

impl Launch for Fake {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        if self.launched.len() == self.stop_at {
            return Ok(Launched::Stopped);
        }
        self.launched.push(spec.clone());
        let mut record = blank(spec);
        let base = if spec.cell.policy == "kernel" { 100.0 } else { 50.0 };
        // The host drifts; both sides of a round see it alike.
        record.metrics.insert("ns_per_op".into(), base * (1.0 + f64::from(spec.launch)));
        Ok(Launched::Record(Box::new(record)))
    }
}

#[test]
fn the_order_is_shuffled_in_rounds_and_the_same_for_a_seed() {
    let one = plan(3, 7);
    assert_eq!(one, plan(3, 7));
    assert_ne!(one.steps, plan(3, 8).steps);
    for (round, steps) in one.steps.chunks(12).enumerate() {
        let order: Vec<u32> = steps.iter().map(|step| step.cell).collect();
        assert!(!order.is_sorted(), "round {round}");
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 12);
        assert!(steps.iter().all(|step| step.launch as usize == round));
    }
}

#[test]
fn a_run_that_stops_anywhere_is_resumed_without_loss_or_double() {
    for stop_at in 0..=24 {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Folder::begin(folder.path(), plan(2, 1)).unwrap();
        let mut fake = Fake::new(stop_at);
        let ended = first.run(&all, &mut fake, &mut ()).unwrap();
        assert_eq!((ended.done, ended.left), (stop_at, 24 - stop_at));
        drop(first);
        let mut second = Folder::resume(folder.path(), |_| true).unwrap();
        assert_eq!(second.due(&all).len(), 24 - stop_at);
        let mut rest = Fake::new(usize::MAX);
        second.run(&all, &mut rest, &mut ()).unwrap();
        let records = second.records().unwrap();
        assert_eq!((records.len(), done(&records).len()), (24, 24));
        let order: Vec<_> = fake.launched.iter().chain(&rest.launched).map(key_of).collect();
        let planned: Vec<_> = plan(2, 1).steps.iter().map(|s| key_of(&plan(2, 1).spec(s).unwrap())).collect();
        assert_eq!(order, planned, "{stop_at}");
    }
}

#[test]
fn a_folder_belongs_to_one_run() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Folder::resume(folder.path(), |_| true), Err(FolderError::Empty(_))));
    let first = Folder::begin(folder.path(), plan(1, 1)).unwrap();
    let both = [Folder::begin(folder.path(), plan(1, 1)), Folder::resume(folder.path(), |_| true)];
    for error in both.map(Result::unwrap_err) {
        assert!(error.to_string().contains("another run is writing"), "{error}");
    }
    drop(first);
    assert!(matches!(Folder::begin(folder.path(), plan(1, 1)), Err(FolderError::Taken(_))));
    assert!(matches!(Folder::resume(folder.path(), |_| false), Err(FolderError::Other(_))));
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let error = Folder::resume(folder.path(), |_| true).unwrap_err().to_string();
    assert!(error.contains("plan.json: not a plan of this version"), "{error}");
}

#[test]
fn damaged_records_are_not_added_to() {
    let folder = tempfile::tempdir().unwrap();
    drop(Folder::begin(folder.path(), plan(1, 1)).unwrap());
    std::fs::write(folder.path().join("runs.jsonl"), "nonsense\n").unwrap();
    let error = Folder::resume(folder.path(), |_| true).unwrap_err().to_string();
    assert!(error.contains("runs.jsonl:1:") && error.contains("nothing is added"), "{error}");
}

#[test]
fn expectations_are_judged_on_paired_launches() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Folder::begin(folder.path(), plan(12, 1)).unwrap();
    run.run(&all, &mut Fake::new(usize::MAX), &mut ()).unwrap();
    let records = run.records().unwrap();
    let (suite, cells, by_cell) = (read("x", SUITE).unwrap(), all_cells(), groups::by_cell(&records));
    let verdicts: Vec<_> = suite
        .expects
        .iter()
        .map(|e| verdict::judge(e, &verdict::compared(&e.subject, &cells, &by_cell)))
        .collect();
    // The launches differ twelvefold and every pair is exactly one half.
    assert_eq!(verdicts, [verdict::Verdict::Holds, verdict::Verdict::Fails, verdict::Verdict::NoNumbers]);
    let claim = &suite.claims[0];
    let compared = verdict::compared(&claim.subject, &cells, &by_cell);
    assert_eq!(compared.len(), 4);
    assert_eq!(verdict::examine(claim, &cells, &by_cell), Ending::Settled(Shape::Same));
    assert_eq!(verdict::failed(&suite, &cells, &by_cell), ["a tenth"]);
    let text = reports::terminal::render(&table::cells(&suite, &cells, &by_cell));
    assert!(text.contains("policy") && text.contains("lookup-sorted") && text.contains("650"), "{text}");
    let text = reports::terminal::render(&table::verdicts(&suite, &cells, &by_cell).unwrap());
    assert!(text.contains("same shape") && text.contains("FAILS") && text.contains("no numbers"), "{text}");
}

#[test]
fn one_launch_settles_nothing_unless_time_is_virtual() {
    let (suite, cells) = (read("x", SUITE).unwrap(), all_cells());
    let mut fake = Fake::new(usize::MAX);
    let once = plan(1, 1);
    let launched = once.steps.iter().map(|step| fake.launch(&once.spec(step).unwrap()).unwrap());
    let record = |launched| match launched {
        Launched::Record(record) => *record,
        Launched::Stopped => unreachable!(),
    };
    let mut records: Vec<_> = launched.map(record).collect();
    let by_cell = groups::by_cell(&records);
    assert_eq!(verdict::examine(&suite.claims[0], &cells, &by_cell), Ending::TooFew(1));
    assert!(verdict::failed(&suite, &cells, &by_cell).is_empty());
    for record in &mut records {
        let name = "virtual".to_owned();
        record.clock = Some(reports::record::Clock { name, overhead_ns: 0.0, precision_ns: 1.0 });
    }
    let by_cell = groups::by_cell(&records);
    assert_eq!(verdict::examine(&suite.claims[0], &cells, &by_cell), Ending::Settled(Shape::Same));
    assert_eq!(verdict::failed(&suite, &cells, &by_cell), ["a tenth"]);
    for record in &mut records {
        record.parameters.insert("threads".into(), "99".into());
        record.machine.usable_cores = Some(2);
        record.counts.insert("oversubscribed".into(), 1);
    }
    let by_cell = groups::by_cell(&records);
    assert_eq!(verdict::examine(&suite.claims[0], &cells, &by_cell), Ending::WantsCores(99));
}

#[test]
fn void_launches_are_kept_and_not_used() {
    let mut records: Vec<_> = plan(2, 1).steps.iter().map(|s| blank(&plan(2, 1).spec(s).unwrap())).collect();
    for record in &mut records {
        record.metrics.insert("ns_per_op".into(), 1.0);
    }
    records[0].void = Some("the oracle found 1 violations".into());
    let by_cell = groups::by_cell(&records);
    let group = &by_cell[&(records[0].scenario.clone(), None)];
    assert_eq!((group.launches.len(), group.void.len()), (1, 1));
    assert_eq!(done(&records).len(), 24);
}

#[test]
fn no_run_goes_on_with_another_machine_or_build() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = |change: &dyn Fn(&mut Made)| {
        let mut plan = plan(1, 1);
        plan.made.iter_mut().for_each(change);
        plan.save(folder.path()).unwrap();
        Folder::resume(folder.path(), |_| true).unwrap_err().to_string()
    };
    drop(Folder::begin(folder.path(), plan(1, 1)).unwrap());
    let says = elsewhere(&|made| made.program = Some("0".into()));
    assert!(says.contains("of another build of this program (SHA-256 0, "), "{says}");
    let says = elsewhere(&|made| made.machine = "m".into());
    assert!(says.contains("a run of the machine m, and this is "), "{says}");
    // One that was begun before plans said so is held to its records.
    RunPlan { made: None, ..plan(1, 1) }.save(folder.path()).unwrap();
    let record = |change: &dyn Fn(&mut RunRecord)| {
        let mut record = RunRecord::new(Kind::Cell, "s", PolicyName::default());
        change(&mut record);
        format!("{}\n", serde_json::to_string(&record).unwrap())
    };
    let with = |other: String| {
        std::fs::write(folder.path().join(RUNS_FILE), record(&|_| ()) + &other).unwrap();
        Folder::resume(folder.path(), |_| true).map(|_| ()).map_err(|error| error.to_string())
    };
    let says = with(record(&|r| r.revision = "r2".into())).unwrap_err();
    assert!(says.contains("records of the builds ") && says.contains(" and r2: nothing is added"), "{says}");
    let says = with(record(&|r| r.machine.cpu_model = Some("another".into()))).unwrap_err();
    assert!(says.contains("records of the machines "), "{says}");
    assert_eq!(with(record(&|r| (r.revision, r.void) = ("r2".into(), Some("crashed".into())))), Ok(()));
}
