//! What a night came to: its table, the summary file, and the last word on standard error.

use super::nightly::Args;
use super::out::{all, kept, say, summarise, unwritten};
use super::{Exit, Failure, complain};
use crate::measure::commands::quoted;
use crate::measure::gate::tally::Tally;
use crate::measure::whole;
use crate::nightly::ledger::{Ended, Ledger};
use crate::nightly::process;
use crate::nightly::stage::{Meaning, Name};
use reports::table::{Column, Table, Unit, Value};
use std::path::Path;

/// Writes and shows the summary, and says how the night ends.
///
/// # Errors
/// A summary that cannot be written, standard output that takes nothing.
pub(super) fn tell(args: &Args, night: &Ledger) -> Result<Exit, Failure> {
    let told = write(args, night);
    let Some((name, ended)) = gravest(night) else { return kept(Exit::Ok, told) };
    let exit = code(ended.meaning());
    let ends = kept(exit, told)?;
    complain(format_args!("ends with {}: {}: {}", exit as u8, name.word(), words(&args.out, name, ended)));
    Ok(ends)
}

/// Writes the summary, to the workflow's step too, and shows its table. All of it is tried.
fn write(args: &Args, night: &Ledger) -> Result<(), Failure> {
    let table = summary(&args.out, night);
    let mut markdown = reports::markdown::render(&table);
    for name in Name::ALL {
        if let Ok(text) = std::fs::read(args.out.join(process::output(name))) {
            markdown.push_str(&format!(
                "\n## {}\n\n```\n{}\n```\n",
                name.word(),
                String::from_utf8_lossy(&text).replace("```", "` ` `").trim_end()
            ));
        }
    }
    let path = args.out.join("summary.md");
    let step = args.step_summary.as_deref().filter(|path| !path.as_os_str().is_empty());
    all([
        whole::write(&path, &markdown).map_err(|error| unwritten(&path, &error, "--out")),
        step.map_or(Ok(()), |step| summarise(step, &markdown)),
        say(&format!("{}Summary: {}\n", reports::terminal::render(&table), path.display())),
    ])
}

/// The command line as a person would type it.
pub(super) fn line(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    format!("swiotlb-bench {}", words.join(" "))
}

const fn code(meaning: Meaning) -> Exit {
    match meaning {
        Meaning::Wrong => Exit::Verification,
        Meaning::Regression => Exit::Regression,
        Meaning::Broken => Exit::Error,
        Meaning::Unfit => Exit::Unfit,
        Meaning::Open => Exit::Inconclusive,
        Meaning::Well => Exit::Ok,
    }
}

/// The first of the gravest stages; none where all went well. Unfit counts for those only who are strict.
fn gravest(night: &Ledger) -> Option<(Name, &Ended)> {
    let mut gravest: Option<(Name, &Ended)> = None;
    for (&name, ended) in &night.ended {
        let counts = night.strict || ended.meaning() != Meaning::Unfit;
        let worst = gravest.map_or(Meaning::Well, |(_, ended)| ended.meaning());
        if counts && ended.meaning() > worst {
            gravest = Some((name, ended));
        }
    }
    gravest
}

/// How a stage ended, and why.
fn words(out: &Path, name: Name, ended: &Ended) -> String {
    match &ended.left_out {
        Some(why) if ended.amiss => return format!("could not be done: {why}"),
        Some(why) => return format!("left out: {why}"),
        None => {}
    }
    let tally = Tally::read(&out.join(name.word())).filter(|_| name == Name::Gate);
    let sum = tally.map(|tally| tally.sum);
    let said = Some(&ended.said).filter(|said| !said.is_empty());
    let parts = [Some(ended.meaning().words()), sum.as_deref(), said.map(String::as_str)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// A row a stage.
fn summary(out: &Path, night: &Ledger) -> Table {
    let columns = ["stage", "ended", "command"].map(Column::text);
    let mut table = Table::new("The night", columns.to_vec());
    table.columns.insert(2, Column::number("took (s)", Unit::None));
    table.notes.clone_from(&night.remarks);
    if !night.place.as_os_str().is_empty() {
        table.notes.push(format!("Paths of the command lines are meant from {}.", night.place.display()));
    }
    for (&name, ended) in &night.ended {
        let command = night.commands.get(&name).map_or_else(String::new, |command| line(command));
        table.push(vec![
            Value::Text(name.word().to_owned()),
            Value::Text(words(out, name, ended)),
            Value::Count(ended.seconds),
            Value::Text(command),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::nightly::tests::night;
    use super::*;

    #[test]
    fn one_exit_code_for_all_stages() {
        let worst = |ends, strict| {
            let night = night(ends, strict);
            gravest(&night).map(|(name, ended)| (name, code(ended.meaning())))
        };
        assert_eq!(worst([Some(0); 5], true), None);
        let unfit = [Some(6), Some(6), Some(0), Some(0), Some(0)];
        assert_eq!(worst(unfit, false), None);
        assert_eq!(worst(unfit, true), Some((Name::Doctor, Exit::Unfit)));
        let regressed = [Some(0), Some(6), Some(3), Some(1), Some(0)];
        assert_eq!(worst(regressed, false), Some((Name::Gate, Exit::Regression)));
        let wrong = [Some(0), Some(0), Some(3), Some(4), Some(0)];
        assert_eq!(worst(wrong, false), Some((Name::Suites, Exit::Verification)));
        assert_eq!(worst([None, Some(0), Some(5), Some(0), None], true), Some((Name::Doctor, Exit::Error)));
    }

    #[test]
    fn a_stage_that_failed_says_why() {
        let out = Path::new("n");
        let said = Ended { said: "r.jsonl: free space".to_owned(), ..Ended::with(Some(1), 1) };
        assert_eq!(words(out, Name::Suites, &said), "could not be done: r.jsonl: free space");
        assert_eq!(words(out, Name::Suites, &Ended::with(None, 1)), "could not be done");
        let amiss = Ended { amiss: true, ..Ended::left_out("no commit".to_owned()) };
        assert_eq!(words(out, Name::Gate, &amiss), "could not be done: no commit");
        assert_eq!(words(out, Name::Doctor, &Ended::with(Some(0), 1)), "well");
    }

    #[test]
    fn a_command_is_as_one_types_it() {
        let words = ["gate", "a b.toml", "--a", "rev:abc::kernel"].map(str::to_owned);
        assert_eq!(line(&words), "swiotlb-bench gate 'a b.toml' --a rev:abc::kernel");
    }
}
