//! From two sides and a suite to a plan of pairs of cells.

use super::Failure;
use super::choice::{Choice, Chosen, one};
use crate::measure::calibrated::Calibrated;
use crate::measure::comparison::{Comparison, Pair};
use crate::measure::plan::RunPlan;
use crate::measure::side::Side;
use crate::measure::{ab, fit};
use crate::policies;
use reports::compare::floor::Floor;
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::expand::NO_POLICY;
use workloads::suite::{Cell, Limits, derived_seed};

/// Where the cells come from.
pub(super) struct Asked<'a> {
    pub suite: &'a str,
    pub choice: &'a Choice,
    /// The user's floor, ln(B / A).
    pub floor: f64,
    pub limits: Limits,
    /// What comparisons of A with itself have shown here.
    pub known: Option<&'a Calibrated>,
}

/// The plan of `comparison`, whose sides are as the user wrote them and whose pairs are yet to come.
pub(super) fn plan(asked: &Asked<'_>, mut comparison: Comparison) -> Result<RunPlan, Failure> {
    let (suite, both) = pairs(asked, &side(&comparison.a)?, &side(&comparison.b)?)?;
    comparison.calibration = asked.known.map(|known| known.calibration);
    let mut cells = Vec::new();
    for (pair, a, b) in both {
        comparison.pairs.push(pair);
        cells.push((a, b));
    }
    Ok(ab::plan(suite.planned, cells, comparison, asked.choice.seed, asked.choice.mode()))
}

/// A side as a user wrote it.
pub(super) fn side(text: &str) -> Result<Side, Failure> {
    let named = Side::policy_of(text);
    Side::parse(text, &policies::names([named]).map_err(Failure::usage)?).map_err(Failure::usage)
}

/// A pair with its cells, A's and B's.
pub(super) type Both = (Pair, Cell, Cell);

/// The cells that both sides have, and the suite that they are of.
pub(super) fn pairs(asked: &Asked<'_>, a: &Side, b: &Side) -> Result<(Chosen, Vec<Both>), Failure> {
    let (mut suite, of_b) = (chosen(asked, a)?, chosen(asked, b)?);
    let of_a = by_name(std::mem::take(&mut suite.cells), a)?;
    let mut of_b: BTreeMap<String, Cell> = by_name(of_b.cells, b)?.into_iter().collect();
    let mut both = Vec::new();
    for (name, a) in of_a {
        let Some(b) = of_b.remove(&name) else { continue };
        let judged = ![&a, &b].into_iter().any(|cell| fit::is_oversubscribed(cell, asked.limits));
        // Both sides get the same requests, whatever else their ids say.
        let seed = derived_seed(asked.choice.seed, &name);
        let floor =
            asked.known.map_or_else(|| Floor::of(asked.floor), |known| known.floor(&name, asked.floor));
        both.push((Pair { name, floor, judged }, Cell { seed, ..a }, Cell { seed, ..b }));
    }
    if both.is_empty() {
        return Err(nothing_shared(a, b));
    }
    Ok((suite, both))
}

/// No cell of one side is the other's.
fn nothing_shared(a: &Side, b: &Side) -> Failure {
    let keys = |side: &Side| side.changes().map(|(key, _)| key).collect::<BTreeSet<_>>();
    let alone: Vec<String> = keys(a).symmetric_difference(&keys(b)).map(|key| format!("`{key}`")).collect();
    let which = if alone.is_empty() { "a key".to_owned() } else { alone.join(", ") };
    Failure::usage(format!(
        "no cell is left that both sides have: what one side sets and the suite varies has to be set on both ({which}), as in \
         {}:nareas=1 against {}:nareas=2",
        Side::policy_of(&a.written),
        Side::policy_of(&b.written)
    ))
}

/// The cells of one side.
fn chosen(asked: &Asked<'_>, side: &Side) -> Result<Chosen, Failure> {
    let mut changes = asked.choice.changes()?;
    changes.set.extend(side.changes());
    let chosen = one(asked.suite, &changes, asked.limits)?;
    if side.policy == NO_POLICY && chosen.cells.iter().any(|cell| cell.policy != NO_POLICY) {
        return Err(Failure::usage(format!("{}: the suite has policies under test; name one", side.written)));
    }
    Ok(chosen)
}

/// The cells by what both sides share, in the suite's order.
fn by_name(cells: Vec<Cell>, side: &Side) -> Result<Vec<(String, Cell)>, Failure> {
    let mut named: Vec<(String, Cell)> = Vec::new();
    let mut seen = BTreeSet::new();
    for cell in cells {
        let name = side.name_of(&cell.id);
        if !seen.insert(name.clone()) {
            return Err(Failure::usage(format!("{}: a side has one value for each key", side.written)));
        }
        named.push((name, cell));
    }
    Ok(named)
}
