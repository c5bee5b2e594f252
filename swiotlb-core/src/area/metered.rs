//! An area with an allowance: so many slots may be in use before the high-water mark has to be looked at.
//!
//! Invariant: `allowance` changes only while the area is held ([`Hold::hold_still`]). Together with
//! [`crate::stats::ByArea`] it makes the allocator's used slots and high-water mark exact without a counter
//! that all maps write: a claim only compares.

use super::{AreaNames, AreaSlots};
use crate::probe::Probe;
use crate::search::{AreaRange, InWindow, SlotRequest};
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// An area that can be held still.
pub trait Hold: AreaSlots {
    /// The slots in use do not change until the answer is dropped.
    fn hold_still(&self) -> impl Sized;
}

/// `A` with an allowance.
#[repr(C)]
pub struct Metered<A> {
    area: A,
    // Relaxed: written while the area is held. A claim that comes after in the order of the area's lock sees
    // it; one that comes before was seen by whoever wrote it, in `used`.
    allowance: AtomicU64,
}

impl<A: Hold> AreaSlots for Metered<A> {
    type Table = A::Table;
    const KEEPS_PLACEMENT: bool = A::KEEPS_PLACEMENT;
    const METERED: bool = true;

    fn names() -> AreaNames {
        A::names()
    }

    fn new(slots: &A::Table, range: AreaRange) -> Self {
        Self { area: A::new(slots, range), allowance: AtomicU64::new(0) }
    }

    #[inline(always)]
    fn find_slots<C: Probe>(
        &self,
        slots: &A::Table,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        self.area.find_slots(slots, range, at, req, probe)
    }

    #[inline]
    fn release_slots<C: Probe>(&self, slots: &A::Table, range: AreaRange, first: u32, n: u32, probe: &C) {
        self.area.release_slots(slots, range, first, n, probe);
    }

    fn claim_at(&self, slots: &A::Table, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        self.area.claim_at(slots, range, first, req)
    }

    fn peek(&self, slots: &A::Table, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        self.area.peek(slots, range, at, req)
    }

    fn free_run(&self, slots: &A::Table, slot: u32) -> u32 {
        self.area.free_run(slots, slot)
    }

    #[inline]
    fn used(&self) -> u64 {
        self.area.used()
    }

    fn index(&self) -> u32 {
        self.area.index()
    }

    fn set_index(&self, range: AreaRange, index: u32) {
        self.area.set_index(range, index);
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.area.used() > self.allowance.load(Relaxed)
    }

    fn hold(&self) -> impl Sized {
        self.area.hold_still()
    }

    fn allow(&self, slots: u64) {
        self.allowance.store(slots, Relaxed);
    }
}
