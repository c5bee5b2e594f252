//! `swiotlb-bench doctor`: whether this machine is fit to measure on.

use super::out::say;
use super::{Exit, Failure, complain};
use crate::measure::doctor::{Look, examine, table, unfit};
use reports::machine::Machine;

/// How strict to be.
#[derive(clap::Args)]
pub(super) struct Args {
    /// End with exit code 6 where the machine is not fit.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT", value_parser = super::switch())]
    strict: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let findings = examine(&Machine::read(), &Look::take());
    say(&reports::terminal::render(&table(&findings)))?;
    let unfit: Vec<&str> = unfit(&findings).map(|finding| finding.what).collect();
    if !args.strict || unfit.is_empty() {
        return Ok(Exit::Ok);
    }
    complain(format_args!("what makes this machine unfit: {}", unfit.join("; ")));
    Ok(Exit::Unfit)
}
