//! What is quoted of this machine's calibrations: a file that the user names, or what was gathered here.

use super::{Failure, complain, switch};
use crate::measure::calibrated::Calibrated;
use crate::measure::calibrations::{Calibrations, CalibrationsError, Wanted};
use std::path::{Path, PathBuf};
use workloads::suite::Mode;

/// Which calibration.
#[derive(clap::Args)]
pub(super) struct Quoted {
    /// What `calibrate` learned on this machine: floors for the cells that it compared, and how often a
    /// verdict is wrong. Where that is too often, the comparison only advises. [default: this machine's, in
    /// $XDG_STATE_HOME/swiotlb-bench/]
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_CALIBRATION")]
    calibration: Option<PathBuf>,
    /// Quote no calibration.
    #[arg(long, env = "SWIOTLB_BENCH_NO_CALIBRATION", value_parser = switch())]
    no_calibration: bool,
}

impl Quoted {
    /// The flags that say the same.
    pub(super) fn words(&self) -> Vec<String> {
        let file =
            self.calibration.iter().flat_map(|path| ["--calibration".to_owned(), path.display().to_string()]);
        file.chain(self.no_calibration.then(|| "--no-calibration".to_owned())).collect()
    }

    /// Whether a file that the user names can be read, whatever is then asked of it.
    pub(super) fn check(&self, machine: &str) -> Result<(), Failure> {
        let read = |path| Calibrations::read(path, machine).map(drop).map_err(Failure::error);
        self.calibration.as_deref().filter(|_| !self.no_calibration).map_or(Ok(()), read)
    }

    /// What was learned for a comparison on `machine`, and a sentence on where that is from. A file that the user
    /// names has to have it.
    pub(super) fn find(
        &self,
        machine: &str,
        wanted: Wanted<'_>,
    ) -> Result<(Option<Calibrated>, String), Failure> {
        if self.no_calibration {
            return Ok((None, "No calibration is quoted (--no-calibration).".to_owned()));
        }
        if let Some(path) = &self.calibration {
            return named(path, machine, wanted).map_err(Failure::error);
        }
        let none = |why: &str| Ok((None, format!("How often this is wrong here is not known: {why}.")));
        let Some(path) = here(machine).filter(|path| path.exists()) else {
            return none("`calibrate` was not run");
        };
        match named(&path, machine, wanted) {
            Ok(found) => Ok(found),
            Err(CalibrationsError::NoneFits { why, .. }) => none(&why),
            Err(error) => {
                complain(format_args!("warning: {error}"));
                none("what was learned cannot be read")
            }
        }
    }
}

/// Where this machine's are gathered.
fn here(machine: &str) -> Option<PathBuf> {
    Calibrations::path_of(machine, |name| std::env::var(name).ok())
}

fn named(
    path: &Path,
    machine: &str,
    wanted: Wanted<'_>,
) -> Result<(Option<Calibrated>, String), CalibrationsError> {
    let all = Calibrations::read(path, machine)?;
    let fitting = all.fitting(wanted);
    let found = fitting.map_err(|why| CalibrationsError::NoneFits { path: path.to_owned(), why })?;
    let mut said = if found.calibration.borrowed {
        ", another one: it is told and decides nothing".to_owned()
    } else {
        String::new()
    };
    if let Some(learned) = found.effort.filter(|learned| *learned != wanted.effort) {
        said.push_str(&format!(
            "; learned of {} launches, and these are {}",
            effort(learned),
            effort(wanted.effort)
        ));
    }
    let (side, suite) = (&found.side, &found.suite);
    let source = format!("Error rate: of {side} in the suite {suite}{said}; from {}.", path.display());
    Ok((Some(found), source))
}

fn effort(mode: Mode) -> &'static str {
    if mode == Mode::Quick { "quick" } else { "full" }
}

/// Gathers what was learned for this machine; where. A machine without a place for it is told, no more.
pub(super) fn gather(machine: &str, new: &Calibrated) -> Option<PathBuf> {
    let path = here(machine)?;
    let known = if path.exists() {
        Calibrations::read(&path, machine)
    } else {
        Ok(Calibrations::new(machine.to_owned()))
    };
    let mut all = known.unwrap_or_else(|error| {
        complain(format_args!("warning: {error}; what was learned before is replaced"));
        Calibrations::new(machine.to_owned())
    });
    all.learn(new.clone());
    match all.save(&path) {
        Ok(()) => Some(path),
        Err(error) => {
            complain(format_args!("warning: not gathered for this machine: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::measure::calibrated::Null;
    use reports::compare::calibration::Calibration;
    use reports::compare::rules::Rules;

    #[test]
    fn another_suite_and_another_effort_are_said_and_the_first_decides_nothing() {
        let (folder, rules) = (tempfile::tempdir().unwrap(), Rules::gate());
        let path = folder.path().join("calibration.json");
        let mut wrong =
            Calibrated::new(Null::Policies, "two".into(), "kernel".into(), "ns_per_op".into(), rules.clone());
        wrong.calibration =
            Calibration { comparisons: 100, regressed: 60, nominal: 0.05, ..wrong.calibration };
        wrong.effort = Some(Mode::Quick);
        let mut all = Calibrations::new("m".into());
        all.learn(wrong);
        all.save(&path).unwrap();
        let of = |suite, effort| {
            let (null, metric, rules) = (Null::Policies, "ns_per_op", &rules);
            let (found, says) =
                named(&path, "m", Wanted { null, suite, metric, rules, floor: 0.01, effort }).unwrap();
            (found.unwrap().calibration.is_wrong_too_often(), says)
        };
        let (is_wrong, says) = of("one", Mode::Full);
        assert!(
            !is_wrong && says.contains("the suite two, another one: it is told and decides nothing"),
            "{says}"
        );
        assert!(says.contains("learned of quick launches, and these are full"), "{says}");
        let (is_wrong, says) = of("two", Mode::Quick);
        assert!(is_wrong && !says.contains("another one") && !says.contains("launches"), "{says}");
    }
}
