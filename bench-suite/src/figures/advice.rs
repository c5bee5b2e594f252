//! A piece of advice ([`crate::tune`]) as figures: the candidates that were timed, and how much each choice matters.

use super::Drawn;
use crate::tune::row::Row;
use crate::tune::{Tuned, pareto};
use plots::measured::Measured;
use plots::sensitivity::{Level, Measure, Parameter, of_parameters};

/// All figures of an advice.
#[must_use]
pub fn draw(tuned: &Tuned) -> Drawn {
    let mut drawn = Drawn::default();
    match pareto(tuned) {
        Some(svg) => drawn.take(format!("{}: memory, tail and delay", tuned.recording.name), svg),
        None => {
            drawn.notes.push("Nothing was timed, so that no front of memory and tail is drawn.".to_owned());
        }
    }
    sensitivity(tuned, &mut drawn);
    drawn
}

/// One choice: its name, and what makes a candidate differ in it.
type Choice = (&'static str, fn(&Row) -> String);

/// One value of a choice: what it is called, its change, whether it is the advice's.
type Value = (String, Measured, bool);

/// The choices of a candidate.
const CHOICES: [Choice; 4] = [
    ("size", |row| plots::label::bytes((row.slots * 2_048) as f64)),
    ("areas", |row| row.areas.to_string()),
    ("growth", |row| if row.growth { "growing" } else { "fixed" }.to_owned()),
    ("policy", |row| row.policy.to_string()),
];

/// Requests that are delayed with every other value of one choice, all else as advised.
fn sensitivity(tuned: &Tuned, drawn: &mut Drawn) {
    let values: Vec<(&str, Vec<Value>)> =
        CHOICES.iter().map(|choice| (choice.0, levels(tuned, choice))).collect();
    let levels: Vec<(&str, Vec<Level<'_>>)> = values
        .iter()
        .filter(|(_, levels)| levels.len() > 1)
        .map(|(name, levels)| (*name, levels.iter().map(level).collect()))
        .collect();
    let mut parameters: Vec<Parameter<'_>> =
        levels.iter().map(|(name, levels)| Parameter { name, levels }).collect();
    parameters.sort_by(|a, b| b.span().total_cmp(&a.span()));
    if parameters.is_empty() {
        return;
    }
    let title = format!("{}: each choice by itself, from {}", tuned.recording.name, tuned.chosen.name());
    let measure = Measure { name: "requests delayed", unit: "% points", samples: "requests" };
    let svg = of_parameters(&title, measure, &parameters);
    drawn.take(title, svg);
}

fn level((label, change, default): &Value) -> Level<'_> {
    Level { label, change: *change, default: *default }
}

/// The candidates that differ from the advice in this choice alone, in their order; the advice among them.
fn levels(tuned: &Tuned, (_, of): &Choice) -> Vec<Value> {
    let chosen = &tuned.chosen;
    let own = of(chosen);
    let others = |row: &Row| CHOICES.iter().filter(|other| (other.1)(row) != (other.1)(chosen)).count();
    let alone = |row: &&Row| others(row) == usize::from(of(row) != own);
    let share = |row: &Row| 100.0 * row.delayed as f64 / row.requests.max(1) as f64;
    let mut levels: Vec<(u64, String, Measured, bool)> = Vec::new();
    for row in tuned.rows().filter(alone) {
        let label = of(row);
        if levels.iter().all(|(_, known, ..)| *known != label) {
            let change = Measured::exact(share(row) - share(chosen), row.requests);
            let default = label == own;
            levels.push((row.slots, label, change, default));
        }
    }
    levels.sort_by_key(|(slots, ..)| *slots);
    levels.into_iter().map(|(_, label, change, default)| (label, change, default)).collect()
}
