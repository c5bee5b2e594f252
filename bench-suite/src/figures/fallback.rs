//! What a fallback costs, by part, where a suite measures parts beside the whole.

use super::points::{measured, varies};
use super::{Drawn, Given, title};
use crate::measure::metrics::NS_PER_OP;
use plots::fallback::{Case, stacked};
use plots::measured::Measured;
use std::collections::BTreeMap;
use workloads::suite::Cell;
use workloads::suite::keys::Sort;

/// A whole and its parts, as the scenario names them: what a driver waits for, and what the worker pays later.
const WHOLES: [(&str, &[&str], &str); 2] = [
    (
        "round-trip",
        &["search", "pages", "zeroing", "descriptors", "publication", "unlink", "copy"],
        "what a driver waits for, by part",
    ),
    ("reclaim", &["grace", "free"], "what the worker pays later, by part"),
];

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    if given.suite.scenario.sort != Sort::Fallback || !varies(given, "part") {
        return;
    }
    for (whole, parts, words) in WHOLES {
        let there = |part: &&str| given.cells.iter().any(|cell| is(cell, part));
        let parts: Vec<&str> = parts.iter().copied().filter(there).collect();
        if parts.len() < 2 {
            continue;
        }
        let cases: Vec<_> = given
            .cells
            .iter()
            .filter(|cell| is(cell, whole))
            .filter_map(|cell| case(given, cell, &parts))
            .collect();
        let cases: Vec<Case<'_>> =
            cases.iter().map(|(name, total, parts)| Case { name, total: *total, parts }).collect();
        let title = title(given, words, "");
        let svg = stacked(&title, &parts, &cases);
        drawn.take(title, svg);
    }
}

fn is(cell: &Cell, part: &str) -> bool {
    cell.values.get("part").is_some_and(|value| value == part)
}

/// A whole with all of its parts; nothing where one has no number.
fn case(given: &Given<'_>, whole: &Cell, parts: &[&str]) -> Option<(String, Measured, Vec<Measured>)> {
    let others = |cell: &Cell| -> BTreeMap<String, String> {
        cell.values.clone().into_iter().filter(|(key, _)| key != "part").collect()
    };
    let number = |cell: &Cell| measured(given.groups.get(&(cell.id.clone(), None))?, NS_PER_OP);
    let part =
        |part: &&str| given.cells.iter().find(|c| is(c, part) && others(c) == others(whole)).and_then(number);
    let all = parts.iter().map(part).collect::<Option<Vec<_>>>()?;
    let varying = others(whole).into_iter().filter(|(key, _)| varies(given, key));
    let name = varying.map(|(key, value)| if key == "policy" { value } else { format!("{key}={value}") });
    Some((name.collect::<Vec<_>>().join(", "), number(whole)?, all))
}
