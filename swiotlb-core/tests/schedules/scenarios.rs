//! Small stories of a whole allocator, bounded in every loop, because a schedule may give one thread all turns.

use crate::common::lifetime::fill;
use crate::common::violation::Verdict;
use crate::common::{
    Testable, counted, device, map, mem, memory_is_back, memory_out, orig, together, unmap, used,
};
use crate::{ensure, ensure_eq};
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use shuttle::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::grow::Worker;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::reclaim::Reclaim;

/// Two readers look a live address up while a third thread makes and drops transient pools of the same device, frees, and
/// adds a pool to the allocator.
pub fn readers_in_a_storm<P: Testable>(_drawn: u64) -> Verdict {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let live = map(&mem.caller(0).enter(), &dev, 1, 2048);
    let read = |cpu| -> Verdict {
        let caller = mem.caller(cpu);
        for _ in 0..2 {
            let session = caller.enter();
            for _ in 0..2 {
                let found = session.find_pool(&dev, live).map(PoolRange::start);
                ensure_eq!(found, Some(live), "live address known in a storm");
            }
        }
        Ok(())
    };
    let storm = || {
        let caller = mem.caller(0);
        for i in 0..3 {
            let addr = map(&caller.enter(), &dev, 2 + i, 2048);
            if i == 1 {
                caller.run_worker();
            }
            unmap(&caller.enter(), &dev, addr, 2048);
            caller.free_expired();
        }
    };
    together(3, |id| match id {
        0 => Ok(storm()),
        reader => read(u32::try_from(reader).unwrap()),
    })?;
    mem.caller(0).quiesce();
    ensure_eq!(used(&mem).1, counted::<P>(1), "transient slots counted no more");
    Ok(())
}

/// A reader that holds a pool keeps its memory, while another thread unmaps it and frees what it may. (Where it may free at
/// once, it does so only while the reader looks at nothing but counts: a test does not read freed memory.)
pub fn a_reader_keeps_its_pool<P: Testable>(_drawn: u64) -> Verdict {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let addr = map(&mem.caller(0).enter(), &dev, 1, 2048);
    let (holds, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let read = || -> Verdict {
        let caller = mem.caller(1);
        let session = caller.enter();
        if session.find_pool(&dev, addr).is_some() {
            holds.store(true, SeqCst);
            // An access is a turn for the other thread, which needs about 50 until it has freed something.
            for _ in 0..100 {
                let over = over.load(SeqCst);
                ensure!(memory_out(&mem) > 0, "a reader that was there keeps the memory", "it is gone");
                if over {
                    break;
                }
            }
            holds.store(false, SeqCst);
        }
        Ok(())
    };
    let end = || {
        let caller = mem.caller(0);
        unmap(&caller.enter(), &dev, addr, 2048);
        for _ in 0..6 {
            if holds.load(SeqCst) {
                caller.free_expired();
            }
        }
        over.store(true, SeqCst);
    };
    together(2, |id| if id == 0 { Ok(end()) } else { read() })?;
    let mut caller = mem.caller(0);
    ensure_eq!(caller.quiesce() <= usize::from(P::Reclaim::FREES), true, "freed after the grace period");
    memory_is_back(&mem, 0)
}

/// Two threads ask for more than there is, and wait until the worker has added a pool; each then hands an address of it to
/// the other, which unmaps it.
pub fn growth_comes<P: Testable>(_drawn: u64) -> Verdict {
    let mem = mem::<P>(128, 1, true);
    let dev = device(&mem);
    fill(&mem, &dev);
    let worker = Worker::start(&mem).unwrap();
    let handed = [AtomicU64::new(0), AtomicU64::new(0)];
    let one = |cpu: u32| -> Verdict {
        let caller = mem.caller(cpu);
        let (mine, theirs) = (&handed[cpu as usize], &handed[1 - cpu as usize]);
        let first = map(&caller.enter(), &dev, u64::from(cpu) * 10 + 1, 4096);
        while mem.stats().pools == 1 {
            thread::yield_now();
        }
        let request = MapRequest::new(orig(u64::from(cpu) * 10 + 2), 4096, Direction::Bidirectional);
        let addr = caller.enter().map(&dev, &request).unwrap();
        mine.store(addr.0, SeqCst);
        unmap(&caller.enter(), &dev, first, 4096);
        let addr = loop {
            match theirs.load(SeqCst) {
                0 => thread::yield_now(),
                addr => break PhysAddr(addr),
            }
            // Says under `Quiescent` that this thread holds nothing.
            drop(caller.enter());
        };
        let session = caller.enter();
        ensure!(session.is_swiotlb_buffer(&dev, addr), "live address known", "{addr:?} is not");
        let pool = session.find_pool(&dev, addr).map(|pool| pool.is_transient());
        ensure_eq!(pool, Some(false), "a pool that grew serves");
        unmap(&session, &dev, addr, 4096);
        Ok(())
    };
    together(2, |id| one(u32::try_from(id).unwrap()))?;
    drop(worker);
    mem.caller(0).quiesce();
    ensure_eq!(used(&mem), (counted::<P>(128), 0), "nothing but the filling in use");
    memory_is_back(&mem, mem.stats().pools - 1)
}
