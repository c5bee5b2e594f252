//! `swiotlb-bench list suites|cells|policies`.

use super::choice::{Choice, chosen};
use super::out::say;
use super::{Exit, Failure};
use crate::measure::shipped;
use crate::policies::{self, Entry};
use reports::table::{Column, Table, Unit, Value};
use swiotlb_core::policy::Reproduces;
use workloads::suite::{Changes, Limits, cells};

/// What to list.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The shipped suites, with their questions and numbers of cells.
    Suites,
    /// The exact ids of a suite's cells, one a line.
    Cells(Choice),
    /// The policies.
    Policies,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.what {
        What::Suites => say(&reports::terminal::render(&suites()?))?,
        What::Policies => say(&reports::terminal::render(&names()))?,
        What::Cells(choice) => {
            let mut text = String::new();
            for suite in chosen(choice, Limits::default())? {
                for cell in suite.cells {
                    text.push_str(&cell.id);
                    text.push('\n');
                }
            }
            say(&text)?;
        }
    }
    Ok(Exit::Ok)
}

fn suites() -> Result<Table, Failure> {
    let known: Vec<&str> = policies::ALL.iter().map(|entry| entry.name).collect();
    let columns = vec![
        Column::text("suite"),
        Column::text("about"),
        Column::number("cells", Unit::None),
        Column::number("launches", Unit::None),
        Column::text("title"),
    ];
    let mut table = Table::new("Suites", columns);
    for suite in shipped::all().map_err(Failure::error)? {
        let count =
            cells(&suite, &Changes::default(), &known, Limits::default()).map_err(Failure::error)?.len();
        table.push(vec![
            Value::Text(suite.name.clone()),
            Value::Text(suite.questions.join(" ")),
            Value::Count(count as u64),
            Value::Count(u64::from(suite.launches.full)),
            Value::Text(suite.title.clone()),
        ]);
    }
    table.notes.push(
        "Q: an open question; N: a published claim; the suites explain them. Cells and launches of a full run."
            .to_owned(),
    );
    Ok(table)
}

fn names() -> Table {
    let columns = ["policy", "what it changes", "axes", "reproduces"].map(Column::text).to_vec();
    let mut table = Table::new("Policies", columns);
    for entry in policies::ALL {
        let texts = [entry.name.to_owned(), entry.changes.to_owned(), changed(entry), kept(entry.reproduces)];
        table.push(texts.map(Value::Text).to_vec());
    }
    table.notes.push(
        "Reproduces: what `verify` compares with Linux 6.12. All policies keep the rules: no overlap, masks, \
         boundaries, data."
            .to_owned(),
    );
    table.notes.push("ext:PATH.so is an allocator in a shared library: see docs/EXTERNAL.md.".to_owned());
    table
}

/// The axes that differ from the kernel's; all of them for the kernel's own.
fn changed(entry: &Entry) -> String {
    let kernel = policies::KERNEL.policy_name().axes;
    let axes = entry.policy_name().axes;
    let is_kernel = axes == kernel;
    let changed: Vec<_> = axes
        .iter()
        .filter(|(axis, strategy)| is_kernel || kernel.get(*axis) != Some(strategy))
        .map(|(axis, strategy)| format!("{axis}={strategy}"))
        .collect();
    changed.join(" ")
}

/// What is reproduced, in words.
fn kept(reproduces: Reproduces) -> String {
    if reproduces == Reproduces::ALL {
        return "all".to_owned();
    }
    let kept: Vec<_> =
        reproduces.words().into_iter().filter(|&(_, kept)| kept).map(|(what, _)| what).collect();
    kept.join(", ")
}
