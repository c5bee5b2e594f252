//! Tests of which program a launch runs, with a launcher that makes records up.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::cell::blank;
use crate::measure::ab;
use crate::measure::comparison::{Comparison, Pair, rules};
use crate::measure::plan::PlannedSuite;
use reports::compare::floor::Floor;
use reports::record::RunRecord;
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::{Cell, Mode};

fn layouts(side: &str, n: usize) -> Vec<Layout> {
    let layout = |i| {
        let name = format!("{side}/{i}");
        Layout { program: PathBuf::from(format!("/programs/{name}")), sha256: name.clone(), name }
    };
    (0..n).map(layout).collect()
}

fn plan(builds: Builds) -> RunPlan {
    let rules = rules(Some(12), false, true).unwrap();
    let pair = |name: &str| Pair { name: format!("s/what={name}"), floor: Floor::of(0.01), judged: true };
    let pairs = ["one", "two"].map(pair).to_vec();
    let (a, b, metric) = ("rev:old".into(), "rev:new".into(), "ns_per_op".into());
    let comparison = Comparison { a, b, null: true, metric, rules, calibration: None, pairs };
    let cell = |name: &str| Cell {
        id: format!("s/what={name}"),
        scenario: "dummy".into(),
        policy: "none".into(),
        values: BTreeMap::new(),
        seed: 1,
    };
    let cells = ["one", "two"].map(|name| (cell(name), cell(name))).to_vec();
    let suite = PlannedSuite { source_name: "s.toml".into(), text: String::new() };
    RunPlan { builds: Some(builds), ..ab::plan(suite, cells, comparison, 1, Mode::Full) }
}

#[test]
fn a_block_compares_two_programs_and_blocks_differ_in_which() {
    let plan = plan(Builds { a: layouts("a", 3), b: layouts("b", 4) });
    let mut by_block: BTreeMap<u32, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut paddings = BTreeSet::new();
    for step in &plan.steps {
        let program = plan.spec(step).unwrap().program.unwrap();
        let arm = step.arm.clone().unwrap();
        by_block.entry(step.block.unwrap()).or_default().insert((arm, program.build));
        paddings.insert(program.padding);
    }
    for (block, ran) in by_block {
        // The null arm runs another layout of A than A does.
        let n = |arm: &str, side: &str, i: u32| (arm.to_owned(), format!("{side}/{i}"));
        let expected = [n("A", "a", block % 3), n("B", "b", block % 4), n("N", "a", (block + 1) % 3)];
        assert_eq!(ran, expected.into(), "block {block}");
    }
    assert!(paddings.len() > 100 && paddings.last() < Some(&8_192), "{paddings:?}");
    // A resumed run has the same programs and paddings: they are drawn from the plan.
    let text = serde_json::to_string(&plan).unwrap();
    let again: RunPlan = serde_json::from_str(&text).unwrap();
    let programs = |plan: &RunPlan| -> Vec<_> {
        plan.steps.iter().map(|step| plan.spec(step).unwrap().program).collect()
    };
    assert_eq!(programs(&again), programs(&plan));
}

#[test]
fn copies_are_drawn_anew_and_are_on_one_side_only() {
    let copies = layouts("copy", 24);
    let sides = |seed| Builds::drawn(&copies, 12, seed);
    let (one, two) = (sides(1), sides(2));
    assert_eq!((one.a.len(), one.b.len(), one.shared()), (12, 12, None));
    assert_ne!(one, two);
    assert_eq!(one, sides(1));
    let same = Builds { b: one.a.clone(), ..two };
    assert!(Builds { a: one.a, ..same }.shared().unwrap().contains("on both sides"));
}

#[test]
fn few_layouts_are_told() {
    let notes = |a, b| Builds { a: layouts("a", a), b: layouts("b", b) }.notes().join("\n");
    assert!(!notes(3, 12).contains("only its stack is moved"));
    let one = notes(3, 1);
    assert!(
        one.contains("B has 1 layout: where its code happens to lie") && !one.contains("A has 3 layouts:"),
        "{one}"
    );
}

/// Runs everything but what one program refuses; counts what it was asked.
struct Fake {
    /// The start of a build's name, and the end of a cell's.
    refuses: (&'static str, &'static str),
    asked: Vec<(String, String, bool)>,
}

impl Launch for Fake {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        let build = spec.program.as_ref().unwrap().build.clone();
        let mut record = blank(spec);
        record.void = (build.starts_with(self.refuses.0) && spec.cell.id.ends_with(self.refuses.1))
            .then(|| "unknown field `slots`".to_owned());
        self.asked.push((build, spec.cell.id.clone(), spec.quick));
        Ok(Launched::Record(Box::new(record)))
    }
}

#[test]
fn every_program_shows_that_it_runs_and_each_side_that_it_has_every_cell() {
    let plan = plan(Builds { a: layouts("a", 3), b: layouts("b", 3) });
    let mut fake = Fake { refuses: ("none", ""), asked: Vec::new() };
    assert_eq!(probe(&plan, &mut fake).unwrap(), []);
    let asked = |build: &str| fake.asked.iter().filter(|(name, ..)| name == build).count();
    assert!(["a/0", "b/0"].iter().all(|build| asked(build) >= 2), "{:?}", fake.asked);
    assert!(["a/1", "a/2", "b/1", "b/2"].iter().all(|build| asked(build) >= 1), "{:?}", fake.asked);
    assert!(fake.asked.len() < 16 && fake.asked.iter().all(|(.., quick)| *quick));
    let mut fake = Fake { refuses: ("b/2", ""), asked: Vec::new() };
    let why = probe(&plan, &mut fake).unwrap_err();
    assert!(why.contains("B (rev:new, b/2: /programs/b/2) does not run s/what="), "{why}");
    assert!(why.contains("unknown field `slots`"), "{why}");
}

/// What `0` refuses, with this done to its record.
struct Spoilt<'a>(&'a mut Fake, fn(&mut RunRecord));

impl Launch for Spoilt<'_> {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        let mut launched = self.0.launch(spec)?;
        if let Launched::Record(record) = &mut launched
            && record.void.is_some()
        {
            self.1(record);
        }
        Ok(launched)
    }
}

#[test]
fn cells_that_a_does_not_know_are_left_out_and_a_that_knows_none_is_refused() {
    let plan = plan(Builds { a: layouts("a", 3), b: layouts("b", 3) });
    let probed = |refuses| probe(&plan, &mut Fake { refuses, asked: Vec::new() });
    let unknown = probed(("a/", "=two")).unwrap();
    assert_eq!(unknown.iter().map(|unknown| unknown.pair).collect::<Vec<_>>(), [1]);
    assert_eq!(unknown[0].why, "unknown field `slots`");
    assert!(
        unknown[0].told.contains("(rev:old, a/") && unknown[0].told.contains(" does not run s/what=two: ")
    );
    let rest = plan.clone().without(unknown);
    assert!(rest.steps.iter().all(|step| step.cell < 2) && rest.steps.len() == plan.steps.len() / 2);
    let judged: Vec<bool> = rest.comparison.unwrap().pairs.iter().map(|pair| pair.judged).collect();
    assert_eq!(judged, [true, false]);
    // A launch that the host or an oracle spoiled is none that A does not know.
    let spoilt = |spoil: fn(&mut RunRecord)| {
        let mut fake = Fake { refuses: ("a/", "=two"), asked: Vec::new() };
        probe(&plan, &mut Spoilt(&mut fake, spoil)).unwrap_err()
    };
    assert!(spoilt(|record| record.metrics.extend([("ns_per_op".to_owned(), 1.0)])).contains("(rev:old, a/"));
    assert!(spoilt(|record| record.void = Some("not finished after 9 s: killed".into())).contains("9 s"));
    assert!(probed(("b/", "=two")).unwrap_err().contains("B (rev:new, "), "what B has lost is told");
    assert!(probed(("a/", "")).unwrap_err().contains("(rev:old, a/"), "nothing is left");
    assert!(probed(("a/2", "")).unwrap_err().contains("a/2"), "one program of several is broken");
}
