//! `swiotlb-bench replay TRACE…`.

use super::out::kept;
use super::reading::Reading;
use super::{Exit, Failure, complain};
use crate::external;
use crate::measure::commands::remember;
use crate::measure::whole;
use crate::policies::{self, Entry};
use crate::replay::{
    self, Overrides, ReplayClock, ReplayError, ReplayJob, Replayed, Script, placed, rounded,
};
use plots::latency::{Series, by_quantile};
use reports::machine::Machine;
use reports::store::Store;
use reports::{terminal, text, units};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Force, Geometry};
use workloads::trace::TraceOptions;

/// What to replay.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Traces: JSON Lines, raw ftrace text, or what `trace-cmd report` or `perf script` print; gzip or plain.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// Policies to replay under, separated by commas or given repeatedly; `ext:PATH.so` is one in a shared library.
    #[arg(
        long = "policy",
        value_name = "NAME",
        default_value = "kernel",
        env = "SWIOTLB_BENCH_POLICY",
        value_delimiter = ','
    )]
    policies: Vec<String>,
    /// Compare every map with the address that the kernel recorded.
    #[arg(long, env = "SWIOTLB_BENCH_CHECK", value_parser = super::switch())]
    check: bool,
    /// Slots and areas of the first pool instead of the recorded ones, for instance 4096,4.
    #[arg(long, value_name = "SLOTS[,AREAS]", value_parser = boot_param, env = "SWIOTLB_BENCH_SWIOTLB")]
    swiotlb: Option<BootParam>,
    /// Where the first pool starts instead of the recorded place, for instance 0x7a87d000.
    #[arg(long, value_name = "ADDRESS", value_parser = address, env = "SWIOTLB_BENCH_BASE")]
    base: Option<PhysAddr>,
    /// Let the allocator grow and make transient pools, whatever was recorded.
    #[arg(long, env = "SWIOTLB_BENCH_GROW", value_parser = super::switch())]
    grow: bool,
    /// Let the allocator not grow, whatever was recorded.
    #[arg(long, env = "SWIOTLB_BENCH_NO_GROW", value_parser = super::switch())]
    no_grow: bool,
    #[command(flatten)]
    reading: Reading,
    /// Folder to add records (runs.jsonl) and figures (SVG) to.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    out: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 every trace was replayed, whatever --check found; 1 a trace could not be read or replayed (the \
others still are), or results could not be kept; 2 wrong command line, a first pool that cannot be built too; 4 an \
allocator from outside gave slots away that others held: nothing of it is shown or kept.";

pub(super) fn boot_param(value: &str) -> Result<BootParam, String> {
    let param: BootParam = value.parse().map_err(|error| format!("{error}"))?;
    match param {
        BootParam { force: Some(Force::Off), .. } => Err("noforce leaves no pool to replay on".to_owned()),
        BootParam { nslabs: None, .. } => Err("the slots are missing, write SLOTS or SLOTS,AREAS".to_owned()),
        // With areas that are not given, what is built depends on the trace.
        param => Geometry::new(param, 1, None).map(|_| param).map_err(|error| error.to_string()),
    }
}

fn address(value: &str) -> Result<PhysAddr, String> {
    let number = match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => value.parse(),
    };
    let base = number.map(PhysAddr).map_err(|_| "no address; write it as 0x7a87d000".to_owned())?;
    placed(base, 1).map(|()| base).map_err(|error| error.to_string())
}

impl Args {
    fn overrides(&self) -> Overrides {
        let grow = (self.grow || self.no_grow).then_some(self.grow);
        Overrides { swiotlb: self.swiotlb, grow, base: self.base }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if args.grow && args.no_grow {
        return Err(Failure::usage("--grow and --no-grow exclude each other"));
    }
    let entries = args.policies.iter().map(|name| policies::by_name(name)).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(Failure::usage)?;
    let options = args.reading.options()?;
    let mut output = Output::open(args.out.as_deref())?;
    let clock = ReplayClock::new();
    let mut exit = Exit::Ok;
    for path in &args.traces {
        match replay_one(args, (path, &options), &entries, &clock, &mut output, &mut exit) {
            Ok(()) => {}
            Err(Stop::Trace(message, code)) => {
                complain(message);
                exit = if exit == Exit::Ok { code } else { exit };
            }
            Err(Stop::Output(failure)) => return kept(exit, Err(failure)),
            Err(Stop::ClosedPipe) => return Ok(exit),
        }
    }
    output.told();
    Ok(exit)
}

/// Why a trace was not replayed to the end.
enum Stop {
    /// The trace is at fault, or what flags make of it; others may be replayed.
    Trace(String, Exit),
    /// Results cannot be kept.
    Output(Failure),
    /// Nobody reads standard output any more, and nothing is kept.
    ClosedPipe,
}

fn replay_one(
    args: &Args,
    (path, options): (&Path, &TraceOptions),
    entries: &[&Entry],
    clock: &ReplayClock,
    output: &mut Output,
    exit: &mut Exit,
) -> Result<(), Stop> {
    let flags = args.base.is_some() || args.swiotlb.is_some();
    let fault = |error: ReplayError| {
        // A pool that was given and cannot be built is the command line's mistake.
        let given = flags && matches!(error, ReplayError::FirstPool { .. });
        Stop::Trace(error.to_string(), if given { Exit::Usage } else { Exit::Error })
    };
    let script = replay::load(path, options, &args.overrides()).map_err(fault)?;
    for entry in entries {
        let job = ReplayJob { script: &script, clock, check: args.check, course: args.out.is_some() };
        let mut replayed = match entry.replay(&job) {
            // Nothing hides that, and the other policies' replays are none the worse.
            Err(error @ ReplayError::Broken { .. }) => {
                complain(error);
                *exit = Exit::Verification;
                continue;
            }
            done => done.map_err(fault)?,
        };
        replayed.record.parameters.insert("policy".to_owned(), entry.name.to_owned());
        if let Some(cost) = external::cost_of(entry.name) {
            replayed.record.metrics.insert("interface_ns".to_owned(), cost.round_trip_ns());
            replayed.record.notes.push(cost.note());
        }
        let built = args.swiotlb.and_then(|asked| rounded(asked, script.first.geometry));
        replayed.record.notes.extend(built);
        // Kept before it is shown: whatever becomes of the pages, nothing that was measured is lost.
        output.keep(&script, entry, &replayed).map_err(Stop::Output)?;
        output.show(&script, entry, &replayed)?;
    }
    Ok(())
}

/// Where results go.
struct Output {
    machine: Machine,
    kept: Option<(PathBuf, Store)>,
    records: usize,
}

impl Output {
    fn open(folder: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = folder else {
            return Ok(Self { machine: Machine::default(), kept: None, records: 0 });
        };
        let unusable = |error| Failure::error(format!("{}: cannot be made: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let (store, repair) = Store::open(&folder.join("runs.jsonl")).map_err(Failure::error)?;
        if let Some(repair) = repair {
            complain(format_args!("{}: {repair}", folder.join("runs.jsonl").display()));
        }
        if let Err(error) = remember(folder) {
            complain(format_args!("{}: {error}: the command line is not kept", folder.display()));
        }
        Ok(Self { machine: Machine::read(), kept: Some((folder.to_owned(), store)), records: 0 })
    }

    /// Prints the tables. A pipe that was closed ends what is only shown, and is nothing to what is kept.
    fn show(&self, script: &Script, entry: &Entry, replayed: &Replayed) -> Result<(), Stop> {
        let label = &replayed.record.policy.label;
        let mut page = text::visible(&script.headline());
        page += &format!("\npolicy {}: {label}\n\n", entry.name);
        for table in replayed.tables() {
            page += &terminal::render(&table);
            page.push('\n');
        }
        if let Some(placement) = replayed.record.placement {
            page += &format!("{placement}\n");
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => match self.kept {
                Some(_) => Ok(()),
                None => Err(Stop::ClosedPipe),
            },
            done => done.map_err(|e| Stop::Output(Failure::error(format!("standard output: {e}")))),
        }
    }

    /// Says what was kept, and where.
    fn told(&self) {
        let Some((folder, _)) = self.kept.as_ref().filter(|_| self.records > 0) else { return };
        let (n, records) = (self.records, units::plural(self.records as u64, "record"));
        complain(format_args!("{}: added {n} {records} to runs.jsonl, and their figures", folder.display()));
    }

    /// Keeps the record and the figure; what was kept before stays whatever happens.
    fn keep(&mut self, script: &Script, entry: &Entry, replayed: &Replayed) -> Result<(), Failure> {
        let Some((folder, store)) = &mut self.kept else { return Ok(()) };
        store.append(&replayed.kept(&self.machine)).map_err(Failure::error)?;
        self.records += 1;
        let series: Vec<_> = replayed.timed().map(|(name, latency)| Series { name, latency }).collect();
        let title = format!("{} under {}", script.name, entry.name);
        let form = replayed.record.parameters.get("form").map_or("", String::as_str);
        let path = folder.join(file_name(&[&script.name, form, entry.name]));
        match by_quantile(&title, &series) {
            Ok(svg) => whole::write(&path, &svg)
                .map_err(|error| Failure::error(format!("{}: cannot be written: {error}", path.display()))),
            Err(error) => {
                complain(format_args!("{title}: no figure: {error}"));
                Ok(())
            }
        }
    }
}

/// A name for a figure: letters, digits, `-`, `_` and `.` of each part, none of them too long.
fn file_name(parts: &[&str]) -> String {
    let safe = |part: &&str| -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        part.chars().take(80).map(safe).collect()
    };
    format!("latency-{}.svg", parts.iter().map(safe).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_get_safe_names() {
        assert_eq!(file_name(&["boot_probe", "jsonl", "kernel"]), "latency-boot_probe-jsonl-kernel.svg");
        assert_eq!(file_name(&["../../etc/\u{202e}x y", "a"]), "latency-.._.._etc__x_y-a.svg");
        assert!(file_name(&[&"x".repeat(5000)]).len() < 100);
    }

    #[test]
    fn flags_are_read() {
        assert_eq!(address("0x10000"), Ok(PhysAddr(65_536)));
        assert!(address("0x10").is_err_and(|why| why.contains("not page aligned")));
        assert!(address("0xfffffffffffff000").is_err_and(|why| why.contains("address space")));
        assert!(address("x").is_err() && address("0x").is_err() && address("-1").is_err());
        assert!(boot_param("4096,4").is_ok() && boot_param("4096,noforce").is_err());
        assert!(boot_param("force").is_err() && boot_param("").is_err());
        assert!(boot_param("99999999999,4").is_err_and(|why| why.contains("number of slots")));
        assert!(boot_param("512,4294967295").is_err());
    }
}
