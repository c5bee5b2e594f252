//! How the numbers were taken, and how often verdicts of this kind are wrong here.

use super::source::Source;
use crate::measure::calibrated::quote;
use crate::measure::calibrations::Calibrations;
use reports::document::{Block, Finding, Tone};
use reports::fingerprint;
use reports::record::{Clock, RunRecord};
use reports::table::{Column, Table, Unit, Value};
use std::collections::BTreeMap;
use workloads::suite::Mode;

/// What is true of every run, in sentences. docs/METHODOLOGY.md has the whole of it.
const ALWAYS: [&str; 5] = [
    "This is user space: no interrupt is masked, a thread can be preempted while it holds a lock, and physical \
     addresses are made up. Differences between policies carry over further than times do.",
    "One process launch gives one number for each metric: the median of batch means, an exact count, a quantile of its \
     histogram. A table shows the median over launches. Launches run in rounds, shuffled, so that no cell is early or \
     late as a whole.",
    "An interval is the exact sign test's at 95 %, which wants six launches; with fewer there is none, and figures say \
     so. A ratio is paired by launch. A quantile is printed where ten samples lie beyond it, else n/a (N).",
    "Every operation is verified as it ends; a launch whose answer was wrong, or whose memory was not in place, gives no \
     number. Cells with more threads than cores are labelled and get no verdict.",
    "Inputs are generated and memory is touched before the clock starts; threads are pinned and meet first.",
];

/// The sentences, and the clocks.
pub(super) fn blocks(sources: &[Source]) -> Vec<Block> {
    let mut blocks: Vec<Block> = ALWAYS.iter().map(|text| Block::Text((*text).to_owned())).collect();
    let quick = |source: &Source| source.plan.as_ref().is_some_and(|plan| plan.mode == Mode::Quick);
    if sources.iter().any(quick) {
        let text = "A quick run has few cells and launches: it shows that everything works, and orders of magnitude.";
        blocks.push(Block::Text(text.to_owned()));
    }
    blocks.extend(clocks(sources).map(Block::Table));
    blocks
}

/// The clocks that were used, with what a reading cost.
fn clocks(sources: &[Source]) -> Option<Table> {
    let records = sources.iter().flat_map(|source| &source.records);
    let mut clocks: BTreeMap<&str, Vec<&Clock>> = BTreeMap::new();
    for clock in records.filter_map(|record: &RunRecord| record.clock.as_ref()) {
        clocks.entry(&clock.name).or_default().push(clock);
    }
    let columns = vec![
        Column::text("clock"),
        Column::number("launches", Unit::None),
        Column::number("a reading, most", Unit::Named("ns".into())),
        Column::number("its step, most", Unit::Named("ns".into())),
    ];
    let mut table = Table::new("Clocks", columns);
    for (name, all) in clocks {
        let most = |of: &dyn Fn(&Clock) -> f64| all.iter().map(|clock| of(clock)).fold(0.0, f64::max);
        table.push(vec![
            Value::Text(name.to_owned()),
            Value::Count(all.len() as u64),
            Value::Real(most(&|clock| clock.overhead_ns), 1),
            Value::Real(most(&|clock| clock.precision_ns), 1),
        ]);
    }
    table.notes.push(
        "What a reading costs is subtracted from nothing; an operation shorter than ten of them is timed by the batch."
            .to_owned(),
    );
    (!table.rows().is_empty()).then_some(table)
}

/// What comparisons of A with itself showed, as far as it is known.
pub(super) fn errors(sources: &[Source]) -> Vec<Block> {
    let of_plans = sources.iter().filter_map(|source| source.plan.as_ref()?.comparison.as_ref()?.calibration);
    let learned = sources.iter().filter_map(|source| source.calibrated.as_ref()).flat_map(|all| &all.learned);
    let mut texts: Vec<String> = of_plans.map(|known| quote(&known)).collect();
    texts.extend(learned.map(|found| {
        format!(
            "{} against itself on {}, {}: {}",
            found.side,
            found.suite,
            found.metric,
            quote(&found.calibration)
        )
    }));
    texts.dedup();
    if texts.is_empty() {
        let text = "Not known here: no calibration was given. `swiotlb-bench calibrate SUITE` compares A with itself on \
                    this machine and says how often that is called a change; `ab --calibration FILE` uses it.";
        texts.push(text.to_owned());
    }
    texts.into_iter().map(Block::Text).collect()
}

/// That verdicts are given whose error rate nobody has measured: not in that suite and metric on that machine.
pub(super) fn unknown_errors(sources: &[Source]) -> Option<Finding> {
    let unknown = |source: &&Source| {
        let Some(comparison) = source.plan.as_ref().and_then(|plan| plan.comparison.as_ref()) else {
            return false;
        };
        let learned = sources.iter().filter_map(|other| other.calibrated.as_ref());
        let fits = |found: &Calibrations| {
            let machine = source.records.first().map(|record| fingerprint::of(&record.machine));
            let suite = source.suites.first().map(|suite| suite.name.as_str());
            Some(&found.machine) == machine.as_ref()
                && found
                    .learned
                    .iter()
                    .any(|one| one.metric == comparison.metric && Some(one.suite.as_str()) == suite)
        };
        comparison.calibration.is_none_or(|known| known.borrowed) && !learned.into_iter().any(fits)
    };
    let unknown: Vec<String> = sources.iter().filter(unknown).map(Source::name).collect();
    let text =
        format!("{}: how often these verdicts are wrong on this machine is not known.", unknown.join(", "));
    (!unknown.is_empty()).then(|| Finding::new(Tone::Caution, text))
}
