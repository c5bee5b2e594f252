//! Records of both: ours with everything that a run leaves behind, the tool's with its four figures.

use super::figures::{Figures, Spread};
use super::import::{Imported, Saved};
use super::options::{Asked, Options, dir_name};
use super::run::{NAME, Ready, WATCHED};
use crate::cell::{REVISION, threads};
use crate::policies::Entry;
use crate::run::Outcome;
use reports::evidence::Oracle;
use reports::record::{Kind, PolicyName, RunRecord};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The policy of imported records: whatever Linux the tool ran on.
const LINUX: &str = "linux";

/// The record of our run. The caller adds the machine.
#[must_use]
pub fn of_run(entry: &Entry, options: &Options, ready: &Ready, done: &Outcome) -> RunRecord {
    let mut outcome = threads::outcome(done);
    outcome.oracle = Some(Oracle {
        mode: format!("sampled 1/{WATCHED}"),
        checked: done.oracle.checked,
        violations: done.oracle.total_violations,
    });
    outcome.void = done.oracle.violations.first().map(|violation| format!("the oracle: {violation}"));
    let latency = |call: &str| outcome.latencies.get(call).and_then(Spread::of);
    let figures = latency("map").zip(latency("unmap")).map(|(map, unmap)| Figures { map, unmap });
    if figures.is_none() && outcome.void.is_none() {
        outcome.void = Some("the time was up before anything was measured".to_owned());
    }
    let mut record = blank(Kind::Bridge, entry.policy_name(), options.asked());
    outcome.fill(&mut record);
    if let Some(figures) = figures {
        record.metrics.append(&mut metrics(&figures));
    }
    record.seed = ready.settings.seed;
    record.parameters.extend(parameters(entry, options, ready));
    record
}

/// The records of a file of the tool's output, in its order.
#[must_use]
pub fn of_saved(saved: &Saved) -> Vec<RunRecord> {
    saved.runs.iter().map(|run| imported(saved, run)).collect()
}

fn imported(saved: &Saved, run: &Imported) -> RunRecord {
    let policy = PolicyName { label: LINUX.to_owned(), axes: BTreeMap::new() };
    let mut record = blank(Kind::Imported, policy, run.asked);
    record.metrics = metrics(&run.figures);
    let file = saved.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    record.parameters.insert("file".to_owned(), file);
    record.parameters.insert("line".to_owned(), run.line.to_string());
    record.notes = vec![
        "imported from the output of dma_map_benchmark, in units of 100 ns; started is the time of the \
         import; machine, kernel, mask and transfer time are not in that output"
            .to_owned(),
    ];
    record
}

/// A record with what both have.
fn blank(kind: Kind, policy: PolicyName, asked: Asked) -> RunRecord {
    let mut record = RunRecord::new(kind, NAME, policy);
    record.revision = REVISION.to_owned();
    record.started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let Asked { threads, seconds, node, dir, granule } = asked;
    let said = [
        ("threads", Some(threads.to_string())),
        ("seconds", Some(seconds.to_string())),
        ("node", node.map(|node| node.to_string())),
        ("dir", Some(dir_name(dir).to_owned())),
        ("granule", granule.map(|granule| granule.to_string())),
    ];
    record.parameters =
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    record
}

/// What of our run the tool's output does not say.
fn parameters(entry: &Entry, options: &Options, ready: &Ready) -> BTreeMap<String, String> {
    let settings = &ready.settings;
    [
        ("policy", entry.name.to_owned()),
        ("dma_bits", options.dma_bits.to_string()),
        ("transfer", format!("{}ns", options.transfer_ns)),
        ("nslabs", settings.nslabs.to_string()),
        ("nareas", settings.nareas.to_string()),
        ("base", format!("{:#x}", settings.base.0)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn metrics(figures: &Figures) -> BTreeMap<String, f64> {
    [
        ("map_mean_ns", figures.map.mean_ns),
        ("map_stddev_ns", figures.map.stddev_ns),
        ("unmap_mean_ns", figures.unmap.mean_ns),
        ("unmap_stddev_ns", figures.unmap.stddev_ns),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into()
}

/// The figures that a record holds; nothing where it holds none.
#[must_use]
pub fn figures(record: &RunRecord) -> Option<Figures> {
    let of = |call: &str| {
        let number = |what: &str| record.metrics.get(&format!("{call}_{what}_ns")).copied();
        Some(Spread { mean_ns: number("mean")?, stddev_ns: number("stddev")? })
    };
    Some(Figures { map: of("map")?, unmap: of("unmap")? })
}
