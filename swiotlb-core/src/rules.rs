//! Pure arithmetic of the allocator: sizes, masks, rounding. No state, no memory.
//!
//! Every function is total over its documented domain; tests compare each with a slow spelling of the
//! same rule. The rules are those of Linux 6.12.

use crate::addr::PhysAddr;

/// log2 of [`IO_TLB_SIZE`].
pub const IO_TLB_SHIFT: u32 = 11;
/// Bytes in a slot.
pub const IO_TLB_SIZE: u64 = 1 << IO_TLB_SHIFT;
/// Slots in a segment; no allocation crosses one.
pub const IO_TLB_SEGSIZE: u32 = 128;
/// Bytes that the largest allocation may take, padding and rounding included: 256 KiB.
pub const IO_TLB_MAX_BYTES: u64 = (IO_TLB_SEGSIZE as u64) << IO_TLB_SHIFT;
/// Fewest slots that set-up and growth fall back to (`IO_TLB_MIN_SLABS`): 1 MiB.
pub const IO_TLB_MIN_SLABS: u64 = 512;
/// Slots of the pool that is made when nothing was asked for: 64 MiB.
pub const IO_TLB_DEFAULT_SLABS: u64 = 32_768;
/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in a page.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// Largest order of a page block (`MAX_PAGE_ORDER`): 2^10 pages, 4 MiB.
pub const MAX_PAGE_ORDER: u32 = 10;
/// Slots in the largest page block.
pub const MAX_BLOCK_SLABS: u64 = (PAGE_SIZE / IO_TLB_SIZE) << MAX_PAGE_ORDER;
/// Most slots that a pool may have here: 64 GiB worth. Larger requests are refused as geometry errors.
pub const MAX_POOL_SLABS: u64 = 1 << 25;
/// Most areas that a pool may have here.
pub const MAX_AREAS: u32 = 1 << 16;

/// Slots that `bytes` take: rounded up (`nr_slots`).
#[inline]
#[must_use]
pub const fn nr_slots(bytes: u64) -> u64 {
    bytes.div_ceil(IO_TLB_SIZE)
}

/// The bits of `addr` that the bounce address must keep (`swiotlb_align_offset`): those in
/// `min_align_mask` that lie below the alignment in force. In bytes.
#[inline]
#[must_use]
pub const fn align_offset(min_align_mask: u64, alloc_align_mask: u64, addr: PhysAddr) -> u64 {
    addr.0 & min_align_mask & (alloc_align_mask | (IO_TLB_SIZE - 1))
}

/// Bytes that a mapping takes: `mapping_size + offset`, rounded up to `alloc_align_mask + 1`.
/// `None` if that passes 2^64.
#[inline]
#[must_use]
pub const fn alloc_size(mapping_size: u64, offset: u64, alloc_align_mask: u64) -> Option<u64> {
    let Some(sum) = mapping_size.checked_add(offset) else { return None };
    match sum.checked_add(alloc_align_mask) {
        Some(top) => Some(top & !alloc_align_mask),
        None => None,
    }
}

/// Largest single mapping for a device with `min_align_mask`, in bytes (`swiotlb_max_mapping_size`).
#[inline]
#[must_use]
pub const fn max_mapping_size(min_align_mask: u64) -> u64 {
    if min_align_mask == 0 {
        return IO_TLB_MAX_BYTES;
    }
    let lost = nr_slots(min_align_mask).saturating_mul(IO_TLB_SIZE);
    IO_TLB_MAX_BYTES.saturating_sub(lost)
}

/// Areas that a pool of `nslabs` slots can have when `nareas` are wished for (`limit_nareas`): one segment
/// each at least. Where as many areas as are wished for would not be whole segments, which no boot parameter leads to,
/// they are halved until they are: a segment belongs to one area, whose lock guards it.
#[inline]
#[must_use]
pub const fn limit_nareas(nareas: u32, nslabs: u64) -> u32 {
    let segments = nslabs / IO_TLB_SEGSIZE as u64;
    if segments == 0 || !nslabs.is_multiple_of(IO_TLB_SEGSIZE as u64) {
        return 1;
    }
    if segments < nareas as u64 {
        #[expect(clippy::cast_possible_truncation, reason = "smaller than nareas, a u32")]
        let one_each = segments as u32;
        return one_each;
    }
    let mut whole = if nareas == 0 { 1 } else { nareas };
    while !segments.is_multiple_of(whole as u64) {
        whole /= 2;
    }
    whole
}

/// Half of `nslabs`, rounded up to whole segments: what set-up and growth try next when memory is short.
#[inline]
#[must_use]
pub const fn halve_nslabs(nslabs: u64) -> u64 {
    (nslabs >> 1).next_multiple_of(IO_TLB_SEGSIZE as u64)
}

/// Smallest order whose block holds `bytes` (`get_order`): 0 for up to one page.
///
/// # Panics
/// Never; `bytes` above 2^63 gives an order that no page source has.
#[inline]
#[must_use]
pub const fn page_order(bytes: u64) -> u32 {
    if bytes <= PAGE_SIZE {
        return 0;
    }
    u64::BITS - ((bytes - 1) >> PAGE_SHIFT).leading_zeros()
}

/// Slots that may lie between two multiples of `seg_boundary_mask + 1` (`get_max_slots`).
#[inline]
#[must_use]
pub const fn boundary_slots(seg_boundary_mask: u64) -> u64 {
    (seg_boundary_mask >> IO_TLB_SHIFT) + 1
}

/// Whether `nslots` slots from `index` cross a boundary of the device (`iommu_is_span_boundary`):
/// `shift` is where the pool starts within its window and `window` is [`boundary_slots`], a power of two
/// because the mask is a run of low bits.
#[inline]
#[must_use]
pub const fn spans_boundary(index: u64, nslots: u64, shift: u64, window: u64) -> bool {
    debug_assert!(window.is_power_of_two());
    (shift.wrapping_add(index) & (window - 1)) + nslots > window
}

/// Free slots from slot `index` of an empty pool to the end of its segment or of the pool.
#[inline]
#[must_use]
pub const fn initial_run(index: u32, nslabs: u32) -> u32 {
    let to_segment_end = IO_TLB_SEGSIZE - index % IO_TLB_SEGSIZE;
    let to_pool_end = nslabs - index;
    if to_segment_end < to_pool_end { to_segment_end } else { to_pool_end }
}

/// First slot of the segment that holds `index`.
#[inline]
#[must_use]
pub const fn segment_start(index: u32) -> u32 {
    index & !(IO_TLB_SEGSIZE - 1)
}

/// The slot after the last one of the segment that holds `index`, or the pool's end if that is nearer.
#[inline]
#[must_use]
pub const fn segment_end(index: u32, nslabs: u32) -> u32 {
    let end = segment_start(index) + IO_TLB_SEGSIZE;
    if end < nslabs { end } else { nslabs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nr_slots_rounds_up() {
        for bytes in 0..10_000_u64 {
            let slow = (0..).find(|n| n * IO_TLB_SIZE >= bytes);
            assert_eq!(Some(nr_slots(bytes)), slow);
        }
        assert_eq!(nr_slots(u64::MAX), 1 << 53);
    }

    #[test]
    fn the_offset_is_the_bits_of_both_masks() {
        for (min, alloc) in
            [(0, 0), (0x7ff, 0), (0xfff, 0), (0xfff, 0xfff), (0xffff, 0x3fff), (u64::MAX, 0x1_ffff)]
        {
            for addr in [0, 0x7ff, 0x800, 0x1234_5678, u64::MAX] {
                let slow = (0..64).map(|bit| 1_u64 << bit).filter(|bit| {
                    let below = *bit < IO_TLB_SIZE || alloc & bit != 0;
                    below && min & bit != 0 && addr & bit != 0
                });
                assert_eq!(
                    align_offset(min, alloc, PhysAddr(addr)),
                    slow.sum(),
                    "{min:#x} {alloc:#x} {addr:#x}"
                );
            }
        }
    }

    #[test]
    fn half_is_rounded_up_to_segments() {
        for nslabs in 0..3_000 {
            let slow = (0..).step_by(128).find(|n| n * 2 + 1 >= nslabs);
            assert_eq!(Some(halve_nslabs(nslabs)), slow, "{nslabs}");
        }
    }

    #[test]
    fn a_window_has_the_slots_between_two_boundaries() {
        for bits in 0..64 {
            let bytes = 1_u64 << bits;
            assert_eq!(boundary_slots(bytes - 1), (bytes / IO_TLB_SIZE).max(1));
        }
        assert_eq!(boundary_slots(u64::MAX), 1 << 53);
    }

    #[test]
    fn page_order_is_the_smallest_that_fits() {
        for bytes in (0..9_000_000_u64).step_by(997).chain([0, 1, 4095, 4096, 4097, 8192, 8193]) {
            let slow = (0..64).find(|o| PAGE_SIZE << o >= bytes);
            assert_eq!(Some(page_order(bytes)), slow, "{bytes}");
        }
    }

    #[test]
    fn limit_nareas_leaves_each_area_whole_segments() {
        for nslabs in (0..5_000_u64).step_by(64) {
            for wished in 0..70 {
                let nareas = limit_nareas(wished, nslabs);
                assert!(nareas >= 1 && nareas <= wished.max(1), "{wished} areas, {nslabs} slots");
                assert!(
                    nareas == 1 || nslabs.is_multiple_of(u64::from(nareas * IO_TLB_SEGSIZE)),
                    "{wished} areas, {nslabs} slots"
                );
            }
        }
        // As Linux has it where memory was short, and what it wished for where that is whole.
        assert_eq!(
            [(64, 4096), (8, 640), (4, 1536), (16, 2048)].map(|(n, s)| limit_nareas(n, s)),
            [32, 5, 4, 16]
        );
        // 160 slots each would be no segments.
        assert_eq!([(4, 640), (2, 896), (0, 1024)].map(|(n, s)| limit_nareas(n, s)), [1, 1, 1]);
    }

    #[test]
    fn initial_run_ends_at_segment_and_pool() {
        for nslabs in 1..400 {
            for i in 0..nslabs {
                let slow = (i..).take_while(|&s| s < nslabs && s / 128 == i / 128).count();
                assert_eq!(initial_run(i, nslabs) as usize, slow);
                assert_eq!(segment_end(i, nslabs) - i, initial_run(i, nslabs));
            }
        }
    }

    #[test]
    fn spans_boundary_agrees_with_counting() {
        for window in [1, 2, 4, 8, 16_u64] {
            for shift in 0..25 {
                for index in 0..25 {
                    for nslots in 1..=window {
                        let first = (shift + index) / window;
                        let last = (shift + index + nslots - 1) / window;
                        assert_eq!(spans_boundary(index, nslots, shift, window), first != last);
                    }
                }
            }
        }
    }

    #[test]
    fn max_mapping_size_leaves_room_for_the_offset() {
        assert_eq!(max_mapping_size(0), 262_144);
        assert_eq!(max_mapping_size(0xfff), 258_048);
        assert_eq!(max_mapping_size(0x7ff), 260_096);
        assert_eq!(max_mapping_size(0xffff), 196_608);
        assert_eq!(max_mapping_size(u64::MAX), 0);
        for bits in 0..18 {
            let mask = (1_u64 << bits) - 1;
            let worst = PhysAddr(!0xfff | mask);
            let offset = align_offset(mask, 0, worst);
            assert!(max_mapping_size(mask) + offset <= IO_TLB_MAX_BYTES);
        }
    }

    #[test]
    fn alloc_size_refuses_overflow() {
        assert_eq!(alloc_size(u64::MAX, 1, 0), None);
        assert_eq!(alloc_size(u64::MAX - 1, 0, 4095), None);
        assert_eq!(alloc_size(1, 0x700, 0xfff), Some(4096));
        assert_eq!(alloc_size(0, 0, 0xfff), Some(0));
    }
}
