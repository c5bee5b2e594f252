//! What the pool holds before a slot search is measured.

use super::rig::{ATTRS, Rig};
use super::seed::Seeded;
use super::{Measurable, ScenarioError};
use core::fmt;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::caller::Session;
use swiotlb_core::device::MapRequest;
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

impl Occupancy {
    /// Fills `rig`'s one pool of `nslabs` slots, which must be empty.
    pub(super) fn make<P: Measurable>(self, rig: &Rig<P>, nslabs: u64) -> Result<(), ScenarioError> {
        let filler = Filler { rig, seed: Seeded::new(2) };
        match self {
            Self::Empty => Ok(()),
            Self::Taken(percent) => filler.leave(nslabs, IO_TLB_SEGSIZE, percent),
            Self::Fragmented(percent) => filler.leave(nslabs, FRAGMENT, percent),
            Self::Aged(percent) => filler.age(nslabs, percent),
        }
    }
}

struct Filler<'a, P: Measurable> {
    rig: &'a Rig<P>,
    seed: Seeded,
}

impl<P: Measurable> Filler<'_, P> {
    /// Fills the pool with buffers of `slots` slots and frees random ones until `percent` % are left.
    fn leave(mut self, nslabs: u64, slots: u32, percent: u32) -> Result<(), ScenarioError> {
        let caller = self.rig.mem.caller(0);
        let session = caller.enter();
        let request = Rig::<P>::request(slots);
        let buffers = nslabs / u64::from(slots);
        let mut held = Vec::new();
        for _ in 0..buffers {
            held.push(session.map(&self.rig.device, &request)?);
        }
        self.seed.shuffle(&mut held);
        let kept = (buffers * u64::from(percent) + 50) / 100;
        for &addr in held.iter().skip(usize::try_from(kept).unwrap_or(usize::MAX)) {
            self.unmap(&session, addr, &request)?;
        }
        Ok(())
    }

    /// Maps mixed sizes until the pool has been handed out [`TURNOVERS`] times, each time freeing random
    /// buffers first until the new one stays within `percent` % of the slots.
    fn age(mut self, nslabs: u64, percent: u32) -> Result<(), ScenarioError> {
        let caller = self.rig.mem.caller(0);
        let session = caller.enter();
        let most = nslabs * u64::from(percent) / 100;
        let mut held: Vec<(PhysAddr, MapRequest)> = Vec::new();
        let (mut used, mut handed_out) = (0, 0);
        while handed_out < nslabs * TURNOVERS {
            let slots = AGING_SIZES[self.seed.below(AGING_SIZES.len())];
            let request = Rig::<P>::request(slots);
            let mut mapped = None;
            while mapped.is_none() {
                // A map can fail for fragmentation alone: then one buffer more has to go.
                let fits = used + u64::from(slots) <= most;
                mapped = if fits { session.map(&self.rig.device, &request).ok() } else { None };
                if mapped.is_none() && !held.is_empty() {
                    let (addr, old) = held.swap_remove(self.seed.below(held.len()));
                    self.unmap(&session, addr, &old)?;
                    used -= old.size >> IO_TLB_SHIFT;
                }
            }
            held.extend(mapped.map(|addr| (addr, request)));
            used += u64::from(slots);
            handed_out += u64::from(slots);
        }
        Ok(())
    }

    fn unmap(
        &self,
        session: &Session<'_, P>,
        addr: PhysAddr,
        request: &MapRequest,
    ) -> Result<(), ScenarioError> {
        Ok(session.unmap(&self.rig.device, addr, request.size, request.dir, ATTRS)?)
    }
}
