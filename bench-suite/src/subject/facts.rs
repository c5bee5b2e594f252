//! What can be said of pools, areas and mappings without naming a policy: plain copies, taken at one moment.

use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};
use swiotlb_core::rules::IO_TLB_SHIFT;

/// A pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFacts {
    /// First byte.
    pub start: PhysAddr,
    /// The byte after the last.
    pub end: PhysAddr,
    /// Slots.
    pub nslabs: u32,
    /// Areas.
    pub nareas: u32,
    /// Slots of an area.
    pub area_nslabs: u32,
    /// Whether it belongs to one mapping.
    pub transient: bool,
}

impl PoolFacts {
    /// The first address of a slot.
    #[must_use]
    pub const fn slot_addr(&self, slot: SlotIndex) -> PhysAddr {
        PhysAddr(self.start.0 + ((slot.0 as u64) << IO_TLB_SHIFT))
    }
}

/// An area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaFacts {
    /// Slots in use.
    pub used: u64,
    /// Where the next search starts, relative to the area.
    pub index: u32,
}

/// What the slots remember of a live mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingFacts {
    /// Its pool.
    pub pool: PoolFacts,
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
    /// That area now.
    pub area_facts: AreaFacts,
}
