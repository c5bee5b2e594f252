//! From a suite to its cells.

use super::error::{Place, SuiteError, unknown};
use super::filter::Filter;
use super::geometry::{self, Limits};
use super::keys::{self, Scenario};
use super::{Suite, conditions, derived_seed, range};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wildmatch::WildMatch;

/// The most cells that one suite may have.
pub const MOST_CELLS: usize = 100_000;
/// The policy of scenarios that have none under test.
pub const NO_POLICY: &str = "none";

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A first look.
    Quick,
    /// What a number is quoted from.
    #[default]
    Full,
}

/// One combination of a suite's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// `suite/axis=value,…`, axes in alphabetical order, the policy among them. Never changes for the
    /// same values.
    pub id: String,
    /// What runs: `slot_search`, `model nvme`.
    pub scenario: String,
    /// The policy's name.
    pub policy: String,
    /// Every value with its unit, fixed parameters and the policy included.
    pub values: BTreeMap<String, String>,
    /// The seed of everything drawn at random in it. It does not depend on the policy, so that
    /// policies are compared on the same requests.
    pub seed: u64,
}

/// What a command line changes of a suite.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Other values: axis or parameter, and values as a list or range.
    pub set: Vec<(String, String)>,
    /// Which cells.
    pub filter: Filter,
    /// Quick or full.
    pub mode: Mode,
    /// The seed of the whole run.
    pub seed: u64,
}

/// The cells of `suite`, in the order of its axes. `policies` are the names that there are.
///
/// # Errors
/// Unknown names, impossible geometry, too many cells.
pub fn cells(
    suite: &Suite,
    changes: &Changes,
    policies: &[&str],
    limits: Limits,
) -> Result<Vec<Cell>, SuiteError> {
    let error = |message| suite.error(None, message);
    check_conditions(suite, policies)?;
    let axes = changed_axes(suite, changes, policies)?;
    let values = values(suite, &axes);
    if let Some(key) = changes.filter.keys().find(|key| !values.contains_key(*key)) {
        return Err(error(unknown("axis or parameter", key, values.keys().map(String::as_str))));
    }
    let mut chosen = all_cells(suite, &axes, changes.seed)?;
    chosen.retain(|cell| !skipped(suite, cell) && changes.filter.matches(&cell.id, &cell.values));
    for cell in &chosen {
        let sort = suite.scenario.sort;
        geometry::check(sort, &cell.values, limits).map_err(|m| error(format!("{}: {m}", cell.id)))?;
    }
    if chosen.is_empty() {
        let name = "--filter".to_owned();
        let stranger = changes.filter.stranger(&values);
        let stranger = stranger.map(|message| SuiteError { source_name: name, place: None, message });
        let none = || error("no cell is left: the filter or `skip` excludes them all".to_owned());
        return Err(stranger.unwrap_or_else(none));
    }
    Ok(chosen)
}

/// Whether the suite's own conditions are about cells that it has.
fn check_conditions(suite: &Suite, policies: &[&str]) -> Result<(), SuiteError> {
    let axes = changed_axes(suite, &Changes::default(), policies)?;
    // Too many for a run as they are; what is set may leave few enough.
    let Ok(all) = all_cells(suite, &axes, 0) else { return Ok(()) };
    let cells: Vec<Cell> = all.iter().filter(|cell| !skipped(suite, cell)).cloned().collect();
    conditions::check(suite, &values(suite, &axes), &all, &cells)
}

fn skipped(suite: &Suite, cell: &Cell) -> bool {
    suite.skip.iter().any(|skip| skip.matches(&cell.id, &cell.values))
}

/// Every key with its values: the axes', and one for each parameter that is none of them.
fn values(suite: &Suite, axes: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let fixed = suite.parameters.iter().map(|(key, value)| (key.clone(), vec![value.clone()]));
    fixed.chain(axes.clone()).collect()
}

/// Every combination of the axes.
fn all_cells(
    suite: &Suite,
    axes: &BTreeMap<String, Vec<String>>,
    seed: u64,
) -> Result<Vec<Cell>, SuiteError> {
    let fixed: BTreeMap<_, _> = suite.parameters.iter().filter(|(key, _)| !axes.contains_key(*key)).collect();
    let count = axes.values().try_fold(1_usize, |n, values| n.checked_mul(values.len()));
    let Some(count) = count.filter(|&n| n <= MOST_CELLS) else {
        let sizes: Vec<_> = axes.iter().map(|(key, values)| format!("{key}: {}", values.len())).collect();
        let message = format!("more than {MOST_CELLS} cells ({}): choose fewer values", sizes.join(", "));
        return Err(suite.error(None, message));
    };
    Ok((0..count).map(|index| cell(suite, axes, &fixed, index, seed)).collect())
}

/// The axes that are run over: the suite's, those of a quick run, then what was set; the policy first.
fn changed_axes(
    suite: &Suite,
    changes: &Changes,
    policies: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, SuiteError> {
    let mut axes = suite.axes.clone();
    if changes.mode == Mode::Quick {
        axes.extend(suite.quick_axes.clone());
    }
    let own = suite.policies.iter().map(|name| (name.text.clone(), Some(name.place)));
    let mut patterns: Vec<(String, Option<Place>)> = own.collect();
    let mut source_name = suite.source_name.clone();
    for (key, values) in &changes.set {
        if key == "policy" && suite.scenario.sort.has_policy() {
            patterns = values.split(',').map(|p| (p.trim().to_owned(), None)).collect();
            source_name = format!("--set {key}={values}");
            continue;
        }
        axes.insert(key.clone(), set_values(&suite.scenario, key, values)?);
    }
    let policies = match suite.scenario.sort.has_policy() {
        true => globbed(&patterns, policies).map_err(|(place, message)| SuiteError {
            source_name,
            place,
            message,
        })?,
        false => vec![NO_POLICY.to_owned()],
    };
    axes.insert("policy".to_owned(), policies);
    Ok(axes)
}

fn set_values(scenario: &Scenario, key: &str, values: &str) -> Result<Vec<String>, SuiteError> {
    let error = |message| SuiteError { source_name: format!("--set {key}={values}"), place: None, message };
    if key == "policy" {
        return Err(error(format!("`{scenario}` has no policy under test")));
    }
    let kind = keys::kind(scenario, key).map_err(error)?;
    let mut all: Vec<String> = Vec::new();
    for text in values.split(',') {
        for value in range::expand(kind, text).map_err(error)? {
            if !all.contains(&value) {
                all.push(value);
            }
        }
    }
    Ok(all)
}

/// The policies that the patterns name, in the registry's order.
fn globbed(
    patterns: &[(String, Option<Place>)],
    policies: &[&str],
) -> Result<Vec<String>, (Option<Place>, String)> {
    for (pattern, place) in patterns {
        let matcher = WildMatch::new(pattern);
        if !policies.iter().any(|policy| matcher.matches(policy)) {
            return Err((*place, unknown("policy", pattern, policies.iter().copied())));
        }
    }
    let fits = |policy: &&&str| patterns.iter().any(|(p, _)| WildMatch::new(p).matches(policy));
    Ok(policies.iter().filter(fits).map(|&p| p.to_owned()).collect())
}

/// The combination with number `index`; the last axis turns fastest.
fn cell(
    suite: &Suite,
    axes: &BTreeMap<String, Vec<String>>,
    fixed: &BTreeMap<&String, &String>,
    mut index: usize,
    seed: u64,
) -> Cell {
    let mut chosen = BTreeMap::new();
    for (key, values) in axes.iter().rev() {
        if let Some(value) = values.get(index % values.len().max(1)) {
            chosen.insert(key.clone(), value.clone());
        }
        index /= values.len().max(1);
    }
    let id = |values: &BTreeMap<String, String>, with_policy: bool| {
        let shown = values.iter().filter(|(key, _)| with_policy || *key != "policy");
        let pairs: Vec<_> = shown.map(|(key, value)| format!("{key}={value}")).collect();
        format!("{}/{}", suite.name, pairs.join(","))
    };
    let (full, requests) = (id(&chosen, true), id(&chosen, false));
    let policy = chosen.get("policy").cloned().unwrap_or_default();
    for (&key, &value) in fixed {
        chosen.insert(key.clone(), value.clone());
    }
    Cell {
        id: full,
        scenario: suite.scenario.to_string(),
        policy,
        values: chosen,
        seed: derived_seed(seed, &requests),
    }
}
