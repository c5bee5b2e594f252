//! An allocator whose every step is counted, as a target: for counting passes and virtual time.
//!
//! It is a [`Subject`], so these are compiled once and not for each policy. No clock watches them.

use super::RunError;
use super::allocator::{Ground, Grows, Work};
use super::reason::Reason;
use super::settings::Settings;
use super::target::{Caller, Placed, Section, Target};
use crate::subject::{self, Blocks, Build, How, Parts, Subject};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::grow;
use swiotlb_core::mem::MemStats;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::probe::Counts;
use swiotlb_core::rules::IO_TLB_SIZE;
use workloads::op::Plan;

/// An allocator with the plan's devices.
pub struct Counted {
    subject: Box<dyn Subject>,
    memory: Arc<PhysMemory>,
    pool: (u64, u64),
}

impl Counted {
    /// Sets an allocator up for `plan`, no page touched.
    ///
    /// # Errors
    /// [`RunError`] for a geometry that cannot be built, a device that cannot be, memory that the host
    /// does not give, or an arena that overlaps the pool.
    pub fn new(build: Build, plan: &Plan, settings: &Settings) -> Result<Self, RunError> {
        let Ground { geometry, permissions, memory, blocks, pool, .. } = Ground::new(plan, settings)?;
        let reserve = &mut |_bytes| Some(settings.base);
        let (how, blocks) = (How::Early(reserve), Blocks::Zones(blocks));
        let parts = Parts { how, geometry, permissions, memory: memory.clone(), blocks };
        let mut subject = build.build(parts)?.subject;
        for device in &plan.devices {
            subject.add_device(device.limits)?;
        }
        Ok(Self { subject, memory, pool })
    }

    /// The allocator.
    #[must_use]
    pub fn subject(&self) -> &dyn Subject {
        &*self.subject
    }
}

impl Target for Counted {
    type Caller<'t> = OnThread<'t>;

    fn caller(&self, cpu: u32) -> OnThread<'_> {
        OnThread(self.subject.caller(cpu))
    }
}

impl Grows for Counted {
    fn stats(&self) -> MemStats {
        self.subject.stats()
    }

    fn ground(&self) -> &Arc<PhysMemory> {
        &self.memory
    }

    fn pool(&self) -> (u64, u64) {
        self.pool
    }

    fn copies(&self) -> bool {
        true
    }

    fn growth_queued(&self) -> bool {
        self.subject.growth_queued()
    }

    fn worker(&self) -> Box<dyn Work + '_> {
        Box::new(OnThread(self.subject.caller(0)))
    }
}

/// One thread's access.
pub struct OnThread<'t>(Box<dyn subject::Caller + 't>);

impl Caller for OnThread<'_> {
    type Section<'s>
        = InSection<'s>
    where
        Self: 's;

    fn enter(&self) -> InSection<'_> {
        InSection(self.0.enter())
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.0.counts())
    }
}

impl Work for OnThread<'_> {
    fn run_worker(&self) -> grow::Grown {
        self.0.run_worker()
    }

    fn waiting_for_readers(&self) -> u64 {
        self.0.waiting_for_readers()
    }

    fn free_expired(&self) -> usize {
        self.0.free_expired()
    }
}

/// A caller inside a read section.
pub struct InSection<'s>(Box<dyn subject::Session + 's>);

/// Where a mapping's slots came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The area of the CPU that mapped, in any pool.
    OwnArea,
    /// Another area: the map spilled over.
    OtherArea,
    /// A pool made for this mapping alone.
    Transient,
}

impl InSection<'_> {
    /// Where the slots of a live mapping came from, which was mapped from `cpu`.
    #[must_use]
    pub fn served(&self, device: u16, addr: PhysAddr, cpu: u32) -> Served {
        match self.0.mapping(usize::from(device), addr) {
            Some(mapping) if mapping.pool.transient => Served::Transient,
            Some(mapping) if mapping.area.0 != cpu & (mapping.pool.nareas - 1) => Served::OtherArea,
            _ => Served::OwnArea,
        }
    }
}

impl Section for InSection<'_> {
    fn map(&self, device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.0.map_streaming(usize::from(device), request)
    }

    fn unmap(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction, skip_cpu_sync: bool) -> bool {
        let attrs = Attrs { skip_cpu_sync, no_warn: true };
        self.0.unmap(usize::from(device), addr, bytes, dir, attrs).is_ok()
    }

    fn sync_for_cpu(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.0.sync_for_cpu(usize::from(device), addr, bytes, dir).is_ok()
    }

    fn sync_for_device(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.0.sync_for_device(usize::from(device), addr, bytes, dir).is_ok()
    }

    fn lookup(&self, device: u16, addr: PhysAddr) -> bool {
        self.0.find_pool(usize::from(device), addr).is_some()
    }

    fn reason(&self, device: u16, request: &MapRequest, error: &MapError, examine: bool) -> Reason {
        match error {
            error @ MapError::Full { .. } if examine => {
                let why = self.0.why_full(usize::from(device), request);
                why.map_or_else(|| Reason::of(error), Reason::from)
            }
            error => Reason::of(error),
        }
    }

    fn placed(&self, device: u16, addr: PhysAddr) -> Option<Placed> {
        let mapping = self.0.mapping(usize::from(device), addr)?;
        let first = mapping.pool.slot_addr(mapping.first).0;
        Some(Placed {
            pool: (mapping.pool.start.0, mapping.pool.end.0),
            allocation: (first, first + mapping.nslots * IO_TLB_SIZE),
        })
    }
}
