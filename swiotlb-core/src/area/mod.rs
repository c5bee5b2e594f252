//! An area: a share of a pool's slots with a lock, a count of used slots and a start index of its own.
//!
//! Invariant, under the area's lock, or where there is none whenever no call is under way: `used` is the number of
//! slots that are not free, and `index` (where the next search starts) lies within the area.
//!
//! | area | when it wins |
//! |---|---|
//! | [`Locked`] | Linux's: one lock around a slot search |
//! | [`Padded`] | many CPUs: the same on cache lines of its own |
//! | [`Metered`] | exact statistics without a shared counter: an area that knows how much it may use |
//! | [`LockFree`] | CPUs that share an area: none waits for another; a failing search looks at every word twice |
//! | [`LockFree`] with [`Spread`] | the same, each CPU in segments of its own; gives Linux's placement up |

pub(crate) mod free_bits;
mod lock_free;
mod locked;
mod metered;
mod padded;
mod start;
#[cfg(test)]
mod tests;

pub use lock_free::LockFree;
pub use locked::Locked;
pub use metered::{Hold, Metered};
pub use padded::Padded;
pub use start::{Shared, Spread};

use crate::probe::Probe;
use crate::search::{AreaRange, InWindow, SlotRequest};
use crate::slot::SlotTable;

/// An area's parts of the policy label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaNames {
    /// The lock.
    pub lock: &'static str,
    /// The slot search.
    pub search: &'static str,
    /// The descriptor table.
    pub slots: &'static str,
    /// How areas lie side by side: `packed` or `padded`.
    pub layout: &'static str,
}

/// What a pool asks of its areas. `slots` is always the whole pool's table.
pub trait AreaSlots: Send + Sync + 'static {
    /// The descriptor table of a pool of such areas.
    type Table: SlotTable;
    /// Whether every answer equals Linux's whenever calls do not overlap in time.
    const KEEPS_PLACEMENT: bool;
    /// Whether it has an allowance ([`AreaSlots::allow`]).
    const METERED: bool = false;

    /// The parts of the policy label.
    fn names() -> AreaNames;

    /// An area whose slots are all free.
    fn new(slots: &Self::Table, range: AreaRange) -> Self;

    /// Finds and claims slots for `req`, in the table too; the first of them.
    fn find_slots<C: Probe>(
        &self,
        slots: &Self::Table,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32>;

    /// Gives `[first, first + n)` back, in the table too.
    fn release_slots<C: Probe>(&self, slots: &Self::Table, range: AreaRange, first: u32, n: u32, probe: &C);

    /// Claims exactly `[first, first + req.nslots)` if it is free (for replay and tests). `index` stays.
    fn claim_at(&self, slots: &Self::Table, range: AreaRange, first: u32, req: &SlotRequest) -> bool;

    /// Where [`AreaSlots::find_slots`] would find `req` now, claiming nothing.
    fn peek(&self, slots: &Self::Table, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32>;

    /// Free slots from `slot` to the next taken one or the end of its segment or pool.
    fn free_run(&self, slots: &Self::Table, slot: u32) -> u32;

    /// Slots in use.
    fn used(&self) -> u64;

    /// Where the next search starts, relative to the area.
    fn index(&self) -> u32;

    /// Moves the start of the next search (for replay and tests); an index past the end becomes 0.
    fn set_index(&self, range: AreaRange, index: u32);

    /// Whether more slots are in use than were allowed.
    #[inline]
    fn is_over(&self) -> bool {
        false
    }

    /// Keeps the slots in use as they are until the answer is dropped. An area without an allowance does nothing.
    fn hold(&self) -> impl Sized {}

    /// Allows `slots` from now on. The area must be held. One without an allowance does nothing.
    fn allow(&self, slots: u64) {
        let _ = slots;
    }
}
