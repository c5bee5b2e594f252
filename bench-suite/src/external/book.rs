//! What is mapped, as the requests say: the interface has no question for that, and whoever checks an allocator needs
//! to know where each allocation begins and ends.
//!
//! Invariant: an allocation is what the rules make of its request (`swiotlb_ext.h`, `map`), whatever the library
//! keeps of it.

use super::abi;
use crate::subject::{AreaFacts, MappingFacts, PoolFacts};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::rules::{IO_TLB_SHIFT, IO_TLB_SIZE, align_offset, alloc_size, nr_slots};

/// A live mapping.
#[derive(Clone, Copy, Debug)]
struct Live {
    device: usize,
    /// Bytes from the allocation's start to the bounce address.
    offset: u64,
    /// Bytes of the allocation, rounding included.
    bytes: u64,
}

/// The live mappings of an allocator, by their addresses.
pub struct Book {
    base: PhysAddr,
    geometry: Geometry,
    live: Mutex<BTreeMap<u64, Live>>,
}

impl Book {
    /// An empty book of an allocator whose default pool lies at `base`.
    pub fn new(base: PhysAddr, geometry: Geometry) -> Self {
        Self { base, geometry, live: Mutex::default() }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mapping begins.
    pub fn enter(&self, device: usize, limits: &DeviceLimits, request: &MapRequest, addr: PhysAddr) {
        let mask = request.alloc_align_mask;
        let offset = align_offset(limits.min_align_mask, mask, request.orig);
        let bytes = alloc_size(request.size, offset, mask).unwrap_or(u64::MAX);
        self.live().insert(addr.0, Live { device, offset, bytes });
    }

    /// The mapping at `addr` ends while `end` runs, unless that fails. It is out of the book before: another thread
    /// may have its slots the moment that they are free.
    pub fn leave<E>(&self, addr: PhysAddr, end: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let left = self.live().remove(&addr.0);
        end().inspect_err(|_| {
            self.live().extend(left.map(|live| (addr.0, live)));
        })
    }

    /// The addresses of a device's live mappings.
    pub fn addresses(&self, device: usize) -> Vec<PhysAddr> {
        let live = self.live();
        live.iter().filter(|(_, live)| live.device == device).map(|(&addr, _)| PhysAddr(addr)).collect()
    }

    /// The default pool.
    pub fn default_pool(&self) -> PoolFacts {
        let end = self.base.wrapping_add(self.geometry.nslabs << IO_TLB_SHIFT);
        self.pool(abi::Pool { start: self.base.0, end: end.0, ..abi::Pool::default() })
    }

    /// A pool as the library told of it.
    pub fn pool(&self, pool: abi::Pool) -> PoolFacts {
        let nslabs = u32::try_from(pool.end.saturating_sub(pool.start) >> IO_TLB_SHIFT).unwrap_or(u32::MAX);
        let nareas = if pool.start == self.base.0 { self.geometry.nareas } else { 1 };
        PoolFacts {
            start: PhysAddr(pool.start),
            end: PhysAddr(pool.end),
            nslabs,
            nareas,
            area_nslabs: nslabs / nareas.max(1),
            transient: pool.transient != 0,
        }
    }

    /// The live mapping that starts at `addr`, which the library says is in `pool`; `None` if there is none or if
    /// the pool does not hold it.
    pub fn mapping(&self, addr: PhysAddr, pool: abi::Pool) -> Option<MappingFacts> {
        let live = *self.live().get(&addr.0)?;
        let start = addr.0.checked_sub(live.offset)?;
        let first = start.checked_sub(pool.start)? >> IO_TLB_SHIFT;
        let buffer = addr.0.checked_sub(pool.start)? >> IO_TLB_SHIFT;
        let nslots = nr_slots(live.bytes);
        if start.checked_add(nslots.checked_mul(IO_TLB_SIZE)?)? > pool.end {
            return None;
        }
        let pool = self.pool(pool);
        let index = |slot: u64| u32::try_from(slot).ok().map(SlotIndex);
        let first = index(first)?;
        Some(MappingFacts {
            pool,
            slot: index(buffer)?,
            first,
            nslots,
            alloc_left: live.bytes - live.offset,
            area: AreaIndex(first.0 / pool.area_nslabs.max(1)),
            area_facts: AreaFacts { used: 0, index: 0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swiotlb_core::device::Direction;

    #[test]
    fn an_allocation_is_what_its_request_makes_of_it() {
        let geometry = Geometry { nslabs: 256, nareas: 2 };
        let book = Book::new(PhysAddr(0x10_0000), geometry);
        let limits = DeviceLimits { min_align_mask: 0xfff, ..DeviceLimits::default() };
        let request = MapRequest {
            alloc_align_mask: 0xfff,
            ..MapRequest::new(PhysAddr(0x5900), 0x1000, Direction::ToDevice)
        };
        let addr = PhysAddr(0x14_0900);
        book.enter(3, &limits, &request, addr);
        let pool = abi::Pool { start: 0x10_0000, end: 0x18_0000, ..abi::Pool::default() };
        let facts = book.mapping(addr, pool).map(|m| (m.first.0, m.slot.0, m.nslots, m.alloc_left, m.area.0));
        // 0x900 bytes before the buffer are a slot and a part; 0x1900 bytes in all, rounded up to 0x2000.
        assert_eq!(facts, Some((128, 129, 4, 0x1700, 1)));
        assert_eq!(book.addresses(3), [addr]);
        assert!(book.addresses(2).is_empty());
        assert!(book.mapping(addr, abi::Pool { end: 0x14_1000, ..pool }).is_none(), "it leaves such a pool");
        assert!(book.mapping(addr, abi::Pool { start: 0x14_0800, ..pool }).is_none());
        assert_eq!(book.leave(addr, || Err(1)), Err(1));
        assert!(book.mapping(addr, pool).is_some(), "it was not ended");
        assert_eq!(book.leave(addr, || Ok::<_, ()>(())), Ok(()));
        assert!(book.mapping(addr, pool).is_none());
    }
}
