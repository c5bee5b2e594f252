//! A map that finds the pool full and makes a transient pool for itself, and its unmap.
//!
//! The pool is held full, growth is allowed but no worker runs: every map pays for memory, zeroing,
//! descriptors and publication, every unmap for unlinking and retiring. What happens after the grace
//! period (freeing the pool and its pages) is measured apart.

use super::rig::{Rig, request};
use super::slot_search::round_trips;
use super::{Measurable, Occupancy, PER_SECTION, Prepared, ScenarioError};
use std::time::{Duration, Instant};
use swiotlb_core::device::MapRequest;

/// Slots of the one pool: small, so that the search that fails first is short (see the failing search
/// for a long one).
pub(super) const NSLABS: u64 = 512;

/// Which part of the fallback is on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackPart {
    /// Map and unmap.
    RoundTrip,
    /// Waiting for the grace period and freeing the pools, per pool.
    Reclaim,
}

/// A cell of the fallback table. Copying is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Slots of the buffer.
    pub slots: u32,
    /// Which part is on the clock.
    pub part: FallbackPart,
}

/// The full pool.
pub(super) struct State<P: Measurable> {
    rig: Rig<P>,
    request: MapRequest,
    part: FallbackPart,
}

impl<P: Measurable> State<P> {
    pub(super) fn new(cell: &Fallback) -> Result<Self, ScenarioError> {
        let rig = Rig::new(NSLABS, 1, true)?;
        rig.touch(NSLABS, cell.slots)?;
        rig.occupy(Occupancy::Taken(100), NSLABS)?;
        Ok(Self { rig, request: request(cell.slots), part: cell.part })
    }

    /// `ops` fallbacks in rounds of [`PER_SECTION`]; the time of both parts, and how many failed.
    fn batch(&self, ops: u64) -> (Duration, Duration, u64) {
        let mut caller = self.rig.mem.caller(0);
        let (mut trips, mut reclaim, mut failed) = (Duration::ZERO, Duration::ZERO, 0);
        let mut left = ops;
        while left > 0 {
            let round = left.min(PER_SECTION);
            left -= round;
            let start = Instant::now();
            failed += round_trips(&caller, &self.rig.device, &self.request, round);
            let mapped = Instant::now();
            caller.quiesce();
            reclaim += mapped.elapsed();
            trips += mapped - start;
        }
        (trips, reclaim, failed)
    }
}

impl<P: Measurable> Prepared for State<P> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let before = self.rig.mem.stats().used;
        for _ in 0..batches {
            let (trips, reclaim, failed) = self.batch(ops);
            if failed > 0 {
                return Err(ScenarioError::Unverified { wrong: failed, ops });
            }
            each(match self.part {
                FallbackPart::RoundTrip => trips,
                FallbackPart::Reclaim => reclaim,
            });
        }
        let now = self.rig.mem.stats().used;
        if now == before { Ok(()) } else { Err(ScenarioError::Leaked { before, now }) }
    }
}
