//! One record of a trace: a call of the allocator, or a pool that came or went.
//!
//! Kept small, since a trace has up to millions: device names are numbers into
//! [`Trace::devices`](super::Trace::devices), sizes and masks of one call have 32 bits (the kernel's
//! own width for masks; the largest mapping is 256 KiB).

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::rules;

/// A device's number: its place in [`Trace::devices`](super::Trace::devices).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// The context that a call was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// A task.
    Task,
    /// A soft interrupt.
    Softirq,
    /// A hard interrupt.
    Hardirq,
    /// A hard interrupt that hit a soft one.
    HardirqInSoftirq,
    /// An interrupt that cannot be masked.
    Nmi,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When the call was entered, nanoseconds of the trace's clock. For a map that waited for slots to be
    /// freed it is the time of the unmap that freed them; see [`MapCall::t_in_ns`].
    pub t_ns: u64,
    /// Line in the file, from 1; 2^32 - 1 stands for that and any later one.
    pub line: u32,
    /// CPU at entry.
    pub cpu: u32,
    /// Context of the call, where the trace says it.
    pub ctx: Option<Context>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A buffer was mapped (`swiotlb_tbl_map_single`).
    Map(MapCall),
    /// The call returned `DMA_MAPPING_ERROR`; its `tlb` is [`PhysAddr::INVALID`].
    MapFail(MapCall),
    /// A mapping ended (`swiotlb_tbl_unmap_single`).
    Unmap(UnmapCall),
    /// Sync for the CPU (`swiotlb_sync_single_for_cpu`).
    SyncCpu(SyncCall),
    /// Sync for the device (`swiotlb_sync_single_for_device`).
    SyncDev(SyncCall),
    /// A pool was made. A transient pool is made within the map call that gets it, so its record follows
    /// that map's: records are in the order in which calls were entered.
    PoolAdd(PoolSpan),
    /// A pool was freed: the deferred free, some time after the unmap that unlinked the pool.
    PoolDel(PoolSpan),
}

impl Event {
    /// The word that the JSON form has for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Map(_) => "map",
            Self::MapFail(_) => "map_fail",
            Self::Unmap(_) => "unmap",
            Self::SyncCpu(_) => "sync_cpu",
            Self::SyncDev(_) => "sync_dev",
            Self::PoolAdd(_) => "pool_add",
            Self::PoolDel(_) => "pool_del",
        }
    }

    /// The device of a call; `None` for a pool's event.
    #[must_use]
    pub const fn dev(&self) -> Option<DeviceId> {
        match self {
            Self::Map(c) | Self::MapFail(c) => Some(c.dev),
            Self::Unmap(c) => Some(c.dev),
            Self::SyncCpu(c) | Self::SyncDev(c) => Some(c.dev),
            Self::PoolAdd(_) | Self::PoolDel(_) => None,
        }
    }

    pub(super) const fn dev_mut(&mut self) -> Option<&mut DeviceId> {
        match self {
            Self::Map(c) | Self::MapFail(c) => Some(&mut c.dev),
            Self::Unmap(c) => Some(&mut c.dev),
            Self::SyncCpu(c) | Self::SyncDev(c) => Some(&mut c.dev),
            Self::PoolAdd(_) | Self::PoolDel(_) => None,
        }
    }
}

/// A map call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapCall {
    /// Address of the original.
    pub orig: PhysAddr,
    /// Bounce address that was returned.
    pub tlb: PhysAddr,
    /// When the call was entered, nanoseconds. Differs from [`Record::t_ns`] only if the call overlapped
    /// the end of an earlier mapping whose slots it got.
    pub t_in_ns: u64,
    /// When the call returned, nanoseconds; the buffer has been copied by then.
    pub t_ret_ns: u64,
    /// The device's segment boundary, a mask; 2^64 - 1 is none.
    pub seg_boundary_mask: u64,
    /// Device.
    pub dev: DeviceId,
    /// Bytes.
    pub size: u32,
    /// Linux 6.1's `alloc_size` argument, in bytes.
    pub alloc_size: Option<u32>,
    /// Alignment of the allocation, a mask of low bits.
    pub alloc_align_mask: u32,
    /// The device's `min_align_mask` at the time of the call.
    pub min_align_mask: u32,
    /// Direction.
    pub dir: Direction,
    /// Attributes.
    pub attrs: Attrs,
}

impl MapCall {
    /// The call as the allocator's own request.
    #[must_use]
    pub fn request(&self) -> MapRequest {
        MapRequest {
            orig: self.orig,
            size: u64::from(self.size),
            alloc_align_mask: u64::from(self.alloc_align_mask),
            dir: self.dir,
            attrs: self.attrs,
        }
    }

    /// What the device declared at the time of the call. How far it reaches is not in a trace: no limit.
    #[must_use]
    pub fn limits(&self) -> DeviceLimits {
        DeviceLimits {
            min_align_mask: u64::from(self.min_align_mask),
            seg_boundary_mask: self.seg_boundary_mask,
            ..DeviceLimits::default()
        }
    }

    /// Slots that the allocation takes, padding included.
    #[must_use]
    pub fn slots(&self) -> u64 {
        let align = u64::from(self.alloc_align_mask);
        let offset = rules::align_offset(u64::from(self.min_align_mask), align, self.orig);
        let size = u64::from(self.alloc_size.unwrap_or(0).max(self.size));
        rules::nr_slots(rules::alloc_size(size, offset, align).unwrap_or(u64::MAX))
    }
}

/// An unmap call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnmapCall {
    /// Bounce address.
    pub tlb: PhysAddr,
    /// Device.
    pub dev: DeviceId,
    /// Bytes.
    pub size: u32,
    /// Direction.
    pub dir: Direction,
    /// Attributes.
    pub attrs: Attrs,
}

/// A sync call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncCall {
    /// Bounce address; may lie inside a mapping.
    pub tlb: PhysAddr,
    /// Device.
    pub dev: DeviceId,
    /// Bytes.
    pub size: u32,
    /// Direction.
    pub dir: Direction,
}

/// A pool that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpan {
    /// Its start.
    pub start: PhysAddr,
    /// The first byte after it.
    pub end: PhysAddr,
    /// Its slots.
    pub nslabs: u64,
    /// Its areas; `None` where the trace does not say (a pool that goes).
    pub nareas: Option<u32>,
    /// Slots in each area; `None` likewise.
    pub area_nslabs: Option<u32>,
    /// Whether it was made for one mapping.
    pub transient: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_small() {
        assert!(size_of::<Record>() <= 104, "{} bytes", size_of::<Record>());
    }
}
