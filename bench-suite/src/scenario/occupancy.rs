//! What the pool holds before a slot search is measured.

use super::ScenarioError;
use super::ground::request;
use super::seed::Seeded;
use core::fmt;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::MapRequest;
use swiotlb_core::error::{MapError, UnmapError};
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};

/// Slots of a page, the size of a fragment.
const FRAGMENT: u32 = 2;
/// Pool turnovers of [`Occupancy::Aged`].
const TURNOVERS: u64 = 10;
/// Sizes in slots of an aging workload, each as likely as any other place in the list.
const AGING_SIZES: [u32; 16] = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 8, 8, 32, 128];

/// What the pool holds. Percentages are of the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupancy {
    /// Nothing.
    Empty,
    /// Whole segments, so many percent of them, chosen at random.
    Taken(u32),
    /// 4 KiB buffers, so many percent: the pool was full of them, and random ones were freed.
    Fragmented(u32),
    /// At most so many percent, of mixed sizes with random lifetimes, after ten pool turnovers.
    Aged(u32),
}

impl fmt::Display for Occupancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Taken(percent) => write!(f, "{percent} % taken"),
            Self::Fragmented(percent) => write!(f, "{percent} % fragmented"),
            Self::Aged(percent) => write!(f, "{percent} % aged"),
        }
    }
}

/// Where buffers are put, whatever the policy: preparing is not timed.
pub(super) trait Buffers {
    /// Maps one.
    fn map(&self, request: &MapRequest) -> Result<PhysAddr, MapError>;
    /// Ends it.
    fn unmap(&self, addr: PhysAddr, request: &MapRequest) -> Result<(), UnmapError>;
}

impl Occupancy {
    /// Fills one pool of `nslabs` slots, which must be empty.
    pub(super) fn make(self, buffers: &dyn Buffers, nslabs: u64) -> Result<(), ScenarioError> {
        let filler = Filler { buffers, seed: Seeded::new(2) };
        match self {
            Self::Empty => Ok(()),
            Self::Taken(percent) => filler.leave(nslabs, IO_TLB_SEGSIZE, percent),
            Self::Fragmented(percent) => filler.leave(nslabs, FRAGMENT, percent),
            Self::Aged(percent) => filler.age(nslabs, percent),
        }
    }
}

struct Filler<'a> {
    buffers: &'a dyn Buffers,
    seed: Seeded,
}

impl Filler<'_> {
    /// Fills the pool with buffers of `slots` slots and frees random ones until `percent` % are left.
    fn leave(mut self, nslabs: u64, slots: u32, percent: u32) -> Result<(), ScenarioError> {
        let request = request(slots);
        let buffers = nslabs / u64::from(slots);
        let mut held = Vec::new();
        for _ in 0..buffers {
            held.push(self.buffers.map(&request)?);
        }
        self.seed.shuffle(&mut held);
        let kept = (buffers * u64::from(percent) + 50) / 100;
        for &addr in held.iter().skip(usize::try_from(kept).unwrap_or(usize::MAX)) {
            self.buffers.unmap(addr, &request)?;
        }
        Ok(())
    }

    /// Maps mixed sizes until the pool has been handed out [`TURNOVERS`] times, each time freeing random
    /// buffers first until the new one stays within `percent` % of the slots.
    fn age(mut self, nslabs: u64, percent: u32) -> Result<(), ScenarioError> {
        let most = nslabs * u64::from(percent) / 100;
        let mut held: Vec<(PhysAddr, MapRequest)> = Vec::new();
        let (mut used, mut handed_out) = (0, 0);
        while handed_out < nslabs * TURNOVERS {
            let slots = AGING_SIZES[self.seed.below(AGING_SIZES.len())];
            let request = request(slots);
            let mut mapped = None;
            while mapped.is_none() {
                // A map can fail for fragmentation alone: then one buffer more has to go.
                let fits = used + u64::from(slots) <= most;
                mapped = if fits { self.buffers.map(&request).ok() } else { None };
                if mapped.is_none() && !held.is_empty() {
                    let (addr, old) = held.swap_remove(self.seed.below(held.len()));
                    self.buffers.unmap(addr, &old)?;
                    used -= old.size >> IO_TLB_SHIFT;
                }
            }
            held.extend(mapped.map(|addr| (addr, request)));
            used += u64::from(slots);
            handed_out += u64::from(slots);
        }
        Ok(())
    }
}
