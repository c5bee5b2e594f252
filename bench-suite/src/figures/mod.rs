//! Figures of a run: from its records to each family of [`plots`].
//!
//! Which families a suite has follows from its scenario and from what its cells vary. A file here is a family's
//! step from records to its numbers; `points` and `charts` are what most share. Nothing is computed that a
//! table does not say too: a point is the median over launches with its interval.
//!
//! Invariant: what is not drawn is said in [`Drawn::notes`].

pub mod advice;
mod charts;
mod fallback;
mod find_pool;
pub mod forest;
pub mod latency;
mod locks;
pub mod mappings;
pub mod nights;
mod points;
mod sensitivity;
mod slot_search;
mod threads;
pub mod timeline;

use crate::measure::verdict::Groups;
use plots::PlotError;
use reports::document::Figure;
use reports::record::RunRecord;
use std::collections::BTreeSet;
use workloads::suite::{Cell, Suite};

/// Figures of one suite.
const MOST: usize = 8;

/// A suite's part of a run.
pub struct Given<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// Its cells, in the plan's order.
    pub cells: &'a [Cell],
    /// Its records by cell.
    pub groups: &'a Groups<'a>,
    /// Cores that the measuring process could use.
    pub cpus: u32,
    /// Reads the records of some cells again, whole histograms and all.
    pub whole: &'a dyn Fn(&BTreeSet<&str>) -> Vec<RunRecord>,
}

/// What came of a suite's figures.
#[derive(Debug, Default)]
pub struct Drawn {
    /// The figures.
    pub figures: Vec<Figure>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl Drawn {
    /// Takes a figure, or why there is none.
    fn take(&mut self, title: String, svg: Result<String, PlotError>) {
        match svg {
            Ok(svg) => self.figures.push(Figure { title, svg }),
            Err(error) => self.notes.push(format!("No figure \"{title}\": {error}.")),
        }
    }
}

/// All figures of a suite.
#[must_use]
pub fn of_suite(given: &Given<'_>) -> Drawn {
    let mut drawn = Drawn::default();
    let families = [
        find_pool::draw,
        slot_search::draw,
        locks::draw,
        threads::draw,
        fallback::draw,
        latency::draw,
        sensitivity::draw,
    ];
    for family in families {
        family(given, &mut drawn);
    }
    let left = drawn.figures.len().saturating_sub(MOST);
    if left > 0 {
        drawn.figures.truncate(MOST);
        drawn.notes.push(format!(
            "{left} more figures are not drawn: {MOST} of a suite are shown, and the tables have every number."
        ));
    }
    drawn
}

/// `suite: what`, and what all of it shares.
fn title(given: &Given<'_>, what: &str, common: &str) -> String {
    let common = if common.is_empty() { String::new() } else { format!(" ({common})") };
    format!("{}: {what}{common}", given.suite.name)
}

#[cfg(test)]
mod tests;
