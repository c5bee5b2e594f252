//! Looking at a live mapping: for checks and reports, never on a measured path.

use crate::addr::{AreaIndex, PhysAddr, SlotIndex};
use crate::caller::Session;
use crate::mem::Device;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::rules::align_offset;
use crate::slot::SlotView;

/// What the slots remember of a mapping.
pub struct Mapping<'a, P: Policy> {
    /// Its pool.
    pub pool: &'a Pool<P>,
    /// The slot that holds the bounce address.
    pub slot: SlotIndex,
    /// The first slot taken, padding included.
    pub first: SlotIndex,
    /// Slots taken in all.
    pub nslots: u64,
    /// Bytes from the bounce address to the end of the allocation, rounding included.
    pub alloc_left: u64,
    /// The area that holds them.
    pub area: AreaIndex,
}

impl<P: Policy> Session<'_, P> {
    /// The live mapping, or page allocation, that starts in the slot of `addr`.
    pub fn mapping<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<Mapping<'a, P>> {
        if !self.is_mine(dev) {
            return None;
        }
        let pool = self.look_up(dev, addr)?;
        let slot = pool.slot_of(addr);
        let start = pool.slot(slot).start()?;
        let first = SlotIndex(slot.0 - u32::from(start.pad_slots));
        let offset = align_offset(dev.limits.min_align_mask, 0, addr);
        let nslots = u64::from(pool.nslots_of(slot, start, offset));
        let alloc_left = pool.slot(slot).alloc_size();
        Some(Mapping { pool, slot, first, nslots, alloc_left, area: pool.area_of(first) })
    }
}
