//! From what the threads brought back to an [`Outcome`]: rates, fairness, merged histograms.

use super::clock::{Clock, HostClock};
use super::crew::{Crew, Ran};
use super::fairness::Fairness;
use super::outcome::{OracleReport, Outcome, ThreadOutcome};
use super::settings::Pace;
use super::steps::Kind;
use super::threads::Done;
use super::watch::Watch;
use reports::latency::Latency;
use std::collections::BTreeMap;
use swiotlb_core::mem::MemStats;
use workloads::op::ThreadPlan;

/// The outcome of a run; `used` is what the allocator says is in use when everything was ended.
pub fn outcome(crew: &Crew<'_>, ran: Ran, used: Option<u64>) -> Outcome {
    let clock = HostClock::get();
    let wall = Wall::of(&ran.done);
    let empty_loop = merged(ran.done.iter().flatten().map(|done| &done.idle.response));
    let refused = ran.done.iter().flatten().map(|done| done.tally.refused + done.refused_at_end).sum();
    let oracle = report(crew.watch, used, refused);
    let pairs = crew.plan.threads.iter().zip(ran.done);
    let threads: Vec<_> = pairs.map(|(plan, done)| thread(plan, done, &clock)).collect();
    let wall_ns = clock.ns(wall.ticks);
    let ops: u64 = threads.iter().map(|thread| thread.ops).sum();
    let open = crew.settings.pace == Pace::Open;
    Outcome {
        wall_ns,
        stats: MemStats::default(),
        pools_added: 0,
        transient_made: threads.iter().filter_map(|t| t.counts).map(|counts| counts.transient_made).sum(),
        oracle,
        page_faults_inside: ran.noise.minor_faults + ran.noise.major_faults,
        noise: ran.noise,
        clock: clock.facts(),
        intended_rate: open.then(|| intended_rate(crew)).flatten(),
        achieved_rate: (open && wall_ns > 0).then(|| ops as f64 * 1e9 / wall_ns as f64),
        fairness: fairness(&threads),
        growth: Vec::new(),
        empty_loop,
        oversubscribed: ran.oversubscribed,
        cut_short: ran.cut_short,
        touch: ran.touch,
        overlap: if wall.ticks == 0 { 1.0 } else { wall.shared as f64 / wall.ticks as f64 },
        threads,
    }
}

/// What the oracle says; without one, leaks and refused calls count as violations all the same.
pub fn report(watch: Option<&Watch>, used: Option<u64>, refused: u64) -> OracleReport {
    if let Some(watch) = watch {
        return watch.finish(used, refused);
    }
    let mut report = OracleReport::default();
    if let Some(used) = used.filter(|&used| used != 0) {
        report.violations.push(format!("{used} slots are in use when nothing is mapped"));
    }
    if refused != 0 {
        report.violations.push(format!("{refused} calls were refused though the plan was right"));
    }
    report.total_violations = report.violations.len() as u64;
    report
}

fn thread(plan: &ThreadPlan, done: Option<Done>, clock: &HostClock) -> ThreadOutcome {
    let idle = ThreadOutcome {
        role: plan.role,
        cpu: plan.cpu,
        pinned_to: None,
        ops: 0,
        maps: 0,
        unmaps: 0,
        syncs: 0,
        lookups: 0,
        skipped: 0,
        refused: 0,
        failures: BTreeMap::new(),
        service: BTreeMap::new(),
        response: BTreeMap::new(),
        batch_mean_ns: f64::NAN,
        batches: 0,
        counts: None,
        bytes: 0,
        busy_ns: 0,
        warmup_ops: 0,
        warmup_mean_ns: f64::NAN,
        warmup_max_ns: 0,
    };
    let Some(done) = done else { return idle };
    let (batch_mean_ns, batches) = done.tally.batch_mean_ns();
    let busy: u64 = done.passes.iter().map(|&(from, to)| to.saturating_sub(from)).sum();
    let tally = &done.tally;
    let counted = ThreadOutcome {
        pinned_to: done.pinned_to,
        ops: tally.ops(),
        maps: tally.ops_of(Kind::Map),
        unmaps: tally.ops_of(Kind::Unmap),
        syncs: tally.ops_of(Kind::Sync),
        lookups: tally.ops_of(Kind::Lookup),
        skipped: tally.skipped,
        refused: tally.refused,
        failures: tally.failures.named(),
        batch_mean_ns,
        batches,
        counts: done.counts,
        bytes: tally.bytes,
        busy_ns: clock.ns(busy),
        warmup_ops: done.warm.ops(),
        warmup_mean_ns: done.warm.mean_ns(),
        warmup_max_ns: done.warm.max_ns(),
        ..idle
    };
    let (service, response) = done.tally.into_latencies();
    ThreadOutcome { service, response, ..counted }
}

/// The time that the loops took together.
struct Wall {
    /// From the first to the last, passes added up.
    ticks: u64,
    /// While all were running.
    shared: u64,
}

impl Wall {
    fn of(done: &[Option<Done>]) -> Self {
        let mut wall = Self { ticks: 0, shared: 0 };
        let busy: Vec<_> = done.iter().flatten().filter(|done| done.tally.ops() > 0).collect();
        let passes = busy.iter().map(|done| done.passes.len()).max().unwrap_or(0);
        for pass in 0..passes {
            let spans = || busy.iter().filter_map(|done| done.passes.get(pass));
            let first = spans().map(|span| span.0).min().unwrap_or(0);
            let last = spans().map(|span| span.1).max().unwrap_or(0);
            let from = spans().map(|span| span.0).max().unwrap_or(0);
            let to = spans().map(|span| span.1).min().unwrap_or(0);
            wall.ticks += last.saturating_sub(first);
            wall.shared += to.saturating_sub(from);
        }
        wall
    }
}

fn merged<'l>(mut all: impl Iterator<Item = &'l Latency>) -> Option<Latency> {
    let mut sum = all.next()?.clone();
    all.for_each(|other| sum.merge(other));
    Some(sum)
}

fn fairness(threads: &[ThreadOutcome]) -> Fairness {
    let latencies = threads.iter().flat_map(|thread| thread.response.values().chain(thread.service.values()));
    let longest = latencies.filter_map(Latency::max_ns).max().unwrap_or(0);
    Fairness::new(threads.iter().map(|thread| (thread.ops, thread.busy_ns)), longest)
}

/// Calls per second that the measured part of the schedule asks for.
fn intended_rate(crew: &Crew<'_>) -> Option<f64> {
    let cuts = super::steps::warm_cut(crew.steps, crew.settings.warmup_share);
    let parts = crew.steps.threads.iter().zip(cuts).map(|(steps, cut)| &steps[cut..]);
    let (mut calls, mut first, mut last) = (0_u64, u64::MAX, 0);
    for part in parts {
        calls += part.iter().filter(|step| step.call.kind().is_some()).count() as u64;
        first = part.first().map_or(first, |step| step.at_ns.min(first));
        last = part.last().map_or(last, |step| step.at_ns.max(last));
    }
    (last > first).then(|| calls as f64 * 1e9 / (last - first) as f64)
}
