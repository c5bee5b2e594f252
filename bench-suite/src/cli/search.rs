//! `swiotlb-bench search`: the highest open-loop rate at which a quantile of the response time stays under a
//! bound.
//!
//! A rate counts calls per second, all threads together: a map is one and its unmap another. With `--dummy`
//! a server of known service time stands in for the allocator, arrivals are single and Poisson, and the mean
//! wait stands beside that of M/D/1, so that anybody can check the harness. A server that stalls has no such
//! theory beside it.

use super::found::{Found, few, found, machine_s};
use super::out::say;
use super::{Exit, Failure, complain};
use crate::policies::{self, Entry};
use crate::run::dummy;
use crate::run::{Bound, Dummy, Oracle, Outcome, Pace, Range, Searched, Settings, Stall, Trial, Tried};
use crate::run::{at_rate, search_rate};
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use reports::table::{Column, Table, Unit, Value};
use reports::units::plural;
use swiotlb_core::boot::{BootParam, Geometry};
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
    #[arg(long, value_name = "TIME[,STALL/EVERY]", env = "SWIOTLB_BENCH_DUMMY")]
    dummy: Option<String>,
    /// The quantile of the response time.
    #[arg(long, default_value = "p99", value_name = "pN", env = "SWIOTLB_BENCH_QUANTILE")]
    quantile: String,
    /// The most that it may be.
    #[arg(long, default_value = "10us", value_name = "TIME", env = "SWIOTLB_BENCH_UNDER")]
    under: String,
    /// The lowest rate, calls per second.
    #[arg(long, default_value = "10k/s", value_name = "RATE", env = "SWIOTLB_BENCH_FROM")]
    from: String,
    /// The highest rate.
    #[arg(long, default_value = "5M/s", value_name = "RATE", env = "SWIOTLB_BENCH_TO")]
    to: String,
    /// Simulated threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4_096), env = "SWIOTLB_BENCH_THREADS")]
    threads: u32,
    /// Maps per thread of a run.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000), env = "SWIOTLB_BENCH_MAPS")]
    maps: u64,
    /// Slots and areas of the pool.
    #[arg(long, default_value = "32768", value_name = "SLOTS[,AREAS]", env = "SWIOTLB_BENCH_SWIOTLB")]
    swiotlb: String,
    /// The seed of the plan.
    #[arg(long, default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
    /// End with exit code 6 where the threads do not fit this machine, or its noise leaves no answer.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT", value_parser = super::switch())]
    strict: bool,
}

/// What each run at a rate brings beside the trial.
struct Beside {
    empty: Option<Cell>,
    mean_wait_ns: f64,
}

/// What is searched, once the command line was read.
struct Search {
    entry: &'static Entry,
    server: Option<Dummy>,
    bound: Bound,
    range: Range,
    plan: Plan,
    settings: Settings,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let search = Search::of(args)?;
    let spinning = search.plan.threads.len();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if spinning > cores {
        complain(format_args!("warning: {spinning} threads on {cores} cores: oversubscribed, no verdict"));
        if args.strict {
            return Ok(Exit::Unfit);
        }
    }
    let (searched, beside) = search.made()?;
    let mut table = search.table(args);
    let rows = searched.tried.iter().zip(&beside);
    rows.for_each(|(row, beside)| table.push(search.row(row, beside)));
    if searched.crossed {
        table.notes.push("A rate failed below one that held: the machine interfered.".to_owned());
    }
    say(&reports::terminal::render(&table))?;
    let quantile = search.bound.quantile;
    let empty: Vec<_> = beside.iter().map(|beside| beside.empty).collect();
    let found = found(&search.bound, &searched, &empty, (&args.under, &args.from));
    say(&match &found {
        Found::Rate(rate) => format!("highest rate with {quantile} under {}: {rate:.0}/s\n", args.under),
        Found::None(why) => format!("none: {why}\n"),
        Found::NoAnswer(why) => format!("no answer: {why}\n"),
    })?;
    let unfit = args.strict && matches!(found, Found::NoAnswer(_));
    Ok(if unfit { Exit::Unfit } else { Exit::Ok })
}

impl Search {
    /// Reads the command line.
    fn of(args: &Args) -> Result<Self, Failure> {
        let quantile = quantile(&args.quantile)?;
        let at_most_ns = number("--under", &args.under, Base::Nanoseconds)?;
        let rate = |flag, text: &str| number(flag, text, Base::PerSecond);
        let (low, high) = (rate("--from", &args.from)?, rate("--to", &args.to)?);
        if low >= high {
            return Err(Failure::usage(format!("--from {} is not below --to {}", args.from, args.to)));
        }
        let entry = policies::by_name(&args.policy).map_err(Failure::usage)?;
        let server = args.dummy.as_deref().map(server).transpose()?;
        let (plan, settings) = (plan(args, server.is_some())?, settings(args)?);
        let samples = measured(plan.ops(), &settings);
        if samples < quantile.samples_needed() {
            let maps = maps_needed(quantile, samples, args.maps);
            return Err(Failure::usage(format!("{}: --maps {maps} at least", few(quantile, samples))));
        }
        let bound = Bound { quantile, at_most_ns, achieved: 0.99 };
        let range = Range { low: low as f64, high: high as f64, within: 1.05, runs: 24, tries: 3 };
        Ok(Self { entry, server, bound, range, plan, settings })
    }

    /// Makes the runs.
    fn made(&self) -> Result<(Searched, Vec<Beside>), Failure> {
        let mut beside = Vec::new();
        let service_ns = self.server.map_or(0, |server| server.service_ns);
        let searched = search_rate(&self.bound, &self.range, |rate| {
            let paced = at_rate(&self.plan, rate);
            let paced = paced.ok_or_else(|| Failure::error("the plan has no span of time"))?;
            let done = one(self.entry, self.server, &paced, &self.settings)?;
            let response = responses(&done);
            let of_empty = |empty: &Latency| empty.at(&[self.bound.quantile]).first().copied();
            let empty = done.empty_loop.as_ref().and_then(of_empty);
            beside.push(Beside { empty, mean_wait_ns: response.histogram().mean() - service_ns as f64 });
            Ok::<_, Failure>(Trial { achieved: done.achieved_rate.unwrap_or(0.0), response })
        })?;
        Ok((searched, beside))
    }

    fn row(&self, row: &Tried, beside: &Beside) -> Vec<Value> {
        let mut cells = vec![
            Value::Real(row.rate, 0),
            Value::Real(row.achieved, 0),
            Value::Quantile(row.value),
            beside.empty.map_or(Value::Missing, Value::Quantile),
        ];
        if let Some(server) = self.server {
            cells.push(Value::Real(beside.mean_wait_ns, 0));
            cells.push(waiting(server, row.rate).map_or(Value::Missing, |ns| Value::Real(ns, 0)));
        }
        let held = if row.held { "held" } else { "failed" };
        let whose = if machine_s(beside.empty, row.value) { ", the machine's tail" } else { "" };
        cells.push(Value::Text(format!("{held}{whose}")));
        cells
    }

    fn table(&self, args: &Args) -> Table {
        let what = args.dummy.as_ref().map_or_else(
            || format!("{} under {}", args.model, args.policy),
            |dummy| format!("a server of {dummy}"),
        );
        let quantile = self.bound.quantile;
        let mut columns = vec![
            Column::number("calls/s", Unit::None),
            Column::number("achieved", Unit::None),
            Column::number(quantile.to_string(), Unit::Time),
            Column::number(format!("empty loop {quantile}"), Unit::Time),
        ];
        if self.server.is_some() {
            columns.push(Column::number("mean wait (ns)", Unit::None));
            columns.push(Column::number("M/D/1 (ns)", Unit::None));
        }
        columns.push(Column::text("bound"));
        let threads = plural(args.threads.into(), "thread");
        let mut table = Table::new(format!("{what}, {} {threads}, open loop", args.threads), columns);
        table.notes = self.notes();
        table
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "A call is a map, an unmap, a sync or a lookup; times from its intended start. The empty loop is the \
             same schedule with no work; the machine's tail: its quantile is more than half of the measured one."
                .to_owned(),
            format!(
                "A rate holds by one run that holds and fails by {} that fail: an interruption by others says \
                 nothing of a rate.",
                self.range.tries
            ),
        ];
        if self.server.is_some_and(|server| server.stall.is_some()) {
            notes.push("M/D/1 knows no stalls: none is shown.".to_owned());
        }
        notes
    }
}

/// Calls of a run that are no warm-up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the calls")]
fn measured(calls: usize, settings: &Settings) -> u64 {
    calls as u64 - (calls as f64 * settings.warmup_share).ceil() as u64
}

/// Maps that give as many samples as a quantile wants, where `maps` give `samples`; one in a hundred more, because the
/// cut after the warm-up is not to the call.
fn maps_needed(quantile: Quantile, samples: u64, maps: u64) -> u64 {
    let needed = quantile.samples_needed().saturating_mul(maps).div_ceil(samples.max(1));
    needed.saturating_add(needed / 100)
}

/// One run at the rate that `plan` has.
fn one(entry: &Entry, server: Option<Dummy>, plan: &Plan, settings: &Settings) -> Result<Outcome, Failure> {
    let done = match server {
        Some(server) => dummy(plan, settings, server),
        None => entry.runs.measure(true, plan, settings),
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

/// Mean wait of M/D/1 in ns: rho D / (2 (1 - rho)), Pollaczek and Khinchine; nothing at a load of 1 and above,
/// and nothing for a server that stalls.
fn waiting(server: Dummy, rate: f64) -> Option<f64> {
    let service_ns = server.service_ns as f64;
    let load = rate * service_ns / 1e9;
    (load < 1.0 && server.stall.is_none()).then(|| load / (2.0 * (1.0 - load)) * service_ns)
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
    Geometry::new(param, 1, None).map_err(wrong)?;
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
    fn maps_make_as_many_samples_as_a_quantile_wants() {
        let settings = Settings::default();
        assert_eq!((measured(1_000, &settings), measured(1_112, &settings)), (900, 1_000));
        assert_eq!(maps_needed(Quantile::P99, 900, 1_000), 1_123);
    }

    #[test]
    fn the_theory_is_pollaczek_and_khinchine() {
        let server = Dummy { service_ns: 1_000, stall: None };
        assert_eq!(waiting(server, 500_000.0), Some(500.0));
        assert_eq!(waiting(server, 1_000_000.0), None);
        let stall = Some(Stall { at_ns: 0, for_ns: 100_000, every_ns: 10_000_000 });
        assert_eq!(waiting(Dummy { stall, ..server }, 500_000.0), None);
    }
}
