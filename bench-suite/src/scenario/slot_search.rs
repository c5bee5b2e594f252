//! One map, then its unmap, on one thread. The area's start index is left to rotate.

use super::ground::{ATTRS, request};
use super::rig::{Make, Rig};
use super::{Occupancy, PER_SECTION, Prepared, ScenarioError};
use crate::calls::{Caller, Mem, Session};
use core::hint::black_box;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::MapRequest;
use swiotlb_core::error::{MapError, UnmapError};

/// Slots of the one pool in the published tables.
pub const NSLABS: u64 = 32_768;

/// A cell of the slot-search tables: one area, no growth, no masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSearch {
    /// Slots of the one pool, a multiple of 128.
    pub nslabs: u64,
    /// What the pool holds before.
    pub occupancy: Occupancy,
    /// Slots of the buffer.
    pub slots: u32,
    /// Whether the bytes are copied, at map and at unmap.
    pub copy: bool,
    /// Whether every map is meant to fail: no run that long is free.
    pub fails: bool,
}

/// The prepared pool.
pub(super) struct State<M: Mem> {
    rig: Rig<M>,
    request: MapRequest,
    fails: bool,
}

impl<M: Mem> State<M> {
    pub(super) fn new(make: Make<'_, M>, cell: &SlotSearch) -> Result<Self, ScenarioError> {
        let rig = Rig::new(make, cell.nslabs, 1, false)?;
        if cell.copy {
            rig.touch(cell.nslabs, cell.slots)?;
        }
        rig.occupy(cell.occupancy, cell.nslabs)?;
        Ok(Self { rig, request: request(cell.slots), fails: cell.fails })
    }
}

/// A map as a driver calls it: through the symbol of a function, not inlined into the driver.
#[inline(never)]
pub(super) fn map<S: Session>(
    session: &S,
    device: &S::Device,
    request: &MapRequest,
) -> Result<PhysAddr, MapError> {
    session.map(device, request)
}

/// An unmap as a driver calls it.
#[inline(never)]
pub(super) fn unmap<S: Session>(
    session: &S,
    device: &S::Device,
    addr: PhysAddr,
    request: &MapRequest,
) -> Result<(), UnmapError> {
    session.unmap(device, addr, request.size, request.dir, ATTRS)
}

/// `ops` round trips, [`PER_SECTION`] to a read section; how many did not succeed.
#[inline(never)]
pub(super) fn round_trips<C: Caller>(caller: &C, device: &C::Device, request: &MapRequest, ops: u64) -> u64 {
    let mut failed = 0;
    let mut left = ops;
    while left > 0 {
        let section = left.min(PER_SECTION);
        left -= section;
        let session = caller.enter();
        for _ in 0..section {
            let done = match map(&session, device, black_box(request)) {
                Ok(addr) => unmap(&session, device, black_box(addr), black_box(request)).is_ok(),
                Err(_) => false,
            };
            failed += u64::from(!done);
        }
    }
    failed
}

impl<M: Mem> Prepared for State<M> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let caller = self.rig.mem.caller(0);
        let before = self.rig.mem.stats().used;
        for _ in 0..batches {
            let start = Instant::now();
            let failed = round_trips(&caller, &self.rig.device, &self.request, ops);
            let took = start.elapsed();
            let wrong = if self.fails { ops - failed } else { failed };
            if wrong > 0 {
                return Err(ScenarioError::Unverified { wrong, ops });
            }
            each(took);
        }
        let now = self.rig.mem.stats().used;
        if now == before { Ok(()) } else { Err(ScenarioError::Leaked { before, now }) }
    }
}
