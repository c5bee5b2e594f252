//! Running a plan: on real threads in a closed or an open loop, or in virtual time.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`settings`], [`outcome`] | how a plan is run; what came of it |
//! | [`clock`] | the time: the processor's counter, or a clock that moves only when waited on |
//! | [`target`](mod@target) | the seam: what a loop calls |
//! | [`allocator`], [`counted`], [`dummy`](mod@dummy) | targets: the allocator, the same with every step counted, a server of known service time |
//! | `steps`, `table`, `tally`, `looper` | a plan made ready, its live mappings, a thread's counts, one step |
//! | [`closed`], [`open`] | the two loops |
//! | `gate`, `threads`, `crew`, `collect` | the phases of a run, its threads, its outcome |
//! | `touch`, `grow` | the device between map and unmap, the growth worker |
//! | `watch`, `owners`, `stamp` | the ownership oracle |
//! | [`ledger`] | the same for passes that have no plan |
//! | [`noise`], [`idle`], [`control`](mod@control) | the machine: its ledger, its own tail, a scenario without our code |
//! | [`overhead`](mod@overhead) | the harness's own cost |
//! | [`search`] | the highest rate at which a quantile stays under a bound |
//! | [`virtual_time`](mod@virtual_time) | the same plans as a discrete-event simulation |

pub mod allocator;
pub mod clock;
pub mod closed;
mod collect;
pub mod control;
pub mod counted;
mod crew;
pub mod dummy;
pub mod fairness;
mod gate;
mod grow;
pub mod host;
pub mod idle;
pub mod ledger;
mod looper;
pub mod noise;
pub mod open;
pub mod outcome;
pub mod overhead;
mod owners;
mod real;
pub mod reason;
pub mod search;
pub mod settings;
pub mod slowdown;
mod stamp;
mod steps;
mod table;
mod tally;
pub mod target;
mod threads;
mod touch;
pub mod virtual_time;
mod watch;

pub use allocator::Measurable;
pub use clock::ClockFacts;
pub use control::{Control, control};
pub use dummy::{Dummy, Simulated, Stall, simulate};
pub use fairness::Fairness;
pub use noise::Noise;
pub use outcome::{GrowthEvent, OracleReport, Outcome, ThreadOutcome, VirtualOutcome};
pub use overhead::{Overhead, overhead, pacing_limit};
pub(crate) use owners::Owners;
pub(crate) use real::{against, hot_loop};
pub use real::{counting, dummy, real, target};
pub use search::{Bound, Range, Searched, Trial, Tried, at_rate, search_rate};
pub use settings::{Oracle, Pace, Settings};
pub use steps::Kind;
pub use target::ReadProbe;
pub use touch::TouchReport;
pub use virtual_time::virtual_time;

use swiotlb_core::error::{DeviceError, InitError, PageError};
use thiserror::Error;
use workloads::check::PlanError;

/// Why a plan could not be run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The plan breaks its promises.
    #[error("the plan cannot be run: {0}")]
    Plan(#[from] PlanError),
    /// Plan and settings do not fit together.
    #[error("the plan cannot be run: {what}")]
    Unusable {
        /// Why.
        what: String,
    },
    /// The allocator could not be set up.
    #[error("the allocator could not be set up: {0}")]
    Init(#[from] InitError),
    /// A device could not be.
    #[error("a device could not be set up: {0}")]
    Device(#[from] DeviceError),
    /// No memory for originals or pools.
    #[error("memory could not be put in place: {0}")]
    Memory(#[from] PageError),
    /// The system gave no thread.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    /// A thread of the run panicked; its message is on standard error.
    #[error("a thread of the run panicked")]
    Panicked,
}
