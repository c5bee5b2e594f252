//! `swiotlb-bench search`: the highest open-loop rate at which a quantile of the response time stays under a
//! bound.
//!
//! A rate counts calls per second, all threads together: a map is one and its unmap another. With `--dummy`
//! a server of known service time stands in for the allocator, arrivals are single and Poisson, and the mean
//! wait stands beside that of M/D/1, so that anybody can check the harness.

use super::out::say;
use super::{Exit, Failure, complain};
use crate::policies::{self, Entry};
use crate::run::dummy;
use crate::run::{Bound, Dummy, Oracle, Outcome, Pace, Range, Settings, Stall, Trial, at_rate, search_rate};
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use reports::table::{Column, Table, Unit, Value};
use swiotlb_core::boot::BootParam;
use workloads::model::{ArrivalKind, Common, Model, single_calls};
use workloads::op::Plan;
use workloads::suite::value::{Base, Quantity};

/// Of how many mappings the oracle watches one.
const WATCHED: u32 = 64;

/// What to search, and where.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The workload model.
    #[arg(long, default_value = "nvme", value_name = "NAME", env = "SWIOTLB_BENCH_MODEL")]
    model: String,
    /// The policy.
    #[arg(long, default_value = "kernel", value_name = "NAME", env = "SWIOTLB_BENCH_POLICY")]
    policy: String,
    /// A server of fixed service time instead of the allocator: `1us`, or with stalls `1us,100us/10ms`.
    #[arg(long, value_name = "TIME[,STALL/EVERY]")]
    dummy: Option<String>,
    /// The quantile of the response time.
    #[arg(long, default_value = "p99", value_name = "pN")]
    quantile: String,
    /// The most that it may be.
    #[arg(long, default_value = "10us", value_name = "TIME")]
    under: String,
    /// The lowest rate, calls per second.
    #[arg(long, default_value = "10k/s", value_name = "RATE")]
    from: String,
    /// The highest rate.
    #[arg(long, default_value = "5M/s", value_name = "RATE")]
    to: String,
    /// Simulated threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    threads: u32,
    /// Maps per thread of a run.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    maps: u64,
    /// Slots and areas of the pool.
    #[arg(long, default_value = "32768", value_name = "SLOTS[,AREAS]")]
    swiotlb: String,
    /// The seed of the plan.
    #[arg(long, default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
    /// End with exit code 6 where the threads do not fit this machine.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT")]
    strict: bool,
}

/// What each run at a rate brings beside the trial.
struct Beside {
    empty: Option<Cell>,
    mean_wait_ns: f64,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let quantile = quantile(&args.quantile)?;
    let bound =
        Bound { quantile, at_most_ns: number("--under", &args.under, Base::Nanoseconds)?, achieved: 0.99 };
    let (low, high) =
        (number("--from", &args.from, Base::PerSecond)?, number("--to", &args.to, Base::PerSecond)?);
    if low >= high {
        return Err(Failure::usage(format!("--from {} is not below --to {}", args.from, args.to)));
    }
    let range = Range { low: low as f64, high: high as f64, within: 1.05, runs: 24, tries: 3 };
    let entry = policies::by_name(&args.policy).map_err(Failure::usage)?;
    let server = args.dummy.as_deref().map(server).transpose()?;
    let (plan, settings) = (plan(args, server.is_some())?, settings(args)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if args.threads as usize > cores {
        complain(format_args!(
            "warning: {} threads on {cores} cores: oversubscribed, no verdict",
            args.threads
        ));
        if args.strict {
            return Ok(Exit::Unfit);
        }
    }
    let needed = quantile.samples_needed();
    if (plan.ops() as u64) < needed {
        return Err(Failure::usage(format!(
            "{quantile} wants {needed} samples and a run has {} calls: raise --maps",
            plan.ops()
        )));
    }
    let mut beside = Vec::new();
    let searched = search_rate(&bound, &range, |rate| {
        let paced = at_rate(&plan, rate).ok_or_else(|| Failure::error("the plan has no span of time"))?;
        let done = one(entry, server, &paced, &settings)?;
        let response = responses(&done);
        let empty = done.empty_loop.as_ref().and_then(|empty| empty.at(&[quantile]).first().copied());
        let service = server.map_or(0, |server| server.service_ns);
        beside.push(Beside { empty, mean_wait_ns: response.histogram().mean() - service as f64 });
        Ok(Trial { achieved: done.achieved_rate.unwrap_or(0.0), response })
    })?;
    let mut table = table(args, quantile, server.is_some());
    for (row, beside) in searched.tried.iter().zip(&beside) {
        let mut cells = vec![
            Value::Real(row.rate, 0),
            Value::Real(row.achieved, 0),
            Value::Quantile(row.value),
            beside.empty.map_or(Value::Missing, Value::Quantile),
        ];
        if let Some(server) = server {
            cells.push(Value::Real(beside.mean_wait_ns, 0));
            cells.push(waiting(server.service_ns, row.rate).map_or(Value::Missing, |ns| Value::Real(ns, 0)));
        }
        cells.push(Value::Text(if row.held { "held" } else { "failed" }.to_owned()));
        table.push(cells);
    }
    if searched.crossed {
        table.notes.push("A rate failed below one that held: the machine interfered.".to_owned());
    }
    say(&reports::terminal::render(&table))?;
    let answer = searched.highest.map_or_else(
        || format!("none: {quantile} is above {} at {} already\n", args.under, args.from),
        |rate| format!("highest rate with {quantile} under {}: {rate:.0}/s\n", args.under),
    );
    say(&answer)?;
    Ok(Exit::Ok)
}

fn table(args: &Args, quantile: Quantile, theory: bool) -> Table {
    let what = args.dummy.as_ref().map_or_else(
        || format!("{} under {}", args.model, args.policy),
        |dummy| format!("a server of {dummy}"),
    );
    let mut columns = vec![
        Column::number("calls/s", Unit::None),
        Column::number("achieved", Unit::None),
        Column::number(quantile.to_string(), Unit::Time),
        Column::number(format!("empty loop {quantile}"), Unit::Time),
    ];
    if theory {
        columns.push(Column::number("mean wait (ns)", Unit::None));
        columns.push(Column::number("M/D/1 (ns)", Unit::None));
    }
    columns.push(Column::text("bound"));
    let mut table = Table::new(format!("{what}, {} threads, open loop", args.threads), columns);
    table.notes.push(
        "A call is a map, an unmap, a sync or a lookup; times from its intended start. The empty loop is the \
         same schedule with no work: what of a tail is the machine's."
            .to_owned(),
    );
    table
}

/// One run at the rate that `plan` has.
fn one(entry: &Entry, server: Option<Dummy>, plan: &Plan, settings: &Settings) -> Result<Outcome, Failure> {
    let done = match server {
        Some(server) => dummy(plan, settings, server),
        None => (entry.measure)(true, plan, settings),
    };
    let done = done.map_err(Failure::error)?;
    match done.oracle.violations.first() {
        Some(violation) => {
            Err(Failure { exit: Exit::Verification, message: format!("the oracle: {violation}") })
        }
        None => Ok(done),
    }
}

fn responses(done: &Outcome) -> Latency {
    let mut all = Latency::new();
    done.threads.iter().flat_map(|thread| thread.response.values()).for_each(|one| all.merge(one));
    all
}

/// Mean wait of M/D/1 in ns: rho D / (2 (1 - rho)), Pollaczek and Khinchine; nothing at a load of 1 and above.
fn waiting(service_ns: u64, rate: f64) -> Option<f64> {
    let load = rate * service_ns as f64 / 1e9;
    (load < 1.0).then(|| load / (2.0 * (1.0 - load)) * service_ns as f64)
}

fn plan(args: &Args, single: bool) -> Result<Plan, Failure> {
    if single {
        return single_calls(args.maps, 1e6, ArrivalKind::Poisson, args.seed).map_err(Failure::usage);
    }
    let model = Model::by_name(&args.model).ok_or_else(|| {
        let known = Model::names().iter().copied().filter(|name| Model::by_name(name).is_some());
        Failure::usage(workloads::suite::error::unknown("workload model", &args.model, known))
    })?;
    let common = Common { threads: args.threads, ops_per_thread: Some(args.maps), ..Common::default() };
    model.plan(&common, args.seed).map_err(Failure::usage)
}

fn settings(args: &Args) -> Result<Settings, Failure> {
    let wrong = |error| Failure::usage(format!("--swiotlb {}: {error}", args.swiotlb));
    let param: BootParam = format!("swiotlb={}", args.swiotlb).parse().map_err(wrong)?;
    let usual = Settings::default();
    Ok(Settings {
        pace: Pace::Open,
        nslabs: param.nslabs.unwrap_or(usual.nslabs),
        nareas: param.nareas.unwrap_or(usual.nareas),
        oracle: Oracle::Sampled(WATCHED),
        seed: args.seed,
        ..usual
    })
}

/// `p99`, `p99.9`.
fn quantile(text: &str) -> Result<Quantile, Failure> {
    let percent = text.strip_prefix('p').and_then(|rest| rest.parse::<f64>().ok());
    let in_range = percent.filter(|percent| (0.0..100.0).contains(percent));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a million")]
    let ppm = in_range.map(|percent| (percent * 10_000.0).round() as u32);
    ppm.and_then(Quantile::from_ppm)
        .ok_or_else(|| Failure::usage(format!("--quantile {text}: write p50 to p99.9999")))
}

fn number(flag: &str, text: &str, unit: Base) -> Result<u64, Failure> {
    let example = if unit == Base::PerSecond { "250k/s" } else { "10us" };
    let read = Quantity::parse(text).filter(|q| q.unit == unit && q.number > 0).map(|q| q.number);
    read.ok_or_else(|| {
        Failure::usage(format!("{flag} {text}: write a number above 0 with its unit, as {example}"))
    })
}

/// `1us`, or `1us,100us/10ms`.
fn server(text: &str) -> Result<Dummy, Failure> {
    let (service, stall) =
        text.split_once(',').map_or((text, None), |(service, stall)| (service, Some(stall)));
    let time = |text: &str| number("--dummy", text, Base::Nanoseconds);
    let stall = stall.map(|stall| {
        let parts = stall.split_once('/');
        let (length, every) =
            parts.ok_or_else(|| Failure::usage(format!("--dummy {text}: write a stall as 100us/10ms")))?;
        Ok(Stall { at_ns: 0, for_ns: time(length)?, every_ns: time(every)? })
    });
    Ok(Dummy { service_ns: time(service)?, stall: stall.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_servers_are_read() {
        assert_eq!(quantile("p99.9").ok(), Some(Quantile::P99_9));
        assert!(["99", "p100", "p-1", "pp"].iter().all(|text| quantile(text).is_err()));
        let stall = Stall { at_ns: 0, for_ns: 100_000, every_ns: 10_000_000 };
        let wanted = Dummy { service_ns: 1_000, stall: Some(stall) };
        assert_eq!(server("1us,100us/10ms").ok(), Some(wanted));
        assert!(["1", "1us,5us", "us"].iter().all(|text| server(text).is_err()));
    }

    #[test]
    fn the_theory_is_pollaczek_and_khinchine() {
        assert_eq!(waiting(1_000, 500_000.0), Some(500.0));
        assert_eq!(waiting(1_000, 1_000_000.0), None);
    }
}
