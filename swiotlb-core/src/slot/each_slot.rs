//! A descriptor per slot, as in Linux: every slot of a mapping remembers its own original address and how
//! many bytes are left from it on. Any slot answers a sync by itself; a map and an unmap write all of them.
//!
//! Laid out as Linux lays out `struct io_tlb_slot`: 24 bytes with a free-run count of two bytes inside.

use super::{MappingStart, SlotTable, SlotView};
use crate::addr::PhysAddr;
use crate::device::Direction;
use crate::rules::{IO_TLB_SHIFT, nr_slots};
use crate::search::SlotRequest;
use crate::sync::{AtomicU16, AtomicU64, Ordering::Relaxed};

/// What a slot search keeps in each descriptor: a count for the free-run list, nothing for others.
pub trait Mark: Default + Send + Sync + 'static {
    /// The name of a table of such descriptors.
    const TABLE: &'static str = "each-slot";
}
impl Mark for () {}
impl Mark for AtomicU16 {}

/// A mark that is a count.
pub trait Count: Mark {
    /// The count.
    fn count(&self) -> &AtomicU16;
}

impl Count for AtomicU16 {
    #[inline]
    fn count(&self) -> &AtomicU16 {
        self
    }
}

/// A slot's descriptor (`struct io_tlb_slot`).
#[repr(C)]
#[derive(Debug)]
pub struct Slot<M> {
    orig_addr: AtomicU64,
    alloc_size: AtomicU64,
    pub(crate) mark: M,
    start: AtomicU16,
}

/// [`MappingStart`] in two bytes: written into a mapping's first buffer slot, 0 elsewhere.
impl MappingStart {
    const HERE: u16 = 1 << 15;
    const DIR_SHIFT: u32 = 13;
    const PAD: u16 = (1 << Self::DIR_SHIFT) - 1;

    #[inline]
    const fn pack(self) -> u16 {
        Self::HERE | self.dir_bits() << Self::DIR_SHIFT | (self.pad_slots & Self::PAD)
    }

    #[inline]
    const fn unpack(word: u16) -> Option<Self> {
        if word & Self::HERE == 0 {
            return None;
        }
        let dir = Direction::from_kernel((word >> Self::DIR_SHIFT & 3) as u64);
        Some(Self { pad_slots: word & Self::PAD, dir })
    }
}

impl<M: Mark> Slot<M> {
    /// A free slot with an empty mark.
    fn new() -> Self {
        Self {
            orig_addr: AtomicU64::new(PhysAddr::INVALID.0),
            alloc_size: AtomicU64::new(0),
            mark: M::default(),
            start: AtomicU16::new(0),
        }
    }

    #[inline]
    pub(crate) fn set_alloc_size(&self, bytes: u64) {
        self.alloc_size.store(bytes, Relaxed);
    }

    /// Forgets the mapping; the mark is the search's own affair.
    #[inline]
    pub(crate) fn forget(&self) {
        self.orig_addr.store(PhysAddr::INVALID.0, Relaxed);
        self.alloc_size.store(0, Relaxed);
        self.start.store(0, Relaxed);
    }
}

impl<M: Mark> SlotView for &Slot<M> {
    #[inline]
    fn orig_addr(self) -> Option<PhysAddr> {
        let addr = PhysAddr(self.orig_addr.load(Relaxed));
        if addr == PhysAddr::INVALID { None } else { Some(addr) }
    }

    #[inline]
    fn alloc_size(self) -> u64 {
        self.alloc_size.load(Relaxed)
    }

    #[inline]
    fn start(self) -> Option<MappingStart> {
        MappingStart::unpack(self.start.load(Relaxed))
    }
}

/// Linux's table.
pub struct EachSlot<M = ()> {
    pub(crate) slots: Box<[Slot<M>]>,
}

impl<M: Mark> EachSlot<M> {
    /// The descriptors of `[first, first + n)`.
    #[inline]
    fn run(&self, first: u32, n: u32) -> &[Slot<M>] {
        &self.slots[first as usize..(first + n) as usize]
    }
}

impl<M: Mark> SlotTable for EachSlot<M> {
    const NAME: &'static str = M::TABLE;
    type View<'a> = &'a Slot<M>;

    fn new(nslabs: u32) -> Self {
        Self { slots: (0..nslabs).map(|_| Slot::new()).collect() }
    }

    #[inline]
    fn nslabs(&self) -> u32 {
        // Made from a `u32`.
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    #[inline]
    fn slot(&self, index: u32) -> &Slot<M> {
        &self.slots[index as usize]
    }

    #[inline]
    fn nslots(&self, buffer: u32, start: MappingStart, offset: u64) -> u32 {
        let first = self.slot(buffer - u32::from(start.pad_slots));
        #[expect(clippy::cast_possible_truncation, reason = "an allocation is at most a segment")]
        let nslots = nr_slots(first.alloc_size() + offset) as u32;
        nslots
    }

    #[inline]
    fn claim(&self, first: u32, req: &SlotRequest) {
        for (i, slot) in (0..).zip(self.run(first, req.nslots)) {
            slot.set_alloc_size(req.left_at(i));
        }
    }

    #[inline]
    fn remember(&self, first: u32, req: &SlotRequest, start: MappingStart, orig: Option<PhysAddr>) {
        let pad = u32::from(start.pad_slots);
        let slots = self.run(first + pad, req.nslots - pad);
        if let Some(slot) = slots.first() {
            slot.start.store(start.pack(), Relaxed);
        }
        let Some(orig) = orig else { return };
        for (i, slot) in (0_u64..).zip(slots) {
            slot.orig_addr.store(orig.wrapping_add(i << IO_TLB_SHIFT).0, Relaxed);
        }
    }

    #[inline]
    fn end(&self, _buffer: u32, _start: MappingStart) {}

    #[inline]
    fn forget(&self, first: u32, n: u32) {
        self.run(first, n).iter().for_each(Slot::forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_as_large_as_linux_s() {
        assert_eq!(size_of::<Slot<AtomicU16>>(), 24);
    }

    #[test]
    fn a_start_survives_packing() {
        let dirs =
            [None, Some(Direction::Bidirectional), Some(Direction::ToDevice), Some(Direction::FromDevice)];
        for dir in dirs {
            for pad_slots in [0, 1, 127] {
                let start = MappingStart { pad_slots, dir };
                assert_eq!(MappingStart::unpack(start.pack()), Some(start));
            }
        }
        assert_eq!(MappingStart::unpack(0), None);
    }
}
