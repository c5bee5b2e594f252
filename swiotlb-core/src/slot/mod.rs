//! The slot descriptor table: what a pool remembers of the mappings that live in its slots.
//!
//! Two answers are read from it. An unmap asks what starts in a slot, and how many slots it took; a sync asks
//! which original address and how many bytes stand behind any slot of a mapping, its middle too.
//!
//! | table | when it wins |
//! |---|---|
//! | [`EachSlot`] | Linux's: every slot of a mapping has its own answer; a map and an unmap write all of them |
//! | [`EachSlot`] of [`Wide`] | never: Linux's with descriptors of 40 bytes, a cost that no step counter sees |
//! | [`FirstSlot`] | large mappings: one word per mapping; a sync in the middle looks for it |
//!
//! Invariant, for both: what a mapping wrote is written only by its owner or, at its claim and its release, under
//! its area's lock; so all is Relaxed, and what orders it is that lock or the caller who hands the bounce
//! address on (map to sync to unmap). A caller who breaks that contract reads a stale number, never torn memory.
//! An area without a lock claims after it has won the slots (Acquire) and forgets before it lets them go (Release);
//! that suffices, because [`SlotTable::claim`] and [`SlotTable::forget`] touch nothing but the slots named.

mod each_slot;
mod first_slot;
#[cfg(test)]
mod tests;
mod wide;

pub use each_slot::{Count, EachSlot, Mark, Slot};
pub use first_slot::{Belongs, FirstSlot};
pub use wide::Wide;

use crate::addr::PhysAddr;
use crate::device::Direction;
use crate::search::SlotRequest;

/// Where a mapping starts, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingStart {
    /// Whole padding slots before this one.
    pub pad_slots: u16,
    /// The map's direction; `None` for a page allocation of a restricted pool.
    pub dir: Option<Direction>,
}

impl MappingStart {
    /// The two bits that stand for no direction.
    const NO_DIR: u16 = 3;

    /// The direction as two bits.
    #[inline]
    const fn dir_bits(self) -> u16 {
        match self.dir {
            Some(dir) => dir as u16,
            None => Self::NO_DIR,
        }
    }
}

/// What a table says of one slot.
pub trait SlotView: Copy {
    /// The original address that matches the slot's first bounce byte, if the slot holds a buffer.
    fn orig_addr(self) -> Option<PhysAddr>;
    /// Bytes of the allocation from this slot's buffer byte on, rounding padding included, modulo 2^64: less than
    /// none in a last slot, if the allocation ends in it before that byte. Of use only where the slot holds a buffer
    /// or a mapping starts.
    fn alloc_size(self) -> u64;
    /// Whether a mapping starts here, and how.
    fn start(self) -> Option<MappingStart>;
}

/// The descriptors of a pool's slots.
///
/// A mapping's life: [`SlotTable::claim`] under the area's lock, [`SlotTable::remember`] by its owner;
/// [`SlotTable::end`] by its owner, [`SlotTable::forget`] under the lock.
pub trait SlotTable: Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;
    /// What [`SlotTable::slot`] gives.
    type View<'a>: SlotView;

    /// The descriptors of `nslabs` free slots.
    fn new(nslabs: u32) -> Self;

    /// Slots of the pool.
    fn nslabs(&self) -> u32;

    /// What slot `index` says of the mapping that it belongs to.
    fn slot(&self, index: u32) -> Self::View<'_>;

    /// Slots from `buffer - start.pad_slots` on that the mapping which starts in slot `buffer` took, padding
    /// included; the buffer starts `offset` bytes into its slot.
    fn nslots(&self, buffer: u32, start: MappingStart, offset: u64) -> u32;

    /// Under the area's lock: the slots from `first` on belong to `req` now.
    fn claim(&self, first: u32, req: &SlotRequest);

    /// By the owner of the slots from `first` on: a buffer for `orig` (`None` for plain pages) starts
    /// `start.pad_slots` slots later.
    fn remember(&self, first: u32, req: &SlotRequest, start: MappingStart, orig: Option<PhysAddr>);

    /// By the owner: the mapping that starts in slot `buffer` is about to be given back.
    fn end(&self, buffer: u32, start: MappingStart);

    /// Under the area's lock: `[first, first + n)` belongs to nobody.
    fn forget(&self, first: u32, n: u32);
}
