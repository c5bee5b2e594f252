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
    say(&text)?;
    Ok(Exit::Ok)
}
