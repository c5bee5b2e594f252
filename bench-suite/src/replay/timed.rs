//! The pass that times every operation by itself.
//!
//! Between the two readings of the clock there is one operation and nothing else; what follows an operation
//! (its sample, the growth worker, undoing a map that the kernel did not make) is outside. Nothing in the
//! loop allocates but the allocator under test: samples go into a table that was made and touched before.

use super::BATCH;
use super::clock::ReplayClock;
use super::machine::Machine;
use super::script::{Act, Script, Step};
use crate::calls::{Caller, Mem, Session};
use reports::latency::Latency;
use std::collections::BTreeMap;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, MapRequest};

/// What a sample is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Nothing,
    Map,
    MapFailed,
    Unmap,
    Sync,
}

/// One sample: ticks of the clock.
#[derive(Clone, Copy)]
struct Sample {
    ticks: u64,
    kind: Kind,
}

/// What the pass measured.
pub(super) struct Timed {
    /// By operation: `map`, `map_failed`, `unmap`, `sync`.
    pub(super) latencies: BTreeMap<&'static str, Latency>,
    /// Maps that succeeded: when each was recorded, and what it took here, ns.
    pub(super) maps: Vec<(u64, u64)>,
    /// Pages that the host had to find while the clock ran, if it says so.
    pub(super) page_faults: Option<u64>,
}

/// Runs the pass.
pub(super) fn run<M: Mem>(machine: &Machine<M>, script: &Script, clock: &ReplayClock) -> Timed {
    let mut live = vec![PhysAddr::INVALID; script.mappings];
    let mut samples = vec![Sample { ticks: 1, kind: Kind::Nothing }; script.steps.len()];
    let caller = machine.mem.caller(0);
    let can_grow = script.first.can_grow;
    let before = minor_faults();
    for (steps, samples) in script.steps.chunks(BATCH).zip(samples.chunks_mut(BATCH)) {
        let session = caller.enter();
        let (devices, live) = (&machine.devices, &mut live);
        let mut batch = Batch { caller: &caller, session: &session, devices, live, clock, can_grow };
        for (step, sample) in steps.iter().zip(samples) {
            *sample = batch.step(step);
        }
        drop(session);
        caller.free_expired();
    }
    let page_faults = before.zip(minor_faults()).map(|(before, after)| after.saturating_sub(before));
    let maps = script.times.iter().zip(&samples).filter(|(_, sample)| sample.kind == Kind::Map);
    let maps = maps.map(|(at, sample)| (*at, clock.ns(0, sample.ticks))).collect();
    Timed { latencies: histograms(&samples, clock), maps, page_faults }
}

struct Batch<'a, 's, C: Caller + 's> {
    caller: &'a C,
    session: &'a C::Session<'s>,
    devices: &'a [C::Device],
    live: &'a mut [PhysAddr],
    clock: &'a ReplayClock,
    can_grow: bool,
}

impl<'s, C: Caller + 's> Batch<'_, 's, C> {
    #[inline]
    fn step(&mut self, step: &Step) -> Sample {
        self.caller.set_cpu(step.cpu);
        match step.act {
            Act::Map { number, device, request, .. } => {
                let (addr, sample) = self.map(device, &request);
                self.live[number as usize] = addr;
                sample
            }
            Act::MapFail { device, request } => {
                let (addr, sample) = self.map(device, &request);
                self.undo(device, &request, addr);
                sample
            }
            Act::Unmap { number, device, size, dir, attrs } => {
                let addr = core::mem::replace(&mut self.live[number as usize], PhysAddr::INVALID);
                self.timed(Kind::Unmap, addr, |session, devices| {
                    session.unmap(&devices[device as usize], addr, u64::from(size), dir, attrs).is_ok()
                })
            }
            Act::SyncForCpu { number, device, offset, size, dir } => {
                let addr = self.live[number as usize];
                let part = addr.wrapping_add(u64::from(offset));
                self.timed(Kind::Sync, addr, |session, devices| {
                    session.sync_for_cpu(&devices[device as usize], part, u64::from(size), dir).is_ok()
                })
            }
            Act::SyncForDevice { number, device, offset, size, dir } => {
                let addr = self.live[number as usize];
                let part = addr.wrapping_add(u64::from(offset));
                self.timed(Kind::Sync, addr, |session, devices| {
                    session.sync_for_device(&devices[device as usize], part, u64::from(size), dir).is_ok()
                })
            }
            Act::PoolAdd { .. } => Sample { ticks: 0, kind: Kind::Nothing },
        }
    }

    /// Times a map; then runs the growth worker, which a failing search may have asked for.
    #[inline]
    fn map(&self, device: u32, request: &MapRequest) -> (PhysAddr, Sample) {
        let device = &self.devices[device as usize];
        let start = self.clock.read();
        let mapped = self.session.map(device, request);
        let ticks = self.clock.read().saturating_sub(start);
        if self.can_grow {
            self.caller.run_worker();
        }
        match mapped {
            Ok(addr) => (addr, Sample { ticks, kind: Kind::Map }),
            Err(_) => (PhysAddr::INVALID, Sample { ticks, kind: Kind::MapFailed }),
        }
    }

    /// Times `act` on a live mapping at `addr`; nothing is done and nothing sampled if there is none, or if
    /// the allocator refuses.
    #[inline]
    fn timed(
        &self,
        kind: Kind,
        addr: PhysAddr,
        act: impl FnOnce(&C::Session<'s>, &[C::Device]) -> bool,
    ) -> Sample {
        if addr == PhysAddr::INVALID {
            return Sample { ticks: 0, kind: Kind::Nothing };
        }
        let start = self.clock.read();
        let done = act(self.session, self.devices);
        let ticks = self.clock.read().saturating_sub(start);
        Sample { ticks, kind: if done { kind } else { Kind::Nothing } }
    }

    fn undo(&self, device: u32, request: &MapRequest, addr: PhysAddr) {
        if addr != PhysAddr::INVALID {
            let attrs = Attrs { skip_cpu_sync: true, ..request.attrs };
            // Cannot fail: the mapping is the one just made.
            let _ =
                self.session.unmap(&self.devices[device as usize], addr, request.size, request.dir, attrs);
        }
    }
}

fn histograms(samples: &[Sample], clock: &ReplayClock) -> BTreeMap<&'static str, Latency> {
    let mut latencies = BTreeMap::new();
    for sample in samples {
        let name = match sample.kind {
            Kind::Nothing => continue,
            Kind::Map => "map",
            Kind::MapFailed => "map_failed",
            Kind::Unmap => "unmap",
            Kind::Sync => "sync",
        };
        latencies.entry(name).or_insert_with(Latency::new).record(clock.ns(0, sample.ticks));
    }
    latencies
}

/// Minor page faults of this process so far; `None` where `/proc` does not say.
fn minor_faults() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold anything, also spaces; it ends at the last bracket.
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(7)?.parse().ok()
}
