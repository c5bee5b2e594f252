//! Who owns which bounce bytes, and whether each new owner got what its device asked for.

use super::Testable;
use super::violation::{Verdict, Violation};
use crate::ensure;
use std::collections::BTreeMap;
use std::sync::Mutex;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::caller::Session;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::Device;

/// A live buffer: its end, its size, its original, and the device that has it.
#[derive(Clone, Copy)]
pub struct Live {
    pub end: u64,
    pub size: u64,
    pub orig: PhysAddr,
    pub device: usize,
}

/// Live buffers by their start.
#[derive(Default)]
pub struct Owners(Mutex<BTreeMap<u64, Live>>);

impl Owners {
    /// `[start, live.end)` is somebody's now, and was nobody's.
    pub fn take(&self, start: u64, live: Live) -> Verdict {
        let mut owners = self.0.lock().unwrap();
        if let Some((&before, other)) = owners.range(..live.end).next_back() {
            ensure!(other.end <= start, "no overlap", "{before:#x} to {:#x} and {start:#x}", other.end);
        }
        owners.insert(start, live);
        Ok(())
    }

    /// Some live buffer, no longer owned by anybody.
    pub fn give_any(&self, seed: u64) -> Option<(u64, Live)> {
        let mut owners = self.0.lock().unwrap();
        let nth = usize::try_from(seed).unwrap_or(0).checked_rem(owners.len())?;
        let start = *owners.keys().nth(nth)?;
        owners.remove(&start).map(|live| (start, live))
    }
}

/// Whether the buffer at `addr`, just mapped for `dev`, lies where it may.
pub fn lies_well<P: Testable>(
    session: &Session<'_, P>,
    dev: &Device<P>,
    addr: PhysAddr,
    live: &Live,
) -> Verdict {
    let limits = dev.limits();
    let kept = (addr.0 ^ live.orig.0) & limits.min_align_mask;
    ensure!(kept == 0, "address bits kept", "{addr:?} differs from {:?} by {kept:#x}", live.orig);
    let Some(mapping) = session.mapping(dev, addr) else {
        return Err(Violation { check: "live address known", seen: format!("{addr:?} is not") });
    };
    let start = mapping.pool.slot_addr(mapping.first).0;
    let last = start + mapping.nslots * 2048 - 1;
    ensure!(live.end <= last + 1, "room for all bytes", "{:#x} is past {last:#x}", live.end);
    ensure!(last < mapping.pool.end().0, "inside the pool", "{last:#x} is past {:?}", mapping.pool.end());
    let (first, end) = (u64::from(mapping.first.0), u64::from(mapping.first.0) + mapping.nslots);
    ensure!(first / 128 == (end - 1) / 128, "no segment crossed", "slots {first} to {end}");
    let beyond = !limits.seg_boundary_mask;
    ensure!(start & beyond == last & beyond, "no boundary crossed", "{start:#x} to {last:#x}");
    Ok(())
}
