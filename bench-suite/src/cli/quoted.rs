//! What is quoted of this machine's calibrations: a file that the user names, or what was gathered here.

use super::{Failure, complain, switch};
use crate::measure::calibrated::Calibrated;
use crate::measure::calibrations::{Calibrations, CalibrationsError, Wanted};
use std::path::{Path, PathBuf};

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
    let other = if found.suite == wanted.suite { "" } else { ", another one" };
    let source = format!(
        "Error rate: of {} in the suite {}{other}, from {}.",
        found.side,
        found.suite,
        path.display()
    );
    Ok((Some(found.clone()), source))
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
