//! Suites: what to measure, as data.
//!
//! A suite is a TOML file: what is asked and why (`title`, `questions`, `analysis`), what runs
//! (`scenario`, `policies`, `[parameters]`), what is varied (`[axes]`, as lists or ranges), how often
//! (`[launches]`, one process each), and what is expected (`[[expect]]`, `[[claim]]`). Reading one gives a
//! [`Suite`]; [`expand::cells`] turns it into [`Cell`]s, each with an id that never changes and a seed
//! that follows from it. Nothing here runs anything.
//!
//! Bottom to top: [`error`], [`value`] and [`range`] are texts; [`filter`] chooses cells; [`keys`] and
//! [`model_keys`] are what scenarios take; [`expect`] is what may be expected; `statements`, `read` and [`expand`] put them
//! together, `conditions` checks one against the other.

mod conditions;
pub mod error;
pub mod expand;
pub mod expect;
pub mod filter;
mod geometry;
pub mod keys;
pub mod model_keys;
pub mod range;
mod read;
mod statements;
pub mod table;
pub mod value;

pub use error::SuiteError;
pub use expand::{Cell, Changes, Mode, cells};
pub use geometry::{Limits, pool_bytes};
pub use read::read;

use error::Place;
use expect::{Claim, Expect};
use filter::Filter;
use keys::Scenario;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// What a user types: lower-case letters, digits, `-`.
    pub name: String,
    /// One line on it.
    pub title: String,
    /// The open questions (`Q1` to `Q8`) and claims (`N1` to `N10`) that it is about.
    pub questions: Vec<String>,
    /// What the numbers mean, what they do not, and what decides.
    pub analysis: String,
    /// What runs.
    pub scenario: Scenario,
    /// Policies by name or pattern; empty where none is under test.
    pub policies: Vec<Named>,
    /// Metrics that its table shows beside those of its statements.
    pub show: Vec<Named>,
    /// What is the same in every cell.
    pub parameters: BTreeMap<String, String>,
    /// What is varied, each with its values in the file's order.
    pub axes: BTreeMap<String, Vec<String>>,
    /// Other values for `--quick`.
    pub quick_axes: BTreeMap<String, Vec<String>>,
    /// Combinations that make no sense.
    pub skip: Vec<Filter>,
    /// Process launches for each cell.
    pub launches: PerMode<u32>,
    /// About how long one launch takes, s; for the estimate of a dry run.
    pub seconds: PerMode<f64>,
    /// What is expected.
    pub expects: Vec<Expect>,
    /// Published claims that are examined.
    pub claims: Vec<Claim>,
    /// The file's content, as the start of its SHA-256.
    pub hash: String,
    /// The file.
    pub source_name: String,
}

/// A name that a suite file writes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub text: String,
    /// Where.
    pub place: Place,
}

impl Suite {
    /// What its expectations and its claims are about.
    pub fn subjects(&self) -> impl Iterator<Item = &expect::Subject> {
        self.expects.iter().map(|e| &e.subject).chain(self.claims.iter().map(|c| &c.subject))
    }

    /// A mistake in its file.
    #[must_use]
    pub fn error(&self, place: Option<Place>, message: String) -> SuiteError {
        SuiteError { source_name: self.source_name.clone(), place, message }
    }
}

/// A number for quick and for full runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerMode<T> {
    /// With `--quick`.
    pub quick: T,
    /// Otherwise.
    pub full: T,
}

impl<T: Copy> PerMode<T> {
    /// Both numbers changed alike.
    #[must_use]
    pub fn map<U>(self, change: impl Fn(T) -> U) -> PerMode<U> {
        PerMode { quick: change(self.quick), full: change(self.full) }
    }

    /// The number for a mode.
    #[must_use]
    pub fn of(self, mode: Mode) -> T {
        match mode {
            Mode::Quick => self.quick,
            Mode::Full => self.full,
        }
    }
}

/// The start of the SHA-256 of a text, 16 digits.
#[must_use]
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A seed that follows from another and a name: the same everywhere, for ever.
#[must_use]
pub fn derived_seed(seed: u64, name: &str) -> u64 {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(name.as_bytes());
    digest.finalize().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
