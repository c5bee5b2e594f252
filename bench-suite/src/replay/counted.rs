//! The pass that counts: steps, failures with their reasons, copies, growth.
//!
//! Its decisions are those of the timed pass: same steps, same order, same memory.

use super::BATCH;
use super::script::{Act, Script, Step};
use crate::run::ledger::{Ledger, Made};
use crate::subject::{Caller, Session, Subject};
use std::collections::BTreeMap;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, MapRequest};
use swiotlb_core::error::{FullReason, MapError};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::MemStats;
use swiotlb_core::probe::Counts;
use swiotlb_core::rules::IO_TLB_SIZE;

/// What the pass counted.
#[derive(Default)]
pub(super) struct Tally {
    /// Maps that succeeded, for which the kernel had room too.
    pub(super) maps: u64,
    /// Maps that succeeded here and failed in the kernel; undone at once.
    pub(super) maps_kernel_failed: u64,
    /// Maps that failed, by reason.
    pub(super) failures: BTreeMap<&'static str, u64>,
    /// Unmaps.
    pub(super) unmaps: u64,
    /// Syncs for the CPU.
    pub(super) syncs_for_cpu: u64,
    /// Syncs for the device.
    pub(super) syncs_for_device: u64,
    /// Unmaps and syncs left out because their map had failed here.
    pub(super) dropped: u64,
    /// Unmaps and syncs that the allocator refused.
    pub(super) refused: u64,
    /// Pools that the growth worker added.
    pub(super) pools_added: u64,
    /// Runs of the growth worker that found no memory.
    pub(super) growth_failed: u64,
    /// Conditions that the kernel would log, by name.
    pub(super) logged: BTreeMap<&'static str, u64>,
    /// Every step.
    pub(super) steps: Counts,
    /// The allocator's own statistics at the end.
    pub(super) stats: MemStats,
}

/// Runs the pass; `after` sees each step's number once it is done. With a ledger, questions are asked that count as
/// steps: what was counted is then of no use.
pub(super) fn run(
    subject: &dyn Subject,
    script: &Script,
    mut ledger: Option<&mut Ledger>,
    after: &mut dyn FnMut(usize, &dyn Session),
) -> Tally {
    let mut live = vec![PhysAddr::INVALID; script.mappings];
    let mut tally = Tally::default();
    let caller = subject.caller(0);
    for (steps, batch) in script.steps.chunks(BATCH).zip(0..) {
        let session = caller.enter();
        for (step, i) in steps.iter().zip(batch * BATCH..) {
            caller.set_cpu(step.cpu);
            let (caller, session, ledger) = (&*caller, &*session, ledger.as_deref_mut());
            Counting { caller, session, tally: &mut tally, ledger }.step(step, &mut live);
            after(i, session);
        }
        drop(session);
        take_notes(&*caller, &mut tally);
        caller.free_expired();
    }
    tally.steps = caller.counts();
    tally.stats = subject.stats();
    tally
}

fn take_notes(caller: &dyn Caller, tally: &mut Tally) {
    for note in caller.take_notes() {
        *tally.logged.entry(note.name()).or_default() += 1;
    }
}

struct Counting<'a> {
    caller: &'a dyn Caller,
    session: &'a dyn Session,
    tally: &'a mut Tally,
    ledger: Option<&'a mut Ledger>,
}

impl Counting<'_> {
    fn step(&mut self, step: &Step, live: &mut [PhysAddr]) {
        match step.act {
            Act::Map { number, device, request, .. } => {
                let addr = self.map(device, &request);
                self.tally.maps += u64::from(addr.is_some());
                live[number as usize] = addr.unwrap_or(PhysAddr::INVALID);
            }
            Act::MapFail { device, request } => {
                if let Some(addr) = self.map(device, &request) {
                    self.tally.maps_kernel_failed += 1;
                    let attrs = Attrs { skip_cpu_sync: true, ..request.attrs };
                    let undone = self.session.unmap(device as usize, addr, request.size, request.dir, attrs);
                    self.tally.refused += u64::from(undone.is_err());
                    self.ended(addr);
                }
            }
            Act::Unmap { number, .. } => {
                let addr = core::mem::replace(&mut live[number as usize], PhysAddr::INVALID);
                self.on_live(step, addr);
            }
            Act::SyncForCpu { number, .. } | Act::SyncForDevice { number, .. } => {
                self.on_live(step, live[number as usize]);
            }
            Act::PoolAdd { .. } => {}
        }
    }

    fn map(&mut self, device: u32, request: &MapRequest) -> Option<PhysAddr> {
        let mapped = self.session.map(device as usize, request);
        if let Err(error) = &mapped {
            let reason = self.reason(device, request, error);
            *self.tally.failures.entry(reason).or_default() += 1;
        }
        if let (Ok(addr), Some(ledger)) = (&mapped, &mut self.ledger) {
            ledger.mapped(*addr, &made(self.session, device as usize, *addr, request.size));
        }
        match self.caller.run_worker() {
            Grown::NotAsked => {}
            Grown::Added { .. } => self.tally.pools_added += 1,
            Grown::Failed(_) => self.tally.growth_failed += 1,
        }
        mapped.ok()
    }

    fn reason(&mut self, device: u32, request: &MapRequest, error: &MapError) -> &'static str {
        match error {
            MapError::Full { .. } | MapError::TooLarge { .. } => {
                // The question makes notes of its own, which nobody would log.
                take_notes(self.caller, self.tally);
                let reason = self.session.why_full(device as usize, request);
                drop(self.caller.take_notes());
                reason.map_or("full", full_reason)
            }
            MapError::OutOfPages { .. } => "out of pages",
            MapError::TransientUnusable { .. } => "transient unusable",
            MapError::NoPool => "no pool",
            MapError::ZeroLength => "zero length",
            MapError::BadMask { .. } => "bad alignment mask",
            MapError::NoSuchMemory { .. } => "no such memory",
            MapError::Unreachable { .. } => "unreachable",
            MapError::ForeignDevice => "foreign device",
        }
    }

    fn on_live(&mut self, step: &Step, addr: PhysAddr) {
        if addr == PhysAddr::INVALID {
            self.tally.dropped += 1;
            return;
        }
        let session = self.session;
        let (done, count) = match step.act {
            Act::Unmap { device, size, dir, attrs, .. } => {
                let done = session.unmap(device as usize, addr, u64::from(size), dir, attrs).is_ok();
                self.ended(addr);
                (done, &mut self.tally.unmaps)
            }
            Act::SyncForCpu { device, offset, size, dir, .. } => {
                let part = addr.wrapping_add(u64::from(offset));
                let done = session.sync_for_cpu(device as usize, part, u64::from(size), dir).is_ok();
                (done, &mut self.tally.syncs_for_cpu)
            }
            Act::SyncForDevice { device, offset, size, dir, .. } => {
                let part = addr.wrapping_add(u64::from(offset));
                let done = session.sync_for_device(device as usize, part, u64::from(size), dir).is_ok();
                (done, &mut self.tally.syncs_for_device)
            }
            Act::Map { .. } | Act::MapFail { .. } | Act::PoolAdd { .. } => return,
        };
        *if done { count } else { &mut self.tally.refused } += 1;
    }

    /// Whether the allocator agreed is counted: a damaged trace may unmap what a strict one refuses.
    fn ended(&mut self, addr: PhysAddr) {
        if let Some(ledger) = &mut self.ledger {
            ledger.ended(addr, true);
        }
    }
}

/// What was mapped at `addr`, as the ledger wants it.
fn made(session: &dyn Session, device: usize, addr: PhysAddr, bytes: u64) -> Made {
    let allocation = session.mapping(device, addr).map(|mapping| {
        let first = mapping.pool.slot_addr(mapping.first).0;
        (first, first + mapping.nslots * IO_TLB_SIZE)
    });
    Made { bytes, found: session.find_pool(device, addr).is_some(), allocation }
}

/// The reason in the words of reports.
fn full_reason(reason: FullReason) -> &'static str {
    match reason {
        FullReason::TooLarge => "too large",
        FullReason::Capacity => "capacity",
        FullReason::Fragmentation => "fragmentation",
        FullReason::Alignment => "alignment",
        FullReason::Boundary => "boundary",
        FullReason::MissedByWalk => "missed by the walk",
        FullReason::RoomByNow => "room by now",
    }
}
