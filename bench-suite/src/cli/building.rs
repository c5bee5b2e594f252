//! Building the programs of a comparison of builds.

use super::Failure;
use super::session::{Where, launcher};
use super::sides::side;
use crate::measure::builds::{Builds, FEWEST_LAYOUTS, Layout, Unknown, probe};
use crate::measure::calibrated::Null;
use crate::measure::plan::RunPlan;
use crate::measure::relink::Relink;
use crate::measure::side::{Build, Side};
use crate::measure::source::Source;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Layouts of each side, where nothing else is said.
const LAYOUTS: u32 = 12;
/// Cargo's profile, where nothing else is said.
const PROFILE: &str = "bench";
/// The folder of programs, where nothing else is said.
const CACHE: &str = "runs/builds";

/// How builds are made.
#[derive(clap::Args)]
pub(super) struct Building {
    /// Of builds: layouts of each side, the same program with its functions in another order.
    #[arg(long, value_name = "N", default_value_t = LAYOUTS, value_parser = clap::value_parser!(u32).range(FEWEST_LAYOUTS as i64..=100), env = "SWIOTLB_BENCH_LAYOUTS")]
    pub layouts: u32,
    /// Of builds: cargo's profile.
    #[arg(long, value_name = "NAME", default_value = PROFILE, env = "SWIOTLB_BENCH_PROFILE")]
    profile: String,
    /// Of builds: the folder that programs are built and kept in.
    #[arg(long, value_name = "DIR", default_value = CACHE, env = "SWIOTLB_BENCH_CACHE")]
    cache: PathBuf,
}

impl Building {
    /// The flags that say the same, without those that say what is usual.
    pub(super) fn words(&self) -> Vec<String> {
        let Self { layouts, profile, cache } = self;
        let flags = [
            (*layouts != LAYOUTS, "--layouts", layouts.to_string()),
            (profile != PROFILE, "--profile", profile.clone()),
            (cache.as_os_str() != CACHE, "--cache", cache.display().to_string()),
        ];
        let said = flags.into_iter().filter(|(said, ..)| *said);
        said.flat_map(|(_, flag, value)| [flag.to_owned(), value]).collect()
    }

    /// What a comparison of these sides is held to.
    pub(super) fn null(&self, a: &Side, b: &Side) -> Result<Null, Failure> {
        let layouts = |build: &Build| match build {
            Build::Programs(paths) => u32::try_from(paths.len()).unwrap_or(u32::MAX),
            _ => self.layouts,
        };
        match (&a.build, &b.build) {
            (None, None) => Ok(Null::Policies),
            (Some(a), Some(b)) => Ok(Null::Builds { layouts: layouts(a).min(layouts(b)) }),
            _ => Err(Failure::usage(
                "one side is a build and the other is not: write the other as rev:. (this checkout), rev:REVISION or build:PATH, with `::` before its policy",
            )),
        }
    }

    /// The plan with the programs of its sides, which have shown that they run its cells. What was begun needs no proof.
    pub(super) fn built(&self, plan: RunPlan, place: &Where) -> Result<RunPlan, Failure> {
        let plan = self.with_programs(plan)?;
        if !place.resume {
            check(&plan, place)?;
        }
        Ok(plan)
    }

    /// The same of a gate, whose run is in `path`: cells that A does not run are left out.
    pub(super) fn gated(&self, plan: RunPlan, place: &Where, path: &Path) -> Result<RunPlan, Failure> {
        let plan = self.with_programs(plan)?;
        let left_out = if place.resume {
            RunPlan::load(path).map_err(Failure::error)?.map_or_else(Vec::new, |begun| begun.left_out)
        } else {
            unknown(&plan, place)?
        };
        Ok(plan.without(left_out))
    }

    /// The plan with the programs of its sides.
    fn with_programs(&self, plan: RunPlan) -> Result<RunPlan, Failure> {
        let Some(comparison) = &plan.comparison else { return Ok(plan) };
        let builds = self.builds(&side(&comparison.a)?, &side(&comparison.b)?)?;
        Ok(RunPlan { builds, ..plan })
    }

    /// What a dry run says of the programs of both sides, each of which is there or can be looked for; nothing where
    /// the sides are no builds.
    pub(super) fn outlook(&self, plan: &RunPlan) -> Result<String, Failure> {
        let Some(comparison) = &plan.comparison else { return Ok(String::new()) };
        let mut made = Vec::new();
        for text in [&comparison.a, &comparison.b] {
            match side(text)?.build {
                None => {}
                Some(Build::Programs(paths)) => {
                    self.programs(&Build::Programs(paths), 1..=1)?;
                }
                Some(Build::Checkout) => made.push(text.as_str()),
                Some(Build::Revision(rev)) => {
                    here()?.commit(&rev).map_err(Failure::error)?;
                    made.push(text);
                }
            }
        }
        let (layouts, cache) = (self.layouts, self.cache.display());
        let made = made.join(" and ");
        let told =
            || format!("Before that, {layouts} layouts of {made} are built, where {cache} has none yet.\n");
        Ok(if made.is_empty() { made } else { told() })
    }

    /// The programs of both sides, built where they have to be; nothing where the sides are no builds.
    fn builds(&self, a: &Side, b: &Side) -> Result<Option<Builds>, Failure> {
        let (Some(of_a), Some(of_b)) = (&a.build, &b.build) else { return Ok(None) };
        // Numbers that the other side does not have: a source against itself is not the same programs.
        let (first, second) = (1..=self.layouts, self.layouts + 1..=2 * self.layouts);
        let builds = Builds { a: self.programs(of_a, first)?, b: self.programs(of_b, second)? };
        match builds.shared() {
            Some(shared) => Err(Failure::usage(shared)),
            None => Ok(Some(builds)),
        }
    }

    /// The layouts with these numbers, or the programs that there are.
    pub(super) fn programs(
        &self,
        build: &Build,
        numbers: RangeInclusive<u32>,
    ) -> Result<Vec<Layout>, Failure> {
        let source = match build {
            Build::Programs(paths) => {
                let named = paths.iter().map(|path| Layout::of(path.display().to_string(), path));
                return named.collect::<Result<_, _>>().map_err(Failure::error);
            }
            Build::Checkout => here()?,
            Build::Revision(rev) => here()?.at(rev, &self.cache).map_err(Failure::error)?,
        };
        let relink = Relink { cache: self.cache.clone(), profile: self.profile.clone() };
        relink.layouts(&source, numbers).map_err(Failure::error)
    }
}

/// The checkout that this folder lies in.
fn here() -> Result<Source, Failure> {
    let here = std::env::current_dir().map_err(|e| Failure::error(format!("this folder: {e}")))?;
    Source::checkout(&here).map_err(Failure::error)
}

/// Has the builds of a plan show that they run its cells.
pub(super) fn check(plan: &RunPlan, place: &Where) -> Result<(), Failure> {
    let first = unknown(plan, place)?.into_iter().next();
    first.map_or(Ok(()), |unknown| Err(Failure::error(unknown.told)))
}

/// The pairs that A's programs do not run.
fn unknown(plan: &RunPlan, place: &Where) -> Result<Vec<Unknown>, Failure> {
    if plan.builds.is_none() {
        return Ok(Vec::new());
    }
    probe(plan, &mut launcher(place)?).map_err(Failure::error)
}
