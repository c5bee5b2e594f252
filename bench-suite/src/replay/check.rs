//! The pass that compares every map with the address that the kernel recorded.
//!
//! It follows the recording: after a difference it does as the kernel did, so that each map is judged by
//! itself and one difference does not become many. Pools that stay come from the recording at their places,
//! and the growth worker does not run. A transient pool is recorded after the map that made it; so where
//! the pools are full here too, and the recorded address lies in none of them, the answers agree, although
//! the transient pools lie at different places.

use super::BATCH;
use super::script::{Act, Script, Step};
use crate::subject::{Caller, Session, Subject};
use reports::record::Placement;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, MapRequest};
use swiotlb_core::error::MapError;

/// How a replay's placement compares with the recorded one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Maps that were compared: those that succeeded in the kernel.
    pub compared: u64,
    /// Maps that got the recorded address, or a transient pool where the kernel made one.
    pub identical: u64,
    /// Of these, maps that need a transient pool here as in the kernel.
    pub transient: u64,
    /// Maps whose recorded slots could not be claimed after a difference: taken, or in an unknown pool. What
    /// the trace does with them later is left out.
    pub unclaimable: u64,
    /// Maps that failed in the kernel and succeed here; released again.
    pub kernel_failed: u64,
    /// Recorded pools that could not be added.
    pub pools_refused: u64,
}

impl Checked {
    /// The comparison as records hold it.
    #[must_use]
    pub const fn placement(&self) -> Placement {
        Placement { identical: self.identical, compared: self.compared }
    }
}

/// Runs the pass.
pub(super) fn run(subject: &dyn Subject, script: &Script) -> Checked {
    let mut live = vec![PhysAddr::INVALID; script.mappings];
    let mut indices = Vec::new();
    let mut checked = Checked::default();
    let caller = subject.caller(0);
    for steps in script.steps.chunks(BATCH) {
        let session = caller.enter();
        for step in steps {
            caller.set_cpu(step.cpu);
            let (caller, session) = (&*caller, &*session);
            Checking { caller, session, indices: &mut indices, checked: &mut checked }.step(step, &mut live);
        }
        drop(session);
        caller.free_expired();
    }
    checked
}

struct Checking<'a> {
    caller: &'a dyn Caller,
    session: &'a dyn Session,
    /// The start indices of all areas before a map, in the order of the pools.
    indices: &'a mut Vec<u32>,
    checked: &'a mut Checked,
}

impl Checking<'_> {
    fn step(&mut self, step: &Step, live: &mut [PhysAddr]) {
        match step.act {
            Act::Map { number, device, recorded, request } => {
                live[number as usize] = self.map(device as usize, &request, recorded);
            }
            Act::MapFail { device, request } => self.map_fail(device as usize, &request),
            Act::Unmap { number, device, size, dir, attrs } => {
                let addr = core::mem::replace(&mut live[number as usize], PhysAddr::INVALID);
                if addr != PhysAddr::INVALID {
                    // Cannot fail: the mapping is live, and its direction is the map's.
                    let _ = self.session.unmap(device as usize, addr, u64::from(size), dir, attrs);
                }
            }
            Act::PoolAdd { base, nslabs, nareas } => {
                let added = self.caller.insert_pool(base, nslabs, nareas);
                self.checked.pools_refused += u64::from(added.is_err());
            }
            // A sync moves bytes and decides nothing.
            Act::SyncForCpu { .. } | Act::SyncForDevice { .. } => {}
        }
    }

    /// Maps, compares, and follows the recording; where the mapping is from now on.
    fn map(&mut self, device: usize, request: &MapRequest, recorded: PhysAddr) -> PhysAddr {
        self.checked.compared += 1;
        self.session.save_indices(self.indices);
        let mapped = self.session.map(device, request);
        if mapped == Ok(recorded) {
            self.checked.identical += 1;
            return recorded;
        }
        if self.pools_were_full(device, &mapped) && !self.in_known_pool(recorded) {
            self.checked.identical += 1;
            self.checked.transient += 1;
            return mapped.unwrap_or(PhysAddr::INVALID);
        }
        if let Ok(addr) = mapped {
            self.release(device, request, addr);
        }
        match self.session.map_at(device, request, recorded) {
            Ok(true) => recorded,
            Ok(false) | Err(_) => {
                self.checked.unclaimable += 1;
                PhysAddr::INVALID
            }
        }
    }

    fn map_fail(&mut self, device: usize, request: &MapRequest) {
        self.session.save_indices(self.indices);
        if let Ok(addr) = self.session.map(device, request) {
            self.checked.kernel_failed += 1;
            self.release(device, request, addr);
        }
    }

    /// Undoes a map: its slots are free again, and the next search starts where this one did.
    fn release(&self, device: usize, request: &MapRequest, addr: PhysAddr) {
        let attrs = Attrs { skip_cpu_sync: true, ..request.attrs };
        // Cannot fail: the mapping is the one just made.
        let _ = self.session.unmap(device, addr, request.size, request.dir, attrs);
        self.session.restore_indices(self.indices);
    }

    /// Whether no pool but a transient one had room.
    fn pools_were_full(&self, device: usize, mapped: &Result<PhysAddr, MapError>) -> bool {
        match mapped {
            Ok(addr) => self.session.mapping(device, *addr).is_some_and(|mapping| mapping.pool.transient),
            Err(MapError::TooLarge { .. }) => false,
            Err(error) => error.is_full(),
        }
    }

    fn in_known_pool(&self, addr: PhysAddr) -> bool {
        self.session.pools().iter().any(|pool| (pool.start..pool.end).contains(&addr))
    }
}
