//! Prepared allocator states and the loops that are measured in them.
//!
//! A [`Scenario`] says what to prepare; [`States`] builds it for one policy and gives back a
//! [`Prepared`], whose `run` times batches of operations. The one indirect call is per `run`. Everything
//! that is not the operation happens before the clock: set-up, occupancy, first touch, thread starts.
//!
//! Invariant: a batch either did exactly the operations that it was asked for, with the outcome that the
//! scenario promises, or there is no number: `run` says what went wrong instead.

mod book;
mod break_even;
pub mod cells;
mod churn;
mod control;
mod counting;
mod encrypted;
mod error;
mod fallback;
mod find_pool;
mod floor;
mod ground;
mod hot;
mod index;
mod median;
mod occupancy;
mod pin;
mod rig;
pub(crate) mod seed;
mod slot_search;
mod storm;
mod two_threads;

pub use churn::Churn;
pub use control::beside_itself;
pub use counting::count_steps;
pub use encrypted::Platform;
pub use error::ScenarioError;
pub use fallback::{Fallback, FallbackPart};
pub use find_pool::{Address, FindPool, Section};
pub use floor::Floor;
pub(crate) use hot::loops;
pub use median::{Effort, Measured, Meter};
pub use occupancy::Occupancy;
pub(crate) use rig::{Make, Site};
pub use slot_search::{NSLABS, SlotSearch};
pub use storm::Storm;
pub use two_threads::TwoThreads;

use crate::calls::Mem;
use crate::pages::OnHost;
use crate::run::Measurable;
use rig::early;
use std::time::Duration;
use swiotlb_core::bounce::NoCopy;
use swiotlb_core::policy::With;

/// Operations that share one read section, as the buffers of one softirq do.
pub const PER_SECTION: u64 = 64;

/// What to prepare and measure. See `docs/METHODOLOGY.md` for the exact states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One map and its unmap on one thread.
    SlotSearch(SlotSearch),
    /// The same on two threads at once.
    TwoThreads(TwoThreads),
    /// Two threads that add to one word: what the machine takes to share a line between two cores.
    SharedWord,
    /// `find_pool` among many pools.
    FindPool(FindPool),
    /// A pool that comes and goes in an index of `pools`.
    Index {
        /// Pools that stay, at least 1.
        pools: u32,
    },
    /// `find_pool` while pools come and go.
    Churn(Churn),
    /// A map that finds the pool full, and its unmap.
    Fallback(Fallback),
    /// The memory accesses of a slot search alone.
    Floor(Floor),
}

/// A prepared state with its loop.
pub trait Prepared {
    /// Runs `batches` batches of `ops` operations and calls `each` with the time that each took, per
    /// thread, once the batch is over.
    ///
    /// # Errors
    /// [`ScenarioError`] if an operation did not end as the scenario promises.
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError>;

    /// Whether one thread does it all, so that a control between batches can tell a quiet machine.
    fn runs_alone(&self) -> bool {
        true
    }

    /// What else the runs have shown so far: metrics with their names.
    fn more(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// `P` without copying, on the machine of all scenarios.
type Bookkeeping<P> = OnHost<<P as With>::Bounce<NoCopy>>;

/// Which states a policy is compiled for: the allocator is compiled anew for each decryption model and each page source
/// that stands beside its own, and most policies are not about memory.
pub trait States: 'static {
    /// Prepares `scenario` for `P`.
    ///
    /// # Errors
    /// [`ScenarioError`] if the state cannot be built, or is not compiled.
    fn prepare<P: With>(scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError>;
}

/// The states of plain memory from the policy's own source.
pub struct Plain;

/// These, those of encrypted memory, and the break-even of sources.
pub struct AboutMemory;

impl States for Plain {
    fn prepare<P: With>(scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError> {
        match scenario {
            Scenario::Index { pools } => boxed(index::State::<Bookkeeping<P>>::new(*pools)),
            Scenario::Churn(cell) if cell.encrypted => Err(ScenarioError::NotCompiled),
            Scenario::Fallback(cell) if cell.encrypts() || cell.part == FallbackPart::BreakEven => {
                Err(ScenarioError::NotCompiled)
            }
            _ => prepare_on(&early::<OnHost<P>>, &early::<Bookkeeping<P>>, scenario),
        }
    }
}

impl States for AboutMemory {
    fn prepare<P: With>(scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError> {
        match scenario {
            Scenario::Churn(cell) if cell.encrypted => boxed(encrypted::churn::<Bookkeeping<P>>(cell)?),
            Scenario::Fallback(cell) if cell.encrypts() => boxed(encrypted::State::<P>::new(cell)?),
            Scenario::Fallback(cell) if cell.part == FallbackPart::BreakEven => {
                boxed(break_even::State::<P>::new(cell)?)
            }
            _ => Plain::prepare::<P>(scenario),
        }
    }
}

/// Prepares `scenario` on an allocator that `whole` makes, or one without copying that `bare` makes.
///
/// # Errors
/// [`ScenarioError`] if the state cannot be built.
pub(crate) fn prepare_on<W: Mem, B: Mem>(
    whole: Make<'_, W>,
    bare: Make<'_, B>,
    scenario: &Scenario,
) -> Result<Box<dyn Prepared>, ScenarioError> {
    match scenario {
        Scenario::SlotSearch(cell) if cell.copy => boxed(slot_search::State::new(whole, cell)?),
        Scenario::SlotSearch(cell) => boxed(slot_search::State::new(bare, cell)?),
        Scenario::TwoThreads(cell) if cell.copy => {
            boxed(two_threads::State::<two_threads::RoundTrips<W>>::new(whole, cell)?)
        }
        Scenario::TwoThreads(cell) => {
            boxed(two_threads::State::<two_threads::RoundTrips<B>>::new(bare, cell)?)
        }
        Scenario::SharedWord => boxed(two_threads::State::shared_word()?),
        Scenario::FindPool(cell) => boxed(find_pool::State::new(bare, cell)?),
        Scenario::Index { .. } => Err(ScenarioError::Unable { what: "an index of pools that stands alone" }),
        Scenario::Churn(cell) if cell.encrypted => Err(ScenarioError::Unable { what: "encrypted memory" }),
        Scenario::Churn(cell) => boxed(churn::State::new(bare, cell)?),
        Scenario::Floor(floor) => boxed(floor::State::new(*floor)),
        Scenario::Fallback(cell) => boxed(fallback::State::new(whole, bare, cell)?),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "ends every arm of `prepare`")]
fn boxed(state: impl Prepared + 'static) -> Result<Box<dyn Prepared>, ScenarioError> {
    Ok(Box::new(state))
}

#[cfg(test)]
mod tests;
