//! Which slots a search finds: aligned as asked, inside the pool, nobody else's, or an error.

use super::machine::{
    BIDI, ODD_PAGE, PAGE, Random, SLOT, all_free, end, masked, mem_at, newest, request, restricted_at,
    start_at, taken,
};
use crate::common::{Testable, device, orig};
use std::sync::Arc;
use swiotlb_core::addr::{PhysAddr, SlotIndex};
use swiotlb_core::area::AreaSlots;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::error::{FullReason, MapError};
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem};

fn finds_nothing<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 256, 2, false);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let one = |i: u64| session.map(&dev, &request(orig(i), SLOT, 0));
    let mut held: Vec<PhysAddr> = (0..=256).map_while(|i| one(i).ok()).collect();
    assert_eq!(held.len(), 256, "every slot and no more");
    let pool = newest(&session);
    assert!(held.iter().all(|&addr| pool.start() <= addr && addr < pool.end()));
    assert!(matches!(one(300), Err(MapError::Full { used: 256, .. })));
    // Half of the slots free, no two of them side by side: no early exit, and nothing to be found.
    held.sort_unstable();
    held.iter().step_by(2).for_each(|&addr| end(&session, &dev, addr, SLOT));
    for slots in [2, 3, 64, 128] {
        let got = session.map(&dev, &request(orig(300), slots * SLOT, 0x7ff));
        assert!(matches!(got, Err(MapError::Full { used: 128, .. })), "{slots} slots: {got:?}");
    }
    held.iter().skip(1).step_by(2).for_each(|&addr| end(&session, &dev, addr, SLOT));
    assert_eq!(mem.stats().used, 0);
    assert!(all_free(pool));
}

/// Whether the mapping at `addr` lies as `dev` and `req` ask, in all of the slots that it takes.
fn lies_as_asked<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, req: &MapRequest, addr: PhysAddr) {
    let limits = dev.limits();
    let (start, end) = taken(session, dev, addr);
    let what = format!("{req:x?} for {limits:x?} at {addr}");
    assert_eq!((addr.0 ^ req.orig.0) & limits.min_align_mask, 0, "{what}: the device's low bits");
    assert_eq!(start & (req.alloc_align_mask | (SLOT - 1)), 0, "{what}: the alignment");
    if limits.min_align_mask == 0 && req.alloc_align_mask == 0 && req.size >= PAGE {
        assert_eq!(start % PAGE, 0, "{what}: a page is page aligned");
    }
    let beyond = !limits.seg_boundary_mask;
    assert_eq!(start & beyond, (end - 1) & beyond, "{what}: the boundary");
    assert!(addr.0 + req.size <= end, "{what}: room for all bytes");
}

/// Maps requests of every combination of masks, of many sizes and offsets, one after the other. How many found room; the
/// others found none for the reason that is a quirk.
fn every_request<P: Testable>(mem: &Arc<IoTlbMem<P>>, session: &Session<'_, P>, from: u32) -> u32 {
    const MASKS: [u64; 5] = [0, 0x7ff, 0xfff, 0x3fff, 0xffff];
    let mut found = 0;
    for min_align_mask in MASKS {
        for seg_boundary_mask in [u64::MAX, 0x1_ffff] {
            let limits = DeviceLimits { min_align_mask, seg_boundary_mask, ..DeviceLimits::default() };
            let dev = mem.device(limits).unwrap();
            for alloc_align_mask in MASKS {
                for (size, low) in [(1, 0), (700, 0xfff), (4096, 0x800), (9000, 0x2a30), (20_000, 0xd123)] {
                    start_at(session, from);
                    let req = request(orig(0).wrapping_add(low), size, alloc_align_mask);
                    if let Ok(addr) = session.map(&dev, &req) {
                        lies_as_asked(session, &dev, &req, addr);
                        end(session, &dev, addr, size);
                        found += 1;
                    } else {
                        let why = session.why_full(&dev, &req);
                        assert_ne!(why, Some(FullReason::RoomByNow), "{req:x?} for {limits:x?}");
                    }
                }
            }
        }
    }
    found
}

fn masks_hold<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 256, 1, false);
    let caller = mem.caller(0);
    let session = caller.enter();
    for from in 0..256 {
        let found = every_request(&mem, &session, from);
        assert!(found > 220, "{found} of 250 found room from slot {from} of an empty area on");
    }
    assert!(all_free(newest(&session)));
}

fn masks_hold_among_neighbours<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 512, 1, false);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let mut random = Random(11);
    let held: Vec<_> = (0..512).map(|i| session.map(&dev, &request(orig(i), SLOT, 0)).unwrap()).collect();
    let (kept, freed): (Vec<_>, Vec<_>) = held.into_iter().partition(|_| random.below(8) == 0);
    freed.iter().for_each(|&addr| end(&session, &dev, addr, SLOT));
    let found: u32 = (0..512).step_by(7).map(|from| every_request(&mem, &session, from)).sum();
    assert!(found > 5_000, "{found}");
    kept.iter().for_each(|&addr| end(&session, &dev, addr, SLOT));
    assert!(all_free(newest(&session)));
}

/// A pool of `nslabs` slots, one area: no free run, and no mapping, reaches past its end.
fn keeps_inside<P: Testable>(nslabs: u32) {
    let mem = restricted_at::<P>(ODD_PAGE, nslabs.into());
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let pool = newest(&session);
    let promised = (0..nslabs).all(|slot| pool.free_run(SlotIndex(slot)) <= nslabs - slot);
    assert!(promised && all_free(pool), "{nslabs} slots promise more than there are");
    for from in 0..nslabs {
        for slots in [1, 2, nslabs - from, nslabs - from + 1, nslabs] {
            start_at(&session, from);
            let size = u64::from(slots.min(128)) * SLOT;
            let Ok(addr) = session.map(&dev, &request(orig(0), size, 0x7ff)) else {
                assert!(slots > nslabs || nslabs > 128, "{slots} slots of {nslabs} from {from} on");
                continue;
            };
            assert_eq!(taken(&session, &dev, addr), (addr.0, addr.0 + size));
            end(&session, &dev, addr, size);
        }
    }
    let more = u64::from(nslabs + 1) * SLOT;
    assert!(nslabs >= 128 || session.map(&dev, &request(orig(0), more, 0x7ff)).is_err());
    let singles = (0..=nslabs).map_while(|i| session.map(&dev, &request(orig(i.into()), 1, 0)).ok());
    assert_eq!(singles.count(), nslabs as usize, "every slot once");
}

fn odd_sizes<P: Testable>() {
    (1..=128).chain([129, 200, 255, 257]).for_each(keeps_inside::<P>);
    // The pools that are made for one mapping have such sizes.
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, true);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    session.map(&dev, &request(orig(0), 128 * SLOT, 0)).unwrap();
    for slots in 1..=128_u32 {
        let size = u64::from(slots) * SLOT;
        let addr = session.map(&dev, &request(orig(1), size, 0)).unwrap();
        let pool = session.find_pool(&dev, addr).unwrap();
        assert_eq!((pool.is_transient(), pool.nslabs()), (true, slots));
        assert!((0..slots).all(|slot| pool.free_run(SlotIndex(slot)) == 0));
        assert_eq!(taken(&session, &dev, addr), (addr.0, addr.0 + size));
        end(&session, &dev, addr, size);
    }
}

fn pages_are_disjoint<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 256, 1, false);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let mut owned = std::collections::BTreeSet::new();
    let mut random = Random(21);
    for i in 0..200 {
        // A single slot now and then leaves the start index odd.
        let (pages, mask) = if i % 3 == 0 { (0, 0) } else { (1 + random.below(4), PAGE - 1) };
        let size = if pages == 0 { 1 } else { pages * PAGE };
        // An original in the middle of a page: what must be aligned is the bounce buffer.
        let req = request(orig(i).wrapping_add(0xa20), size, mask);
        let Ok(addr) = session.map(&dev, &req) else { continue };
        let (start, end) = taken(&session, &dev, addr);
        assert!(pages == 0 || addr.0.is_multiple_of(PAGE), "{addr} is half a page");
        for slot in (start..end).step_by(2048) {
            assert!(owned.insert(slot), "{slot:#x} is handed out twice");
        }
    }
    assert!(owned.len() > 200, "{} slots", owned.len());
}

fn both_masks<P: Testable>() {
    for min_align_mask in [0xfff, 0x1fff, 0xffff] {
        for alloc_align_mask in [0xffff, 0x3fff] {
            for low in (0x200..0x1_0000).step_by(0x600) {
                let mem = mem_at::<P>(ODD_PAGE, 256, 1, false);
                let dev = masked(&mem, min_align_mask);
                let caller = mem.caller(0);
                let session = caller.enter();
                for size in [1, 4096, 32 << 10] {
                    let req = MapRequest {
                        alloc_align_mask,
                        ..MapRequest::new(orig(0).wrapping_add(low), size, BIDI)
                    };
                    let addr = session.map(&dev, &req);
                    let addr = addr.unwrap_or_else(|error| panic!("{low:#x}, an empty pool: {error}"));
                    lies_as_asked(&session, &dev, &req, addr);
                    end(&session, &dev, addr, size);
                    start_at(&session, 0);
                }
            }
        }
    }
}

fn a_page_is_aligned<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 256, 1, false);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    for from in 0..256 {
        for size in [4096, 4097, 8192, 20_000] {
            // A slot that is in use keeps every search from the even start of the area.
            start_at(&session, from);
            let one = session.map(&dev, &request(orig(0), 1, 0)).unwrap();
            let addr = session.map(&dev, &request(orig(1).wrapping_add(0x123), size, 0)).unwrap();
            assert_eq!(addr.0 % PAGE, 0, "{size} bytes from slot {from} on");
            end(&session, &dev, addr, size);
            end(&session, &dev, one, 1);
        }
        if P::Area::KEEPS_PLACEMENT {
            // Less than a page takes the next slots, whatever their number. (A pair of them may come too late.)
            start_at(&session, from);
            let req = request(orig(1), 2 * SLOT - 1, 0);
            let addr = session.map(&dev, &req).unwrap();
            let next = if from % 128 == 127 { (from + 1) % 256 } else { from };
            assert_eq!(addr, newest(&session).slot_addr(SlotIndex(next)), "from slot {from} on");
            end(&session, &dev, addr, req.size);
        }
    }
}

on_every_search! {
    /// Fix the type of the index: "nothing found" was kept in a number that cannot be negative.
    row_01_a_search_that_finds_nothing_is_an_error => finds_nothing;
    /// Fix slot alignment checks: masks decided the stride and were not tested on the address.
    row_10_every_mask_holds_from_every_start_index => masks_hold;
    /// A slip in the fix of row 10: the same property, among neighbours.
    row_11_every_mask_holds_among_neighbours => masks_hold_among_neighbours;
    /// Out of bounds in small pools: free runs were counted as if a pool were whole segments.
    row_19_no_slot_past_the_end_of_a_small_pool => odd_sizes;
    /// Double allocation: a stride without a test of the alignment, from an odd start.
    row_21_pages_are_aligned_and_have_one_owner => pages_are_disjoint;
    /// Both masks: candidates were compared with bits that the offset keeps anyway, and none was left.
    row_24_both_masks_find_room_in_an_empty_pool => both_masks;
    /// Page alignment from a page on, lost in the fix of row 21.
    row_26_a_page_or_more_is_page_aligned => a_page_is_aligned;
}
