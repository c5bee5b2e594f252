//! The candidates that were timed, as a figure: memory, tail of the map call, requests delayed.

use super::job::Tuned;
use super::row::Row;
use plots::PlotError;
use plots::measured::Measured;
use plots::pareto::{Candidate, of_candidates};

/// The Pareto figure, as SVG text; `None` if nothing was timed.
///
/// # Errors
/// [`PlotError`] for numbers that cannot be drawn.
pub fn pareto(tuned: &Tuned) -> Option<Result<String, PlotError>> {
    let first = tuned.timed.first()?;
    let named = |timed: &'_ super::timed::Timed| {
        let row = tuned.rows().find(|row| row.name() == timed.candidate)?;
        let (memory, delayed) = (row.memory_bytes as f64, row.delayed as f64);
        let exact = |value| Measured::exact(value, timed.rounds as u64);
        Some((timed.candidate.clone(), exact(memory), timed.measured(), exact(delayed)))
    };
    let points: Vec<_> = tuned.timed.iter().filter_map(named).collect();
    let candidates: Vec<_> = points
        .iter()
        .map(|(name, memory, tail, delayed)| Candidate {
            name,
            memory: *memory,
            tail: *tail,
            delayed: *delayed,
        })
        .collect();
    let title = format!("What {} could be booted with", tuned.recording.name);
    Some(of_candidates(&title, &format!("{} of map", first.quantile), &candidates))
}

impl Row {
    /// What the candidate is called.
    #[must_use]
    pub fn name(&self) -> String {
        let growth = if self.growth { " growing" } else { "" };
        let policy = if self.policy == "kernel" { String::new() } else { format!(" {}", self.policy) };
        format!("{}{growth}{policy}", self.boot)
    }
}

impl Tuned {
    /// Every row there is: what was tried, and one step smaller.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.tried.iter().chain(&self.smaller)
    }
}
