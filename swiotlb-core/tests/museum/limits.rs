//! The largest mapping: what is promised can be had, to every kind of device.

use super::machine::{ODD_PAGE, SLOT, end, mem_at, newest, request, restricted_at, start_at};
use crate::common::{POOL, Testable, orig, pages};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{Force, Geometry};
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::MapError;
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::PhysMemory;

fn promised_can_be_had<P: Testable>() {
    for base in [POOL, ODD_PAGE] {
        let mem = mem_at::<P>(base, 256, 1, false);
        let caller = mem.caller(0);
        let session = caller.enter();
        for bits in 0..=17 {
            let mask = (1_u64 << bits) - 1;
            let dev = mem.device(DeviceLimits { min_align_mask: mask, ..DeviceLimits::default() }).unwrap();
            let size = dev.limits().max_mapping_size();
            assert!(size > 0 && size <= 128 * SLOT);
            let lows = [0, 1, 0x7ff, 0x800, 0xfff, mask / 2, mask & !0x7ff, mask.saturating_sub(0x800), mask];
            for low in lows.into_iter().filter(|low| *low <= mask) {
                start_at(&session, 0);
                let got = session.map(&dev, &request(orig(0).wrapping_add(low), size, 0));
                let addr = got.unwrap_or_else(|error| panic!("mask {mask:#x}, offset {low:#x}: {error}"));
                assert_eq!((addr.0 ^ low) & mask, 0);
                end(&session, &dev, addr, size);
            }
        }
    }
}

/// An allocator that bounces all that its devices map, as for devices that nobody trusts.
fn forced<P: Testable>() -> Arc<IoTlbMem<P>> {
    let geometry = Geometry { nslabs: 256, nareas: 1 };
    let memory = Arc::new(PhysMemory::new());
    let reserve = &mut |_bytes| Some(POOL);
    let permissions = Permissions::default();
    IoTlbMem::early(geometry, permissions, Some(Force::Bounce), memory, pages(), reserve).unwrap().mem
}

fn every_device_is_told<P: Testable>() {
    let all = DeviceLimits::default();
    let devices = [
        all,
        DeviceLimits { dma_mask: u32::MAX.into(), ..all },
        DeviceLimits { bus_dma_limit: u32::MAX.into(), ..all },
        DeviceLimits { seg_boundary_mask: u32::MAX.into(), ..all },
        DeviceLimits { min_align_mask: 0xfff, ..all },
    ];
    for mem in [mem_at::<P>(POOL, 256, 1, true), forced::<P>(), restricted_at::<P>(POOL, 256)] {
        let caller = mem.caller(0);
        let session = caller.enter();
        for limits in devices {
            let dev = mem.device(limits).unwrap();
            let most = if limits.min_align_mask == 0 { 256 << 10 } else { 252 << 10 };
            assert_eq!(dev.limits().max_mapping_size(), most, "{limits:x?}");
            start_at(&session, 0);
            let addr = session.map(&dev, &request(orig(0), most, 0)).unwrap();
            end(&session, &dev, addr, most);
            let more = session.map(&dev, &request(orig(0), (256 << 10) + 1, 0));
            assert!(matches!(more, Err(MapError::TooLarge { .. })), "{limits:x?}: {more:?}");
        }
        assert_eq!(newest(&session).nslabs(), 256);
    }
}

on_every_search! {
    /// The largest mapping was reported without what the alignment's offset may take of it.
    row_07_a_mapping_of_the_largest_size_fits_an_empty_pool => promised_can_be_had;
}

on_both! {
    /// Devices that are not trusted went another way, on which the limit was not reported.
    row_25_every_kind_of_device_is_told_the_limit => every_device_is_told;
}

/// Nothing is promised where the offset may take all.
#[test]
fn row_07_nothing_is_promised_that_offsets_may_take() {
    for bits in 18..=64 {
        let min_align_mask = u64::MAX >> (64 - bits);
        let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
        assert_eq!(limits.max_mapping_size(), 0, "{}", PhysAddr(min_align_mask));
    }
}
