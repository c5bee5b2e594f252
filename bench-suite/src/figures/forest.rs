//! A comparison's verdicts as a forest plot.

use super::Drawn;
use crate::measure::comparison::Comparison;
use crate::measure::trial::Trial;
use plots::forest::{self, plot};
use plots::measured::Measured;
use reports::compare::effect::percent;
use reports::compare::verdict::{State, Verdict};

/// Rows of one figure.
const ROWS: usize = 40;
/// Figures of one comparison.
const FIGURES: usize = 5;

/// The figures of all verdicts that have a median, in the comparison's order.
#[must_use]
pub fn draw(trial: &Trial) -> Drawn {
    let Comparison { a, b, metric, .. } = trial.comparison();
    let mut drawn = Drawn::default();
    let verdicts: Vec<(&Verdict, Measured)> =
        trial.verdicts().iter().filter_map(|verdict| Some((verdict, change(verdict)?))).collect();
    let parts = verdicts.len().div_ceil(ROWS);
    for (number, part) in verdicts.chunks(ROWS).enumerate().take(FIGURES) {
        let rows: Vec<_> = part.iter().map(|(verdict, change)| row(verdict, *change)).collect();
        let part = if parts > 1 { format!(", part {} of {parts}", number + 1) } else { String::new() };
        let title = format!("{b} (B) against {a} (A){part}");
        let svg = plot(&title, metric, &rows);
        drawn.take(title, svg);
    }
    if parts > FIGURES {
        drawn
            .notes
            .push(format!("Of {parts} figures the first {FIGURES} are drawn; the table has every cell."));
    }
    drawn
}

fn row<'a>(verdict: &'a Verdict, change: Measured) -> forest::Comparison<'a> {
    // The suite's name is the same in all rows.
    let name = verdict.cell.split_once('/').map_or(verdict.cell.as_str(), |(_, rest)| rest);
    let state = match verdict.state {
        State::Regressed => forest::Verdict::Regressed,
        State::Improved => forest::Verdict::Improved,
        State::Equivalent => forest::Verdict::Equivalent,
        State::Inconclusive => forest::Verdict::Inconclusive,
    };
    forest::Comparison { name, change, floor: percent(verdict.floor.value()), verdict: state }
}

fn change(verdict: &Verdict) -> Option<Measured> {
    let interval = verdict.interval.map(|interval| (percent(interval.low), percent(interval.high)));
    Some(Measured { value: verdict.percent()?, interval, n: u64::from(verdict.blocks) })
}
