//! Tests of a comparison's order and of going from look to look, with a launcher that makes records up.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::cell::{CellSpec, blank};
use crate::measure::calibrated::{Calibrated, Null};
use crate::measure::comparison::{Pair, rules};
use crate::measure::folder::Folder;
use crate::measure::launch::{Launch, Launched};
use crate::measure::paired::paired;
use crate::measure::plan::{PlannedSuite, RunPlan, key_of};
use crate::measure::{ab, judged};
use reports::compare::calibration::Calibration;
use reports::compare::floor::Floor;
use reports::compare::rules::Rules;
use reports::compare::verdict::State;
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::{Cell, Mode};

/// A comparison of made-up cells. `slow` has a B that is a third slower, `same` one that is not, `wild`
/// one that is anything.
const NAMES: [&str; 3] = ["same", "slow", "wild"];

fn plan(rules: Rules, null: bool, not_judged: &str) -> RunPlan {
    let pair = |name: &&str| Pair {
        name: format!("s/what={name}"),
        floor: Floor::of(0.01),
        judged: *name != not_judged,
    };
    let pairs = NAMES.iter().map(pair).collect();
    let (a, b, metric) = ("none".into(), "none:service=2us".into(), "ns_per_op".into());
    let comparison = Comparison { a, b, null, metric, rules, calibration: None, pairs };
    let cell = |name: &str, side: &str| Cell {
        id: format!("s/side={side},what={name}"),
        scenario: "dummy".into(),
        policy: "none".into(),
        values: BTreeMap::new(),
        seed: 1,
    };
    let cells = NAMES.map(|name| (cell(name, "a"), cell(name, "b"))).to_vec();
    let suite = PlannedSuite { source_name: "s.toml".into(), text: String::new() };
    ab::plan(suite, cells, comparison, 1, Mode::Full)
}

/// Answers at once; stops before the launch with the number `stop_at`.
#[derive(Default)]
struct Fake {
    launched: Vec<CellSpec>,
    stop_at: Option<usize>,
}

impl Launch for Fake {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        if self.stop_at == Some(self.launched.len()) {
            return Ok(Launched::Stopped);
        }
        self.launched.push(spec.clone());
        let mut record = blank(spec);
        let (b, block) = (spec.arm.as_deref() == Some("B"), spec.block.unwrap());
        let change = match spec.cell.id.split('=').next_back().unwrap() {
            "slow" if b => 1.3,
            "wild" if b && block.is_multiple_of(2) => 1.5,
            "wild" if b => 0.6,
            _ => 1.0,
        };
        // The host drifts; the arms of a block see it alike.
        record.metrics.insert("ns_per_op".into(), 100.0 * change * f64::from(block + 1));
        Ok(Launched::Record(Box::new(record)))
    }
}

/// Goes through the looks as far as `fake` lets it.
fn run(folder: &mut Folder, fake: &mut Fake) -> Option<Trial> {
    let mut trial = Trial::new(folder.plan.comparison.clone().unwrap()).unwrap();
    while let Some(blocks) = trial.next_look() {
        if folder.run(&trial.wants(blocks), fake, &mut ()).unwrap().left > 0 {
            return None;
        }
        let records = folder.records().unwrap();
        trial.look(blocks, &paired(&folder.plan, &records)).unwrap();
    }
    Some(trial)
}

fn state(trial: &Trial, name: &str) -> Option<(State, u32)> {
    trial.verdict(&format!("s/what={name}")).map(|verdict| (verdict.state, verdict.look))
}

#[test]
fn blocks_are_an_order_of_the_arms_and_its_mirror() {
    for (null, arms, orders) in [(false, 2, 2), (true, 3, 6)] {
        let plan = plan(rules(Some(24), false, true).unwrap(), null, "");
        assert_eq!(plan.steps.len(), 3 * 24 * 2 * arms);
        let mut seen = BTreeSet::new();
        for block in plan.steps.chunks(2 * arms) {
            let order: String = block.iter().filter_map(|step| step.arm.as_deref()).collect();
            assert_eq!(order, order.chars().rev().collect::<String>());
            assert!(
                block.iter().all(|step| step.block == block[0].block && step.cell / 2 == block[0].cell / 2)
            );
            let own = |step: &Step| (step.cell % 2 == 1) == (step.arm.as_deref() == Some("B"));
            assert!(block.iter().all(own));
            seen.insert(order);
        }
        assert_eq!(seen.len(), orders, "{seen:?}");
        let keys: BTreeSet<_> = plan.steps.iter().map(|step| key_of(&plan.spec(step).unwrap())).collect();
        assert_eq!(keys.len(), plan.steps.len());
    }
}

#[test]
fn a_look_s_blocks_come_before_those_of_the_next_and_are_shuffled() {
    let plan = plan(Rules::gate(), false, "");
    let segment = |step: &Step| match step.block.unwrap() {
        0..12 => 0,
        12..18 => 1,
        _ => 2,
    };
    assert!(plan.steps.is_sorted_by_key(segment));
    let first: Vec<u32> = plan.steps.iter().take(3 * 12 * 4).map(|step| step.cell / 2).collect();
    assert!(!first.is_sorted() && first.iter().collect::<BTreeSet<_>>().len() == 3);
    assert_eq!(plan.steps.len(), 3 * 24 * 4);
}

#[test]
fn decided_cells_get_no_more_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let mut begun = Folder::begin(folder.path(), plan(Rules::gate(), true, "")).unwrap();
    let mut fake = Fake::default();
    let trial = run(&mut begun, &mut fake).unwrap();
    assert_eq!(state(&trial, "slow"), Some((State::Regressed, 12)));
    assert_eq!(state(&trial, "same"), Some((State::Equivalent, 12)));
    assert_eq!(state(&trial, "wild"), Some((State::Inconclusive, 24)));
    assert_eq!(fake.launched.len(), (12 + 12 + 24) * 6);
    assert!(trial.verdicts().iter().all(|verdict| verdict.null.is_some() && !verdict.null_moved()));
    let records = begun.records().unwrap();
    let shown = reports::terminal::render(&judged::table(&trial, &paired(&begun.plan, &records)));
    for text in ["+30.0 [+30.0, +30.0]", "regressed", "equivalent", "not enough data", "looks at 12, 18, 24"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
}

#[test]
fn a_comparison_that_stops_anywhere_comes_to_the_same_verdicts() {
    let whole = tempfile::tempdir().unwrap();
    let mut fake = Fake::default();
    let expected = run(&mut Folder::begin(whole.path(), plan(Rules::gate(), false, "")).unwrap(), &mut fake);
    let all: Vec<_> = fake.launched.iter().map(key_of).collect();
    for stop_at in [0, 1, 100, 143, 144, 145, 167, 168, 191] {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Fake { stop_at: Some(stop_at), ..Fake::default() };
        assert!(
            run(&mut Folder::begin(folder.path(), plan(Rules::gate(), false, "")).unwrap(), &mut first)
                .is_none()
        );
        let mut rest = Fake::default();
        let same = |found: &RunPlan| *found == plan(Rules::gate(), false, "");
        let resumed = run(&mut Folder::resume(folder.path(), same).unwrap(), &mut rest).unwrap();
        let order: Vec<_> = first.launched.iter().chain(&rest.launched).map(key_of).collect();
        assert_eq!(order, all, "{stop_at}");
        assert_eq!(resumed.verdicts(), expected.as_ref().unwrap().verdicts());
    }
}

#[test]
fn a_pair_that_is_not_judged_gets_one_look_s_blocks_and_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let mut begun = Folder::begin(folder.path(), plan(Rules::gate(), false, "slow")).unwrap();
    let mut fake = Fake::default();
    let trial = run(&mut begun, &mut fake).unwrap();
    assert_eq!((state(&trial, "slow"), trial.verdicts().len()), (None, 2));
    assert_eq!(fake.launched.len(), (12 + 12 + 24) * 4);
    let records = begun.records().unwrap();
    let shown = reports::terminal::render(&judged::table(&trial, &paired(&begun.plan, &records)));
    assert!(shown.contains("oversubscribed: none") && shown.contains("+30.0"), "{shown}");
}

#[test]
fn a_terminal_gets_few_steps_and_a_page_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut begun =
        Folder::begin(folder.path(), plan(rules(Some(12), false, true).unwrap(), true, "")).unwrap();
    let trial = run(&mut begun, &mut Fake::default()).unwrap();
    let mut records = begun.records().unwrap();
    let names: Vec<String> = (0..12).map(|n| format!("sections_to_{}_steps", 1 << n)).collect();
    for record in &mut records {
        let is_b = record.place.as_ref().unwrap().arm.as_deref() == Some("B");
        let counted = names.iter().map(|name| (name.clone(), 10 + u64::from(is_b)));
        record.counters.extend(counted.chain([("slots_scanned".to_owned(), if is_b { 900 } else { 30 })]));
    }
    let pairs = paired(&begun.plan, &records);
    let page = reports::markdown::render(&judged::table(&trial, &pairs));
    assert!(names.iter().all(|name| page.contains(name.as_str())), "{page}");
    let (narrow, steps) = judged::narrow(&trial, &pairs);
    for table in [narrow, steps.unwrap()] {
        let shown = reports::terminal::render(&table);
        let columns = shown.lines().filter(|line| line.contains('|')).map(str::len).max().unwrap();
        assert!(columns <= 120, "{columns}: {shown}");
        assert!(!shown.contains(&names[2]) && shown.contains("s/what=slow"), "{shown}");
        let is_steps = shown.starts_with("Steps that differ");
        assert_eq!(is_steps, shown.contains("slots_scanned") && shown.contains("and 10 more"), "{shown}");
    }
}

#[test]
fn a_plan_of_an_older_form_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Folder::begin(folder.path(), plan(Rules::gate(), false, "")).unwrap());
    let path = folder.path().join("plan.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\": 2", "\"version\": 1")).unwrap();
    let error = Folder::resume(folder.path(), |_| true).unwrap_err().to_string();
    assert!(error.contains("version 1 instead of 2"), "{error}");
}

#[test]
fn contended_cells_are_no_false_verdicts_and_another_promise_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut begun = Folder::begin(folder.path(), plan(Rules::gate(), false, "")).unwrap();
    let trial = run(&mut begun, &mut Fake::default()).unwrap();
    let new =
        || Calibrated::new(Null::Policies, "s".into(), "none".into(), "ns_per_op".into(), Rules::gate());
    let (mut all, mut fewer) = (new(), new());
    all.count(std::slice::from_ref(&trial), &BTreeSet::new());
    fewer.count(std::slice::from_ref(&trial), &BTreeSet::from(["s/what=slow".to_owned()]));
    assert_eq!((all.calibration.comparisons, all.calibration.regressed), (3, 1));
    assert_eq!((fewer.calibration.comparisons, fewer.calibration.regressed), (2, 0));
    // The judge corrects for all three whoever is counted, and their floors are learned.
    assert!((fewer.calibration.nominal - 0.05 / 3.0).abs() < 1e-12 && fewer.cells.len() == 3);
    assert!(fewer.table().notes.iter().any(|note| note.contains("several threads")));
    let told = |nominal| {
        let known = Some(Calibration { nominal, ..all.calibration });
        let notes = judged::notes(&Comparison { calibration: known, ..trial.comparison().clone() });
        notes.iter().any(|note| note.contains("each of the 3 cells here is promised 1.67 %"))
    };
    assert!(told(0.05) && !told(0.05 / 3.0));
}
