//! `swiotlb-bench tune TRACE`.

use super::out::say;
use super::{Exit, Failure};
use crate::tune::candidates::candidates;
use crate::tune::sweep::sweep;
use std::path::PathBuf;
use workloads::demand::{Demand, Load, unbounded};
use workloads::trace::{Trace, TraceOptions};

/// What to tune for.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The trace.
    trace: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let trace = Trace::open(&args.trace, &TraceOptions::default()).map_err(Failure::error)?;
    let demand = Demand::of(&trace);
    let load = Load::recorded(&demand);
    let want = unbounded(&load);
    eprintln!("{want:?} gap {} requests {} elements {}", demand.list_gap_ns, demand.requests.len(), demand.elements.len());
    for d in &demand.devices {
        eprintln!("{} req {} delayed {} never {} calls {} streams {} {:?}", d.name, d.requests, d.delayed, d.never, d.failed_calls, d.streams.len(), d.cost());
    }
    let all = candidates(want.high_water, demand.cpus, &["kernel"]);
    let t = std::time::Instant::now();
    let tried = sweep(&all, &load).map_err(Failure::error)?;
    eprintln!("{:?}", t.elapsed());
    let mut text = String::new();
    for t in &tried {
        let r = &t.result;
        let w = r.flow.waits_ns();
        text += &format!("{} delayed {} of {} never {} hw {} spilled {} transient {} pools {} mem {} MiB longest {:?} end {}\n", t.candidate, r.delayed(), r.flow.requests(), r.flow.never(), r.high_water, r.spilled, r.transient, r.pools_added, r.memory >> 20, w.last(), r.flow.end_ns);
    }
    for t in tried.iter().filter(|t| t.candidate.nslabs == 1024) {
        for (d, n) in t.result.flow.devices.iter().zip(&demand.devices) {
            let mut w = d.waits_ns.clone(); w.sort();
            let q = |q: f64| w.get((w.len() as f64 * q) as usize).copied().unwrap_or(0) as f64 / 1e6;
            text += &format!("{} {} delayed {} of {} waits {:?} sum {} failed {}\n", t.candidate, n.name, d.delayed, d.requests, [q(0.1),q(0.25),q(0.5),q(0.75),q(0.9),q(0.99)], w.iter().sum::<u64>() as f64/1e6, d.failed);
        }
    }
    say(&text)?;
    Ok(Exit::Ok)
}
