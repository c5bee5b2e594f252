//! What a suite answers: that all went well, or the check that was broken. A suite that answers can be run on a
//! strategy that is broken on purpose, and a test can say which check has caught it.

use std::fmt;

/// A broken rule.
#[derive(Debug)]
pub struct Violation {
    /// The check that noticed, in a few words.
    pub check: &'static str,
    /// What it saw.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.seen)
    }
}

/// What a suite answers.
pub type Verdict = Result<(), Violation>;

/// What a suite returns: nothing, if it panics by itself, or a verdict.
pub trait Outcome {
    /// Panics with what was broken.
    fn settle(self);
}

impl Outcome for () {
    fn settle(self) {}
}

impl Outcome for Verdict {
    fn settle(self) {
        if let Err(violation) = self {
            panic!("{violation}");
        }
    }
}

/// Panics with what a suite found broken.
pub fn settle(outcome: impl Outcome) {
    outcome.settle();
}

/// Leaves the suite with a violation of `$check` unless `$kept` holds; the rest says what was seen.
#[macro_export]
macro_rules! ensure {
    ($kept:expr, $check:literal, $($seen:tt)+) => {
        if !$kept {
            return Err($crate::common::violation::Violation { check: $check, seen: format!($($seen)+) });
        }
    };
}

/// [`ensure`] that two values are equal.
#[macro_export]
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $check:literal) => {
        match (&$left, &$right) {
            (left, right) => $crate::ensure!(left == right, $check, "{left:?} is not {right:?}"),
        }
    };
}
