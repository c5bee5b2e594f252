//! One stage of a night: what is decided of it when the night begins, and what its exit code means.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The stages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// Whether the machine is fit to measure on.
    Doctor,
    /// Whether the host is steady: the scenario that runs none of our code.
    Control,
    /// The build against the last accepted one.
    Gate,
    /// Every suite.
    Suites,
    /// The run becomes a night of the history.
    History,
}

impl Name {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Doctor, Self::Control, Self::Gate, Self::Suites, Self::History];

    /// Its name, which is also that of its folder or file in the night's folder.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Control => "control",
            Self::Gate => "gate",
            Self::Suites => "suites",
            Self::History => "history",
        }
    }

    /// Whether it measures into a folder of its own, so that it can be resumed.
    #[must_use]
    pub const fn measures(self) -> bool {
        matches!(self, Self::Control | Self::Gate | Self::Suites)
    }
}

/// What is decided of a stage when the night begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs this command line.
    Runs(Vec<String>),
    /// It does not run, and why.
    LeftOut(String),
    /// It should run and cannot, and why: the night ends as if it had been tried.
    Amiss(String),
}

/// What is decided when a night begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Of each stage.
    pub stages: BTreeMap<Name, Decision>,
    /// What the summary says beside it.
    pub remarks: Vec<String>,
    /// Whether a machine that is not fit fails the night.
    pub strict: bool,
    /// The folder that paths of the command lines are meant from.
    pub place: PathBuf,
}

/// What a stage's end means, the gravest last: a night's exit code is that of its gravest stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// Nothing to tell.
    Well,
    /// A cell ended without an answer.
    Open,
    /// The machine is not fit, or not steady.
    Unfit,
    /// It could not be done.
    Broken,
    /// A regression was confirmed.
    Regression,
    /// An oracle saw a violation, or an expectation fails.
    Wrong,
}

impl Meaning {
    /// What a stage's exit code means for the night; nothing where a signal ended it.
    ///
    /// An unsteady host is no failure: the gate's blocks are made for it, and say themselves what they cannot tell.
    #[must_use]
    pub const fn of(exit: Option<i32>) -> Self {
        match exit {
            Some(0) => Self::Well,
            Some(3) => Self::Regression,
            Some(4) => Self::Wrong,
            Some(5) => Self::Open,
            Some(6) => Self::Unfit,
            _ => Self::Broken,
        }
    }

    /// In words, for the summary.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Open => "a cell without an answer",
            Self::Unfit => "the machine is not fit, or not steady",
            Self::Broken => "could not be done",
            Self::Regression => "a regression is confirmed",
            Self::Wrong => "wrong: an oracle saw a violation, or an expectation fails",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_end_is_the_night_s() {
        let ends = [Some(0), Some(3), Some(6), Some(1)];
        let worst = ends.into_iter().map(Meaning::of).max();
        assert_eq!(worst, Some(Meaning::Regression));
        assert_eq!(Meaning::of(Some(4)).max(Meaning::Regression), Meaning::Wrong);
        assert_eq!(Meaning::of(None), Meaning::Broken, "killed");
        assert!(
            Meaning::Broken > Meaning::Unfit
                && Meaning::Unfit > Meaning::Open
                && Meaning::Open > Meaning::Well
        );
    }
}
