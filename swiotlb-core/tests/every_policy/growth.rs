//! Growth: asked for once, done later, never undone. The worker as a thread: `tests/growth.rs`.

use crate::common::{Testable, blocks, device, map, mem};
use swiotlb_core::grow::Grown;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::walk::HasAreas;

fn stepped_by_hand<P: Testable>() {
    let mem = mem::<P>(1024, 4, true);
    let dev = device(&mem);
    let caller = mem.caller(0);
    assert_eq!(caller.run_worker(), Grown::NotAsked);
    for i in 0..8 {
        map(&caller.enter(), &dev, i, 128 << 10);
        map(&caller.enter(), &dev, 100 + i, 128 << 10);
    }
    map(&caller.enter(), &dev, 200, 4096);
    map(&caller.enter(), &dev, 201, 4096);
    assert_eq!(caller.probe().get().work_scheduled, 1, "asking twice is asking once");
    assert_eq!(caller.run_worker(), Grown::Added { nslabs: 1024 });
    assert_eq!(caller.run_worker(), Grown::NotAsked);
    let stats = mem.stats();
    assert_eq!((stats.nslabs, stats.pools), (2048, 2));
    let session = caller.enter();
    let newest = session.pools().next().unwrap();
    assert_eq!((newest.nslabs(), newest.nareas()), (1024, 4));
    let addr = map(&session, &dev, 202, 4096);
    assert_eq!(session.find_pool(&dev, addr).map(PoolRange::start), Some(newest.start()));
}

fn halves_while_memory_is_short<P: Testable>() {
    let mem = mem::<P>(4096, 32, true);
    let dev = device(&mem);
    let caller = mem.caller(0);
    let fill = |from: u64| {
        (0..32).for_each(|i| {
            map(&caller.enter(), &dev, from + i, 256 << 10);
        });
    };
    fill(0);
    map(&caller.enter(), &dev, 300, 4096);
    blocks(&mem).fail_next(1);
    assert_eq!(caller.run_worker(), Grown::Added { nslabs: 1024 });
    let nareas = caller.enter().pools().next().map(HasAreas::nareas);
    assert_eq!(nareas, Some(8), "one area per segment at most");
    (0..8).for_each(|i| {
        map(&caller.enter(), &dev, 400 + i, 256 << 10);
    });
    map(&caller.enter(), &dev, 301, 4096);
    blocks(&mem).fail_next(3);
    assert!(matches!(caller.run_worker(), Grown::Failed(_)));
    assert_eq!(mem.stats().nslabs, 4096 + 1024);
}

crate::for_every_policy! {
    the_worker_adds_one_pool_per_request => stepped_by_hand;
    growth_halves_down_to_its_least_size => halves_while_memory_is_short;
}
