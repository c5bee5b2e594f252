//! Who owns which slots: no policy may give a slot to two live mappings, whatever its placement; slots in use are those
//! that live mappings take; and what a caller may do with an address is what the ledger has of it.

use super::limits::Refusal;
use crate::subject::{MappingFacts, PoolFacts};
use std::collections::BTreeMap;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::Direction;
use swiotlb_core::rules::IO_TLB_SIZE;

/// A live mapping, or pages that are handed out.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its handle.
    pub h: u64,
    /// Its allocator.
    pub mem: u64,
    /// The device that has it, by its number there.
    pub device: usize,
    /// Whether it has a pool of its own.
    pub transient: bool,
    /// The byte after its last slot's last.
    pub end: u64,
    /// The address that the caller has.
    pub addr: u64,
    /// Bytes from there to the end of the allocation.
    pub left: u64,
    /// The map's direction; `None` for pages.
    pub dir: Option<Direction>,
}

/// What is live, by the first byte of its first slot.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<u64, Entry>,
    /// For each allocator the most slots that were in use at once, since that was reset.
    most: BTreeMap<u64, u64>,
}

impl Entry {
    fn slots_from(&self, start: u64) -> u64 {
        (self.end - start) / IO_TLB_SIZE
    }
}

impl Ledger {
    /// A mapping of allocator `mem` begins.
    ///
    /// # Errors
    /// One of its slots belongs to another.
    pub fn claim(
        &mut self,
        (h, mem, device): (u64, u64, usize),
        addr: PhysAddr,
        mapping: &MappingFacts,
        dir: Option<Direction>,
    ) -> Result<(), Refusal> {
        let start = mapping.pool.slot_addr(mapping.first).0;
        let end = start + mapping.nslots * IO_TLB_SIZE;
        if let Some((other, entry)) = self.entries.range(..end).next_back()
            && entry.end > start
        {
            return Err(format!(
                "slots at {start:#x} to {end:#x} belong to a live mapping at {other:#x} already"
            ));
        }
        let (transient, left) = (mapping.pool.transient, mapping.alloc_left);
        self.entries.insert(start, Entry { h, mem, device, transient, end, addr: addr.0, left, dir });
        self.were_used(mem, 0);
        Ok(())
    }

    /// For a moment `more` slots than now were in use.
    pub fn were_used(&mut self, mem: u64, more: u64) {
        let used = self.slots(mem) + more;
        let most = self.most.entry(mem).or_default();
        *most = used.max(*most);
    }

    /// What a handle stands for has ended: what the caller has at `addr`. Pages and a mapping may have one handle after
    /// each other, and the first may live on without.
    pub fn release(&mut self, h: u64, addr: PhysAddr) {
        self.entries.retain(|_, entry| entry.h != h || entry.addr != addr.0);
    }

    /// Slots that the live mappings of allocator `mem` take.
    pub fn slots(&self, mem: u64) -> u64 {
        self.of(mem).map(|(&start, entry)| entry.slots_from(start)).sum()
    }

    /// Those of them in pools of their own.
    pub fn transient_slots(&self, mem: u64) -> u64 {
        self.of(mem).filter(|(_, entry)| entry.transient).map(|(&start, entry)| entry.slots_from(start)).sum()
    }

    /// The most that [`Ledger::slots`] was since [`Ledger::reset_most`].
    pub fn most(&self, mem: u64) -> u64 {
        self.most.get(&mem).copied().unwrap_or(0)
    }

    /// The high-water mark is 0.
    pub fn reset_most(&mut self, mem: u64) {
        self.most.insert(mem, 0);
    }

    fn of(&self, mem: u64) -> impl Iterator<Item = (&u64, &Entry)> {
        self.entries.iter().filter(move |(_, entry)| entry.mem == mem)
    }

    /// What a device can name: nothing in another's transient pool.
    fn seen_by(&self, mem: u64, device: usize) -> impl Iterator<Item = &Entry> {
        let seen = move |entry: &&Entry| !entry.transient || entry.device == device;
        self.of(mem).map(|(_, entry)| entry).filter(seen)
    }

    /// What starts at an address, as a device sees it.
    pub fn starting_at(&self, mem: u64, device: usize, addr: u64) -> Option<Entry> {
        self.seen_by(mem, device).find(|entry| entry.addr == addr).copied()
    }

    /// What has an address in one of its slots from that on in which the buffer starts.
    pub fn around(&self, mem: u64, device: usize, addr: u64) -> Option<Entry> {
        let first = |entry: &Entry| entry.addr - entry.addr % IO_TLB_SIZE;
        self.seen_by(mem, device).find(|entry| (first(entry)..entry.end).contains(&addr)).copied()
    }

    /// For every slot of a pool whether it is taken.
    pub fn taken(&self, pool: &PoolFacts) -> Vec<bool> {
        let mut taken = vec![false; pool.nslabs as usize];
        for (&start, entry) in self.entries.range(pool.start.0..pool.end.0) {
            let first = (start - pool.start.0) / IO_TLB_SIZE;
            let slots = taken.iter_mut().zip(0_u64..).skip_while(|&(_, slot)| slot < first);
            let mine = slots.take_while(|&(_, slot)| slot < first + entry.slots_from(start));
            mine.for_each(|(taken, _)| *taken = true);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::AreaFacts;
    use swiotlb_core::addr::{AreaIndex, SlotIndex};

    const POOL: PoolFacts = PoolFacts {
        start: PhysAddr(0x1000),
        end: PhysAddr(0x4_1000),
        nslabs: 128,
        nareas: 1,
        area_nslabs: 128,
        transient: false,
    };

    /// Claims slots for device 0, with the buffer `into` bytes behind their start.
    fn claim(ledger: &mut Ledger, h: u64, mem: u64, (first, nslots): (u32, u64), into: u64) -> bool {
        let mapping = MappingFacts {
            pool: POOL,
            slot: SlotIndex(first),
            first: SlotIndex(first),
            nslots,
            alloc_left: nslots * IO_TLB_SIZE - into,
            area: AreaIndex(0),
            area_facts: AreaFacts { used: 0, index: 0 },
        };
        let addr = POOL.slot_addr(SlotIndex(first)).wrapping_add(into);
        ledger.claim((h, mem, 0), addr, &mapping, Some(Direction::ToDevice)).is_ok()
    }

    #[test]
    fn a_slot_has_one_owner() {
        let mut ledger = Ledger::default();
        assert!(claim(&mut ledger, 0, 0, (4, 4), 0) && claim(&mut ledger, 1, 1, (8, 1), 0));
        assert!(!claim(&mut ledger, 2, 0, (7, 1), 0) && !claim(&mut ledger, 2, 0, (0, 5), 0));
        assert_eq!((ledger.slots(0), ledger.slots(1)), (4, 1));
        // Another address of the same handle is another mapping.
        ledger.release(0, POOL.slot_addr(SlotIndex(8)));
        assert_eq!(ledger.slots(0), 4);
        ledger.release(0, POOL.slot_addr(SlotIndex(4)));
        assert!(claim(&mut ledger, 3, 0, (0, 8), 0));
        assert_eq!((ledger.most(0), ledger.transient_slots(0)), (8, 0));
    }

    #[test]
    fn an_address_is_in_the_slots_of_a_buffer_or_not() {
        let mut ledger = Ledger::default();
        // Two slots of padding, then 256 bytes.
        assert!(claim(&mut ledger, 5, 0, (4, 4), 2 * IO_TLB_SIZE + 256));
        let slot = |slot| POOL.slot_addr(SlotIndex(slot)).0;
        let at = |addr| ledger.around(0, 0, addr).map(|entry| entry.h);
        assert_eq!([slot(5), slot(6), slot(8) - 1, slot(8)].map(at), [None, Some(5), Some(5), None]);
        let starts = |addr| ledger.starting_at(0, 0, addr).is_some();
        assert_eq!([slot(4), slot(6), slot(6) + 256].map(starts), [false, false, true]);
        let taken = ledger.taken(&POOL);
        assert_eq!(taken.iter().filter(|&&taken| taken).count(), 4);
        assert!(taken[4..8].iter().all(|&taken| taken));
    }
}
