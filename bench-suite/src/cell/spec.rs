//! What the parent tells the child to run.

use super::CellError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use workloads::suite::Cell;
use workloads::suite::value::Quantity;

/// One launch of one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellSpec {
    /// The suite's name.
    pub suite: String,
    /// The suite file, as the start of its SHA-256.
    pub suite_hash: String,
    /// The cell.
    pub cell: Cell,
    /// Which launch of the cell, from 0.
    pub launch: u32,
    /// Whether less effort will do.
    pub quick: bool,
    /// Which block of a comparison.
    #[serde(default)]
    pub block: Option<u32>,
    /// Which arm of a comparison.
    #[serde(default)]
    pub arm: Option<String>,
    /// What the launch counts, where it times nothing. Not said otherwise: a program of an earlier version would not
    /// understand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counting: Option<Counting>,
    /// The program that runs it, where that is not the parent's own. The child is not told: one of another
    /// version would not understand.
    #[serde(skip)]
    pub program: Option<Program>,
}

/// The program that a launch runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// What records call it.
    pub build: String,
    /// By how many bytes the environment is longer.
    pub padding: u32,
}

/// What a launch counts that times nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counting {
    /// Steps, and the memory of the prepared state.
    Steps,
    /// Instructions too.
    Instructions,
}

impl CellSpec {
    /// A parameter as it is written, with its unit.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.cell.values.get(key).map(String::as_str)
    }

    /// A parameter's number in its base unit (slots, bytes, ns, operations per second).
    ///
    /// # Errors
    /// Where it is none.
    pub fn number(&self, key: &str) -> Result<Option<u64>, CellError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let wrong = || CellError::Parameter { key: key.to_owned(), value: text.to_owned() };
        Quantity::parse(text).map(|q| Some(q.number)).ok_or_else(wrong)
    }

    /// A parameter's number, or `usual` where it is not given.
    ///
    /// # Errors
    /// Where it is none, or does not fit.
    pub fn number_or<T: TryFrom<u64>>(&self, key: &str, usual: T) -> Result<T, CellError> {
        let Some(number) = self.number(key)? else { return Ok(usual) };
        let wrong = |_| CellError::Parameter { key: key.to_owned(), value: number.to_string() };
        T::try_from(number).map_err(wrong)
    }

    /// Whether a parameter is `on`, or `usual` where it is not given.
    #[must_use]
    pub fn flag(&self, key: &str, usual: bool) -> bool {
        self.text(key).map_or(usual, |text| text == "on")
    }
}
