//! Driving a run from the command line: its folder, the signals, the bar, how it ended.

use super::{Failure, complain};
use crate::measure::commands::remember;
use crate::measure::drive::{Ended, Progress};
use crate::measure::folder::Folder;
use crate::measure::launch::{Launch, Processes};
use crate::measure::plan::Step;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use workloads::suite::value::{Base, Quantity};

/// Resuming wants the folder: on the command line, or with the variable set to what sets a switch.
const RESUME_WANTS: [(&str, &str); 6] =
    [("true", "out"), ("1", "out"), ("yes", "out"), ("on", "out"), ("y", "out"), ("t", "out")];

/// Where records go and how long one launch may take.
#[derive(clap::Args)]
pub(super) struct Where {
    /// The folder of this run's plan and records; a new one under `runs/` if none is given.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out.
    #[arg(long, requires_ifs = RESUME_WANTS, env = "SWIOTLB_BENCH_RESUME", value_parser = super::switch())]
    pub resume: bool,
    /// Kill a launch that takes longer; its cell is void.
    #[arg(long, value_name = "TIME", default_value = "300s", env = "SWIOTLB_BENCH_CELL_LIMIT")]
    pub cell_limit: String,
    /// End with exit code 6 where the run does not fit this machine.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT", value_parser = super::switch())]
    pub strict: bool,
}

impl Where {
    /// The folder: the one given, or a new one named after `what` and the time.
    pub(super) fn folder(&self, what: &str) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("{what}-{now}")))
    }

    pub(super) fn time_limit(&self) -> Result<Duration, Failure> {
        time("--cell-limit", &self.cell_limit)
    }
}

/// A time above 0 that a flag was given, with its unit.
pub(super) fn time(flag: &str, text: &str) -> Result<Duration, Failure> {
    let read = Quantity::parse(text).filter(|q| q.unit == Base::Nanoseconds && q.number > 0);
    let wrong = || Failure::usage(format!("{flag}: write a time above 0 with its unit, as 300s"));
    Ok(Duration::from_nanos(read.ok_or_else(wrong)?.number))
}

/// Runs all that is left in `folder`.
pub(super) fn drive(folder: &mut Folder, place: &Where, shown: &Path) -> Result<(), Failure> {
    Driver::new(folder, place, shown)?.run(folder, &|_| true)
}

/// Whoever starts the processes of one run, and hears when the user wants to stop.
pub(super) struct Driver<'a> {
    launcher: Box<dyn Launch>,
    /// What messages call the folder.
    shown: &'a Path,
}

impl<'a> Driver<'a> {
    /// For the run in `folder`.
    pub(super) fn new(folder: &Folder, place: &Where, shown: &'a Path) -> Result<Self, Failure> {
        Self::with(folder, place, shown, |processes| Box::new(processes))
    }

    /// The same with a launcher of the caller's, made from the usual one.
    pub(super) fn with(
        folder: &Folder,
        place: &Where,
        shown: &'a Path,
        wrapped: impl FnOnce(Processes) -> Box<dyn Launch>,
    ) -> Result<Self, Failure> {
        if let Some(repair) = &folder.repair {
            complain(format_args!("{}: {repair}", folder.runs_file().display()));
        }
        // What a reader would miss is no reason not to measure.
        if let Err(error) = remember(shown) {
            complain(format_args!("{}: {error}: the command line is not kept", shown.display()));
        }
        Ok(Self { launcher: wrapped(launcher(place)?), shown })
    }

    /// Runs what is left of what is wanted. A run that the user stops ends in a failure that says how to
    /// resume.
    pub(super) fn run(&mut self, folder: &mut Folder, wanted: &dyn Fn(&Step) -> bool) -> Result<(), Failure> {
        let mut bar = Bar::new(folder.due(wanted).len());
        let ended = folder.run(wanted, &mut *self.launcher, &mut bar);
        bar.0.finish_and_clear();
        match ended {
            Ok(Ended { left: 0, .. }) => Ok(()),
            Ok(Ended { done, left }) => Err(Failure::error(format!(
                "stopped: {done} launches are kept, {left} are left; the same command with `--resume --out {}` goes on",
                self.shown.display()
            ))),
            Err(error) => Err(Failure::error(error)),
        }
    }
}

/// Starts processes of this program, until the user wants to stop.
pub(super) fn launcher(place: &Where) -> Result<Processes, Failure> {
    let program =
        std::env::current_exe().map_err(|e| Failure::error(format!("this program's own file: {e}")))?;
    Ok(Processes { program, time_limit: place.time_limit()?, stop: stop_flag()? })
}

/// Set by the first interrupt; the second ends the program at once. There is one for the whole process: whoever asks
/// later hears what came before.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)));
        registered.map_err(|e| Failure::error(format!("signals: {e}")))?;
    }
    Ok(Arc::clone(STOP.get_or_init(|| stop)))
}

/// A bar with the remaining time, on a terminal only.
struct Bar(ProgressBar);

impl Bar {
    fn new(launches: usize) -> Self {
        let hidden = !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(launches as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len}, {eta} left  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn step(&mut self, cell: &str, _: usize) {
        self.0.set_message(reports::text::shorten(&reports::text::visible(cell), 60));
        self.0.inc(1);
    }
}
