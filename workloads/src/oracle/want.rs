//! What a map looks for: how many slots in a row, and where in a pool they may start.

use swiotlb_core::device::DeviceLimits;

use super::mem::MAX_BYTES;
use super::pool::SLOT;
use crate::golden::Cause;

const PAGE: u64 = 4096;

/// A search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Bytes of the allocation, padding and rounding included.
    pub bytes: u64,
    /// Bytes of it before the buffer.
    pub offset: u64,
    /// Slots in a row.
    pub nslots: usize,
    /// Slots from one place that is aligned and does not serve to the next that is looked at. With 1, all are.
    pub stride: u64,
    /// Address bits that are 0.
    align: u64,
    /// Address bits that are the original's.
    keep: u64,
    orig: u64,
    boundary_mask: u64,
}

/// Slots that hold so many bytes.
pub(super) fn nr_slots(bytes: u64) -> u64 {
    bytes.div_ceil(SLOT)
}

impl Want {
    /// The search for a mapping of `size` bytes.
    ///
    /// # Errors
    /// [`Cause::BadMask`], [`Cause::ZeroLength`], [`Cause::TooLarge`].
    pub fn new(limits: &DeviceLimits, orig: u64, size: u64, align_mask: u64) -> Result<Self, Cause> {
        let multiple = u128::from(align_mask) + 1;
        if !multiple.is_power_of_two() {
            return Err(Cause::BadMask);
        }
        let min = limits.min_align_mask;
        let offset = orig & min & (align_mask | (SLOT - 1));
        let bytes = (u128::from(size) + u128::from(offset)).next_multiple_of(multiple);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes == 0 {
            return Err(Cause::ZeroLength);
        }
        if bytes > MAX_BYTES {
            return Err(Cause::TooLarge { wanted: bytes });
        }
        let to_a_page = align_mask == 0 && min == 0 && bytes >= PAGE;
        let align = (SLOT - 1) | if to_a_page { PAGE - 1 } else { align_mask };
        let keep = min & !align;
        Ok(Self {
            bytes,
            offset,
            nslots: usize::try_from(nr_slots(bytes)).unwrap_or(usize::MAX),
            stride: align.max(keep) / SLOT + 1,
            align,
            keep,
            orig,
            boundary_mask: limits.seg_boundary_mask,
        })
    }

    /// The search for pages of `size` bytes: aligned to that size, rounded up to a power of two of pages.
    ///
    /// # Errors
    /// [`Cause::ZeroLength`], [`Cause::TooLarge`].
    pub fn pages(limits: &DeviceLimits, size: u64) -> Result<Self, Cause> {
        if size > MAX_BYTES {
            return Err(Cause::TooLarge { wanted: size });
        }
        let block = size.next_power_of_two().max(PAGE);
        let aligned = Self::new(limits, 0, size, block - 1)?;
        // Only the slots that the size takes.
        Ok(Self { bytes: size, nslots: usize::try_from(nr_slots(size)).unwrap_or(usize::MAX), ..aligned })
    }

    /// Where a pool starts in the device's boundary window.
    fn start(&self, pool: u64) -> u64 {
        pool & self.boundary_mask
    }

    /// Whether a slot of the pool that starts at `pool` has the address bits that are asked for.
    #[must_use]
    pub fn may_start_at(&self, pool: u64, slot: usize) -> bool {
        let addr = self.start(pool) + slot as u64 * SLOT;
        let keeps = self.orig == 0 || addr & self.keep == self.orig & self.keep;
        addr & self.align == 0 && keeps
    }

    /// Whether the slots from this one on would cross a boundary of the device.
    #[must_use]
    pub fn crosses_boundary(&self, pool: u64, slot: usize) -> bool {
        let window = self.boundary_mask / SLOT + 1;
        let place = (nr_slots(self.start(pool)) + slot as u64) % window;
        place + self.nslots as u64 > window
    }
}
