//! All that `calibrate` learned on one machine: one entry for each null, suite, metric, set of rules and floor.
//!
//! Kept as `calibration.json` in a run's folder, and gathered for the machine in
//! `$XDG_STATE_HOME/swiotlb-bench/FINGERPRINT/` (`~/.local/state/` where that is not set). Invariant: an entry is
//! only used on a machine of its fingerprint, and learning it again replaces it and nothing else.

use super::calibrated::{Calibrated, Null};
use super::whole;
use reports::compare::effect::percent;
use reports::compare::rules::Rules;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;
use workloads::suite::Mode;

/// The version of the file's form. Since 2 it holds several entries.
const VERSION: u32 = 2;
/// Floors that differ by less are the same.
const SAME: f64 = 1e-9;
/// Its name.
pub const FILE: &str = "calibration.json";

/// What was learned on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrations {
    /// The form's version.
    pub version: u32,
    /// The machine's fingerprint.
    pub machine: String,
    /// The entries, the oldest first.
    pub learned: Vec<Calibrated>,
}

/// Why calibrations cannot be used.
#[derive(Debug, Error)]
pub enum CalibrationsError {
    /// The file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not calibrations of this version.
    #[error("{path}: no calibrations of this version ({why}): calibrate again", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Learned elsewhere.
    #[error("{path}: learned on machine {theirs}, and this is {ours}: calibrate here", path = path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// The file's machine.
        theirs: String,
        /// This one.
        ours: String,
    },
    /// None for the comparison at hand.
    #[error("{path}: {why}: calibrate with the flags of this comparison", path = path.display())]
    NoneFits {
        /// The file.
        path: PathBuf,
        /// What there is instead.
        why: String,
    },
}

/// What a comparison asks of calibrations.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What it compares.
    pub null: Null,
    /// Its suite's name.
    pub suite: &'a str,
    /// Its metric.
    pub metric: &'a str,
    /// Its rules.
    pub rules: &'a Rules,
    /// The smallest floor that a user asked for, ln(B / A).
    pub floor: f64,
    /// How much each of its launches measures.
    pub effort: Mode,
}

impl Calibrations {
    /// Nothing yet.
    #[must_use]
    pub fn new(machine: String) -> Self {
        Self { version: VERSION, machine, learned: Vec::new() }
    }

    /// Where a machine's are gathered; nothing where neither variable is an absolute path.
    #[must_use]
    pub fn path_of(machine: &str, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(state.join("swiotlb-bench").join(machine).join(FILE))
    }

    /// Adds an entry in the place of the one that it is a newer version of.
    pub fn learn(&mut self, new: Calibrated) {
        let same = |old: &Calibrated| {
            (old.null, &old.suite, &old.metric, &old.rules, old.floor, old.effort)
                == (new.null, &new.suite, &new.metric, &new.rules, new.floor, new.effort)
        };
        self.learned.retain(|old| !same(old));
        self.learned.push(new);
    }

    /// The entry for a comparison: its own suite's, else the latest of another suite, borrowed: it is told and decides
    /// nothing. One that was learned with a larger
    /// floor is none: a change that such a floor hid counted as no false verdict there.
    ///
    /// # Errors
    /// What there is instead, in words.
    pub fn fitting(&self, wanted: Wanted<'_>) -> Result<Calibrated, String> {
        let Wanted { null, suite, metric, rules, floor, .. } = wanted;
        let of_null: Vec<&Calibrated> = self.learned.iter().filter(|one| one.null == null).collect();
        if of_null.is_empty() {
            return Err(match null {
                Null::Policies => "nothing was learned of A against itself".to_owned(),
                Null::Builds { layouts } => {
                    format!("nothing was learned of relinked copies, {layouts} a side (`calibrate --builds`)")
                }
            });
        }
        let in_metric = of_null.iter().filter(|one| one.metric == metric);
        let by_rules = in_metric.clone().filter(|one| one.rules == *rules);
        let is_lower = |one: &&&Calibrated| one.floor.is_none_or(|learned| learned <= floor + SAME);
        let fits: Vec<&&Calibrated> = by_rules.clone().filter(is_lower).collect();
        if let Some(found) = fits.iter().rev().find(|one| one.suite == suite).or_else(|| fits.last()) {
            let mut found = Calibrated::clone(found);
            found.calibration.borrowed = found.suite != suite;
            return Ok(found);
        }
        Err(match in_metric.count() {
            0 => format!("nothing was learned in the metric {metric}"),
            _ if by_rules.count() > 0 => {
                format!("what was learned is of a larger floor than {:.2} %", percent(floor))
            }
            _ => "what was learned is of other rules (alpha, looks or correction)".to_owned(),
        })
    }

    /// Writes them to `path`, whole or not at all; folders are made.
    ///
    /// # Errors
    /// [`CalibrationsError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), CalibrationsError> {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder
            .and_then(|()| whole::save(path, self))
            .map_err(|source| CalibrationsError::Io { path: path.to_owned(), source })
    }

    /// Reads the file at `path`, for use on `machine`.
    ///
    /// # Errors
    /// [`CalibrationsError`].
    pub fn read(path: &Path, machine: &str) -> Result<Self, CalibrationsError> {
        let found = Self::open(path)?;
        if found.machine == machine {
            return Ok(found);
        }
        let (path, ours) = (path.to_owned(), machine.to_owned());
        Err(CalibrationsError::Elsewhere { path, theirs: found.machine, ours })
    }

    /// Reads the file at `path`, to be shown.
    ///
    /// # Errors
    /// [`CalibrationsError::Io`], and [`CalibrationsError::Foreign`] where it is none of this version.
    pub fn open(path: &Path) -> Result<Self, CalibrationsError> {
        let path = path.to_owned();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(CalibrationsError::Io { path, source }),
        };
        // The version first: another one may have other fields.
        let version =
            serde_json::from_slice::<serde_json::Value>(&text).map(|value| value["version"].as_u64());
        if let Ok(Some(version)) = version.as_ref().map(|v| v.filter(|v| *v != u64::from(VERSION))) {
            let why = format!("version {version} instead of {VERSION}");
            return Err(CalibrationsError::Foreign { path, why });
        }
        serde_json::from_slice(&text)
            .map_err(|error| CalibrationsError::Foreign { path, why: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    const BUILDS: Null = Null::Builds { layouts: 12 };

    fn entry(null: Null, suite: &str, side: &str) -> Calibrated {
        Calibrated::new(null, suite.into(), side.into(), "ns_per_op".into(), Rules::gate())
    }

    fn all() -> Calibrations {
        let mut all = Calibrations::new("m".into());
        all.learn(entry(Null::Policies, "areas", "kernel"));
        all.learn(entry(BUILDS, "areas", "rev:."));
        all.learn(entry(Null::Policies, "locks", "kernel"));
        all
    }

    #[test]
    fn a_comparison_is_told_what_was_learned_of_its_kind() {
        let (gate, sweep, all) = (Rules::gate(), Rules::sweep(), all());
        let of = |null, suite, metric, rules| {
            let found = all.fitting(Wanted { null, suite, metric, rules, floor: 0.01, effort: Mode::Full });
            found.map(|one| format!("{} {}", one.suite, one.side))
        };
        assert_eq!(of(Null::Policies, "areas", "ns_per_op", &gate).as_deref(), Ok("areas kernel"));
        assert_eq!(of(BUILDS, "locks", "ns_per_op", &gate).as_deref(), Ok("areas rev:."));
        assert_eq!(of(Null::Policies, "new", "ns_per_op", &gate).as_deref(), Ok("locks kernel"));
        assert!(of(Null::Policies, "areas", "ns_per_op", &sweep).unwrap_err().contains("other rules"));
        assert!(of(Null::Policies, "areas", "map.p99", &gate).unwrap_err().contains("metric map.p99"));
        let fewer = of(Null::Builds { layouts: 3 }, "areas", "ns_per_op", &gate).unwrap_err();
        assert!(fewer.contains("relinked copies, 3 a side"), "{fewer}");
    }

    #[test]
    fn what_a_larger_floor_hid_is_no_proof() {
        let (rules, mut all) = (Rules::gate(), Calibrations::new("m".into()));
        let at = |floor| Calibrated { floor: Some(floor), ..entry(Null::Policies, "areas", "kernel") };
        all.learn(at(0.2));
        let wanted = |floor| Wanted {
            null: Null::Policies,
            suite: "areas",
            metric: "ns_per_op",
            rules: &rules,
            floor,
            effort: Mode::Full,
        };
        let refused = all.fitting(wanted(0.01)).unwrap_err();
        assert!(refused.contains("of a larger floor than 1.01 %"), "{refused}");
        assert_eq!(all.fitting(wanted(0.2)).unwrap().floor, Some(0.2));
        // Both are kept, and whoever asks for more gets the latest that holds.
        all.learn(at(0.01));
        assert_eq!((all.learned.len(), all.fitting(wanted(0.05)).unwrap().floor), (2, Some(0.01)));
        // What was learned before floors were written down is quoted as it was.
        all.learn(entry(Null::Policies, "areas", "kernel"));
        assert_eq!(all.fitting(wanted(0.001)).unwrap().floor, None);
    }

    #[test]
    fn learning_again_replaces_one_entry() {
        let mut all = all();
        all.learn(entry(Null::Policies, "areas", "fast"));
        let sides: Vec<&str> = all.learned.iter().map(|one| one.side.as_str()).collect();
        assert_eq!(sides, ["rev:.", "kernel", "fast"]);
    }

    #[test]
    fn it_is_used_where_it_was_learned_and_nowhere_else() {
        let (folder, all) = (tempfile::tempdir().unwrap(), all());
        let path = folder.path().join("new/folders").join(FILE);
        all.save(&path).unwrap();
        assert_eq!(Calibrations::read(&path, "m").unwrap(), all);
        let says = |machine: &str, what: &str| {
            let error = Calibrations::read(&path, machine).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says("n", "learned on machine m, and this is n");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "{\"version\": 1, \"suite\": \"areas\"}").unwrap();
        says("m", "version 1 instead of 2");
        std::fs::write(&path, &text[..100]).unwrap();
        says("m", "no calibrations");
    }

    #[test]
    fn a_machine_has_a_place_of_its_own() {
        let of = |state: Option<&str>, home: Option<&str>| {
            let variable = |name: &str| match name {
                "XDG_STATE_HOME" => state.map(str::to_owned),
                _ => home.map(str::to_owned),
            };
            Calibrations::path_of("m", variable).map(|path| path.display().to_string())
        };
        let path = |start: &str| Some(format!("{start}/swiotlb-bench/m/calibration.json"));
        assert_eq!(of(Some("/state"), Some("/home/u")), path("/state"));
        assert_eq!(of(Some("relative"), Some("/home/u")), path("/home/u/.local/state"));
        assert_eq!(of(None, None), None);
    }
}
