//! How fallbacks follow each other: with reclamation keeping up, or outrunning it.

use crate::scenario::PER_SECTION;

/// Whether memory comes back while fallbacks go on. Between storms all of it does, off the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storm {
    /// Every pool is freed after each read section of [`PER_SECTION`] fallbacks: what a source keeps ready is
    /// there for the next.
    KeptUp,
    /// Nothing is freed for four sections, and a source that keeps memory ready begins with none: every
    /// fallback finds it empty.
    Outruns,
}

impl Storm {
    /// Every sort, with its word in suites.
    pub const ALL: [(Self, &'static str); 2] = [(Self::KeptUp, "kept-up"), (Self::Outruns, "outruns")];

    /// Fallbacks between two reclamations.
    pub(super) const fn round(self) -> u64 {
        match self {
            Self::KeptUp => PER_SECTION,
            Self::Outruns => 4 * PER_SECTION,
        }
    }
}
