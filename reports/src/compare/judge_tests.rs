//! The judge: what it refuses, what it says, and how often it is wrong.

#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::super::calibration::{Calibration, Injected};
use super::super::effect::from_percent;
use super::*;
use crate::stats::alpha_spending::Looks;
use crate::stats::normal;
use crate::stats::power::Supposed;
use proptest::prelude::*;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

fn question(cell: &str, floor: f64) -> Question {
    Question { cell: cell.to_owned(), better: Better::Lower, floor: Floor::of(floor) }
}

fn blocks(differences: &[f64]) -> Blocks {
    Blocks { differences: differences.iter().copied().map(Some).collect(), null: None }
}

fn data(cells: &[(&str, &[f64])]) -> BTreeMap<String, Blocks> {
    cells.iter().map(|(cell, differences)| ((*cell).to_owned(), blocks(differences))).collect()
}

fn judge(cells: &[&str], floor: f64) -> Judge {
    Judge::new(Rules::gate(), cells.iter().map(|cell| question(cell, floor)).collect()).unwrap()
}

/// All on one side.
const WORSE: [f64; 18] = [0.03; 18];

/// Half on each side, far out.
fn wild(n: usize) -> Vec<f64> {
    (0..n).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect()
}

#[test]
fn a_cell_that_is_left_stays_as_it_was_and_in_the_family() {
    let mut judge = judge(&["left", "open"], 0.01);
    let first = judge.look(12, &data(&[("left", &wild(12)), ("open", &wild(12))])).unwrap();
    // A verdict of another look, or of a cell that is decided, changes nothing.
    judge.leave(&Verdict { look: 18, ..first.verdicts[0].clone() });
    assert_eq!(judge.open().count(), 2);
    judge.leave(&first.verdicts[0]);
    assert_eq!((judge.open().collect::<Vec<_>>(), judge.next_look()), (vec!["open"], Some(18)));
    let second = judge.look(18, &data(&[("open", &WORSE)])).unwrap();
    assert_eq!(second.verdicts[0], first.verdicts[0]);
    // Two cells share alpha still.
    assert_eq!(second.verdicts[1].state, State::Regressed);
    assert!((second.verdicts[1].level - 0.05 / 3.0 / 2.0).abs() < 1e-12);
    assert!(judge.next_look().is_none());
}

#[test]
fn a_clear_change_is_decided_at_the_first_look_and_stays() {
    let mut judge = judge(&["bad", "open"], 0.01);
    assert_eq!((judge.next_look(), judge.open().count()), (Some(12), 2));
    let first = judge.look(12, &data(&[("bad", &WORSE[..12]), ("open", &wild(12))])).unwrap();
    let verdict = &first.verdicts[0];
    assert_eq!(
        (verdict.state, verdict.blocks, verdict.look, verdict.advice),
        (State::Regressed, 12, 12, false)
    );
    assert!((verdict.level - 0.05 / 3.0 / 2.0).abs() < 1e-12 && (verdict.p - 2.0 / 4096.0).abs() < 1e-12);
    assert_eq!((first.verdicts[1].state, first.finished), (State::Inconclusive, false));
    assert!(first.verdicts[1].minimum_detectable.is_some_and(|effect| effect > 0.1));
    assert_eq!(judge.open().collect::<Vec<_>>(), ["open"]);

    // The decided cell needs no data; the other has all of a look's alpha to itself.
    let second = judge.look(18, &data(&[("open", &wild(18))])).unwrap();
    assert_eq!(second.verdicts[0], first.verdicts[0]);
    assert!((second.verdicts[1].level - 0.05 / 3.0).abs() < 1e-12);
    let third = judge.look(24, &data(&[("open", &wild(24))])).unwrap();
    assert!(third.finished && judge.next_look().is_none());
    assert_eq!((third.count(State::Regressed), third.count(State::Inconclusive)), (1, 1));
}

#[test]
fn equivalent_cells_end_early() {
    let mut judge = judge(&["same"], 0.01);
    let calm: Vec<f64> = (0..12).map(|i| if i % 2 == 0 { 0.002 } else { -0.002 }).collect();
    let report = judge.look(12, &data(&[("same", &calm)])).unwrap();
    assert_eq!((report.verdicts[0].state, report.finished), (State::Equivalent, true));
}

#[test]
fn discarded_blocks_are_counted() {
    let judge_of_a = || judge(&["a"], 0.0);
    let mut judge = judge_of_a();
    let mut holes = blocks(&WORSE[..12]);
    holes.differences[3] = None;
    holes.differences[7] = Some(f64::NAN);
    let report = judge.look(12, &BTreeMap::from([("a".to_owned(), holes)])).unwrap();
    let verdict = &report.verdicts[0];
    assert_eq!((verdict.blocks, verdict.discarded, verdict.advice), (10, 2, true));
    assert_eq!(verdict.state, State::Regressed);
    let nothing = Blocks { differences: vec![None; 12], null: None };
    let mut other = judge_of_a();
    let verdict = &other.look(12, &BTreeMap::from([("a".to_owned(), nothing)])).unwrap().verdicts[0];
    assert_eq!((verdict.state, verdict.estimate, verdict.p), (State::Inconclusive, None, 1.0));
}

/// Twelve blocks are run and ten are kept: too few for a verdict, and no reason to stop.
#[test]
fn a_change_of_too_few_blocks_gets_the_next_look_s() {
    let mut judge = judge(&["a", "same"], 0.01);
    let with_holes = |n: usize, differences: &[f64]| {
        let mut holes = blocks(&differences[..n]);
        (holes.differences[3], holes.differences[7]) = (None, None);
        holes
    };
    let calm = [0.001; 18];
    let all = |n| {
        BTreeMap::from([("a".to_owned(), with_holes(n, &WORSE)), ("same".to_owned(), with_holes(n, &calm))])
    };
    let first = judge.look(12, &all(12)).unwrap();
    assert!(first.verdicts[0].only_advises() && !first.finished, "{first:?}");
    // Who claims no change may stop.
    assert_eq!((first.verdicts[1].state, judge.open().collect::<Vec<_>>()), (State::Equivalent, vec!["a"]));
    let second = judge.look(18, &BTreeMap::from([("a".to_owned(), with_holes(18, &WORSE))])).unwrap();
    let verdict = &second.verdicts[0];
    assert_eq!(
        (verdict.state, verdict.blocks, verdict.look, second.finished),
        (State::Regressed, 16, 18, true)
    );
    assert!(!verdict.only_advises());
    // At the last look it is what it is.
    let rules = Rules { looks: Looks::even(&[12]).unwrap(), ..Rules::gate() };
    let mut last = Judge::new(rules, vec![question("a", 0.01)]).unwrap();
    let report = last.look(12, &BTreeMap::from([("a".to_owned(), with_holes(12, &WORSE))])).unwrap();
    assert!(report.finished && report.verdicts[0].only_advises(), "{report:?}");
}

#[test]
fn the_null_arm_is_looked_at_in_the_same_way() {
    for (null, moved) in [(WORSE[..12].to_vec(), true), (wild(12), false)] {
        let mut judge = judge(&["a"], 0.01);
        let with_null = Blocks { null: Some(null.into_iter().map(Some).collect()), ..blocks(&WORSE[..12]) };
        let report = judge.look(12, &BTreeMap::from([("a".to_owned(), with_null)])).unwrap();
        assert_eq!(report.verdicts[0].null_moved(), moved);
        assert_eq!(report.verdicts[0].state, State::Regressed);
    }
}

#[test]
fn wrong_questions_and_wrong_looks_are_refused() {
    let new = |rules, cells: &[&str]| {
        Judge::new(rules, cells.iter().map(|cell| question(cell, 0.0)).collect()).map(|_| ())
    };
    assert_eq!(new(Rules::gate(), &[]), Err(JudgeError::NoCells));
    assert_eq!(new(Rules::gate(), &["a", "b", "a"]), Err(JudgeError::Twice("a".to_owned())));
    assert_eq!(new(Rules { alpha: 1.0, ..Rules::gate() }, &["a"]), Err(JudgeError::Alpha(1.0)));
    assert!(new(Rules { alpha: f64::NAN, ..Rules::gate() }, &["a"]).is_err());

    let mut judge = judge(&["a", "b"], 0.0);
    let both = data(&[("a", &WORSE[..12]), ("b", &wild(12))]);
    let declared = vec![12, 18, 24];
    assert_eq!(judge.look(13, &both), Err(JudgeError::Undeclared { blocks: 13, declared }));
    assert_eq!(judge.look(12, &data(&[("a", &WORSE[..12])])), Err(JudgeError::Missing("b".to_owned())));
    let unasked = data(&[("a", &WORSE[..12]), ("b", &wild(12)), ("c", &wild(12))]);
    assert_eq!(judge.look(12, &unasked), Err(JudgeError::Unasked("c".to_owned())));
    let peeking = data(&[("a", &WORSE[..12]), ("b", &wild(13))]);
    let length = JudgeError::Length { cell: "b".to_owned(), has: 13, wants: 12 };
    assert_eq!(judge.look(12, &peeking), Err(length));
    // None of these was a look.
    assert!(judge.look(12, &both).is_ok());
    assert_eq!(judge.look(12, &both), Err(JudgeError::Backward { blocks: 12, before: 12 }));
}

#[test]
fn a_verdict_travels_in_a_record() {
    let mut judge = judge(&["a"], from_percent(1.0));
    let report = judge.look(12, &data(&[("a", &WORSE[..12])])).unwrap();
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(r#""state":"regressed""#), "{text}");
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

/// Blocks of `cells` cells around `effect` that spread by 2 %, a share of them far out.
fn made_up(rng: &mut Xoshiro256PlusPlus, cells: usize, effect: f64, outliers: f64) -> Vec<Vec<f64>> {
    let mut one = || {
        let far = if rng.random_range(0.0..1.0) < outliers { 8.0 } else { 1.0 };
        effect + far * 0.02 * normal::quantile(rng.random_range(0.0..1.0))
    };
    (0..cells).map(|_| (0..24).map(|_| one()).collect()).collect()
}

/// One family through all its looks.
fn to_the_end(rules: &Rules, all: &[Vec<f64>], floor: f64) -> Vec<Verdict> {
    let names: Vec<String> = (0..all.len()).map(|i| i.to_string()).collect();
    let mut judge =
        Judge::new(rules.clone(), names.iter().map(|name| question(name, floor)).collect()).unwrap();
    let mut verdicts = vec![];
    while let Some(n) = judge.next_look() {
        let so_far = names.iter().zip(all).map(|(name, all)| (name.clone(), blocks(&all[..n as usize])));
        verdicts = judge.look(n, &so_far.collect()).unwrap().verdicts;
    }
    verdicts
}

/// 400 families of ten cells without any change: any false change in at most 5 % of families.
#[test]
fn families_are_seldom_wrong() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let wrong = (0..400)
        .filter(|_| {
            let all = made_up(&mut rng, 10, 0.0, 0.1);
            to_the_end(&Rules::gate(), &all, 0.0).iter().any(|verdict| verdict.state.is_change())
        })
        .count();
    assert!(wrong <= 20, "{wrong}");
}

/// One cell, no floor: the judge errs as often as the walk over all sequences of signs says.
#[test]
fn one_cell_errs_as_calculated() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(12);
    let verdicts: Vec<Verdict> =
        (0..2_000).flat_map(|_| to_the_end(&Rules::gate(), &made_up(&mut rng, 1, 0.0, 0.1), 0.0)).collect();
    let calibration = Calibration::of(&verdicts, 0.05);
    let exact = Looks::declared().false_verdicts(0.05);
    let error = (exact * (1.0 - exact) / 2_000.0).sqrt();
    assert!((calibration.rate().unwrap() - exact).abs() < 4.0 * error, "{calibration:?} {exact}");
    assert!(!calibration.is_wrong_too_often());
}

/// Found at any look at least as often as the best single look's power says, and outliers cost little.
#[test]
fn a_slowdown_of_three_percent_is_found_among_ten_cells() {
    let (effect, floor) = (from_percent(3.0), from_percent(1.5));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(13);
    for (outliers, at_least) in [(0.0, 0.95), (0.1, 0.85)] {
        let family = |_| {
            let mut all = made_up(&mut rng, 9, 0.0, outliers);
            all.extend(made_up(&mut rng, 1, effect, outliers));
            to_the_end(&Rules::gate(), &all, floor).pop()
        };
        let found: Vec<Verdict> = (0..150).flat_map(family).collect();
        let injected = Injected::of(effect, &found);
        assert!(injected.power().unwrap() > at_least, "{injected:?}");
    }
    let outlook = Rules::gate().outlook(10, &Supposed { effect, spread: 0.02, floor });
    assert!((outlook.power() - 0.9765).abs() < 1e-3, "{outlook:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Swapping A and B swaps regressed and improved and nothing else.
    #[test]
    fn sides_are_alike(
        whole in proptest::collection::vec(proptest::collection::vec(-40_i32..60, 24), 1..6),
        floor in 0_u8..30,
    ) {
        let forth: Vec<Vec<f64>> =
            whole.iter().map(|cell| cell.iter().map(|d| f64::from(*d) / 1e3).collect()).collect();
        let back: Vec<Vec<f64>> = forth.iter().map(|cell| cell.iter().map(|d| -d).collect()).collect();
        let floor = f64::from(floor) / 1e3;
        for rules in [Rules::gate(), Rules::sweep()] {
            let (forth, back) = (to_the_end(&rules, &forth, floor), to_the_end(&rules, &back, floor));
            for (one, other) in forth.iter().zip(&back) {
                let mirrored = match one.state {
                    State::Regressed => State::Improved,
                    State::Improved => State::Regressed,
                    same => same,
                };
                prop_assert_eq!(other.state, mirrored);
                prop_assert_eq!((one.look, one.p), (other.look, other.p));
                prop_assert!(one.level <= 0.05 / 3.0 + 1e-12);
                if one.state.is_change() {
                    prop_assert!(one.p <= one.level + 1e-12 && one.estimate.unwrap().abs() > floor);
                }
            }
        }
    }
}
