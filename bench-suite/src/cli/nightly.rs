//! `swiotlb-bench nightly`: what a nightly job runs, stage by stage, with one summary and one exit code.

use super::building::Building;
use super::out::say;
use super::quoted::Quoted;
use super::session::stop_flag;
use super::stages::decided;
use super::{Exit, Failure, complain};
use crate::measure::commands::quoted;
use crate::measure::gate::tally::Tally;
use crate::measure::whole;
use crate::nightly::ledger::{Ended, Folder, Ledger};
use crate::nightly::process;
use crate::nightly::stage::{Meaning, Name};
use reports::table::{Column, Table, Unit, Value};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What to run.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Suites to measure, as `measure` takes them.
    #[arg(value_name = "SUITE", default_values_t = ["quick".to_owned()])]
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
    #[arg(long, value_name = "DIR", default_value = "history", env = "SWIOTLB_BENCH_HISTORY")]
    pub(super) history: PathBuf,
    /// The night's folder.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    pub(super) out: PathBuf,
    /// Go on with the night in --out.
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
    step_summary: Option<PathBuf>,
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
    // What is wrong with the command line is told before there is a folder.
    let decided = if args.resume { None } else { Some(decided(args)?) };
    let folder = Folder::lock(&args.out, decided.is_some()).map_err(Failure::error)?;
    let night = match decided {
        Some(decided) => Ledger::begin(&folder, decided),
        None => Ledger::resume(&folder),
    };
    let mut night = night.map_err(Failure::error)?;
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

/// Why a night does not go into the history: what no gate has let through is no measure of the next night, nor what an
/// oracle has refused. Where no gate was asked for, none is missed.
fn kept_out(out: &Path, night: &Ledger, name: Name) -> Option<String> {
    if name != Name::History {
        return None;
    }
    let meaning = |name: Name| night.ended.get(&name).map_or(Meaning::Well, Ended::meaning);
    let told = |stage: Name, why: &str| {
        format!("see the stage {} ({why}); once it is accepted, this command adds the night", stage.word())
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

/// Runs one stage to its end.
fn stage(args: &Args, night: &Ledger, name: Name, stop: &AtomicBool) -> Result<Ended, Failure> {
    let Some(command) = night.commands.get(&name) else {
        return Ok(Ended::left_out("nothing says how to run it".to_owned()));
    };
    complain(format_args!("{}: {}", name.word(), line(command)));
    let begun = Instant::now();
    let told = |e: std::io::Error| Failure::error(format!("the stage {}: {e}", name.word()));
    let mut child = process::start(&args.out, &night.place, name, command).map_err(told)?;
    let exit = process::wait(&mut child, stop).map_err(told)?;
    // Relaxed: nothing but the flag itself is read.
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::error(format!(
            "stopped in the stage {}; `nightly --resume --out {}` goes on",
            name.word(),
            args.out.display()
        )));
    }
    Ok(Ended { exit, left_out: None, amiss: false, seconds: begun.elapsed().as_secs() })
}

/// The command line as a person would type it.
fn line(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    format!("swiotlb-bench {}", words.join(" "))
}

fn tell(args: &Args, night: &Ledger) -> Result<Exit, Failure> {
    let (table, worst) = summary(&args.out, night);
    let mut markdown = reports::markdown::render(&table);
    for name in Name::ALL {
        if let Ok(text) = std::fs::read_to_string(args.out.join(process::output(name))) {
            markdown.push_str(&format!(
                "\n## {}\n\n```\n{}\n```\n",
                name.word(),
                text.replace("```", "` ` `").trim_end()
            ));
        }
    }
    let path = args.out.join("summary.md");
    whole::write(&path, &markdown).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
    if let Some(step) = args.step_summary.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        append(step, &markdown).map_err(|e| Failure::error(format!("{}: {e}", step.display())))?;
    }
    say(&format!("{}Summary: {}\n", reports::terminal::render(&table), path.display()))?;
    Ok(match worst {
        Meaning::Wrong => Exit::Verification,
        Meaning::Regression => Exit::Regression,
        Meaning::Broken => Exit::Error,
        Meaning::Unfit => Exit::Unfit,
        Meaning::Open => Exit::Inconclusive,
        Meaning::Well => Exit::Ok,
    })
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// A row a stage; and the gravest end. Unfit counts for those only who are strict.
fn summary(out: &Path, night: &Ledger) -> (Table, Meaning) {
    let columns = ["stage", "ended", "command"].map(Column::text);
    let mut table = Table::new("The night", columns.to_vec());
    table.columns.insert(2, Column::number("took (s)", Unit::None));
    let mut worst = Meaning::Well;
    table.notes.clone_from(&night.remarks);
    if !night.place.as_os_str().is_empty() {
        table.notes.push(format!("Paths of the command lines are meant from {}.", night.place.display()));
    }
    for name in Name::ALL {
        let Some(ended) = night.ended.get(&name) else { continue };
        let meaning = ended.meaning();
        if night.strict || meaning != Meaning::Unfit {
            worst = worst.max(meaning);
        }
        let gated = Tally::read(&out.join(name.word())).filter(|_| name == Name::Gate);
        let words = match (&ended.left_out, gated) {
            (Some(why), _) if ended.amiss => format!("could not be done: {why}"),
            (Some(why), _) => format!("left out: {why}"),
            (None, Some(tally)) => format!("{}: {}", meaning.words(), tally.sum),
            (None, None) => meaning.words().to_owned(),
        };
        let command = night.commands.get(&name).map_or_else(String::new, |command| line(command));
        table.push(vec![
            Value::Text(name.word().to_owned()),
            Value::Text(words),
            Value::Count(ended.seconds),
            Value::Text(command),
        ]);
    }
    (table, worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::stage::Decided;

    fn night(ends: [Option<i32>; 5], strict: bool) -> Ledger {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::lock(place.path(), true).expect("a folder");
        let mut night = Ledger::begin(&folder, Decided { strict, ..Decided::default() }).expect("a night");
        night.ended = Name::ALL
            .into_iter()
            .zip(ends)
            .map(|(name, exit)| (name, Ended { exit, left_out: None, amiss: false, seconds: 1 }))
            .collect();
        night
    }

    #[test]
    fn one_exit_code_for_all_stages() {
        let worst = |ends, strict| summary(Path::new("n"), &night(ends, strict)).1;
        assert_eq!(worst([Some(0); 5], true), Meaning::Well);
        assert_eq!(worst([Some(0), Some(6), Some(0), Some(0), Some(0)], false), Meaning::Well);
        assert_eq!(worst([Some(0), Some(6), Some(0), Some(0), Some(0)], true), Meaning::Unfit);
        assert_eq!(worst([Some(0), Some(6), Some(3), Some(1), Some(0)], false), Meaning::Regression);
        assert_eq!(worst([Some(0), Some(0), Some(3), Some(4), Some(0)], false), Meaning::Wrong);
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
        says(kept_out(place.path(), &ungated, Name::History), "see the stage gate");
        assert_eq!(summary(place.path(), &ungated).1, Meaning::Broken);
    }

    #[test]
    fn a_command_is_as_one_types_it() {
        let words = ["gate", "a b.toml", "--a", "rev:abc::kernel"].map(str::to_owned);
        assert_eq!(line(&words), "swiotlb-bench gate 'a b.toml' --a rev:abc::kernel");
    }
}
