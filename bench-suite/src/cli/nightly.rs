//! `swiotlb-bench nightly`: what a nightly job runs, stage by stage, with one summary and one exit code.

use super::building::Building;
use super::nightly_summary::{line, tell};
use super::quoted::Quoted;
use super::session::stop_flag;
use super::stages::{HISTORY, QUICK, decided, given};
use super::{Exit, Failure, complain, history};
use crate::measure::commands::quoted;
use crate::measure::gate::tally::Tally;
use crate::nightly::ledger::{Ended, Folder, Ledger};
use crate::nightly::process;
use crate::nightly::stage::{Meaning, Name};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What to run.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Suites to measure, as `measure` takes them.
    #[arg(value_name = "SUITE", default_values_t = [QUICK.to_owned()])]
    pub(super) suites: Vec<String>,
    /// The gate: its cells and metrics. Its sides are the baseline and this program's revision.
    #[arg(long, value_name = "GATE.toml", env = "SWIOTLB_BENCH_GATE")]
    pub(super) gate: Option<PathBuf>,
    /// What the gate holds this program against: a side, as `ab` takes it. Without it, the revision of the history's
    /// last accepted run, of this machine where there is one. Where it is no build but a policy, the gate's own `b` is
    /// held against that.
    #[arg(long, value_name = "SIDE", env = "SWIOTLB_BENCH_BASELINE")]
    pub(super) baseline: Option<String>,
    /// The history's folder.
    #[arg(long, value_name = "DIR", default_value = HISTORY, env = "SWIOTLB_BENCH_HISTORY")]
    pub(super) history: PathBuf,
    /// The night's folder.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    pub(super) out: PathBuf,
    /// Go on with the night in --out as it was begun: other flags are not used.
    #[arg(long, env = "SWIOTLB_BENCH_RESUME", value_parser = super::switch())]
    resume: bool,
    /// Fewer cells and launches of the suites, and shorter launches of the control: for a first try.
    #[arg(long, env = "SWIOTLB_BENCH_QUICK", value_parser = super::switch())]
    pub(super) quick: bool,
    /// A machine that is not fit, or a host that is not steady, ends the night with exit code 6.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT", value_parser = super::switch())]
    pub(super) strict: bool,
    /// Kill a launch that takes longer; its cell is void.
    #[arg(long, value_name = "TIME", env = "SWIOTLB_BENCH_CELL_LIMIT")]
    pub(super) cell_limit: Option<String>,
    /// Of the gate: a judged cell that ends without an answer makes its exit code 5.
    #[arg(long, env = "SWIOTLB_BENCH_FAIL_INCONCLUSIVE", value_parser = super::switch())]
    pub(super) fail_inconclusive: bool,
    #[command(flatten)]
    pub(super) quoted: Quoted,
    #[command(flatten)]
    pub(super) building: Building,
    /// The summary of a GitHub workflow's step: the night's is added at its end.
    #[arg(long, value_name = "FILE", env = "GITHUB_STEP_SUMMARY", hide = true)]
    pub(super) step_summary: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Stages: doctor, control, gate, suites, history; each is a process of this program, and its command line is in the \
summary and says all that it does: variables that stand for flags are for the night and reach no stage. What was \
finished is not run again with --resume (what could not be done is), which goes on with the command lines of the \
night's beginning. \
docs/NIGHTLY.md says more.

Exit codes: the gravest of the stages': 4 an oracle saw a violation, or an expectation fails; 3 the gate confirmed a \
regression; 1 a stage could not be done, or a gate that should run was left out; 6 the machine is not fit (only \
with --strict); 5 no decision (only with --fail-inconclusive); 0 otherwise.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (folder, mut night) = if args.resume { resumed(args)? } else { begun(args)? };
    let stop = stop_flag()?;
    for name in Name::ALL {
        if night.ended.contains_key(&name) {
            continue;
        }
        let ended = match kept_out(&args.out, &night, name) {
            Some(why) => Ended::left_out(why),
            None => stage(args, &night, name, &stop)?,
        };
        night.end(&folder, name, ended).map_err(Failure::error)?;
    }
    tell(args, &night)
}

/// A new night. What is wrong with the command line, and what is in the history's way, is told before there is a folder.
fn begun(args: &Args) -> Result<(Folder, Ledger), Failure> {
    let decided = decided(args)?;
    Folder::check(&args.out).map_err(Failure::error)?;
    history::usable(&args.history)?;
    let folder = Folder::lock(&args.out, true).map_err(Failure::error)?;
    let night = Ledger::begin(&folder, decided).map_err(Failure::error)?;
    Ok((folder, night))
}

/// The night in `--out`, which its beginning has decided: whatever else is asked of it now is not.
fn resumed(args: &Args) -> Result<(Folder, Ledger), Failure> {
    let folder = Folder::lock(&args.out, false).map_err(Failure::error)?;
    let night = Ledger::resume(&folder).map_err(Failure::error)?;
    let given = given(args);
    if !given.is_empty() {
        complain(format_args!(
            "warning: not used: {}: the night in {} goes on with what its beginning was told",
            given.join(", "),
            args.out.display()
        ));
    }
    history_of(&night).map_or(Ok(()), |path| history::usable(&path))?;
    Ok((folder, night))
}

/// The history that is to have the night, where it has not yet.
fn history_of(night: &Ledger) -> Option<PathBuf> {
    let command = night.commands.get(&Name::History)?;
    let mut words = command.iter().skip_while(|word| *word != "--history").skip(1);
    words.next().filter(|_| !night.ended.contains_key(&Name::History)).map(|path| night.place.join(path))
}

/// Why a night does not go into the history: what no gate has let through is no measure of the next night, nor what an
/// oracle has refused. Where no gate was asked for, none is missed.
fn kept_out(out: &Path, night: &Ledger, name: Name) -> Option<String> {
    if name != Name::History {
        return None;
    }
    let meaning = |name: Name| night.ended.get(&name).map_or(Meaning::Well, Ended::meaning);
    let told = |stage: Name, why: &str| {
        format!("see the stage {} ({why}); {}", stage.word(), what_next(out, night, stage))
    };
    if meaning(Name::Gate) == Meaning::Broken {
        let why = "could not be done; where its baseline is built or run no more, --baseline SIDE is another for a night";
        return Some(told(Name::Gate, why));
    }
    if meaning(Name::Gate) != Meaning::Well {
        return Some(told(Name::Gate, meaning(Name::Gate).words()));
    }
    if meaning(Name::Suites) >= Meaning::Broken {
        return Some(told(Name::Suites, meaning(Name::Suites).words()));
    }
    night.ended.get(&Name::Gate).filter(|ended| ended.left_out.is_none())?;
    let doubt = Tally::read(&out.join(Name::Gate.word()))
        .map_or_else(|| Some("nothing says what it found".to_owned()), |tally| tally.doubt());
    doubt.map(|doubt| told(Name::Gate, &doubt))
}

/// What a person does about a stage that kept the night out: one that could not be done is done again.
fn what_next(out: &Path, night: &Ledger, stage: Name) -> String {
    if !night.ended.get(&stage).is_some_and(Ended::is_to_run_again) {
        return "once it is accepted, this command adds the night".to_owned();
    }
    let stays = if stage == Name::Suites { " (a void launch stays void: begin another night)" } else { "" };
    let out = quoted(&out.display().to_string());
    format!("mend the cause and go on with `nightly --resume --out {out}`{stays}")
}

/// Runs one stage to its end.
fn stage(args: &Args, night: &Ledger, name: Name, stop: &AtomicBool) -> Result<Ended, Failure> {
    let Some(command) = night.commands.get(&name) else {
        return Ok(Ended::left_out("nothing says how to run it".to_owned()));
    };
    complain(format_args!("{}: {}", name.word(), line(command)));
    let begun = Instant::now();
    let told = |e: std::io::Error| Failure::error(format!("the stage {}: {e}", name.word()));
    let mut stage = process::start(&args.out, &night.place, name, command).map_err(told)?;
    let exit = stage.wait(stop).map_err(told)?;
    let last = stage.last_words();
    // Relaxed: nothing but the flag itself is read.
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::error(format!(
            "stopped in the stage {}; `nightly --resume --out {}` goes on",
            name.word(),
            args.out.display()
        )));
    }
    let said = if exit == Some(0) { String::new() } else { last };
    Ok(Ended { said, ..Ended::with(exit, begun.elapsed().as_secs()) })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::nightly::stage::Decided;

    /// A night whose stages ended with these exit codes.
    pub(in super::super) fn night(ends: [Option<i32>; 5], strict: bool) -> Ledger {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::lock(place.path(), true).expect("a folder");
        let mut night = Ledger::begin(&folder, Decided { strict, ..Decided::default() }).expect("a night");
        night.ended =
            Name::ALL.into_iter().zip(ends).map(|(name, exit)| (name, Ended::with(exit, 1))).collect();
        night
    }

    #[test]
    fn only_a_night_that_was_gated_is_added() {
        let place = tempfile::tempdir().expect("a folder");
        let gate = place.path().join("gate");
        std::fs::create_dir(&gate).expect("a folder");
        let kept = |exit| {
            kept_out(place.path(), &night([Some(0), Some(0), exit, Some(0), None], false), Name::History)
        };
        let tally = |worse_as_advice, control_moved| {
            Tally { sum: "1 checks.".to_owned(), worse_as_advice, control_moved }
                .save(&gate)
                .expect("a file");
        };
        let says = |kept: Option<String>, what: &str| {
            assert!(kept.as_ref().is_some_and(|why| why.contains(what)), "{kept:?}");
        };
        says(kept(Some(0)), "nothing says what it found");
        tally(0, false);
        assert_eq!(kept(Some(0)), None);
        assert_eq!(
            kept_out(place.path(), &night([Some(1); 5], false), Name::Suites),
            None,
            "only the history"
        );
        for exit in [Some(1), Some(3), Some(4), Some(5), Some(6), None] {
            says(kept(exit), "see the stage gate");
        }
        tally(1, false);
        says(kept(Some(0)), "1 times are worse, as advice only");
        tally(0, true);
        says(kept(Some(0)), "the control moved");
        // A gate that nobody asked for holds nothing back; one that should have run does, and ends the night as broken.
        let mut ungated = night([Some(0); 5], false);
        ungated.ended.insert(Name::Gate, Ended::left_out("no --gate was given".to_owned()));
        assert_eq!(kept_out(place.path(), &ungated, Name::History), None);
        ungated.ended.insert(Name::Gate, Ended { amiss: true, ..Ended::left_out("no commit".to_owned()) });
        says(
            kept_out(place.path(), &ungated, Name::History),
            "once it is accepted, this command adds the night",
        );
    }

    #[test]
    fn what_could_not_be_done_is_to_be_mended_and_what_was_found_to_be_accepted() {
        let kept = |gate, suites| {
            let night = night([Some(0), Some(0), gate, suites, None], false);
            kept_out(Path::new("my night"), &night, Name::History).unwrap_or_default()
        };
        for (gate, suites) in [(Some(1), Some(0)), (None, Some(0)), (Some(2), Some(1))] {
            let why = kept(gate, suites);
            assert!(
                why.starts_with("see the stage gate (could not be done;")
                    && why.ends_with("; mend the cause and go on with `nightly --resume --out 'my night'`"),
                "{why}"
            );
        }
        let mut ungated = night([Some(0), Some(0), None, Some(1), None], false);
        ungated.ended.insert(Name::Gate, Ended::left_out("no --gate was given".to_owned()));
        let why = kept_out(Path::new("n"), &ungated, Name::History).unwrap_or_default();
        assert!(why.contains("`nightly --resume --out n` (a void launch stays void"), "{why}");
        for why in [kept(Some(3), Some(0)), kept(Some(5), Some(0))] {
            assert!(why.ends_with("; once it is accepted, this command adds the night"), "{why}");
        }
    }

    #[test]
    fn the_history_that_is_still_to_have_the_night_is_known_from_its_command() {
        let mut night = night([Some(0); 5], false);
        let command = ["history", "add", "n/suites", "--history", "kept"].map(str::to_owned);
        night.commands.insert(Name::History, command.to_vec());
        night.place = PathBuf::from("/there");
        assert_eq!(history_of(&night), None, "it has it");
        night.ended.remove(&Name::History);
        assert_eq!(history_of(&night), Some(PathBuf::from("/there/kept")));
        night.commands.clear();
        assert_eq!(history_of(&night), None);
    }
}
