//! Which suites and cells: the flags that `measure`, `ab` and `list cells` share.

use super::Failure;
use crate::external;
use crate::measure::plan::PlannedSuite;
use crate::measure::shipped;
use crate::policies::{self, EXTERNAL};
use std::collections::HashSet;
use workloads::suite::filter::Filter;
use workloads::suite::{Cell, Changes, Limits, Mode, Suite, cells};

/// The flags.
#[derive(Clone, clap::Args)]
pub(super) struct Choice {
    /// The suite: a shipped one by name (`list suites` shows them), or a file. `measure` and `list cells` take several,
    /// and what the names of shipped ones begin with (`quick`, `claims`).
    #[arg(value_name = "SUITE")]
    pub suites: Vec<String>,
    /// Other values of an axis or parameter: a list or range, as in `pools=1:64:*4,100`.
    #[arg(long, value_name = "AXIS=VALUES", env = "SWIOTLB_BENCH_SET", value_delimiter = ';')]
    pub set: Vec<String>,
    /// Only these cells, as in `policy=lock-*,pools>=64`.
    #[arg(long, value_name = "EXPR", default_value = "", env = "SWIOTLB_BENCH_FILTER")]
    pub filter: String,
    /// Fewer cells and launches: a first look.
    #[arg(long, env = "SWIOTLB_BENCH_QUICK", value_parser = super::switch())]
    pub quick: bool,
    /// The seed of everything drawn at random.
    #[arg(long, value_name = "N", default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    pub seed: u64,
}

/// A suite with the cells that were chosen.
pub(super) struct Chosen {
    pub planned: PlannedSuite,
    pub suite: Suite,
    pub cells: Vec<Cell>,
}

impl Choice {
    pub(super) fn mode(&self) -> Mode {
        if self.quick { Mode::Quick } else { Mode::Full }
    }

    /// What the flags change of a suite.
    pub(super) fn changes(&self) -> Result<Changes, Failure> {
        let pair = |text: &String| {
            let (key, values) = text.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--set {}: write AXIS=VALUES", reports::text::visible(text)))
            })?;
            let (key, values) = (key.trim(), values.trim());
            let values = if key == "policy" { whole_names(values)? } else { values.to_owned() };
            Ok((key.to_owned(), values))
        };
        let set = self.set.iter().map(pair).collect::<Result<Vec<_>, Failure>>()?;
        let filter = Filter::parse(&self.filter).map_err(|e| Failure::usage(format!("--filter: {e}")))?;
        Ok(Changes { set, filter, mode: self.mode(), seed: self.seed })
    }
}

/// Names of policies, those from outside with their absolute paths.
fn whole_names(names: &str) -> Result<String, Failure> {
    let whole = |name: &str| match name.trim().strip_prefix(EXTERNAL) {
        Some(path) => external::name(path).map_err(Failure::usage),
        None => Ok(name.trim().to_owned()),
    };
    Ok(names.split(',').map(whole).collect::<Result<Vec<_>, _>>()?.join(","))
}

/// The suites of `choice` with their cells.
pub(super) fn chosen(choice: &Choice, limits: Limits) -> Result<Vec<Chosen>, Failure> {
    if choice.suites.is_empty() {
        return Err(Failure::usage("which suite? `swiotlb-bench list suites` shows them"));
    }
    let changes = choice.changes()?;
    let names = choice.suites.iter().flat_map(|name| shipped::family(name));
    let all: Vec<Chosen> = names.map(|name| one(&name, &changes, limits)).collect::<Result<_, _>>()?;
    match twice(all.iter().map(|chosen| chosen.suite.name.as_str())) {
        Some(name) => Err(Failure::usage(format!(
            "the suite `{name}` is named twice: its cells would have the same ids; name it once, or give one another `name`"
        ))),
        None => Ok(all),
    }
}

/// The first name that comes twice.
pub(super) fn twice<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

/// A suite with the cells that `changes` leave. Too much memory for this machine is no mistake in a suite: who
/// runs the cells warns of it.
pub(super) fn one(name: &str, changes: &Changes, limits: Limits) -> Result<Chosen, Failure> {
    let limits = Limits { memory_bytes: None, ..limits };
    let (planned, suite) = shipped::find(name).map_err(Failure::usage)?;
    let set = changes.set.iter().filter(|(key, _)| key == "policy").flat_map(|(_, names)| names.split(','));
    let known = policies::names(set).map_err(Failure::usage)?;
    let cells = cells(&suite, changes, &known, limits).map_err(Failure::usage)?;
    Ok(Chosen { planned, suite, cells })
}
