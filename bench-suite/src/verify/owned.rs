//! Who owns which slots: no policy may give a slot to two live mappings, whatever its placement, and slots in use are
//! those that live mappings take.

use super::limits::Refusal;
use crate::subject::MappingFacts;
use std::collections::BTreeMap;
use swiotlb_core::rules::IO_TLB_SIZE;

/// The allocations that are live: first byte, byte after the last, allocator.
#[derive(Debug, Default)]
pub struct Owned(BTreeMap<u64, (u64, u64)>);

/// First byte and bytes of a mapping's allocation.
fn range(mapping: &MappingFacts) -> (u64, u64) {
    (mapping.pool.slot_addr(mapping.first).0, mapping.nslots * IO_TLB_SIZE)
}

impl Owned {
    /// A mapping of allocator `mem` begins.
    ///
    /// # Errors
    /// One of its slots belongs to another.
    pub fn claim(&mut self, mem: u64, mapping: &MappingFacts) -> Result<(), Refusal> {
        let (start, bytes) = range(mapping);
        let end = start + bytes;
        if let Some((other, (other_end, _))) = self.0.range(..end).next_back()
            && *other_end > start
        {
            return Err(format!(
                "slots at {start:#x} to {end:#x} belong to a live mapping at {other:#x} already"
            ));
        }
        self.0.insert(start, (end, mem));
        Ok(())
    }

    /// A mapping has ended.
    pub fn release(&mut self, mapping: &MappingFacts) {
        self.0.remove(&range(mapping).0);
    }

    /// Slots that the live mappings of allocator `mem` take.
    pub fn slots(&self, mem: u64) -> u64 {
        self.0
            .iter()
            .filter(|(_, (_, of))| *of == mem)
            .map(|(start, (end, _))| (end - start) / IO_TLB_SIZE)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{AreaFacts, PoolFacts};
    use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};

    fn mapping(first: u32, nslots: u64) -> MappingFacts {
        let (start, end) = (PhysAddr(0x1000), PhysAddr(0x4_1000));
        MappingFacts {
            pool: PoolFacts { start, end, nslabs: 128, nareas: 1, area_nslabs: 128, transient: false },
            slot: SlotIndex(first),
            first: SlotIndex(first),
            nslots,
            alloc_left: nslots * IO_TLB_SIZE,
            area: AreaIndex(0),
            area_facts: AreaFacts { used: 0, index: 0 },
        }
    }

    #[test]
    fn a_slot_has_one_owner() {
        let mut owned = Owned::default();
        assert!(owned.claim(0, &mapping(4, 4)).is_ok() && owned.claim(1, &mapping(8, 1)).is_ok());
        assert!(owned.claim(0, &mapping(7, 1)).is_err() && owned.claim(0, &mapping(0, 5)).is_err());
        assert_eq!((owned.slots(0), owned.slots(1)), (4, 1));
        owned.release(&mapping(4, 4));
        assert!(owned.claim(0, &mapping(0, 8)).is_ok());
    }
}
