//! `swiotlb-bench overhead`: what the harness itself costs, and how dense a schedule it keeps.

use super::out::say;
use super::{Exit, Failure};
use crate::external::interface;
use crate::run::clock::HostClock;
use crate::run::{Bound, Range, Searched, overhead, pacing_limit};
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
    for (what, ns) in interface().iter().flat_map(|cost| {
        [
            ("outside policy, a map through the interface", cost.map_ns),
            ("outside policy, an unmap through the interface", cost.unmap_ns),
            ("outside policy, a lookup through the interface", cost.find_pool_ns),
        ]
    }) {
        table.push(vec![Value::Text(what.to_owned()), Value::Real(ns, 1)]);
    }
    table.notes.push(format!("Clock: {}. Operations do nothing; one thread.", clock.name));
    table
        .notes
        .push(format!("Highest rate with the schedule kept within 100 ns at p99: {}.", highest(&limit)));
    say(&reports::terminal::render(&table))?;
    Ok(Exit::Ok)
}

/// The rate, with the rates that were tried where it is none or the highest of them.
fn highest(limit: &Searched) -> String {
    let runs = limit.tried.len();
    match limit.highest {
        None => {
            format!(
                "none; {:.0}/s, the lowest that is tried, failed in all of its {} tries",
                RANGE.low, RANGE.tries
            )
        }
        Some(rate) if rate >= RANGE.high => format!("{rate:.0}/s at least, the highest that is tried"),
        Some(rate) => format!(
            "{rate:.0}/s, by {runs} runs between {:.0}/s and {:.0}/s; a rate holds by one run that holds and \
             fails by {} that fail",
            RANGE.low, RANGE.high, RANGE.tries
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_that_were_tried_are_named() {
        let of = |highest| super::highest(&Searched { tried: Vec::new(), highest, crossed: false });
        assert_eq!(of(None), "none; 1000000/s, the lowest that is tried, failed in all of its 5 tries");
        assert_eq!(of(Some(1e8)), "100000000/s at least, the highest that is tried");
        assert!(of(Some(2e6)).starts_with("2000000/s, by 0 runs between 1000000/s and 100000000/s"));
    }
}
