//! The commands that make the same numbers again.
//!
//! A run's folder keeps the command lines that made it. Where an older one has none, its plan says what ran: a copy
//! of it in a new folder is resumed.

use super::Beside;
use super::source::Source;
use crate::measure::commands::quoted;
use crate::measure::plan::{PLAN_FILE, RunPlan};
use reports::compressed;
use reports::document::Block;
use std::collections::BTreeSet;
use std::path::Path;

/// What builds the program that numbers are taken with.
const BUILD: &str = "cargo build --profile bench --bin swiotlb-bench";

pub(super) fn blocks(sources: &[Source], beside: &Beside) -> Vec<Block> {
    let revisions: BTreeSet<&str> =
        sources.iter().flat_map(|source| &source.records).map(|record| record.revision.as_str()).collect();
    let known = |revision: &&&str| **revision != "unknown" && !revision.ends_with("-dirty");
    let mut lines: Vec<String> =
        revisions.iter().filter(known).map(|revision| format!("git checkout {revision}")).collect();
    lines.push(BUILD.to_owned());
    for source in sources {
        lines.extend(of(source));
    }
    let word = |path: &Path| quoted(&path.to_string_lossy());
    let mut words: Vec<String> = sources.iter().map(|source| word(&source.path)).collect();
    words.extend(beside.traces.iter().map(|trace| format!("--trace {}", word(trace.path()))));
    words.extend(beside.reading.iter().map(|word| quoted(word)));
    words.extend(beside.nights.iter().map(|nights| format!("--history {}", word(&nights.path))));
    lines.push(format!("swiotlb-bench report {}", words.join(" ")));
    let text =
        "With `target/release` in the path, each run in a folder of its own (another --out than before):";
    vec![Block::Text(text.to_owned()), Block::Commands(lines)]
}

fn of(source: &Source) -> Vec<String> {
    if !source.commands.is_empty() {
        return source.commands.clone();
    }
    match &source.plan {
        Some(plan) if plan.comparison.is_none() => {
            let plan = source.path.join(PLAN_FILE);
            let from = compressed::find(&plan);
            let packed = from != plan;
            let (from, to) = (
                quoted(&from.to_string_lossy()),
                quoted(&format!("{}-again", source.path.to_string_lossy())),
            );
            let copy = if packed {
                format!("gunzip -c {from} >{to}/{PLAN_FILE}")
            } else {
                format!("cp {from} {to}")
            };
            vec![format!("mkdir {to} && {copy}"), format!("swiotlb-bench measure --resume --out {to}")]
        }
        Some(plan) => compared(plan).into_iter().collect(),
        None => Vec::new(),
    }
}

/// A comparison's command, as far as its plan tells.
fn compared(plan: &RunPlan) -> Option<String> {
    let comparison = plan.comparison.as_ref()?;
    let suite = plan.suites.first().map_or("SUITE", |suite| suite.source_name.trim_end_matches(".toml"));
    let mut words = vec![comparison.a.clone(), comparison.b.clone(), suite.to_owned()];
    words.extend([
        "--metric".to_owned(),
        comparison.metric.clone(),
        "--seed".to_owned(),
        plan.seed.to_string(),
    ]);
    if plan.mode == workloads::suite::Mode::Quick {
        words.push("--quick".to_owned());
    }
    if comparison.null {
        words.push("--null".to_owned());
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    Some(format!("swiotlb-bench ab {}", words.join(" ")))
}
