//! Restricted pools and statistics: two allocators stay apart, and pages lie as their sizes ask.

use super::machine::{ODD_PAGE, OnKernel, PAGE, SLOT, all_free, end, mem_at, newest, request, restricted_at};
use crate::common::{POOL, Testable, Tested, device, orig};
use crate::searches::{Blind, Blindness};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::area::Locked;
use swiotlb_core::error::AllocError;
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{IoTlbMem, MemStats};
use swiotlb_core::policy::{Kernel, With};
use swiotlb_core::rules::page_order;
use swiotlb_core::search::SlotRequest;
use swiotlb_core::stats::Sharded;

/// Slots of the pools, in use, at most in use, in transient pools.
fn numbers<P: Testable>(mem: &IoTlbMem<P>) -> [u64; 5] {
    let MemStats { nslabs, used, used_hiwater, transient_nslabs, pools } = mem.stats();
    [nslabs, used, used_hiwater, transient_nslabs, pools]
}

fn two_allocators<P: Testable>() {
    let (general, restricted) = (mem_at::<P>(POOL, 128, 1, true), restricted_at::<P>(POOL, 256));
    let (dev, apart) = (device(&general), device(&restricted));
    let (caller, other) = (general.caller(0), restricted.caller(0));
    assert_eq!((numbers(&general), numbers(&restricted)), ([128, 0, 0, 0, 1], [256, 0, 0, 0, 1]));
    let ours = caller.enter().map(&dev, &request(orig(0), 128 * SLOT, 0)).unwrap();
    let more = caller.enter().map(&dev, &request(orig(1), 3 * SLOT, 0)).unwrap();
    assert_eq!((numbers(&general), numbers(&restricted)), ([128, 131, 131, 3, 1], [256, 0, 0, 0, 1]));
    let theirs = other.enter().map(&apart, &request(orig(2), 7 * SLOT, 0)).unwrap();
    let pages = other.enter().alloc_pages(&apart, 5 * PAGE).unwrap();
    assert_eq!((numbers(&general), numbers(&restricted)), ([128, 131, 131, 3, 1], [256, 17, 17, 0, 1]));
    end(&caller.enter(), &dev, more, 3 * SLOT);
    assert!(restricted.reset_hiwater(0));
    assert_eq!((numbers(&general), numbers(&restricted)), ([128, 128, 131, 0, 1], [256, 17, 0, 0, 1]));
    assert!(other.enter().free_pages(&apart, pages));
    end(&other.enter(), &apart, theirs, 7 * SLOT);
    end(&caller.enter(), &dev, ours, 128 * SLOT);
    assert_eq!((numbers(&general), numbers(&restricted)), ([128, 0, 131, 0, 1], [256, 0, 0, 0, 1]));
}

/// A search that sees no alignment above a slot's.
struct Alignment;

impl Blindness for Alignment {
    fn seen(req: &SlotRequest) -> SlotRequest {
        SlotRequest { align: SLOT - 1, stride: 1, ..*req }
    }
}

/// Pages that do not start on a page, because the search was wrong: refused, and nothing is kept.
#[test]
fn row_22_pages_that_are_not_page_aligned_are_refused() {
    type P = Tested<<Kernel as With>::Area<Locked<QueuedSpin, Blind<Alignment>>>>;
    let mem = restricted_at::<P>(ODD_PAGE, 256);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let one = session.map(&dev, &request(orig(0), 1, 0)).unwrap();
    for bytes in [PAGE, 1, 3 * PAGE] {
        super::machine::start_at(&session, 1);
        let got = session.alloc_pages(&dev, bytes);
        assert_eq!(got, Err(AllocError::Unaligned { addr: one.wrapping_add(SLOT) }), "{bytes} bytes");
        assert_eq!(mem.stats().used, 1, "what was found is given back");
        assert!(!session.free_pages(&dev, one.wrapping_add(SLOT)), "nothing starts there");
    }
    end(&session, &dev, one, 1);
    assert!(all_free(newest(&session)));
    // On a page the same search is right by chance, and so are the pages.
    super::machine::start_at(&session, 0);
    assert_eq!(session.alloc_pages(&dev, PAGE), Ok(ODD_PAGE));
}

fn blocks_of_their_size<P: Testable>() {
    for base in [POOL, ODD_PAGE] {
        let mem = restricted_at::<P>(base, 1024);
        let (dev, caller) = (device(&mem), mem.caller(0));
        let session = caller.enter();
        for bytes in (1..=256 * 1024).step_by(3_001).chain([PAGE, 4 * PAGE, 12 << 10, 16 << 10, 128 << 10]) {
            // An odd slot and an odd page come before.
            let one = session.map(&dev, &request(orig(0), 1, 0)).unwrap();
            let page = session.alloc_pages(&dev, PAGE).unwrap();
            let block = PAGE << page_order(bytes);
            match session.alloc_pages(&dev, bytes) {
                Ok(addr) => {
                    assert_eq!(addr.0 % block, 0, "{bytes} bytes at {addr}");
                    assert!(session.free_pages(&dev, addr));
                }
                // From a start inside a segment, aligned blocks of half a segment or more may find none.
                Err(error) => assert!(bytes > 64 << 10, "{bytes} bytes: {error}"),
            }
            assert!(session.free_pages(&dev, page));
            end(&session, &dev, one, 1);
        }
        assert!(all_free(newest(&session)));
    }
}

fn a_second_allocator_works<P: Testable>() {
    let general = mem_at::<P>(POOL, 128, 1, true);
    let restricted = restricted_at::<P>(PhysAddr(128 << 20), 256);
    assert!(general.permissions().can_grow && !restricted.permissions().can_grow);
    assert!(restricted.is_active());
    let (dev, caller) = (device(&restricted), restricted.caller(0));
    let session = caller.enter();
    assert_eq!(session.pools().count(), 1);
    let addr = session.map(&dev, &request(orig(0), 5_000, 0)).unwrap();
    assert_eq!(session.find_pool(&dev, addr).map(PoolRange::start), Some(PhysAddr(128 << 20)));
    assert_eq!(session.transient_pools(&dev).count(), 0);
    end(&session, &dev, addr, 5_000);
    // It is full, and neither grows nor makes a pool for one mapping.
    let held: Vec<_> = (0..2).map(|i| session.map(&dev, &request(orig(i), 128 * SLOT, 0)).unwrap()).collect();
    assert!(session.map(&dev, &request(orig(2), 1, 0)).is_err());
    assert!(!restricted.growth_queued() && session.transient_pools(&dev).next().is_none());
    held.iter().for_each(|&addr| end(&session, &dev, addr, 128 * SLOT));
    assert!(all_free(newest(&session)));
}

/// Whoever begins to look at statistics, or to count, finds what was counted before.
fn attached_late<P: Testable>() {
    let mem = mem_at::<P>(POOL, 256, 2, true);
    let dev = device(&mem);
    let early = mem.caller(0);
    let held: Vec<_> =
        (0..40).map(|i| early.enter().map(&dev, &request(orig(i), 2 * SLOT, 0)).unwrap()).collect();
    assert_eq!(mem.stats().used, 80);
    // Another device, another caller, a look, a reset of the mark: none of it starts anything again.
    drop(early);
    let (late_dev, late) = (device(&mem), mem.caller(1));
    assert_eq!(mem.stats().used, 80);
    assert!(mem.reset_hiwater(0) && !mem.reset_hiwater(1));
    assert_eq!(mem.stats().used, 80);
    let one = late.enter().map(&late_dev, &request(orig(50), 1, 0)).unwrap();
    assert_eq!(mem.stats().used, 81);
    end(&late.enter(), &late_dev, one, 1);
    for (nth, &addr) in (1..).zip(&held) {
        // By the other caller: its own count alone would be negative.
        end(&late.enter(), &dev, addr, 2 * SLOT);
        let stats = mem.stats();
        assert_eq!(stats.used, 80 - 2 * nth);
        assert!(stats.used_hiwater <= 256, "{stats:?}");
        if nth == 20 {
            drop(mem.caller(2));
        }
    }
    assert_eq!(mem.stats().used, 0);
}

#[test]
fn row_29_statistics_that_are_sharded_survive_a_late_look() {
    attached_late::<Tested<<Kernel as With>::Stats<Sharded>>>();
}

/// What the search of rows 10 and 21 finds, pages are: that of row 22 is not needed then.
#[test]
fn row_22_a_right_search_is_never_refused() {
    let mem = restricted_at::<OnKernel>(ODD_PAGE, 256);
    let (dev, caller) = (device(&mem), mem.caller(0));
    for from in 0..256 {
        super::machine::start_at(&caller.enter(), from);
        let page = caller.enter().alloc_pages(&dev, PAGE).unwrap();
        assert_eq!(page.0 % PAGE, 0);
        assert!(caller.enter().free_pages(&dev, page));
    }
}

on_both! {
    /// The statistics of a restricted pool were the default pool's.
    row_13_two_allocators_count_apart => two_allocators;
    /// Coherent buffers were only page aligned; their size's power of two was not passed on.
    row_23_pages_are_aligned_to_their_size_s_power_of_two => blocks_of_their_size;
    /// The list of a restricted allocator's pools was never initialised.
    row_30_a_restricted_allocator_in_dynamic_mode_works => a_second_allocator_works;
    /// Late initialisation of the statistics zeroed a counter in use.
    row_29_statistics_survive_a_late_look => attached_late;
}
