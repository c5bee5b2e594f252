//! `swiotlb-bench soak OPERATIONS`.

use super::out::{Out, kept};
use super::session::stop_flag;
use super::{Exit, Failure, complain};
use crate::policies::{self, Entry};
use crate::soak::{self, Outcome, Settings, Tally};
use reports::table::{Column, Table, Unit, Value};
use reports::units::{count, plural};
use reports::{terminal, text};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use workloads::suite::value::{Base, Quantity};

/// Between two lines that say how far it is.
const SAYS: Duration = Duration::from_secs(10);

/// What to soak.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Operations of each policy at least, as 1_000_000: calls that map, unmap, sync or look an address up
    #[arg(value_name = "OPERATIONS", value_parser = operations)]
    operations: u64,
    /// Policies, separated by commas or given repeatedly; `all` is every one
    #[arg(
        long = "policy",
        value_name = "NAME",
        default_value = "kernel",
        env = "SWIOTLB_BENCH_POLICY",
        value_delimiter = ','
    )]
    policies: Vec<String>,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256), env = "SWIOTLB_BENCH_THREADS")]
    threads: u32,
    /// The seed of what is asked; how threads interleave it does not decide
    #[arg(long, default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
}

// A paragraph is one line: clap wraps it to the terminal's width.
const AFTER_HELP: &str = "\
Threads map, sync, look up and unmap each other's buffers on one allocator after another, through growth, storms of \
transient pools and page requests that are refused. Every answer is checked: no slot has two owners, bytes are on both \
sides what was written, an address is found in its pool. Several times in each allocator's life nobody works, and all \
slots, counts and pools are compared with what is mapped; then everything is unmapped, nothing may be in use, and all \
memory is back.

An interrupt ends it after the same checks; a second one at once.

Exit codes: 0 nothing was wrong; 1 stopped before all operations were done; 2 wrong command line; 4 a rule was broken.";

/// Reads a number of operations.
fn operations(text: &str) -> Result<u64, String> {
    let plain = Quantity::parse(text).filter(|quantity| quantity.unit == Base::Plain && quantity.number > 0);
    plain.map(|quantity| quantity.number).ok_or_else(|| "write a number above 0, as 1_000_000".to_owned())
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let all = args.policies.len() == 1 && args.policies[0] == "all";
    let names = if all { &[][..] } else { &args.policies };
    let policies = policies::chosen(names).map_err(Failure::usage)?;
    let stop = stop_flag()?;
    let settings = Settings { operations: args.operations, threads: args.threads, seed: args.seed };
    let mut worst = Exit::Ok;
    let mut out = Out::stdout();
    for entry in policies {
        let began = Instant::now();
        let outcome = soak::run(entry, &settings, &stop, &mut says(entry, args.operations));
        let (exit, verdict) = verdict(&outcome, args.operations);
        worst = if exit == Exit::Verification { exit } else { worst };
        let table = terminal::render(&table(entry, args, &outcome.tally, began.elapsed()));
        let shown = out.text(&table).and_then(|()| out.line(format_args!("{}: {verdict}", entry.name)));
        if shown.is_err() {
            return kept(worst, shown);
        }
        // Relaxed: it orders nothing.
        if stop.load(Ordering::Relaxed) {
            worst = if worst == Exit::Ok { exit } else { worst };
            break;
        }
    }
    kept(worst, out.flush())
}

/// Says how far a policy is, now and then.
fn says(entry: &Entry, of: u64) -> impl FnMut(&Tally) {
    let mut last = Instant::now();
    move |tally| {
        if last.elapsed() >= SAYS {
            last = Instant::now();
            let (done, lives) = (count(tally.operations()), tally.lives);
            complain(format_args!(
                "{}: {done} of {} operations, {lives} allocators ended",
                entry.name,
                count(of)
            ));
        }
    }
}

fn verdict(outcome: &Outcome, of: u64) -> (Exit, String) {
    let done = outcome.tally.operations();
    match &outcome.broken {
        Some(broken) => (
            Exit::Verification,
            format!("a rule was broken after {}: {}", count(done), text::visible(broken)),
        ),
        None if done < of => (
            Exit::Error,
            format!("stopped after {} of {} operations; nothing was wrong", count(done), count(of)),
        ),
        None => (Exit::Ok, format!("{} operations, nothing was wrong", count(done))),
    }
}

fn table(entry: &Entry, args: &Args, tally: &Tally, took: Duration) -> Table {
    let threads = plural(args.threads.into(), "thread");
    let title = format!("Soak of {}, {} {threads}, seed {}", entry.name, args.threads, args.seed);
    let mut table = Table::new(title, vec![Column::text("what"), Column::number("count", Unit::None)]);
    for (what, n) in tally.named() {
        table.push(vec![Value::Text(what.to_owned()), Value::Count(n)]);
    }
    table.notes.push(format!("{:.1} s.", took.as_secs_f64()));
    table
}
