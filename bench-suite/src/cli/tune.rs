//! `swiotlb-bench tune TRACE`.

use super::out::say;
use super::reading::Reading;
use super::{Exit, Failure};
use crate::measure::commands::remember;
use crate::measure::whole;
use crate::policies;
use crate::tune::{Job, Tuned, pareto, tune};
use reports::terminal;
use reports::text::visible;
use std::path::{Path, PathBuf};
use swiotlb_core::boot::BootParam;
use workloads::demand::Scale;
use workloads::trace::Trace;

/// What to advise on.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The trace: JSON Lines, raw ftrace text, or what `trace-cmd report` or `perf script` print; gzip or plain.
    trace: PathBuf,
    /// Multiply the load: devices=N overlays copies of all devices, depth=N multiplies what they keep in flight,
    /// rate=N divides their think times.
    #[arg(long, value_name = "FACTORS", default_value = "", env = "SWIOTLB_BENCH_SCALE")]
    scale: String,
    /// Policies to try beside the kernel's, separated by commas or given repeatedly.
    #[arg(long = "policy", value_name = "NAME", env = "SWIOTLB_BENCH_POLICY", value_delimiter = ',')]
    policies: Vec<String>,
    /// Say, too, what would have happened with these slots and areas, for instance 1024,4; without areas one per CPU.
    #[arg(long, value_name = "SLOTS[,AREAS]", value_parser = super::replay::boot_param)]
    at: Vec<BootParam>,
    /// Advise on the first half of the requests as well, and judge that by the second half.
    #[arg(long, env = "SWIOTLB_BENCH_HOLD_OUT", value_parser = super::switch())]
    hold_out: bool,
    /// Leave out the timed replays of the best few.
    #[arg(long, env = "SWIOTLB_BENCH_NO_TIMING", value_parser = super::switch())]
    no_timing: bool,
    /// The seed of random overlays.
    #[arg(long, value_name = "N", default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
    /// Print JSON instead of text.
    #[arg(long, env = "SWIOTLB_BENCH_JSON", value_parser = super::switch())]
    json: bool,
    /// Folder for the advice as Markdown and JSON and for the figure (SVG).
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// The figure of an advice.
const FIGURE: &str = "tune.svg";

const AFTER_HELP: &str = "\
How the advice is made and how far it can be trusted: docs/TUNE.md. How a trace is recorded: docs/CAPTURE.md.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let scale: Scale = args.scale.parse().map_err(|error| Failure::usage(format!("--scale: {error}")))?;
    let mut names = vec!["kernel"];
    for name in &args.policies {
        let name = policies::by_name(name).map_err(Failure::usage)?.name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let options = args.reading.options()?;
    let trace = Trace::open(&args.trace, &options).map_err(Failure::error)?;
    let job = Job {
        trace: &trace,
        timed: (!args.no_timing).then_some((&args.trace, &options)),
        policies: &names,
        scale,
        seed: args.seed,
        at: &args.at,
        hold_out: args.hold_out,
    };
    let tuned = tune(&job).map_err(|error| Failure {
        exit: if error.is_broken() { Exit::Verification } else { Exit::Error },
        message: format!("{}: {error}", args.trace.display()),
    })?;
    if let Some(folder) = &args.out {
        keep(&tuned, folder)?;
    }
    say(&if args.json { json(&tuned)? } else { text(&tuned) })?;
    Ok(Exit::Ok)
}

fn json(tuned: &Tuned) -> Result<String, Failure> {
    serde_json::to_string_pretty(tuned).map(|text| text + "\n").map_err(Failure::error)
}

fn text(tuned: &Tuned) -> String {
    let mut page = format!("{}: {}\n", visible(&tuned.recording.name), tuned.headline());
    for (title, sentences) in tuned.sections() {
        page += &format!("\n{title}\n");
        page.extend(sentences.iter().map(|sentence| format!("- {}\n", visible(sentence))));
    }
    for table in tuned.tables() {
        page += &format!("\n{}", terminal::render(&table));
    }
    page
}

fn keep(tuned: &Tuned, folder: &Path) -> Result<(), Failure> {
    let failed =
        |path: &Path, what: &dyn std::fmt::Display| Failure::error(format!("{}: {what}", path.display()));
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| failed(folder, &format_args!("cannot be made: {error}")))?;
    let mut files = vec![("tune.md", tuned.markdown()), ("tune.json", json(tuned)?)];
    match pareto(tuned) {
        Some(Ok(figure)) => files.push((FIGURE, figure)),
        Some(Err(error)) => super::complain(format_args!("no figure: {error}")),
        None => {}
    }
    let has_figure = files.iter().any(|(name, _)| *name == FIGURE);
    if has_figure {
        files[0].1 += &format!("\n![Memory, tail and delay of the candidates](<{FIGURE}>)\n");
    }
    for (name, text) in &files {
        let path = folder.join(name);
        let written = whole::write(&path, text);
        written.map_err(|error| failed(&path, &format_args!("cannot be written: {error}")))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    super::complain(format_args!("{}: wrote {}", folder.display(), names.join(", ")));
    if let Err(error) = remember(folder) {
        super::complain(format_args!("{}: {error}: the command line is not kept", folder.display()));
    }
    // One of an earlier advice would lie beside this.
    let old = folder.join(FIGURE);
    if !has_figure && old.exists() {
        let removed = std::fs::remove_file(&old);
        removed.map_err(|error| failed(&old, &format_args!("cannot be removed: {error}")))?;
    }
    Ok(())
}
