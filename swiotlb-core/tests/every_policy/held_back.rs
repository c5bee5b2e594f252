//! Memory held back: by a reader that stalls, and by a reclaimer whose memory comes back at ticks only.

use crate::common::held::{free_all_expired, storm, until_dry, with_atomic_pool};
use crate::common::{Testable, Tested, device, map, mem, orig};
use swiotlb_core::device::{DeviceLimits, Direction, MapRequest};
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::policy::{Kernel, With};
use swiotlb_core::reclaim::{Delayed, Epoch, Quiescent, Reclaim, RefCounted, RwLocked};

type Reclaimed<R> = Tested<<Kernel as With>::Reclaim<R>>;

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
