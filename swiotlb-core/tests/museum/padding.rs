//! Padding: whole slots before the buffer, rounding behind it, and all of it given back.

use super::machine::{BIDI, ODD_PAGE, SLOT, all_free, end, masked, mem_at, newest, request, start_at, taken};
use crate::common::{Testable, orig};
use std::collections::BTreeSet;
use swiotlb_core::device::Attrs;

fn padding_comes_back<P: Testable>() {
    for min_align_mask in [0xfff, 0x3fff, 0xffff] {
        for alloc_align_mask in [0xfff, 0x3fff, 0xffff] {
            let mem = mem_at::<P>(ODD_PAGE, 256, 2, false);
            let (dev, caller) = (masked(&mem, min_align_mask), mem.caller(0));
            let session = caller.enter();
            for low in (0x100..0x1_0000).step_by(0x700) {
                let req = request(orig(0).wrapping_add(low), 5_000, alloc_align_mask);
                start_at(&session, 0);
                let addr = session.map(&dev, &req).unwrap();
                assert_eq!((addr.0 ^ req.orig.0) & min_align_mask, 0, "{low:#x}: the low bits are kept");
                let (start, stop) = taken(&session, &dev, addr);
                let offset = low & min_align_mask & (alloc_align_mask | (SLOT - 1));
                assert_eq!(
                    addr.0 & !(SLOT - 1),
                    start + (offset & !(SLOT - 1)),
                    "{low:#x}: whole padding slots"
                );
                let size = (offset + 5_000).next_multiple_of(alloc_align_mask + 1);
                assert_eq!((stop - start, mem.stats().used), (size, size / SLOT), "{low:#x}");
                // Whatever size the unmap is told, what was recorded is freed.
                let told = if low % 0x200 == 0 { 5_000 } else { 1 };
                session.unmap(&dev, addr, told, BIDI, Attrs::default()).unwrap();
                assert_eq!(mem.stats().used, 0, "{low:#x}: the padding is freed too");
                assert!(all_free(newest(&session)), "{low:#x}");
            }
        }
    }
}

fn whole_granules<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 1024, 1, false);
    let caller = mem.caller(0);
    let session = caller.enter();
    for (min_align_mask, mask) in
        [(0xfff, 0xfff), (0xfff, 0xffff), (0x7ff, 0x3fff), (0xffff, 0xffff), (0, 0xffff)]
    {
        let dev = masked(&mem, min_align_mask);
        for low in [0, 0x1, 0x700, 0x800, 0xa00, 0xfff, 0x8123, 0xf800] {
            let mut owned = BTreeSet::new();
            let mut held = Vec::new();
            for size in [1, mask, mask + 1, 2 * mask + 1, 0x1800] {
                let req = request(orig(0).wrapping_add(low), size, mask);
                let Ok(addr) = session.map(&dev, &req) else { continue };
                let (start, stop) = taken(&session, &dev, addr);
                let what = format!("{size} bytes at {low:#x} for {min_align_mask:#x}, {mask:#x}");
                assert!(start & mask == 0 && (stop - start) & mask == 0, "{what}: {start:#x} to {stop:#x}");
                assert!(start <= addr.0 && addr.0 + size <= stop, "{what}: room before and behind");
                let granules = (start..stop).step_by(usize::try_from(mask + 1).unwrap());
                granules.for_each(|at| assert!(owned.insert(at), "{what}: a granule has two owners"));
                held.push((addr, size));
            }
            assert!(held.len() >= 3);
            held.into_iter().for_each(|(addr, size)| end(&session, &dev, addr, size));
        }
    }
    assert!(all_free(newest(&session)));
}

on_both! {
    /// The offset was kept within one slot only; now whole slots of padding come before the buffer, and are recorded.
    row_27_padding_keeps_the_low_bits_and_is_freed => padding_comes_back;
    /// Callers rounded the size before the offset was known, and the padding behind was lost.
    row_31_an_allocation_is_whole_granules_offset_included => whole_granules;
}
