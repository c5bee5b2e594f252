//! Why a scenario gave no number.

use swiotlb_core::error::{DeviceError, InitError, MapError, PageError, UnmapError};
use thiserror::Error;

/// Why a scenario gave no number.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The allocator could not be set up.
    #[error("the scenario's pool: {0}")]
    Init(#[from] InitError),
    /// The device could not be set up.
    #[error("the scenario's device: {0}")]
    Device(#[from] DeviceError),
    /// The host gave no memory.
    #[error("the scenario's memory: {0}")]
    Memory(#[from] PageError),
    /// The occupancy could not be made.
    #[error("filling the pool: {0}")]
    Fill(#[from] MapError),
    /// The occupancy could not be made.
    #[error("emptying the pool: {0}")]
    Empty(#[from] UnmapError),
    /// Operations did not end as the scenario promises, so their time means nothing.
    #[error("{wrong} of {ops} operations did not end as the scenario promises")]
    Unverified {
        /// How many.
        wrong: u64,
        /// Of how many.
        ops: u64,
    },
    /// The pool was left otherwise than it was found.
    #[error("{now} slots in use after a batch, {before} before it")]
    Leaked {
        /// Slots in use before the batch.
        before: u64,
        /// Slots in use after it.
        now: u64,
    },
    /// A part of a fallback that there is not on the platform.
    #[error("there is nothing to measure: {what}")]
    NotMeasured {
        /// What there is not.
        what: &'static str,
    },
    /// The machine has too few cores.
    #[error("{wanted} threads want as many cores, and there are {cores}")]
    TooFewCores {
        /// Threads.
        wanted: usize,
        /// Cores that this process may use.
        cores: usize,
    },
    /// An outside allocator cannot do what the cell is about.
    #[error("this cell needs {what}, which this outside allocator does not have")]
    Unable {
        /// What it would have to be able to.
        what: &'static str,
    },
    /// The policy is compiled without the state.
    #[error(
        "this policy is compiled for plain memory alone: cells with `decrypt`, and the break-even, want `kernel`, `fast`, \
         `pages-...` or `reclaim-...`"
    )]
    NotCompiled,
    /// A thread ended by a panic.
    #[error("a measuring thread panicked")]
    ThreadPanicked,
}
