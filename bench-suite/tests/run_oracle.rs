//! The oracle sees what a broken allocator does: a small allocator that is right, and one fault at a time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, made here")]

mod run_support;

use bench_suite::run::target::{Caller, Section, Target};
use bench_suite::run::{Oracle, OracleReport, Settings, target};
use run_support::round_trips;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::phys::PhysMemory;

const BASE: u64 = 1 << 30;
const SLOTS: usize = 4_096;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Every 50th map gets slots that are in use.
    HandsOutTwice,
    /// Low address bits are not kept.
    LosesOffset,
    /// Buffers cross the device's boundary.
    CrossesBoundary,
    /// Every 50th map does not copy.
    SkipsCopyIn,
    /// Every 50th unmap does not copy.
    SkipsCopyBack,
    /// Every 50th sync for the CPU does not copy.
    SkipsSync,
    /// Writes a byte of the neighbour's buffer.
    WritesBeyond,
    /// Does not find some live addresses.
    MissesLookups,
    /// Finds what is not its own.
    FindsForeign,
    /// Refuses some unmaps.
    RefusesUnmap,
    /// Hands out what the device cannot reach.
    BeyondReach,
}

struct Small {
    fault: Fault,
    memory: Arc<PhysMemory>,
    state: Mutex<State>,
}

struct State {
    taken: Vec<bool>,
    live: BTreeMap<u64, (u64, u64, usize)>,
    calls: u64,
}

impl Small {
    fn new(fault: Fault) -> Self {
        let state = State { taken: vec![false; SLOTS], live: BTreeMap::new(), calls: 0 };
        Self { fault, memory: Arc::new(PhysMemory::new()), state: Mutex::new(state) }
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) {
        let mut part = vec![0; bytes as usize];
        self.memory.read(PhysAddr(from), &mut part).unwrap();
        self.memory.write(PhysAddr(to), &part).unwrap();
    }

    /// Whether this call shows the fault.
    fn now(&self, state: &mut State, fault: Fault) -> bool {
        state.calls += u64::from(self.fault == fault);
        self.fault == fault && state.calls.is_multiple_of(50)
    }
}

impl Target for Small {
    type Caller<'t> = &'t Self;

    fn caller(&self, _cpu: u32) -> &Self {
        self
    }

    fn memory(&self) -> Option<&Arc<PhysMemory>> {
        Some(&self.memory)
    }
}

impl Caller for &Small {
    type Section<'s>
        = &'s Small
    where
        Self: 's;

    fn enter(&self) -> &Small {
        self
    }
}

impl Section for &Small {
    fn map(&self, _device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        let mut state = self.state.lock().unwrap();
        let offset = if self.fault == Fault::LosesOffset { 0 } else { request.orig.0 & 0x1ff };
        let need = (offset + request.size).div_ceil(2_048) as usize;
        // In runs that start at a multiple of 16 slots: 32 KiB, the boundary.
        let step = if self.fault == Fault::CrossesBoundary { 13 } else { 16 };
        let twice = self.now(&mut state, Fault::HandsOutTwice);
        let free = |at: &usize| at + need <= SLOTS && (twice || !state.taken[*at..at + need].contains(&true));
        let at = (0..SLOTS).step_by(step).find(free);
        let total = SLOTS as u64;
        let at = at.ok_or(MapError::Full { wanted: request.size, total, used: total })?;
        state.taken[at..at + need].fill(true);
        let mut addr = BASE + at as u64 * 2_048 + offset;
        if self.now(&mut state, Fault::BeyondReach) {
            addr += 1 << 36;
        }
        state.live.insert(addr, (request.orig.0, request.size, need));
        if !self.now(&mut state, Fault::SkipsCopyIn) {
            self.copy(request.orig.0, addr, request.size);
        }
        if self.now(&mut state, Fault::WritesBeyond) {
            // The first bytes of some other live buffer.
            if let Some((&other, _)) = state.live.iter().find(|&(&other, _)| other != addr) {
                self.copy(addr, other, 8);
            }
        }
        Ok(PhysAddr(addr))
    }

    fn unmap(&self, _device: u16, addr: PhysAddr, _bytes: u64, dir: Direction, skip: bool) -> bool {
        let mut state = self.state.lock().unwrap();
        let Some((orig, size, need)) = state.live.remove(&addr.0) else { return false };
        if dir.from_device() && !skip && !self.now(&mut state, Fault::SkipsCopyBack) {
            self.copy(addr.0, orig, size);
        }
        if addr.0 < BASE + (1 << 36) {
            let at = ((addr.0 - BASE) / 2_048) as usize;
            state.taken[at..at + need].fill(false);
        }
        !self.now(&mut state, Fault::RefusesUnmap)
    }

    fn sync_for_cpu(&self, _device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        let mut state = self.state.lock().unwrap();
        let Some((&start, &(orig, ..))) = state.live.range(..=addr.0).next_back() else { return false };
        if dir.from_device() && !self.now(&mut state, Fault::SkipsSync) {
            self.copy(addr.0, orig + (addr.0 - start), bytes);
        }
        true
    }

    fn sync_for_device(&self, _device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        let state = self.state.lock().unwrap();
        let Some((&start, &(orig, ..))) = state.live.range(..=addr.0).next_back() else { return false };
        if dir.to_device() {
            self.copy(orig + (addr.0 - start), addr.0, bytes);
        }
        true
    }

    fn lookup(&self, _device: u16, addr: PhysAddr) -> bool {
        let mut state = self.state.lock().unwrap();
        if self.now(&mut state, Fault::FindsForeign) {
            return true;
        }
        !self.now(&mut state, Fault::MissesLookups) && state.live.contains_key(&addr.0)
    }
}

fn watched(fault: Fault, oracle: Oracle) -> OracleReport {
    let mut plan = round_trips(2, 600, 12, 100);
    let limits = &mut plan.devices[0].limits;
    (limits.min_align_mask, limits.seg_boundary_mask, limits.dma_mask) = (0x1ff, 0x7fff, (1 << 36) - 1);
    // Originals at odd places, and addresses that are nobody's.
    for op in plan.threads.iter_mut().flat_map(|thread| &mut thread.ops) {
        match &mut op.action {
            workloads::op::Action::Map { orig, handle, size, .. } if *size % 4_096 < 2_000 => {
                orig.0 += u64::from(handle.0 % 500);
            }
            _ => {}
        }
    }
    for i in 0..600 {
        let addr = PhysAddr(run_support::ARENA + i);
        let device = workloads::op::DeviceIndex(0);
        let at_ns = plan.end_ns();
        let action = workloads::op::Action::LookupForeign { device, addr };
        plan.threads[0].ops.push(workloads::op::Op { at_ns, action });
    }
    let settings = Settings { oracle, pin: false, ..Settings::default() };
    target(&plan, &settings, &Small::new(fault)).unwrap().oracle
}

#[test]
fn an_allocator_that_is_right_has_no_violation() {
    for oracle in [Oracle::Off, Oracle::Sampled(3), Oracle::Full] {
        let report = watched(Fault::None, oracle);
        assert_eq!(report.violations, Vec::<String>::new());
    }
    assert_eq!(watched(Fault::None, Oracle::Full).checked, 1_200);
}

#[test]
fn every_fault_is_seen_and_named() {
    for (fault, word) in [
        (Fault::HandsOutTwice, "belongs to"),
        (Fault::LosesOffset, "does not keep"),
        (Fault::CrossesBoundary, "crosses a boundary"),
        (Fault::SkipsCopyIn, "did not reach"),
        (Fault::SkipsCopyBack, "original is lost"),
        (Fault::SkipsSync, "did not arrive"),
        (Fault::WritesBeyond, "overwritten"),
        (Fault::MissesLookups, "in no pool"),
        (Fault::FindsForeign, "refused"),
        (Fault::RefusesUnmap, "refused"),
        (Fault::BeyondReach, "reach"),
    ] {
        let report = watched(fault, Oracle::Full);
        assert!(report.total_violations > 0, "{fault:?} went unseen");
        let said = report.violations.join("; ");
        assert!(said.contains(word) || report.violations.len() == 8, "{fault:?}: {said}");
    }
}

#[test]
fn the_sampled_oracle_sees_where_buffers_lie() {
    for fault in [Fault::LosesOffset, Fault::CrossesBoundary, Fault::BeyondReach, Fault::RefusesUnmap] {
        assert!(watched(fault, Oracle::Sampled(3)).total_violations > 0, "{fault:?}");
    }
}
