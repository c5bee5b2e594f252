//! Transient pools: made when there is no room, unlinked at unmap, freed after a grace period.

use crate::common::hand_over::HandOver;
use crate::common::lifetime::{fill, lives_from_map_to_grace_period, readers_survive_a_storm};
use crate::common::violation::settle;
use crate::common::{
    Testable, blocks, counted, device, map, mem, memory_is_back, memory_out, orig, unmap, used,
};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::phys::{Cached, Source, Zoned};
use swiotlb_core::policy::SourceOf;

fn failing_leaves_nothing<P: Testable>() {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let caller = mem.caller(0);
    let session = caller.enter();
    let request = MapRequest::new(orig(1), 2048, Direction::ToDevice);
    // The other sources ask the atomic pool or the process first.
    if [Zoned::NAME, Cached::NAME].contains(&<SourceOf<P> as Source>::NAME) {
        blocks(&mem).fail_next(1);
        assert!(matches!(session.map(&dev, &request), Err(MapError::OutOfPages { wanted: 2048, .. })));
    }
    // A page starts with an even slot, and the original wants an odd one.
    let strict = mem.device(DeviceLimits { min_align_mask: 0xfff, ..DeviceLimits::default() }).unwrap();
    let odd = MapRequest { orig: request.orig.wrapping_add(2048), ..request };
    assert!(matches!(session.map(&strict, &odd), Err(MapError::TransientUnusable { .. })));
    assert_eq!(caller.probe().get().transient_unusable, 1);
    assert_eq!((used(&mem), memory_out(&mem)), ((counted::<P>(128), 0), 0));
    assert!(session.find_pool(&strict, PhysAddr(0x10_0000)).is_none());
}

fn a_device_that_goes_frees_what_it_left<P: Testable>() {
    let mem = mem::<P>(128, 1, true);
    let keeper = device(&mem);
    fill(&mem, &keeper);
    let dev = device(&mem);
    let caller = mem.caller(0);
    map(&caller.enter(), &dev, 1, 4096);
    map(&caller.enter(), &dev, 2, 4096);
    assert_eq!(memory_out(&mem), 2);
    drop(dev);
    assert_eq!((used(&mem), memory_out(&mem)), ((counted::<P>(128), 0), 0));
}

/// One thread maps, another unmaps.
fn is_found_by_whoever_gets_the_address<P: Testable>() {
    const ROUNDS: u64 = 3_000;
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let handed = HandOver::default();
    thread::scope(|s| {
        s.spawn(|| {
            let caller = mem.caller(1);
            for _ in 0..ROUNDS {
                handed.take(|addr| {
                    let session = caller.enter();
                    let done = session.unmap(&dev, addr, 2048, Direction::Bidirectional, Attrs::default());
                    assert_eq!(done, Ok(()));
                });
                caller.free_expired();
            }
        });
        let caller = mem.caller(0);
        for i in 0..ROUNDS {
            handed.give(map(&caller.enter(), &dev, 1 + i % 64, 2048));
        }
    });
    mem.caller(0).quiesce();
    assert_eq!(used(&mem), (counted::<P>(128), 0));
    settle(memory_is_back(&mem, 0));
}

crate::for_every_policy! {
    a_transient_pool_lives_from_map_to_grace_period => lives_from_map_to_grace_period;
    a_transient_pool_that_fails_leaves_nothing => failing_leaves_nothing;
    a_device_frees_its_transient_pools => a_device_that_goes_frees_what_it_left;
    any_cpu_that_gets_the_address_finds_the_pool => is_found_by_whoever_gets_the_address;
    lookups_go_on_during_a_storm => readers_survive_a_storm;
}

#[test]
fn retired_pools_are_freed_in_order_of_retirement() {
    type P = crate::common::Tested<swiotlb_core::policy::Kernel>;
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let mut caller = mem.caller(0);
    let addrs: Vec<_> = (1..40).map(|i| map(&caller.enter(), &dev, i, 2048)).collect();
    for &addr in addrs.iter().rev() {
        unmap(&caller.enter(), &dev, addr, 2048);
    }
    assert_eq!(caller.quiesce(), 39);
    assert_eq!(caller.waiting_for_readers(), 0);
    assert_eq!(mem.pages().blocks().outstanding(), 0);
}
