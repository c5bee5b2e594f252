//! What a device declares, and what a caller asks for it: limits, direction, attributes, request.
//!
//! Plain data. The device that an allocator works with (its flag and its transient pools) is
//! [`crate::mem::Device`]; this file is the vocabulary that workloads and traces share with it.

use crate::addr::PhysAddr;
use crate::rules;

/// What a driver declares of its device (`struct device` and its `dma_parms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceLimits {
    /// Highest bus address that the device can reach, a mask of low bits (`dma_mask`).
    pub dma_mask: u64,
    /// Highest bus address that the bus lets through; 0 is none (`bus_dma_limit`).
    pub bus_dma_limit: u64,
    /// Low address bits that a bounce address shares with its original (`min_align_mask`).
    pub min_align_mask: u64,
    /// A buffer may not cross a multiple of this mask plus one (`segment_boundary_mask`).
    pub seg_boundary_mask: u64,
}

impl Default for DeviceLimits {
    /// A device that reaches everything and asks for nothing.
    fn default() -> Self {
        Self { dma_mask: u64::MAX, bus_dma_limit: 0, min_align_mask: 0, seg_boundary_mask: u64::MAX }
    }
}

impl DeviceLimits {
    /// Highest address that device and bus reach (`min_not_zero(dma_mask, bus_dma_limit)`).
    #[inline]
    #[must_use]
    pub const fn reach(&self) -> PhysAddr {
        match (self.dma_mask, self.bus_dma_limit) {
            (mask, 0) => PhysAddr(mask),
            (0, limit) => PhysAddr(limit),
            (mask, limit) => PhysAddr(if mask < limit { mask } else { limit }),
        }
    }

    /// Whether the whole of `[addr, addr + bytes)` can be reached (`dma_capable`). An empty range counts
    /// as its first byte.
    #[inline]
    #[must_use]
    pub const fn reaches(&self, addr: PhysAddr, bytes: u64) -> bool {
        match addr.0.checked_add(if bytes == 0 { 0 } else { bytes - 1 }) {
            Some(last) => last <= self.reach().0,
            None => false,
        }
    }

    /// Largest single mapping, in bytes.
    #[inline]
    #[must_use]
    pub const fn max_mapping_size(&self) -> u64 {
        rules::max_mapping_size(self.min_align_mask)
    }
}

/// Which way the data goes (`enum dma_data_direction`). The kernel's `DMA_NONE` is no value here: asking
/// for it is a mistake that [`Direction::from_kernel`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Both ways (`DMA_BIDIRECTIONAL`, 0).
    Bidirectional = 0,
    /// The device reads (`DMA_TO_DEVICE`, 1).
    ToDevice = 1,
    /// The device writes (`DMA_FROM_DEVICE`, 2).
    FromDevice = 2,
}

impl Direction {
    /// The kernel's number as a direction; 3 (`DMA_NONE`) and above are none.
    #[must_use]
    pub const fn from_kernel(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Bidirectional),
            1 => Some(Self::ToDevice),
            2 => Some(Self::FromDevice),
            _ => None,
        }
    }

    /// Whether the CPU's bytes must reach the device at a sync.
    #[inline]
    #[must_use]
    pub const fn to_device(self) -> bool {
        matches!(self, Self::ToDevice | Self::Bidirectional)
    }

    /// Whether the device's bytes must reach the CPU at a sync or unmap.
    #[inline]
    #[must_use]
    pub const fn from_device(self) -> bool {
        matches!(self, Self::FromDevice | Self::Bidirectional)
    }
}

/// Attributes of one call (`attrs`): the two that this allocator looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attrs {
    /// Do not copy back at unmap (`DMA_ATTR_SKIP_CPU_SYNC`). The copy at map is never skipped.
    pub skip_cpu_sync: bool,
    /// Do not note that the allocator was full (`DMA_ATTR_NO_WARN`).
    pub no_warn: bool,
}

impl Attrs {
    /// The kernel's bit for [`Attrs::skip_cpu_sync`].
    pub const SKIP_CPU_SYNC: u64 = 1 << 5;
    /// The kernel's bit for [`Attrs::no_warn`].
    pub const NO_WARN: u64 = 1 << 8;

    /// The kernel's bits as attributes; bits that this allocator does not look at are dropped.
    #[must_use]
    pub const fn from_kernel(bits: u64) -> Self {
        Self { skip_cpu_sync: bits & Self::SKIP_CPU_SYNC != 0, no_warn: bits & Self::NO_WARN != 0 }
    }
}

/// One buffer to map (`swiotlb_tbl_map_single`'s arguments but the device).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapRequest {
    /// Where the original lies.
    pub orig: PhysAddr,
    /// Bytes to map.
    pub size: u64,
    /// Alignment of the allocation, a mask of low bits (`alloc_align_mask`).
    pub alloc_align_mask: u64,
    /// Which way the data goes.
    pub dir: Direction,
    /// Attributes of the call.
    pub attrs: Attrs,
}

impl MapRequest {
    /// A request without alignment or attributes.
    #[must_use]
    pub const fn new(orig: PhysAddr, size: u64, dir: Direction) -> Self {
        let attrs = Attrs { skip_cpu_sync: false, no_warn: false };
        Self { orig, size, alloc_align_mask: 0, dir, attrs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_is_the_smaller_limit_that_is_set() {
        let of = |dma_mask, bus_dma_limit| {
            DeviceLimits { dma_mask, bus_dma_limit, ..DeviceLimits::default() }.reach().0
        };
        assert_eq!(of(u64::MAX, 0), u64::MAX);
        assert_eq!(of(0xffff_ffff, 0xff_ffff), 0xff_ffff);
        assert_eq!(of(0xff_ffff, 0xffff_ffff), 0xff_ffff);
        assert_eq!(of(0, 0xfff), 0xfff);
    }

    #[test]
    fn reaches_counts_the_last_byte() {
        let limits = DeviceLimits { dma_mask: 0xfff, ..DeviceLimits::default() };
        assert!(limits.reaches(PhysAddr(0xff0), 16));
        assert!(!limits.reaches(PhysAddr(0xff0), 17));
        assert!(!limits.reaches(PhysAddr(u64::MAX), 2));
        assert!(limits.reaches(PhysAddr(0xfff), 0));
    }

    #[test]
    fn kernel_numbers() {
        assert_eq!(Direction::from_kernel(3), None);
        assert_eq!(Direction::from_kernel(1), Some(Direction::ToDevice));
        assert_eq!(Attrs::from_kernel(0x120), Attrs { skip_cpu_sync: true, no_warn: true });
    }
}
