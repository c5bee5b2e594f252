//! Cells of the prepared states: slot search, two threads, `find_pool`, the fallback.
//!
//! The meter takes the median of batch means over the batches that were taken while the machine was
//! quiet. A batch verifies itself: one operation that did not end as the state promises is a violation,
//! and there is no number. So is memory that was not in place: a page fault in the batches that count voids
//! the cell, but for the fallback, which makes pools meanwhile. Steps are counted afterwards, on an allocator
//! of their own in the same state.

use super::host::{Ledger, measured_clock, nanoseconds};
use super::outcome::{add_counters, not_in_place};
use super::{CellError, CellOutcome, CellSpec, slowdown};
use crate::policies::Entry;
use crate::scenario::{
    Address, Churn, Effort, Fallback, FallbackPart, FindPool, Measured, Meter, NSLABS, Occupancy, Platform,
    Scenario, ScenarioError, Section, SlotSearch, Storm, TwoThreads, count_steps,
};
use reports::evidence::Oracle;
use std::collections::BTreeMap;
use std::time::Duration;
use swiotlb_core::phys::CostModel;
use workloads::suite::keys::Sort;

/// Prepares a cell's state, counts the steps of its operations, and measures them.
///
/// # Errors
/// A state that there is not, or that cannot be made.
pub fn run(entry: &Entry, spec: &CellSpec, sort: Sort) -> Result<CellOutcome, CellError> {
    let scenario = scenario(spec, sort)?;
    let mut prepared = entry.runs.prepare(&scenario).map_err(in_words)?;
    let effort = effort(spec.quick, &scenario);
    let mut meter = Meter::new(effort).slowed(slowdown::of(spec)?);
    let warmed_up = meter.warm_up(&mut *prepared);
    // The warm-up is no part of what the ledger tells.
    let ledger = Ledger::start();
    let measured = warmed_up.and_then(|()| meter.count(&mut *prepared));
    let mut noise = ledger.finish();
    let mut outcome = match measured {
        Ok(measured) => {
            noise.page_faults = measured.page_faults.or(noise.page_faults);
            noise.longest_gap_ns = measured.longest_gap.map(nanoseconds);
            let void = void(&measured, sort);
            CellOutcome { void, ..numbers(measured, effort.ops) }
        }
        Err(ScenarioError::Unverified { wrong, ops }) => violated(wrong, ops),
        Err(error) => return Err(in_words(error)),
    };
    outcome.metrics.extend(prepared.more().into_iter().map(|(name, number)| (name.to_owned(), number)));
    match count_steps(entry.build, &scenario) {
        Ok(Some((counts, ops))) if entry.build.abilities().steps => add_counters(&counts, ops, &mut outcome),
        Ok(_) => {}
        // Two mappings held one slot: whatever was timed is of a broken allocator.
        Err(ScenarioError::Unverified { wrong, ops }) => return Ok(violated(wrong, ops)),
        Err(error) => return Err(in_words(error)),
    }
    outcome.noise = Some(noise);
    outcome.clock = Some(measured_clock());
    Ok(outcome)
}

/// Why the numbers may not be used. A fallback makes a pool in every operation.
fn void(measured: &Measured, sort: Sort) -> Option<String> {
    let faults = measured.page_faults.filter(|_| sort != Sort::Fallback)?;
    not_in_place(faults, (measured.batches + measured.dropped) as u64)
}

#[expect(clippy::needless_pass_by_value, reason = "maps an error")]
pub(super) fn in_words(error: ScenarioError) -> CellError {
    CellError::Run(error.to_string())
}

/// How much is measured: what one batch costs differs by the sort.
pub(super) fn effort(quick: bool, scenario: &Scenario) -> Effort {
    let ops = match scenario {
        // A storm for each batch.
        Scenario::Fallback(cell) if cell.storm == Storm::Outruns => 256,
        Scenario::Fallback(_) | Scenario::FindPool(FindPool { section: Section::AfterCopy, .. }) => 64,
        // Milliseconds, so that pools come and go meanwhile.
        Scenario::Churn(churn) => (1 << 20) / u64::from(churn.pools.clamp(1, 256)),
        _ => 512,
    };
    if quick {
        Effort { warm_up: 20, batches: 60, ops, patience: Duration::from_millis(400) }
    } else {
        Effort { warm_up: 100, batches: 500, ops, patience: Duration::from_secs(2) }
    }
}

fn numbers(measured: Measured, ops: u64) -> CellOutcome {
    let metric = |name: &str, number: f64| (name.to_owned(), number);
    let checked = (measured.batches as u64).saturating_mul(ops);
    let busy = "too few batches were taken while the machine was quiet: none was dropped";
    CellOutcome {
        metrics: BTreeMap::from([
            metric("ns_per_op", measured.median),
            metric("lower_quartile_ns", measured.lower),
            metric("upper_quartile_ns", measured.upper),
        ]),
        counts: BTreeMap::from([
            ("batches".to_owned(), measured.batches as u64),
            ("batches_dropped".to_owned(), measured.dropped as u64),
            ("operations".to_owned(), checked),
        ]),
        oracle: Some(Oracle {
            mode: "every operation's outcome; ownership in the counting pass".to_owned(),
            checked,
            violations: 0,
        }),
        notes: measured.busy.then(|| busy.to_owned()).into_iter().collect(),
        ..CellOutcome::default()
    }
}

pub(super) fn violated(wrong: u64, ops: u64) -> CellOutcome {
    let mode = "every operation's outcome; ownership in the counting pass".to_owned();
    CellOutcome {
        oracle: Some(Oracle { mode, checked: ops, violations: wrong }),
        notes: vec![format!("{wrong} of {ops} operations did not end as the state promises")],
        ..CellOutcome::default()
    }
}

/// The prepared state that a cell asks for.
///
/// # Errors
/// One that there is not.
pub fn scenario(spec: &CellSpec, sort: Sort) -> Result<Scenario, CellError> {
    match sort {
        Sort::FindPool => find_pool(spec),
        Sort::Fallback => fallback(spec),
        _ => slot_search(spec),
    }
}

fn slot_search(spec: &CellSpec) -> Result<Scenario, CellError> {
    let slots = spec.number_or("slots", 1)?;
    let (state, copy) = (spec.text("state").unwrap_or("empty"), spec.flag("copy", false));
    let areas = spec.number_or("nareas", 1)?;
    if spec.number_or("threads", 1)? == 2 {
        if state != "empty" {
            return Err(CellError::Spec("two threads search an empty pool".to_owned()));
        }
        return Ok(Scenario::TwoThreads(TwoThreads { areas, slots, copy }));
    }
    let (occupancy, fails) = occupancy(state)?;
    Ok(Scenario::SlotSearch(SlotSearch { nslabs: NSLABS, occupancy, slots, copy, fails }))
}

/// A state's word: what the pool holds, and whether every search is meant to fail.
fn occupancy(state: &str) -> Result<(Occupancy, bool), CellError> {
    let wrong = || CellError::Parameter { key: "state".to_owned(), value: state.to_owned() };
    let (word, percent) = state.split_once('-').unwrap_or((state, "0"));
    let percent: u32 = percent.parse().map_err(|_| wrong())?;
    match word {
        "empty" => Ok((Occupancy::Empty, false)),
        "taken" => Ok((Occupancy::Taken(percent), false)),
        "fragmented" => Ok((Occupancy::Fragmented(percent), false)),
        "failing" => Ok((Occupancy::Fragmented(percent), true)),
        "aged" => Ok((Occupancy::Aged(percent), false)),
        _ => Err(wrong()),
    }
}

fn find_pool(spec: &CellSpec) -> Result<Scenario, CellError> {
    let address = match spec.text("position").unwrap_or("tail") {
        "head" => Address::Head,
        "miss" => Address::Miss,
        "random" => Address::Random,
        "never-bounced" => Address::Unflagged,
        _ => Address::Tail,
    };
    let pools = spec.number_or("pools", 1)?;
    let stalled = spec.text("section") == Some("stalled");
    if spec.text("position") == Some("insert-remove") {
        return Ok(Scenario::Index { pools });
    }
    if stalled && spec.text("churn").is_none() {
        return Err(CellError::Spec(
            "a stalled reader is for pools that come and go: give `churn`".to_owned(),
        ));
    }
    if spec.text("churn").is_some() {
        if address == Address::Unflagged {
            return Err(CellError::Spec("pools come and go for devices that bounce".to_owned()));
        }
        let pairs_per_s = spec.number_or("churn", 0)?;
        let encrypted = spec.text("decrypt") == Some("cost");
        return Ok(Scenario::Churn(Churn { pools, address, pairs_per_s, encrypted, stalled }));
    }
    let section = match spec.text("section") {
        Some("per-lookup") => Section::PerLookup,
        Some("after-copy") => Section::AfterCopy,
        _ => Section::PerBatch,
    };
    Ok(Scenario::FindPool(FindPool { pools, address, section }))
}

fn fallback(spec: &CellSpec) -> Result<Scenario, CellError> {
    let part = word(spec, "part", "round-trip", &FallbackPart::ALL)?;
    let storm = word(spec, "storm", "kept-up", &Storm::ALL)?;
    let cost = || -> Result<_, CellError> {
        let (fixed_spins, per_page_spins) =
            (spec.number_or("fixed_spins", 0)?, spec.number_or("page_spins", 0)?);
        Ok(Platform::Cost(CostModel { fixed_spins, per_page_spins }))
    };
    let platform = match spec.text("decrypt") {
        Some("cost") => cost()?,
        Some("attribute") => Platform::Attribute,
        _ => Platform::Plain,
    };
    Ok(Scenario::Fallback(Fallback { slots: spec.number_or("slots", 1)?, part, storm, platform }))
}

/// What the word of a parameter stands for.
fn word<T: Copy>(spec: &CellSpec, key: &str, usual: &str, all: &[(T, &str)]) -> Result<T, CellError> {
    let word = spec.text(key).unwrap_or(usual);
    let wrong = || CellError::Parameter { key: key.to_owned(), value: word.to_owned() };
    all.iter().find(|(_, name)| *name == word).map(|(what, _)| *what).ok_or_else(wrong)
}
