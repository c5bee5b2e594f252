//! Threads that map and unmap at random, each other's buffers too, through growth and storms: no two live
//! buffers overlap, masks and boundaries are kept, every live address is known, and in the end nothing is in use.

use super::owners::{Live, Owners, lies_well};
use super::violation::Verdict;
use super::{Testable, map, mem, memory_is_back, orig, together, unmap};
use crate::ensure_eq;
use std::sync::Arc;
use swiotlb_core::addr::{PhysAddr, SlotIndex};
use swiotlb_core::caller::{Caller, Session};
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::mem::{Device, IoTlbMem};

const DIR: Direction = Direction::Bidirectional;
/// `min_align_mask` and `seg_boundary_mask` of each device.
const LIMITS: [(u64, u64); 5] =
    [(0, u64::MAX), (0xfff, u64::MAX), (0x7ff, u64::MAX), (0x3fff, u64::MAX), (0, 0xffff)];

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// How far a crowd goes, and after how many steps it does what else there is to do.
#[derive(Clone, Copy)]
struct Pace {
    threads: u64,
    /// Of each thread.
    steps: u64,
    free_every: u64,
    grow_every: u64,
    /// What the threads' random numbers start from.
    seed: u64,
}

/// What all threads share.
struct Crowd<P: Testable> {
    devices: Vec<Device<P>>,
    owners: Owners,
    pace: Pace,
}

impl<P: Testable> Crowd<P> {
    fn map(&self, session: &Session<'_, P>, random: &mut Random, nth: u64) -> Verdict {
        let device = usize::try_from(random.below(self.devices.len() as u64)).unwrap();
        let dev = &self.devices[device];
        let size = 1 + random.below(24 << 10);
        let orig = orig(nth).wrapping_add(random.below(0x4000));
        // One in four aligned, so that what the device's mask keeps above becomes padding slots.
        let alloc_align_mask = if random.below(4) == 0 { 0xfff } else { 0 };
        let request = MapRequest { alloc_align_mask, ..MapRequest::new(orig, size, DIR) };
        match session.map(dev, &request) {
            Ok(addr) => {
                let live = Live { end: addr.0 + size, size, orig, device };
                lies_well(session, dev, addr, &live)?;
                let stamp = addr.0.to_le_bytes();
                dev.mem().memory().write(addr, &stamp[..stamp_len(size)]).unwrap();
                // From here on any thread may unmap it.
                self.owners.take(addr.0, live)
            }
            Err(MapError::Full { .. } | MapError::TransientUnusable { .. } | MapError::OutOfPages { .. }) => {
                Ok(())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn unmap(&self, session: &Session<'_, P>, (start, live): (u64, Live)) -> Verdict {
        let dev = &self.devices[live.device];
        let done = session.unmap(dev, PhysAddr(start), live.size, DIR, Attrs::default());
        ensure_eq!(done, Ok(()), "live address unmapped");
        let mut seen = [0; 8];
        let stamp = &mut seen[..stamp_len(live.size)];
        dev.mem().memory().read(live.orig, stamp).unwrap();
        ensure_eq!(*stamp, start.to_le_bytes()[..stamp.len()], "the device's bytes came back");
        Ok(())
    }

    fn one_thread(&self, caller: &Caller<'_, P>, id: u64) -> Verdict {
        let pace = self.pace;
        let mut random = Random(id * 7919 + 1 + pace.seed);
        for step in 0..pace.steps {
            let session = caller.enter();
            if random.below(2) == 0 {
                self.map(&session, &mut random, id * pace.steps + step)?;
            } else if let Some(live) = self.owners.give_any(random.below(1 << 30)) {
                self.unmap(&session, live)?;
            }
            drop(session);
            if step % pace.free_every == 0 {
                caller.free_expired();
            }
            if step % pace.grow_every == 0 && id == 0 {
                caller.run_worker();
            }
        }
        Ok(())
    }

    /// Nothing is left, of slots, counts and memory.
    fn end(&self, mem: &IoTlbMem<P>) -> Verdict {
        let mut caller = mem.caller(0);
        while let Some(live) = self.owners.give_any(0) {
            self.unmap(&caller.enter(), live)?;
        }
        caller.quiesce();
        let stats = mem.stats();
        ensure_eq!((stats.used, stats.transient_nslabs), (0, 0), "nothing in use");
        for pool in caller.enter().pools() {
            let run = |s| pool.free_run(SlotIndex(s * 128));
            let free: u32 = (0..pool.nslabs() / 128).map(run).sum();
            ensure_eq!(free, pool.nslabs(), "every segment one free run again");
        }
        memory_is_back(mem, stats.pools - 1)
    }
}

/// Bytes of a buffer's stamp.
fn stamp_len(size: u64) -> usize {
    usize::try_from(size.min(8)).unwrap()
}

/// Runs the threads, then `then`, and looks at what is left.
fn crowd<P: Testable>(mem: &Arc<IoTlbMem<P>>, pace: Pace, then: impl FnOnce()) -> Verdict {
    let device = |(min_align_mask, seg_boundary_mask)| {
        mem.device(DeviceLimits { min_align_mask, seg_boundary_mask, ..DeviceLimits::default() }).unwrap()
    };
    let crowd = Crowd { devices: LIMITS.map(device).into(), owners: Owners::default(), pace };
    together(pace.threads, |id| crowd.one_thread(&mem.caller(u32::try_from(id).unwrap()), id))?;
    then();
    crowd.end(mem)
}

const LONG: Pace = Pace { threads: 3, steps: 2_500, free_every: 64, grow_every: 256, seed: 0 };

/// Three threads.
pub fn threads_lose_nothing<P: Testable>() -> Verdict {
    crowd(&mem::<P>(512, 2, true), LONG, || ())
}

/// The same alone: the same steps at every run.
pub fn one_thread_keeps_every_rule<P: Testable>() -> Verdict {
    crowd(&mem::<P>(512, 2, true), Pace { threads: 1, steps: 1_500, ..LONG }, || ())
}

/// Three threads and few steps, so that schedules differ where it matters: 24 slots are free, a request takes up to 12, and
/// what does not fit goes to transient pools until the pool of the worker is there.
pub fn few_steps_in_little_room<P: Testable>(seed: u64) -> Verdict {
    const FULL: u64 = 232 << 10;
    let mem = mem::<P>(128, 1, true);
    let filler = mem.device(DeviceLimits::default()).unwrap();
    let filled = map(&mem.caller(0).enter(), &filler, 1_000, FULL);
    let pace = Pace { threads: 3, steps: 8, free_every: 2, grow_every: 4, seed };
    crowd(&mem, pace, || unmap(&mem.caller(0).enter(), &filler, filled, FULL))
}
