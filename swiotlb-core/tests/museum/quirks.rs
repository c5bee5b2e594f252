//! Quirks of the reference: no faults, but what whoever changes this allocator must not change unawares.

use super::machine::{BIDI, ODD_PAGE, PAGE, SLOT, end, masked, mem_at, request, start_at};
use crate::common::{POOL, Testable, counted, device, memory_out, orig, used};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::MapRequest;
use swiotlb_core::error::{FullReason, MapError};
use swiotlb_core::grow::Grown;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem};

fn missed_candidate<P: Testable>() {
    let mem = mem_at::<P>(POOL, 128, 1, false);
    let (dev, nvme, caller) = (device(&mem), masked(&mem, PAGE - 1), mem.caller(0));
    let session = caller.enter();
    let all: Vec<_> = (0..128).map(|i| session.map(&dev, &request(orig(i), 1, 0)).unwrap()).collect();
    let only = POOL.wrapping_add(SLOT);
    assert!(all.contains(&only));
    end(&session, &dev, only, 1);
    // Bit 11 is set: of the odd slots, slot 1 is free, and the walk ends one step short of it.
    let req = request(orig(200).wrapping_add(0x800), 1, 0);
    start_at(&session, 2);
    assert!(matches!(session.map(&nvme, &req), Err(MapError::Full { used: 127, .. })));
    assert_eq!(session.why_full(&nvme, &req), Some(FullReason::MissedByWalk));
    // From anywhere else it is seen.
    start_at(&session, 3);
    assert_eq!(session.map(&nvme, &req), Ok(only));
}

fn cannot_serve_its_own_request<P: Testable>() {
    let mem = mem_at::<P>(POOL, 128, 1, true);
    let (dev, nvme, caller) = (device(&mem), masked(&mem, PAGE - 1), mem.caller(0));
    let session = caller.enter();
    session.map(&dev, &request(orig(0), 128 * SLOT, 0)).unwrap();
    for (nth, size) in (1..).zip([SLOT, 2 * SLOT, 5 * SLOT]) {
        let req = request(orig(1).wrapping_add(0x800), size, 0);
        let Err(MapError::TransientUnusable { wanted, base }) = session.map(&nvme, &req) else {
            panic!("{size} bytes found room in a pool that starts on a page");
        };
        assert_eq!((wanted, base.0 % PAGE), (size, 0));
        let counts = caller.probe().get();
        assert_eq!((counts.transient_unusable, counts.transient_made), (nth, 0));
        assert_eq!((used(&mem), memory_out(&mem)), ((counted::<P>(128), 0), 0), "taken, and given back");
        assert!(session.find_pool(&nvme, base).is_none());
    }
    // The same size without the bit is served.
    let addr = session.map(&nvme, &request(orig(1), SLOT, 0)).unwrap();
    assert!(session.find_pool(&nvme, addr).unwrap().is_transient());
}

/// Fills all that there is with whole segments, until one needed a pool of its own; that one too is kept.
fn fill_up<P: Testable>(mem: &Arc<IoTlbMem<P>>, dev: &Device<P>) -> Vec<PhysAddr> {
    let caller = mem.caller(0);
    let session = caller.enter();
    let mut held = Vec::new();
    loop {
        let addr = session.map(dev, &MapRequest::new(orig(held.len() as u64), 128 * SLOT, BIDI)).unwrap();
        held.push(addr);
        if session.find_pool(dev, addr).unwrap().is_transient() {
            return held;
        }
    }
}

fn growth_without_return<P: Testable>() {
    let mem = mem_at::<P>(POOL, 512, 1, true);
    let dev = device(&mem);
    let mut held = Vec::new();
    for pools in 2..5 {
        held.extend(fill_up(&mem, &dev));
        assert!(mem.growth_queued(), "every map that fails asks for a pool");
        assert_eq!(mem.caller(0).run_worker(), Grown::Added { nslabs: 512 });
        assert_eq!((mem.stats().pools, mem.stats().nslabs), (pools, pools * 512));
    }
    let mut caller = mem.caller(0);
    held.iter().for_each(|&addr| end(&caller.enter(), &dev, addr, 128 * SLOT));
    caller.quiesce();
    assert_eq!(caller.run_worker(), Grown::NotAsked);
    assert_eq!((mem.stats().used, mem.stats().pools, mem.stats().nslabs), (0, 4, 4 * 512));
    assert_eq!(caller.enter().pools().count(), 4, "empty pools stay");
}

/// New pools go to the head, so that the first is found last.
#[test]
fn quirk_a_new_pool_goes_to_the_head_of_the_list() {
    type P = super::machine::OnKernel;
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, false);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let first = caller.enter().map(&dev, &request(orig(0), 1, 0)).unwrap();
    for nth in 1..6 {
        let base = ODD_PAGE.wrapping_add(nth << 20);
        caller.insert_pool(base, 128, 1).unwrap();
        let session = caller.enter();
        let starts: Vec<_> = session.pools().map(PoolRange::start).collect();
        assert!(starts.is_sorted_by(|a, b| a > b), "{starts:?}");
        for (addr, visits) in [(first, nth + 1), (base, 1)] {
            let before = caller.probe().get().pools_visited;
            assert!(session.find_pool(&dev, addr).is_some());
            assert_eq!(
                caller.probe().get().pools_visited - before,
                visits,
                "pools passed on the way to {addr}"
            );
        }
        // And a map is served from the newest.
        let addr = session.map(&dev, &request(orig(nth), 1, 0)).unwrap();
        assert_eq!(session.find_pool(&dev, addr).map(PoolRange::start), Some(base));
    }
}

fn more_used_than_there_is<P: Testable>() {
    let mem = mem_at::<P>(POOL, 128, 1, true);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let session = caller.enter();
    let all = session.map(&dev, &request(orig(0), 128 * SLOT, 0)).unwrap();
    let more = session.map(&dev, &request(orig(1), 9 * SLOT, 0)).unwrap();
    let stats = mem.stats();
    assert_eq!((stats.nslabs, stats.used, stats.used_hiwater, stats.transient_nslabs), (128, 137, 137, 9));
    end(&session, &dev, more, 9 * SLOT);
    end(&session, &dev, all, 128 * SLOT);
    let stats = mem.stats();
    assert_eq!((stats.used, stats.used_hiwater, stats.transient_nslabs), (0, 137, 0));
}

on_both! {
    /// A walk that wraps counts single steps on top of whole strides: the last candidate before its start stays unseen.
    quirk_the_last_candidate_may_be_missed => missed_candidate;
    /// A transient pool has the slots asked for and starts on a page: some alignments fail in it.
    quirk_a_transient_pool_may_not_serve_its_own_request => cannot_serve_its_own_request;
    /// Every failing map asks for another pool, and none is ever removed.
    quirk_growth_is_never_undone => growth_without_return;
    /// Transient slots count as used, and not as slots that there are.
    quirk_used_can_exceed_the_total => more_used_than_there_is;
}
