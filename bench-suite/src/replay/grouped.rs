//! The pass that times operations by the batch: what an operation costs that is too short to be timed by
//! itself, and `find_pool`.
//!
//! The operations of a batch are done kind by kind: its maps, then a lookup of every address that an unmap
//! or a sync of the batch names, then its syncs, then its unmaps; each kind is one interval of the clock.
//! So a batch's maps find the slots still taken that the batch itself gives back, and where pools are nearly
//! full more maps fail than in the recorded order. Maps that the kernel could not make are left out. Every
//! other batch times each lookup by itself instead, for the quantiles.

use super::BATCH;
use super::clock::{ReplayClock, as_f64};
use super::machine::Machine;
use super::script::{Act, Script, Step};
use crate::calls::{Caller, Mem, Session};
use crate::hot::Loop;
use core::hint::black_box;
use reports::latency::Latency;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::caller as ours;
use swiotlb_core::policy::Policy;

/// Fewest operations of a kind in a batch for its mean to count: they share one reading of the clock.
const LEAST: usize = 8;

/// What one operation of a kind costs, measured by the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMean {
    /// The operation.
    pub operation: &'static str,
    /// Median of the batches' means, ns per operation, less the batch's share of one reading of the clock;
    /// `None` if no batch had enough of them.
    pub median_ns: Option<f64>,
    /// Batches that count.
    pub batches: u64,
    /// Operations in them.
    pub operations: u64,
}

/// What the pass measured.
pub(super) struct Grouped {
    /// Means of map, unmap, sync and `find_pool`.
    pub(super) means: Vec<BatchMean>,
    /// Lookups timed one by one.
    pub(super) find_pool: Latency,
}

/// The batches of one kind of operation.
struct Means {
    operation: &'static str,
    means_ns: Vec<f64>,
    operations: u64,
}

impl Means {
    fn new(operation: &'static str, batches: usize) -> Self {
        Self { operation, means_ns: Vec::with_capacity(batches), operations: 0 }
    }

    fn add(&mut self, clock: &ReplayClock, (ticks, operations): (u64, usize)) {
        if operations >= LEAST {
            let ns = (as_f64(clock.ns(0, ticks)) - clock.overhead_ns()).max(0.0);
            self.means_ns.push(ns / as_f64(operations as u64));
            self.operations += operations as u64;
        }
    }

    fn finish(mut self) -> BatchMean {
        self.means_ns.sort_by(f64::total_cmp);
        BatchMean {
            operation: self.operation,
            median_ns: self.means_ns.get(self.means_ns.len() / 2).copied(),
            batches: self.means_ns.len() as u64,
            operations: self.operations,
        }
    }
}

/// Runs the pass.
pub(super) fn run<M: Mem>(machine: &Machine<M>, script: &Script, clock: &ReplayClock) -> Grouped {
    let batches = script.steps.len().div_ceil(BATCH);
    let [mut map, mut unmap, mut sync, mut find_pool] =
        ["map", "unmap", "sync", "find_pool"].map(|operation| Means::new(operation, batches));
    let mut lookups = Latency::new();
    let mut live = vec![PhysAddr::INVALID; script.mappings];
    let mut groups = Groups::default();
    let caller = machine.mem.caller(0);
    for (i, steps) in script.steps.chunks(BATCH).enumerate() {
        let session = caller.enter();
        let batch = Batch { caller: &caller, session: &session, devices: &machine.devices, clock };
        groups.maps(steps);
        let (timed, failed) = batch.maps(&groups.maps, &mut live);
        if failed == 0 {
            map.add(clock, timed);
        }
        if script.first.can_grow {
            caller.run_worker();
        }
        groups.others(steps, &mut live);
        if i % 2 == 0 {
            find_pool.add(clock, batch.lookups(&groups.named));
        } else {
            batch.each_lookup(&groups.named, &mut lookups);
        }
        sync.add(clock, batch.all(&groups.syncs));
        unmap.add(clock, batch.all(&groups.unmaps));
        drop(session);
        caller.free_expired();
    }
    Grouped { means: [map, unmap, sync, find_pool].map(Means::finish).into(), find_pool: lookups }
}

/// Where the loops of a batch lie for `P`.
pub(super) fn loops<P: Policy>() -> [Loop; 3] {
    [
        ("replay-map", Of::<P>::map_each as *const ()),
        ("replay-find-pool", Of::<P>::look_up_each as *const ()),
        ("replay-other", Of::<P>::do_each as *const ()),
    ]
}

type Of<P> = Batch<'static, 'static, ours::Caller<'static, P>>;

/// The operations of one batch by kind, with the addresses that they name.
struct Groups {
    maps: Vec<Step>,
    syncs: Vec<(Step, PhysAddr)>,
    unmaps: Vec<(Step, PhysAddr)>,
    named: Vec<(u32, PhysAddr)>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            maps: Vec::with_capacity(BATCH),
            syncs: Vec::with_capacity(BATCH),
            unmaps: Vec::with_capacity(BATCH),
            named: Vec::with_capacity(BATCH),
        }
    }
}

impl Groups {
    fn maps(&mut self, steps: &[Step]) {
        self.maps.clear();
        self.maps.extend(steps.iter().filter(|step| matches!(step.act, Act::Map { .. })));
    }

    /// Syncs and unmaps of mappings that are live; unmapped ones are live no more.
    fn others(&mut self, steps: &[Step], live: &mut [PhysAddr]) {
        self.syncs.clear();
        self.unmaps.clear();
        self.named.clear();
        for step in steps {
            let (number, device, offset, ends) = match step.act {
                Act::Unmap { number, device, .. } => (number, device, 0, true),
                Act::SyncForCpu { number, device, offset, .. }
                | Act::SyncForDevice { number, device, offset, .. } => (number, device, offset, false),
                Act::Map { .. } | Act::MapFail { .. } | Act::PoolAdd { .. } => continue,
            };
            let held = &mut live[number as usize];
            if *held == PhysAddr::INVALID {
                continue;
            }
            let addr = held.wrapping_add(u64::from(offset));
            self.named.push((device, addr));
            if ends {
                *held = PhysAddr::INVALID;
                self.unmaps.push((*step, addr));
            } else {
                self.syncs.push((*step, addr));
            }
        }
    }
}

struct Batch<'a, 's, C: Caller + 's> {
    caller: &'a C,
    session: &'a C::Session<'s>,
    devices: &'a [C::Device],
    clock: &'a ReplayClock,
}

impl<'s, C: Caller + 's> Batch<'_, 's, C> {
    /// Ticks and number of the maps, and how many of them failed.
    fn maps(&self, maps: &[Step], live: &mut [PhysAddr]) -> ((u64, usize), usize) {
        let start = self.clock.read();
        let failed = self.map_each(maps, live);
        ((self.clock.read().saturating_sub(start), maps.len()), failed)
    }

    #[inline(never)]
    fn map_each(&self, maps: &[Step], live: &mut [PhysAddr]) -> usize {
        let mut failed = 0;
        for step in maps {
            let Act::Map { number, device, request, .. } = &step.act else { continue };
            self.caller.set_cpu(step.cpu);
            let mapped = self.session.map(&self.devices[*device as usize], request);
            failed += usize::from(mapped.is_err());
            live[*number as usize] = mapped.unwrap_or(PhysAddr::INVALID);
        }
        failed
    }

    fn lookups(&self, named: &[(u32, PhysAddr)]) -> (u64, usize) {
        let start = self.clock.read();
        self.look_up_each(named);
        (self.clock.read().saturating_sub(start), named.len())
    }

    #[inline(never)]
    fn look_up_each(&self, named: &[(u32, PhysAddr)]) {
        for (device, addr) in named {
            black_box(self.session.find_pool(&self.devices[*device as usize], *addr).is_some());
        }
    }

    fn each_lookup(&self, named: &[(u32, PhysAddr)], lookups: &mut Latency) {
        for (device, addr) in named {
            let start = self.clock.read();
            black_box(self.session.find_pool(&self.devices[*device as usize], *addr).is_some());
            let ticks = self.clock.read().saturating_sub(start);
            lookups.record(self.clock.ns(0, ticks));
        }
    }

    /// Ticks and number of syncs or unmaps.
    fn all(&self, steps: &[(Step, PhysAddr)]) -> (u64, usize) {
        let start = self.clock.read();
        self.do_each(steps);
        (self.clock.read().saturating_sub(start), steps.len())
    }

    #[inline(never)]
    fn do_each(&self, steps: &[(Step, PhysAddr)]) {
        for (step, addr) in steps {
            self.caller.set_cpu(step.cpu);
            black_box(self.one(&step.act, *addr));
        }
    }

    #[inline]
    fn one(&self, act: &Act, addr: PhysAddr) -> bool {
        let (session, devices) = (self.session, self.devices);
        match *act {
            Act::Unmap { device, size, dir, attrs, .. } => {
                session.unmap(&devices[device as usize], addr, u64::from(size), dir, attrs).is_ok()
            }
            Act::SyncForCpu { device, size, dir, .. } => {
                session.sync_for_cpu(&devices[device as usize], addr, u64::from(size), dir).is_ok()
            }
            Act::SyncForDevice { device, size, dir, .. } => {
                session.sync_for_device(&devices[device as usize], addr, u64::from(size), dir).is_ok()
            }
            Act::Map { .. } | Act::MapFail { .. } | Act::PoolAdd { .. } => false,
        }
    }
}
