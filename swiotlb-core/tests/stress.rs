//! Threads that map and unmap at random, each other's buffers too, through growth and storms: no two live
//! buffers overlap, masks are kept, every live address is known, and in the end nothing is in use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Testable, mem, orig};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem};

const THREADS: u64 = 3;
const STEPS: u64 = 2_500;
const DIR: Direction = Direction::Bidirectional;

/// A live buffer: its end, its size, its original, and the device that has it.
#[derive(Clone, Copy)]
struct Live {
    end: u64,
    size: u64,
    orig: PhysAddr,
    device: usize,
}

/// Who owns which bounce bytes.
#[derive(Default)]
struct Owners(Mutex<BTreeMap<u64, Live>>);

impl Owners {
    fn take(&self, start: u64, live: Live) {
        let mut owners = self.0.lock().unwrap();
        if let Some((&before, other)) = owners.range(..live.end).next_back() {
            assert!(other.end <= start, "{before:#x} to {:#x} overlaps {start:#x}", other.end);
        }
        owners.insert(start, live);
    }

    /// Some live buffer, no longer owned by anybody else.
    fn give_any(&self, seed: u64) -> Option<(u64, Live)> {
        let mut owners = self.0.lock().unwrap();
        let nth = usize::try_from(seed).unwrap_or(0).checked_rem(owners.len())?;
        let start = *owners.keys().nth(nth)?;
        owners.remove(&start).map(|live| (start, live))
    }
}

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

fn one_thread<P: Testable>(mem: &IoTlbMem<P>, devices: &[Device<P>], owners: &Owners, id: u64) {
    let caller = mem.caller(u32::try_from(id).unwrap());
    let mut random = Random(id * 7919 + 1);
    for step in 0..STEPS {
        let session = caller.enter();
        if random.below(2) == 0 {
            let device = usize::try_from(random.below(devices.len() as u64)).unwrap();
            let dev = &devices[device];
            let size = 1 + random.below(24 << 10);
            let orig = orig(id * STEPS + step).wrapping_add(random.below(4096));
            match session.map(dev, &MapRequest::new(orig, size, DIR)) {
                Ok(addr) => {
                    assert_eq!((addr.0 ^ orig.0) & dev.limits().min_align_mask & 0x7ff, 0);
                    let pool = session.find_pool(dev, addr).expect("a live address is known");
                    assert!(addr.0 + size <= pool.end().0);
                    mem.memory()
                        .write(addr, &addr.0.to_le_bytes()[..usize::try_from(size.min(8)).unwrap()])
                        .unwrap();
                    owners.take(addr.0, Live { end: addr.0 + size, size, orig, device });
                }
                Err(
                    MapError::Full { .. } | MapError::TransientUnusable { .. } | MapError::OutOfPages { .. },
                ) => {}
                Err(error) => panic!("{error}"),
            }
        } else if let Some((start, live)) = owners.give_any(random.below(1 << 30)) {
            let dev = &devices[live.device];
            session.unmap(dev, PhysAddr(start), live.size, DIR, Attrs::default()).unwrap();
            let mut seen = [0; 8];
            let stamp = &mut seen[..usize::try_from(live.size.min(8)).unwrap()];
            mem.memory().read(live.orig, stamp).unwrap();
            assert_eq!(stamp, &start.to_le_bytes()[..stamp.len()], "the device's bytes came back");
        }
        drop(session);
        if step % 64 == 0 {
            caller.free_expired();
        }
        if step % 256 == 0 && id == 0 {
            caller.run_worker();
        }
    }
}

fn nothing_is_lost<P: Testable>() {
    let mem = mem::<P>(512, 2, true);
    let masks = [0, 0xfff, 0x7ff];
    let devices: Vec<_> = masks
        .iter()
        .map(|&min_align_mask| {
            mem.device(DeviceLimits { min_align_mask, ..DeviceLimits::default() }).unwrap()
        })
        .collect();
    let owners = Owners::default();
    thread::scope(|s| {
        for id in 0..THREADS {
            let (mem, devices, owners) = (&mem, &devices, &owners);
            s.spawn(move || one_thread(mem, devices, owners, id));
        }
    });
    let mut caller = mem.caller(0);
    while let Some((start, live)) = owners.give_any(0) {
        caller
            .enter()
            .unmap(&devices[live.device], PhysAddr(start), live.size, DIR, Attrs::default())
            .unwrap();
    }
    caller.quiesce();
    let stats = mem.stats();
    assert_eq!((stats.used, stats.transient_nslabs), (0, 0));
    assert_eq!(mem.pages().blocks().outstanding(), i64::try_from(stats.pools).unwrap() - 1);
    assert_eq!(mem.pages().blocks().inner().bad_frees(), 0);
    for pool in caller.enter().pools() {
        let free: u32 =
            (0..pool.nslabs() / 128).map(|s| pool.free_run(swiotlb_core::addr::SlotIndex(s * 128))).sum();
        assert_eq!(free, pool.nslabs(), "every segment is one free run again");
    }
}

for_every_policy! {
    threads_lose_nothing => nothing_is_lost;
}
