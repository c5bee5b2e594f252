//! Conditions that no cell fulfils: a typo in a value, or two conditions that exclude each other.
//!
//! A suite's conditions are held against all of its cells, those of a full run: what a quick run, `--set` or
//! `--filter` leave out is no mistake of the file.

use super::expand::Cell;
use super::expect::Subject;
use super::filter::Filter;
use super::{Suite, SuiteError};
use std::collections::{BTreeMap, HashSet};

/// Every key with the values that it has in some cell.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// Refuses a suite whose conditions ask about values that there are not, or that choose nothing. `all` are its
/// cells with those that are skipped, `cells` are those without.
///
/// # Errors
/// The first such condition, with its place.
pub(super) fn check(suite: &Suite, values: &Values, all: &[Cell], cells: &[Cell]) -> Result<(), SuiteError> {
    let known = |filter: &Filter| match filter.stranger(values) {
        Some(message) => Err(suite.error(filter.place(), message)),
        None => Ok(()),
    };
    for skip in &suite.skip {
        known(skip)?;
        if !all.iter().any(|cell| skip.matches(&cell.id, &cell.values)) {
            return Err(suite.error(skip.place(), "the suite has no such cell to skip".to_owned()));
        }
    }
    for subject in suite.subjects() {
        let against = subject.against.as_ref();
        [Some(&subject.within), Some(&subject.compare), against].into_iter().flatten().try_for_each(known)?;
        pairs(suite, subject, cells)?;
    }
    Ok(())
}

/// Whether a statement has cells to test, and each of those something to be compared with.
fn pairs<'c>(suite: &Suite, subject: &Subject, cells: &'c [Cell]) -> Result<(), SuiteError> {
    let tested: Vec<&'c Cell> = cells.iter().filter(|cell| subject.tests(cell)).collect();
    if tested.is_empty() {
        let place = subject.compare.place().or(subject.within.place()).or(subject.place);
        return Err(suite.error(place, "no cell of the suite fulfils these conditions".to_owned()));
    }
    let Some(against) = &subject.against else { return Ok(()) };
    // As `Subject::base` finds them, but for 100,000 cells at once: what both sides have to agree in.
    let free: HashSet<&str> = subject.compare.keys().chain(against.keys()).collect();
    let rest = |cell: &'c Cell| -> Vec<(&str, &str)> {
        let fixed = cell.values.iter().filter(|(key, _)| !free.contains(key.as_str()));
        fixed.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    };
    let bases: HashSet<_> =
        cells.iter().filter(|cell| against.matches(&cell.id, &cell.values)).map(rest).collect();
    if tested.into_iter().any(|cell| bases.contains(&rest(cell))) {
        return Ok(());
    }
    let message = "no cell of the suite is there to compare with: it has to agree in all else";
    Err(suite.error(against.place(), message.to_owned()))
}
