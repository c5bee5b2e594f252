//! `swiotlb-bench profile SUITE`: one cell again and again in this process, so that a profiler can attach.
//! Nothing is kept.

use super::choice::{Choice, chosen};
use super::out::say;
use super::session::time;
use super::{Exit, Failure};
use crate::cell;
use crate::measure::fit;
use crate::measure::plan::RunPlan;
use reports::machine::Machine;
use reports::text::visible;
use std::time::Instant;

/// What to run, and for how long.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// How long the cell is repeated; the last time is finished.
    #[arg(long = "for", value_name = "TIME", default_value = "10s", env = "SWIOTLB_BENCH_FOR")]
    duration: String,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let duration = time("--for", &args.duration)?;
    let mut plan = RunPlan::rounds(Vec::new(), args.choice.seed, args.choice.mode());
    for suite in chosen(&args.choice, fit::limits(&Machine::read()))? {
        if let [_, second, ..] = suite.cells.as_slice() {
            let (count, id) = (suite.cells.len(), visible(&second.id));
            return Err(Failure::usage(format!(
                "one cell is profiled and {count} are chosen, {id} among them: --filter leaves one, `list cells` shows them"
            )));
        }
        if !plan.steps.is_empty() {
            return Err(Failure::usage("one cell is profiled: name one suite"));
        }
        plan = RunPlan::rounds(vec![(suite.planned, suite.cells, 1)], args.choice.seed, args.choice.mode());
    }
    super::measure::check(&plan)?;
    let spec = plan.steps.first().and_then(|step| plan.spec(step));
    let spec = spec.ok_or_else(|| Failure::usage("no cell is chosen"))?;
    say(&format!("pid {}: {}\n", std::process::id(), visible(&spec.cell.id)))?;
    let (start, mut times) = (Instant::now(), 0_u64);
    loop {
        if let Some(why) = cell::run(&spec).void {
            return Err(Failure::error(why));
        }
        times += 1;
        if start.elapsed() >= duration {
            break;
        }
    }
    say(&format!("ran {times} times\n"))?;
    Ok(Exit::Ok)
}
