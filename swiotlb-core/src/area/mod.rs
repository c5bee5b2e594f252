//! An area: a share of a pool's slots with a lock, a count of used slots and a start index of its own.
//!
//! Invariant, under the area's lock: `used` is the number of slots that are not free, and `index`
//! (where the next search starts) lies within the area.

mod locked;

pub use locked::Locked;

use crate::probe::Probe;
use crate::search::{AreaRange, InWindow, SlotRequest};
use crate::slot::{Mark, Slot};

/// What a pool asks of its areas. `slots` is always the whole pool's table.
pub trait AreaSlots: Send + Sync + 'static {
    /// What the area's search keeps in each descriptor.
    type Mark: Mark;
    /// Whether every answer equals Linux's whenever calls do not overlap in time.
    const KEEPS_PLACEMENT: bool;

    /// The parts of the policy label: lock and search.
    fn names() -> (&'static str, &'static str);

    /// An area whose slots are all free.
    fn new(slots: &[Slot<Self::Mark>], range: AreaRange) -> Self;

    /// Finds and claims slots for `req`; the first of them. Each claimed slot records the bytes left of
    /// the allocation, nothing else.
    fn find_slots<C: Probe>(
        &self,
        slots: &[Slot<Self::Mark>],
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32>;

    /// Gives `[first, first + n)` back; every slot forgets its mapping.
    fn release_slots<C: Probe>(
        &self,
        slots: &[Slot<Self::Mark>],
        range: AreaRange,
        first: u32,
        n: u32,
        probe: &C,
    );

    /// Claims exactly `[first, first + req.nslots)` if it is free (for replay and tests). `index` stays.
    fn claim_at(&self, slots: &[Slot<Self::Mark>], range: AreaRange, first: u32, req: &SlotRequest) -> bool;

    /// Where [`AreaSlots::find_slots`] would find `req` now, claiming nothing.
    fn peek(
        &self,
        slots: &[Slot<Self::Mark>],
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
    ) -> Option<u32>;

    /// Free slots from `slot` to the next taken one or the end of its segment or pool.
    fn free_run(&self, slots: &[Slot<Self::Mark>], slot: u32) -> u32;

    /// Slots in use.
    fn used(&self) -> u64;

    /// Where the next search starts, relative to the area.
    fn index(&self) -> u32;

    /// Moves the start of the next search (for replay and tests); an index past the end becomes 0.
    fn set_index(&self, range: AreaRange, index: u32);
}
