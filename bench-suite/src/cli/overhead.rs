//! `swiotlb-bench overhead`: what the harness itself costs, and how dense a schedule it keeps.

use super::out::say;
use super::{Exit, Failure};
use crate::run::clock::HostClock;
use crate::run::{Bound, Range, overhead, pacing_limit};
use reports::quantile::Quantile;
use reports::table::{Column, Table, Unit, Value};

/// The schedule is kept if p99 of the delay is at most 100 ns.
const BOUND: Bound = Bound { quantile: Quantile::P99, at_most_ns: 100, achieved: 0.99 };
/// Rates that are tried, per second; each is believed to fail when it has failed five times.
const RANGE: Range = Range { low: 1e6, high: 1e8, within: 1.05, runs: 60, tries: 5 };

/// Nothing to choose.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<Exit, Failure> {
    let clock = HostClock::get().facts();
    let cost = overhead();
    let limit = pacing_limit(&BOUND, &RANGE);
    let columns = vec![Column::text("what"), Column::number("ns", Unit::None)];
    let mut table = Table::new("What the harness costs", columns);
    for (what, ns) in [
        ("closed loop, each call timed, per operation", cost.closed_ns),
        ("of it inside the service time (median)", cost.closed_inside_ns),
        ("closed loop, whole batches, per operation", cost.batch_ns),
        ("open loop behind schedule, per operation", cost.open_ns),
        ("clock, a reading", clock.overhead_ns),
        ("clock, its step", clock.precision_ns),
    ] {
        table.push(vec![Value::Text(what.to_owned()), Value::Real(ns, 1)]);
    }
    table.notes.push(format!("Clock: {}. Operations do nothing; one thread.", clock.name));
    let rate = limit.highest.map_or("none that was tried".to_owned(), |rate| format!("{rate:.0}/s"));
    table.notes.push(format!("Highest rate with the schedule kept within 100 ns at p99: {rate}."));
    say(&reports::terminal::render(&table))?;
    Ok(Exit::Ok)
}
