//! Growth of the kernel's policy: a request from its queue to a pool that is used, and the worker as a thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Tested, blocks, device, map, mem, unmap};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::grow::{Grown, Worker};
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::policy::Kernel;

type P = Tested<Kernel>;

/// A request is queued until the worker takes it up, once; a request for nothing is none.
#[test]
fn a_request_is_queued_until_the_worker_takes_it() {
    let mem = mem::<P>(512, 1, true);
    let dev = device(&mem);
    let caller = mem.caller(0);
    for i in 0..4 {
        map(&caller.enter(), &dev, i, 256 << 10);
    }
    assert!(!mem.growth_queued());
    assert_eq!(caller.run_worker(), Grown::NotAsked);
    for i in 4..6 {
        map(&caller.enter(), &dev, i, 4096);
        assert!(mem.growth_queued());
        assert_eq!(caller.probe().get().work_scheduled, 1, "asking twice is asking once");
    }
    assert_eq!(caller.run_worker(), Grown::Added { nslabs: 512 });
    assert!(!mem.growth_queued());
    assert_eq!(caller.run_worker(), Grown::NotAsked);
}

/// Pools that were added lie apart, reach to their ends, and stay when their mappings go.
#[test]
fn added_pools_stay_and_lie_apart() {
    let mem = mem::<P>(512, 1, true);
    let dev = device(&mem);
    let caller = mem.caller(0);
    let mut live = Vec::new();
    for round in 0..3 {
        for i in 0..4 {
            live.push((map(&caller.enter(), &dev, round * 10 + i, 256 << 10), 256 << 10));
        }
        live.push((map(&caller.enter(), &dev, round * 10 + 5, 4096), 4096));
        assert_eq!(caller.run_worker(), Grown::Added { nslabs: 512 });
    }
    let session = caller.enter();
    let mut ranges: Vec<_> = session.pools().map(|pool| (pool.start(), pool.end())).collect();
    ranges.sort_unstable();
    assert!(ranges.iter().all(|&(start, end)| end.0 - start.0 == 1 << 20));
    assert!(ranges.is_sorted_by(|a, b| a.1 <= b.0), "{ranges:?}");
    live.iter().for_each(|&(addr, size)| unmap(&session, &dev, addr, size));
    assert_eq!((mem.stats().pools, mem.stats().used), (4, 0));
}

/// The size is halved as often as memory is short, down to 1 MiB.
#[test]
fn a_pool_is_halved_while_memory_is_short() {
    for (failures, grown) in [(0, Some(2048)), (1, Some(1024)), (2, Some(512)), (3, None)] {
        let mem = mem::<P>(4096, 1, true);
        let dev = device(&mem);
        let caller = mem.caller(0);
        for i in 0..33 {
            map(&caller.enter(), &dev, i, 256 << 10);
        }
        blocks(&mem).fail_next(failures);
        match grown {
            Some(nslabs) => assert_eq!(caller.run_worker(), Grown::Added { nslabs }),
            None => assert!(matches!(caller.run_worker(), Grown::Failed(_))),
        }
    }
}

/// The background worker: pools are added while threads map, and every address stays known.
#[test]
fn the_worker_thread_grows_while_others_map() {
    let mem = mem::<P>(512, 2, true);
    let dev = device(&mem);
    let worker = Worker::start(&mem).unwrap();
    thread::scope(|s| {
        for cpu in 0..2 {
            let (mem, dev) = (&mem, &dev);
            s.spawn(move || {
                let caller = mem.caller(cpu);
                let live: Vec<PhysAddr> = (0..200)
                    .map(|i| map(&caller.enter(), dev, u64::from(cpu) * 1000 + i, 32 << 10))
                    .collect();
                for &addr in &live {
                    assert!(caller.enter().is_swiotlb_buffer(dev, addr));
                    unmap(&caller.enter(), dev, addr, 32 << 10);
                }
            });
        }
    });
    drop(worker);
    mem.caller(0).quiesce();
    let stats = mem.stats();
    assert_eq!((stats.used, stats.transient_nslabs), (0, 0));
    assert!(stats.pools > 1, "{stats:?}");
    assert_eq!(mem.pages().blocks().outstanding(), i64::try_from(stats.pools).unwrap() - 1);
}

/// Each pool is asked for when the last one is full, while the worker sleeps or is about to: no request is lost.
#[test]
fn the_worker_is_woken_for_every_request() {
    let mem = mem::<P>(512, 1, true);
    let (dev, caller) = (device(&mem), mem.caller(0));
    let _worker = Worker::start(&mem).unwrap();
    let mut mapped = 0;
    for pools in 1..8 {
        while mem.stats().pools == pools {
            assert!(mapped < 200_000, "nobody made pool {pools}");
            map(&caller.enter(), &dev, mapped, 4096);
            mapped += 1;
            thread::yield_now();
        }
    }
}

#[test]
fn a_worker_can_be_started_again() {
    let mem = mem::<P>(128, 1, true);
    for _ in 0..3 {
        drop(Worker::start(&mem).unwrap());
    }
    assert_eq!(std::sync::Arc::strong_count(&mem), 1);
}
