//! Two CPUs of one area map until it is full: between them they get every slot, and none twice.

use super::violation::Verdict;
use super::{Testable, counted, device, mem, orig, unmap, used};
use crate::ensure_eq;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};

pub const NSLABS: u64 = 256;

/// One slot each time.
pub fn two_cpus_get_every_slot_once<P: Testable>() -> Verdict {
    let mem = mem::<P>(NSLABS, 1, false);
    let dev = device(&mem);
    let start = Barrier::new(2);
    let map_all = |cpu: u32| -> Vec<PhysAddr> {
        let caller = mem.caller(cpu);
        start.wait();
        let request = |i| MapRequest::new(orig(u64::from(cpu) * 1_000 + i), 2_048, Direction::Bidirectional);
        // No more than there is, whatever a broken area hands out.
        (0..NSLABS).map_while(|i| caller.enter().map(&dev, &request(i)).ok()).collect()
    };
    let (zero, one) = thread::scope(|s| {
        let one = s.spawn(|| map_all(1));
        (map_all(0), one.join().unwrap())
    });
    let all: Vec<_> = zero.into_iter().chain(one).collect();
    let once: BTreeSet<_> = all.iter().collect();
    ensure_eq!(once.len(), all.len(), "one owner of a slot");
    ensure_eq!(all.len() as u64, NSLABS, "every slot handed out");
    ensure_eq!(used(&mem), (counted::<P>(NSLABS), 0), "slots counted");
    let caller = mem.caller(0);
    all.iter().for_each(|&addr| unmap(&caller.enter(), &dev, addr, 2_048));
    ensure_eq!(mem.stats().used, 0, "nothing in use");
    Ok(())
}
