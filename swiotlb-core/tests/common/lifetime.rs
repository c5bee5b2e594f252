//! The life of a transient pool: found from map to unmap and only there, counted, and kept as long as a reader is.

use super::violation::{Verdict, Violation};
use super::{Testable, counted, device, map, mem, memory_is_back, memory_out, used};
use crate::{ensure, ensure_eq};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction};
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem};
use swiotlb_core::reclaim::Reclaim;

/// Fills a pool of one segment with one buffer.
pub fn fill<P: Testable>(mem: &IoTlbMem<P>, dev: &Device<P>) -> PhysAddr {
    map(&mem.caller(0).enter(), dev, 0, 256 << 10)
}

pub fn lives_from_map_to_grace_period<P: Testable>() -> Verdict {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    let filling = fill(&mem, &dev);
    let mut caller = mem.caller(0);
    let session = caller.enter();
    let addr = map(&session, &dev, 1, 5000);
    let Some(pool) = session.find_pool(&dev, addr) else {
        return Err(Violation { check: "live address known", seen: format!("{addr:?} is not") });
    };
    ensure_eq!((pool.is_transient(), pool.nslabs(), pool.start()), (true, 3, addr), "a pool of its own");
    for end in [pool.end(), filling.wrapping_add(256 << 10)] {
        ensure_eq!(session.find_pool(&dev, end).map(PoolRange::start), None, "no pool at a pool's end");
    }
    ensure_eq!(used(&mem), (counted::<P>(131), counted::<P>(3)), "transient slots counted");
    ensure_eq!(mem.stats().nslabs, 128, "transient slots are no pool's");
    ensure!(memory_out(&mem) > 0, "a transient pool has memory", "it has none");

    let done = session.unmap(&dev, addr, 5000, Direction::Bidirectional, Attrs::default());
    ensure_eq!(done, Ok(()), "live address unmapped");
    ensure_eq!(session.find_pool(&dev, addr).map(PoolRange::start), None, "unlinked at once");
    ensure_eq!(used(&mem), (counted::<P>(128), 0), "transient slots counted no more");
    for _ in 0..10 {
        caller.free_expired();
    }
    ensure!(memory_out(&mem) > 0, "a reader that was there keeps the memory", "it is gone");
    drop(session);
    ensure_eq!(caller.quiesce(), usize::from(P::Reclaim::FREES), "freed after the grace period");
    memory_is_back(&mem, 0)
}

/// A reader looks up a live transient address while a storm makes and drops others.
pub fn readers_survive_a_storm<P: Testable>() -> Verdict {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let live = map(&mem.caller(0).enter(), &dev, 1, 2048);
    let done = AtomicBool::new(false);
    let reads = || {
        let caller = mem.caller(1);
        while !done.load(Ordering::Relaxed) {
            let session = caller.enter();
            for _ in 0..16 {
                let found = session.find_pool(&dev, live).map(PoolRange::start);
                ensure_eq!(found, Some(live), "live address known in a storm");
            }
        }
        Ok(())
    };
    let storm = || {
        let caller = mem.caller(0);
        for i in 0..2_000 {
            let session = caller.enter();
            let addr = map(&session, &dev, 2 + i % 8, 2048);
            let ended = session.unmap(&dev, addr, 2048, Direction::Bidirectional, Attrs::default());
            ensure_eq!(ended, Ok(()), "live address unmapped");
            drop(session);
            caller.free_expired();
        }
        Ok(())
    };
    let (read, stormed) = thread::scope(|s| {
        let reader = s.spawn(reads);
        let stormed = storm();
        done.store(true, Ordering::Relaxed);
        (reader.join().unwrap(), stormed)
    });
    read.and(stormed)?;
    mem.caller(0).quiesce();
    ensure_eq!(used(&mem).1, counted::<P>(1), "transient slots counted no more");
    Ok(())
}
