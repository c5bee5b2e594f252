//! Memory held back: by a reader that stalls, and by a reclaimer whose memory comes back at ticks only.

use crate::common::{POOL, Testable, Tested, device, map, mem, orig, unmap};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::{Caller, Session};
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{MapError, PageError};
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{AtomicPool, BuddyZones, CostModel, PhysMemory, PoolPages, Zone};
use swiotlb_core::policy::{Kernel, Policy, With};
use swiotlb_core::reclaim::{Delayed, Epoch, Quiescent, Reclaim, RefCounted, RwLocked};

type Reclaimed<R> = Tested<<Kernel as With>::Reclaim<R>>;

/// Frees what readers and the time allow; how many pools. A bound, not a wait: grace periods take a few rounds.
fn free_all_expired<P: Policy>(caller: &Caller<'_, P>) -> usize {
    (0..32).map(|_| caller.free_expired()).sum()
}

/// Makes `n` pools of two pages, each for one mapping, and drops them again.
fn storm<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, n: u64) {
    for i in 0..n {
        let addr = map(session, dev, 1 + i % 8, 6 << 10);
        unmap(session, dev, addr, 6 << 10);
    }
}

fn stalled_reader<P: Testable>() {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    map(&mem.caller(0).enter(), &dev, 0, 256 << 10);
    assert_eq!(mem.held_back(), HeldBack::default());
    let (stalled, mut caller) = (mem.caller(1), mem.caller(0));
    let section = stalled.enter();
    storm(&caller.enter(), &dev, 5);
    assert_eq!(free_all_expired(&caller), 0);
    let now = mem.held_back();
    // Three slots take two pages.
    assert_eq!((now.waiting_pools, now.waiting_bytes), (5, 5 * 8192));
    assert_eq!((now.expired_pools, now.expired_bytes), (0, 0));
    drop(section);
    drop(stalled);
    assert_eq!(caller.quiesce(), 5);
    assert_eq!(mem.held_back(), HeldBack { most_pools: 5, most_bytes: 5 * 8192, ..HeldBack::default() });
    mem.reset_most_held_back();
    assert_eq!(mem.held_back(), HeldBack::default());
}

#[test]
fn the_measure_says_what_a_stalled_reader_holds_back() {
    stalled_reader::<Reclaimed<Epoch>>();
    stalled_reader::<Reclaimed<Quiescent>>();
    stalled_reader::<Reclaimed<RefCounted>>();
    stalled_reader::<Reclaimed<RwLocked>>();
    stalled_reader::<Reclaimed<Delayed<Epoch, 10>>>();
}

fn batches<R: Reclaim>(period_ms: u64) {
    let mem = mem::<Reclaimed<R>>(128, 1, true);
    let dev = device(&mem);
    map(&mem.caller(0).enter(), &dev, 0, 256 << 10);
    let mut caller = mem.caller(0);
    for batch in 0..4 {
        for ms in 0..period_ms {
            mem.set_now_ms(batch * period_ms + ms);
            if ms == 0 && batch > 0 {
                assert_eq!(free_all_expired(&caller), 3, "{} gives a batch back at its tick", R::NAME);
            }
            if ms < 3 {
                storm(&caller.enter(), &dev, if period_ms < 3 { 3 } else { 1 });
            }
            assert_eq!(free_all_expired(&caller), 0, "{} at {ms} ms after a tick", R::NAME);
        }
        assert_eq!(mem.held_back().waiting_pools, 3);
    }
    assert_eq!(mem.held_back().most_pools, 3, "no more than a tick's worth");
    assert_eq!(caller.quiesce(), 3, "who must have it waits for no tick");
}

#[test]
fn memory_comes_back_at_ticks() {
    batches::<Delayed<Epoch, 1>>(1);
    batches::<Delayed<Epoch, 10>>(10);
    batches::<Delayed<Epoch, 50>>(50);
    batches::<Delayed<RefCounted, 10>>(10);
}

/// An encrypting platform, whose transient pools come from an atomic pool of 16 pages.
type Encrypted<R> = <<Kernel as With>::Reclaim<R> as With>::Pages<PoolPages<BuddyZones, CostModel>>;

fn with_atomic_pool<R: Reclaim>() -> Arc<IoTlbMem<Encrypted<R>>> {
    let zones = [(Zone::Dma32, PhysAddr(1 << 30), 64 << 20)];
    let atomic = AtomicPool::new(PhysAddr(2 << 30), 64 << 10);
    let model = CostModel { fixed_spins: 0, per_page_spins: 0 };
    let pages = PoolPages::new(BuddyZones::new(&zones), model, Some(atomic));
    let memory = Arc::new(PhysMemory::new());
    pages.prepare(&memory).unwrap();
    let geometry = Geometry { nslabs: 128, nareas: 1 };
    let reserve = &mut |_bytes| Some(POOL);
    IoTlbMem::early(geometry, Permissions::default(), None, memory, pages, reserve).unwrap().mem
}

/// Round trips until the atomic pool has no page left, at most `limit`; how many.
fn until_dry<P: Policy>(caller: &Caller<'_, P>, dev: &Device<P>, limit: u64) -> u64 {
    let request = MapRequest::new(orig(1), 2048, Direction::ToDevice);
    for done in 0..limit {
        let session = caller.enter();
        let addr = match session.map(dev, &request) {
            Ok(addr) => addr,
            Err(error) => {
                let dry = PageError::AtomicPoolEmpty { pages: 1 };
                assert!(matches!(error, MapError::OutOfPages { source, .. } if source == dry), "{error}");
                return done;
            }
        };
        session.unmap(dev, addr, 2048, Direction::ToDevice, Attrs::default()).unwrap();
        drop(session);
        free_all_expired(caller);
    }
    limit
}

#[test]
fn a_storm_under_a_delay_empties_a_small_atomic_pool_until_the_tick() {
    let mem = with_atomic_pool::<Delayed<Epoch, 10>>();
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let caller = mem.caller(0);
    let full = MapRequest::new(orig(0), 256 << 10, Direction::ToDevice);
    caller.enter().map(&dev, &full).unwrap();
    for tick in 1..4 {
        assert_eq!(
            until_dry(&caller, &dev, 100),
            16,
            "one page each, and none comes back before tick {tick}"
        );
        let now = mem.held_back();
        assert_eq!((now.waiting_pools, now.waiting_bytes), (16, 64 << 10), "the whole atomic pool");
        mem.set_now_ms(tick * 10);
        assert_eq!(free_all_expired(&caller), 16);
        assert_eq!(mem.pages().atomic_pool().unwrap().free_pages(), 16);
    }
    assert_eq!(mem.held_back().most_bytes, 64 << 10);
}

#[test]
fn the_same_storm_without_a_delay_never_runs_dry() {
    let mem = with_atomic_pool::<Epoch>();
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let caller = mem.caller(0);
    let full = MapRequest::new(orig(0), 256 << 10, Direction::ToDevice);
    caller.enter().map(&dev, &full).unwrap();
    assert_eq!(until_dry(&caller, &dev, 100), 100);
    assert_eq!(mem.held_back().most_pools, 1);
}
