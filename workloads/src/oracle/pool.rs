//! A pool: its slots, one by one, and the mappings that live in them. Nothing is kept that can be counted.

use swiotlb_core::device::Direction;

use super::want::Want;

/// Bytes in a slot.
pub(super) const SLOT: u64 = 2048;
/// Slots in a segment, counted from the pool's start; no allocation crosses one.
pub(super) const SEGMENT: usize = 128;

/// What lives in some slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    /// First slot, and how many slots: padding and rounding included.
    pub(super) first: usize,
    pub(super) nslots: usize,
    /// The bounce address.
    pub(super) bounce: u64,
    /// The byte after the allocation's last: where the copies end.
    pub(super) end: u64,
    /// The original and the direction; of pages of a restricted pool there are none.
    pub(super) of: Option<(u64, Direction)>,
}

/// A pool.
#[derive(Debug)]
pub(super) struct Pool {
    /// Its number, in the order in which pools came.
    pub(super) number: i64,
    /// Its first byte.
    pub(super) base: u64,
    /// Whether it was made for one mapping.
    pub(super) transient: bool,
    /// For every slot whether it is taken.
    pub(super) taken: Vec<bool>,
    /// For every area where its next search starts, counted from the area's first slot.
    pub(super) index: Vec<usize>,
    /// The mappings.
    pub(super) mappings: Vec<Mapping>,
    /// log2 of the pages in the block that it lies in; of memory that was set aside there is none.
    pub(super) order: Option<u32>,
}

impl Pool {
    /// A pool of free slots.
    pub(super) fn new(base: u64, nslabs: usize, nareas: usize) -> Self {
        Self {
            number: -1,
            base,
            transient: false,
            taken: vec![false; nslabs],
            index: vec![0; nareas],
            mappings: Vec::new(),
            order: None,
        }
    }

    pub(super) fn nslabs(&self) -> usize {
        self.taken.len()
    }

    pub(super) fn nareas(&self) -> usize {
        self.index.len()
    }

    pub(super) fn area_nslabs(&self) -> usize {
        self.nslabs() / self.nareas()
    }

    /// The address of a slot's first byte.
    pub(super) fn addr(&self, slot: usize) -> u64 {
        self.base + slot as u64 * SLOT
    }

    pub(super) fn holds(&self, addr: u64) -> bool {
        self.base <= addr && addr < self.addr(self.nslabs())
    }

    /// The slot of an address that the pool holds.
    pub(super) fn slot_of(&self, addr: u64) -> usize {
        usize::try_from((addr - self.base) / SLOT).unwrap_or(usize::MAX)
    }

    /// The slots of an area.
    fn area(&self, area: usize) -> &[bool] {
        let len = self.area_nslabs();
        &self.taken[area * len..(area + 1) * len]
    }

    /// The area of a slot.
    pub(super) fn area_of(&self, slot: usize) -> usize {
        slot / self.area_nslabs()
    }

    /// Taken slots of an area.
    pub(super) fn used(&self, area: usize) -> usize {
        self.area(area).iter().filter(|&&taken| taken).count()
    }

    /// Free slots from one to the next that is taken, to its segment's end or to the pool's.
    pub(super) fn free_run(&self, slot: usize) -> usize {
        let mut run = 0;
        while slot + run < self.nslabs()
            && (slot + run) / SEGMENT == slot / SEGMENT
            && !self.taken[slot + run]
        {
            run += 1;
        }
        run
    }

    /// Takes slots of an area for `want`: the first of them.
    pub(super) fn take(&mut self, area: usize, want: &Want) -> Option<usize> {
        let first = self.find(area, want)?;
        self.taken[first..first + want.nslots].fill(true);
        let behind = first + want.nslots - area * self.area_nslabs();
        self.index[area] = if behind < self.area_nslabs() { behind } else { 0 };
        Some(first)
    }

    /// The walk through an area.
    fn find(&self, area: usize, want: &Want) -> Option<usize> {
        let len = self.area_nslabs();
        if want.nslots > len - self.used(area) {
            return None;
        }
        let mut within = self.index[area];
        let mut stepped_over = 0;
        while stepped_over < len as u64 {
            let slot = area * len + within;
            let mut step = 1;
            if want.may_start_at(self.base, slot) {
                if !want.crosses_boundary(self.base, slot) && self.free_run(slot) >= want.nslots {
                    return Some(slot);
                }
                step = want.stride;
            }
            stepped_over += step;
            within =
                if within as u64 + step < len as u64 { within + usize::try_from(step).ok()? } else { 0 };
        }
        None
    }

    /// The slots of a mapping are free again.
    pub(super) fn release(&mut self, mapping: &Mapping) {
        self.taken[mapping.first..mapping.first + mapping.nslots].fill(false);
        self.mappings.retain(|other| other.first != mapping.first);
    }

    /// The mapping that starts at an address.
    pub(super) fn starts_at(&self, addr: u64) -> Option<Mapping> {
        self.mappings.iter().find(|mapping| mapping.bounce == addr).copied()
    }

    /// The mapping whose buffer has a part in the slot of an address, rounding included, padding before it not.
    pub(super) fn around(&self, addr: u64) -> Option<Mapping> {
        let slot = self.slot_of(addr);
        let around = |m: &&Mapping| (self.slot_of(m.bounce)..m.first + m.nslots).contains(&slot);
        self.mappings.iter().find(around).copied()
    }
}
