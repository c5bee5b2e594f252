//! The checks that every record passes before it is kept, whichever form it comes from.
//!
//! Both readers fill the same plain structs with the numbers they found; what comes out is a typed
//! [`Event`] or the [`Reason`] why there is none.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction};
use swiotlb_core::rules;

use super::record::{DeviceId, MapCall, PoolSpan, SyncCall, UnmapCall};
use super::skipped::Reason;

/// Segment boundary of a device for which the trace names none: the kernel's default for PCI devices.
pub(super) const DEFAULT_SEG_BOUNDARY: u64 = 0xffff_ffff;

/// A map call's numbers as found.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawMap {
    pub orig: u64,
    pub size: u64,
    pub alloc_size: Option<u64>,
    pub alloc_align_mask: u64,
    pub min_align_mask: u64,
    pub seg_boundary_mask: Option<u64>,
    pub dir: u64,
    pub attrs: u64,
}

impl RawMap {
    /// A map that succeeded, at `tlb`.
    pub(super) fn mapped(&self, dev: DeviceId, tlb: u64, times: (u64, u64)) -> Result<MapCall, Reason> {
        mapping_size(self.size)?;
        range(tlb, self.size)?;
        if let Some(alloc_size) = self.alloc_size {
            mapping_size(alloc_size)?;
        }
        self.call(dev, PhysAddr(tlb), times)
    }

    /// A map that failed.
    pub(super) fn failed(&self, dev: DeviceId, times: (u64, u64)) -> Result<MapCall, Reason> {
        if self.size == 0 {
            return Err(Reason::AbsurdSize);
        }
        self.call(dev, PhysAddr::INVALID, times)
    }

    fn call(&self, dev: DeviceId, tlb: PhysAddr, times: (u64, u64)) -> Result<MapCall, Reason> {
        PhysAddr(self.orig).checked_add(self.size).ok_or(Reason::BadAddress)?;
        Ok(MapCall {
            orig: PhysAddr(self.orig),
            tlb,
            t_in_ns: times.0,
            t_ret_ns: times.1,
            seg_boundary_mask: match self.seg_boundary_mask {
                None => DEFAULT_SEG_BOUNDARY,
                Some(0) => u64::MAX,
                Some(mask) => mask,
            },
            dev,
            size: u32::try_from(self.size).map_err(|_| Reason::AbsurdSize)?,
            alloc_size: self.alloc_size.map(u32::try_from).transpose().map_err(|_| Reason::AbsurdSize)?,
            alloc_align_mask: low_mask(self.alloc_align_mask)?,
            min_align_mask: low_mask(self.min_align_mask)?,
            dir: direction(self.dir)?,
            attrs: Attrs::from_kernel(self.attrs),
        })
    }
}

/// An unmap or sync call's numbers as found.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRange {
    pub tlb: u64,
    pub size: u64,
    pub dir: u64,
}

impl RawRange {
    pub(super) fn unmap(&self, dev: DeviceId, attrs: u64) -> Result<UnmapCall, Reason> {
        let size = mapping_size(self.size)?;
        let tlb = range(self.tlb, self.size)?;
        Ok(UnmapCall { tlb, dev, size, dir: direction(self.dir)?, attrs: Attrs::from_kernel(attrs) })
    }

    pub(super) fn sync(&self, dev: DeviceId) -> Result<SyncCall, Reason> {
        // A sync of no bytes does nothing and is allowed.
        let size = if self.size == 0 { 0 } else { mapping_size(self.size)? };
        let tlb = range(self.tlb, self.size)?;
        Ok(SyncCall { tlb, dev, size, dir: direction(self.dir)? })
    }
}

/// A pool's numbers as found.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawPool {
    pub start: u64,
    pub end: u64,
    pub nareas: Option<u64>,
    pub area_nslabs: Option<u64>,
    pub transient: bool,
}

impl RawPool {
    pub(super) fn span(&self) -> Result<PoolSpan, Reason> {
        if self.start == 0 || self.end <= self.start {
            return Err(Reason::BadAddress);
        }
        let bytes = self.end - self.start;
        if !bytes.is_multiple_of(rules::IO_TLB_SIZE) {
            return Err(Reason::BadField);
        }
        let nslabs = bytes / rules::IO_TLB_SIZE;
        if nslabs > rules::MAX_POOL_SLABS {
            return Err(Reason::AbsurdSize);
        }
        let narrow = |n: Option<u64>| n.map(u32::try_from).transpose().map_err(|_| Reason::BadField);
        Ok(PoolSpan {
            start: PhysAddr(self.start),
            end: PhysAddr(self.end),
            nslabs,
            nareas: narrow(self.nareas)?,
            area_nslabs: narrow(self.area_nslabs)?,
            transient: self.transient,
        })
    }
}

/// A size that a mapping can have, in bytes.
fn mapping_size(size: u64) -> Result<u32, Reason> {
    if size == 0 || size > rules::IO_TLB_MAX_BYTES {
        return Err(Reason::AbsurdSize);
    }
    u32::try_from(size).map_err(|_| Reason::AbsurdSize)
}

fn range(tlb: u64, size: u64) -> Result<PhysAddr, Reason> {
    match PhysAddr(tlb).checked_add(size) {
        Some(_) if tlb != 0 => Ok(PhysAddr(tlb)),
        _ => Err(Reason::BadAddress),
    }
}

fn low_mask(mask: u64) -> Result<u32, Reason> {
    let mask = u32::try_from(mask).map_err(|_| Reason::BadMask)?;
    if mask & mask.wrapping_add(1) == 0 { Ok(mask) } else { Err(Reason::BadMask) }
}

fn direction(dir: u64) -> Result<Direction, Reason> {
    Direction::from_kernel(dir).ok_or(Reason::BadField)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: RawMap = RawMap {
        orig: 0x1000,
        size: 512,
        alloc_size: None,
        alloc_align_mask: 0,
        min_align_mask: 0xfff,
        seg_boundary_mask: None,
        dir: 1,
        attrs: 0x120,
    };

    #[test]
    fn a_map_is_checked_field_by_field() {
        let mapped = |raw: RawMap, tlb| raw.mapped(DeviceId(0), tlb, (1, 2)).map(|c| c.seg_boundary_mask);
        assert_eq!(mapped(MAP, 0x8000), Ok(DEFAULT_SEG_BOUNDARY));
        assert_eq!(mapped(RawMap { seg_boundary_mask: Some(0), ..MAP }, 0x8000), Ok(u64::MAX));
        for size in [0, 262_145, 1 << 33, u64::MAX] {
            assert_eq!(mapped(RawMap { size, ..MAP }, 0x8000), Err(Reason::AbsurdSize));
        }
        assert_eq!(mapped(MAP, 0), Err(Reason::BadAddress));
        assert_eq!(mapped(MAP, u64::MAX - 5), Err(Reason::BadAddress));
        assert_eq!(mapped(RawMap { orig: u64::MAX, ..MAP }, 0x8000), Err(Reason::BadAddress));
        assert_eq!(mapped(RawMap { dir: 3, ..MAP }, 0x8000), Err(Reason::BadField));
        for mask in [5, 1 << 40, 0x1000] {
            assert_eq!(mapped(RawMap { min_align_mask: mask, ..MAP }, 0x8000), Err(Reason::BadMask));
        }
    }

    #[test]
    fn a_failed_map_may_be_larger_than_any_mapping() {
        let failed = |size| RawMap { size, ..MAP }.failed(DeviceId(0), (1, 2)).map(|c| c.size);
        assert_eq!(failed(1 << 20), Ok(1 << 20));
        assert_eq!(failed(1 << 32), Err(Reason::AbsurdSize));
        assert_eq!(failed(0), Err(Reason::AbsurdSize));
    }

    #[test]
    fn a_pool_is_whole_slots() {
        let pool =
            |start, end| RawPool { start, end, nareas: None, area_nslabs: None, transient: false }.span();
        assert_eq!(pool(0x1000, 0x3000).map(|p| p.nslabs), Ok(4));
        assert_eq!(pool(0x1000, 0x1000).map(|p| p.nslabs), Err(Reason::BadAddress));
        assert_eq!(pool(0x1000, 0x1001).map(|p| p.nslabs), Err(Reason::BadField));
        assert_eq!(pool(0x800, !0x7ff).map(|p| p.nslabs), Err(Reason::AbsurdSize));
    }
}
