//! One slot's descriptor: what its mapping must remember, and what the slot search keeps with it.
//!
//! Laid out as Linux lays out `struct io_tlb_slot`: 24 bytes with a free-run count of two bytes inside.
//! Invariant: the metadata of a taken slot is written only by the owner of its mapping; every field is
//! an atomic that is read and written Relaxed, because what orders them is the area's lock (claim and
//! release) or the caller who hands the bounce address on (map to sync to unmap). A caller who breaks
//! that contract reads a stale number, never torn memory.

use crate::addr::PhysAddr;
use crate::device::Direction;
use crate::sync::{AtomicU16, AtomicU64, Ordering::Relaxed};

/// What a slot search keeps in each descriptor: a count for the free-run list, nothing for others.
pub trait Mark: Default + Send + Sync + 'static {}
impl Mark for () {}
impl Mark for AtomicU16 {}

/// A slot's descriptor (`struct io_tlb_slot`).
#[repr(C)]
#[derive(Debug)]
pub struct Slot<M> {
    orig_addr: AtomicU64,
    alloc_size: AtomicU64,
    pub(crate) mark: M,
    start: AtomicU16,
}

/// Where a mapping starts: written into its first buffer slot only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingStart {
    /// Whole padding slots before this one.
    pub pad_slots: u16,
    /// The map's direction; `None` for a page allocation of a restricted pool.
    pub dir: Option<Direction>,
}

impl MappingStart {
    const HERE: u16 = 1 << 15;
    const DIR_SHIFT: u32 = 13;
    const NO_DIR: u16 = 3;
    const PAD: u16 = (1 << Self::DIR_SHIFT) - 1;

    #[inline]
    const fn pack(self) -> u16 {
        let dir = match self.dir {
            Some(dir) => dir as u16,
            None => Self::NO_DIR,
        };
        Self::HERE | dir << Self::DIR_SHIFT | (self.pad_slots & Self::PAD)
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
    pub(crate) fn new() -> Self {
        Self {
            orig_addr: AtomicU64::new(PhysAddr::INVALID.0),
            alloc_size: AtomicU64::new(0),
            mark: M::default(),
            start: AtomicU16::new(0),
        }
    }

    /// The original address that matches the slot's first bounce byte, if the slot holds a buffer.
    #[inline]
    pub fn orig_addr(&self) -> Option<PhysAddr> {
        let addr = PhysAddr(self.orig_addr.load(Relaxed));
        if addr == PhysAddr::INVALID { None } else { Some(addr) }
    }

    /// Bytes of the allocation from this slot's buffer byte on, rounding padding included.
    #[inline]
    pub fn alloc_size(&self) -> u64 {
        self.alloc_size.load(Relaxed)
    }

    /// Whether a mapping starts here, and how.
    #[inline]
    pub fn start(&self) -> Option<MappingStart> {
        MappingStart::unpack(self.start.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_orig_addr(&self, addr: PhysAddr) {
        self.orig_addr.store(addr.0, Relaxed);
    }

    #[inline]
    pub(crate) fn set_alloc_size(&self, bytes: u64) {
        self.alloc_size.store(bytes, Relaxed);
    }

    #[inline]
    pub(crate) fn set_start(&self, start: MappingStart) {
        self.start.store(start.pack(), Relaxed);
    }

    /// Forgets the mapping; the mark is the search's own affair.
    #[inline]
    pub(crate) fn forget(&self) {
        self.orig_addr.store(PhysAddr::INVALID.0, Relaxed);
        self.alloc_size.store(0, Relaxed);
        self.start.store(0, Relaxed);
    }
}

/// The descriptors of a new pool.
pub(crate) fn new_slots<M: Mark>(nslabs: u32) -> Box<[Slot<M>]> {
    (0..nslabs).map(|_| Slot::new()).collect()
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
