//! `swiotlb-bench verify PATH…`.

use super::out::{Out, kept};
use super::{Exit, Failure, complain};
use crate::policies::{self, Entry};
use crate::verify::{PolicyResult, left_out, run_all};
use reports::table::{Column, Table, Unit, Value};
use reports::units::plural;
use reports::{terminal, text};
use std::collections::BTreeSet;
use std::path::PathBuf;
use workloads::golden::find_files;

/// Mismatches shown of one policy.
const SHOWN: usize = 20;

/// What to verify.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Golden vectors: files, or folders that are searched for `*.jsonl` and `*.jsonl.gz`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Policies to check, separated by commas or given repeatedly; `ext:PATH.so` is one in a shared library
    /// [default: every policy, each compared on what it declares]
    #[arg(long = "policy", value_name = "NAME", env = "SWIOTLB_BENCH_POLICY", value_delimiter = ',')]
    policies: Vec<String>,
}

// A paragraph is one line: clap wraps it to the terminal's width.
const AFTER_HELP: &str = "\
Runs the operations of every file against every policy and compares each answer with what Linux did. \
A file is left at its first mismatch, because what follows builds on it. \
The table has a line for each policy. \
The last line counts the files, and over all policies the operations that were run and the mismatches.

Exit codes: 0 all agree; 1 a file could not be read (the others still run); 2 wrong command line; 4 a mismatch.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let policies = policies::chosen(&args.policies).map_err(Failure::usage)?;
    let files = find_files(&args.paths).map_err(Failure::error)?;
    let results = run_all(&policies, &files);
    // The same file fails alike under every policy.
    let errors: BTreeSet<String> = results.iter().flat_map(|r| &r.errors).map(ToString::to_string).collect();
    errors.iter().for_each(complain);
    let nothing = results.iter().all(|result| result.operations == 0 && !result.errors.is_empty());
    if nothing {
        return Err(Failure::error("no golden vectors were read (a recorded trace is for `replay`)"));
    }
    let ended = if results.iter().any(|result| !result.mismatches.is_empty()) {
        Exit::Verification
    } else if errors.is_empty() {
        Exit::Ok
    } else {
        Exit::Error
    };
    kept(ended, show(&policies, &results, files.len()))
}

/// The table, the mismatches, and the last line.
fn show(policies: &[&Entry], results: &[PolicyResult], files: usize) -> Result<(), Failure> {
    let mut out = Out::stdout();
    out.text(&terminal::render(&table(policies, results)))?;
    out.line("")?;
    for (policy, result) in policies.iter().zip(results) {
        show_mismatches(&mut out, policy, result)?;
    }
    out.line(summary(files, results))?;
    out.flush()
}

fn table(policies: &[&Entry], results: &[PolicyResult]) -> Table {
    let count = |name: &str| Column::number(name, Unit::None);
    let columns = vec![
        Column::text("policy"),
        count("files"),
        count("operations"),
        count("mismatches"),
        count("not comparable"),
        Column::text("left out"),
    ];
    let mut table = Table::new("Golden vectors of Linux's software IO TLB", columns);
    for (policy, result) in policies.iter().zip(results) {
        table.push(vec![
            Value::Text(policy.name.to_owned()),
            Value::Count(result.files),
            Value::Count(result.operations),
            Value::Count(result.mismatches.len() as u64),
            Value::Count(result.not_comparable),
            Value::Text(
                left_out(policy.reproduces, policy.build.abilities()).unwrap_or_else(|| "nothing".to_owned()),
            ),
        ]);
    }
    table
}

fn show_mismatches(out: &mut Out, policy: &Entry, result: &PolicyResult) -> Result<(), Failure> {
    for mismatch in result.mismatches.iter().take(SHOWN) {
        for line in mismatch.to_string().lines() {
            out.line(format_args!("{}: {}", policy.name, text::visible(line)))?;
        }
    }
    match result.mismatches.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => out.line(format_args!("{}: and {more} files more with a mismatch", policy.name)),
    }
}

fn summary(files: usize, results: &[PolicyResult]) -> String {
    let operations: u64 = results.iter().map(|result| result.operations).sum();
    let mismatches: usize = results.iter().map(|result| result.mismatches.len()).sum();
    let files_of = plural(files as u64, "file");
    let mismatched = plural(mismatches as u64, "mismatch");
    format!("{files} {files_of}, {operations} operations, {mismatches} {mismatched}")
}
