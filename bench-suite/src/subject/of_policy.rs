//! A subject of one policy: the only code here that is compiled for each of them.

use super::{
    AreaFacts, Blocks, Build, Built, Caller, How, Maker, MappingFacts, Parts, PoolFacts, Session, Subject,
};
use crate::pages::{On, Pages, pages};
use crate::tick;
use core::marker::PhantomData;
use std::sync::Arc;
use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{AllocError, DeviceError, FullReason, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::grow::Grown;
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::lookup::PoolRange as _;
use swiotlb_core::mem::{Device, IoTlbMem, MemStats, Permissions};
use swiotlb_core::phys::NoEncryption;
use swiotlb_core::policy::{Policy, With};
use swiotlb_core::pool::Pool;
use swiotlb_core::probe::{Counters, Counts, Note};
use swiotlb_core::walk::HasAreas as _;

/// `P` as a subject: pages of a recording's choosing, every step counted.
type Counted<P> = <<P as With>::Pages<Pages<P, Blocks, NoEncryption>> as With>::Probe<Counters>;

/// A policy that a subject can have.
pub trait Counting: On<Blocks, NoEncryption> + Policy<Probe = Counters> {}
impl<P: On<Blocks, NoEncryption> + Policy<Probe = Counters>> Counting for P {}

/// Makes subjects of policy `P`.
struct Makes<P>(PhantomData<fn() -> P>);

impl<P: Counting> Maker for Makes<P> {
    fn build(&self, parts: Parts<'_>) -> Result<Built, InitError> {
        OfPolicy::<P>::build(parts)
    }
}

/// What makes subjects of policy `P`.
#[must_use]
pub const fn build<P: With>() -> Build {
    &Makes::<Counted<P>>(PhantomData)
}

/// An allocator of policy `P` with its devices. Fields drop in this order.
pub struct OfPolicy<P: Policy> {
    devices: Vec<Device<P>>,
    mem: Arc<IoTlbMem<P>>,
}

impl<P: Counting> OfPolicy<P> {
    fn build(parts: Parts<'_>) -> Result<Built, InitError> {
        let Parts { how, geometry, permissions, memory, blocks } = parts;
        let pages = pages(blocks, NoEncryption);
        let setup = match how {
            How::Early(reserve) => IoTlbMem::<P>::early(geometry, permissions, None, memory, pages, reserve)?,
            How::Late(bytes) => IoTlbMem::<P>::late(bytes, geometry, permissions, memory, pages)?,
            How::Restricted(base, nslabs) => {
                let mem = IoTlbMem::<P>::restricted(base, nslabs, memory, pages)?;
                return Ok(Built { subject: Self::boxed(mem), failed: None, retries: 0 });
            }
        };
        Ok(Built { subject: Self::boxed(setup.mem), failed: setup.failed, retries: setup.retries })
    }

    fn boxed(mem: Arc<IoTlbMem<P>>) -> Box<dyn Subject> {
        Box::new(Self { devices: Vec::new(), mem })
    }
}

impl<P: Counting> Subject for OfPolicy<P> {
    fn add_device(&mut self, limits: DeviceLimits) -> Result<usize, DeviceError> {
        self.devices.push(self.mem.device(limits)?);
        Ok(self.devices.len() - 1)
    }

    fn caller(&self, cpu: u32) -> Box<dyn Caller + '_> {
        Box::new(OnThread { caller: self.mem.caller(cpu), devices: &self.devices })
    }

    fn stats(&self) -> MemStats {
        self.mem.stats()
    }

    fn reset_hiwater(&self, value: u64) -> bool {
        self.mem.reset_hiwater(value)
    }

    fn default_geometry(&self) -> Geometry {
        self.mem.default_geometry()
    }

    fn permissions(&self) -> Permissions {
        *self.mem.permissions()
    }

    fn is_active(&self) -> bool {
        self.mem.is_active()
    }

    fn growth_queued(&self) -> bool {
        self.mem.growth_queued()
    }

    fn held_back(&self) -> HeldBack {
        self.mem.held_back()
    }
}

struct OnThread<'m, P: Policy> {
    caller: caller::Caller<'m, P>,
    devices: &'m [Device<P>],
}

impl<P: Counting> Caller for OnThread<'_, P> {
    fn set_cpu(&self, cpu: u32) {
        self.caller.set_cpu(cpu);
    }

    fn enter(&self) -> Box<dyn Session + '_> {
        Box::new(InSection { session: self.caller.enter(), devices: self.devices })
    }

    fn run_worker(&self) -> Grown {
        self.caller.run_worker()
    }

    fn free_expired(&self) -> usize {
        tick::free_expired(&self.caller)
    }

    fn quiesce(&mut self) -> usize {
        self.caller.quiesce()
    }

    fn waiting_for_readers(&self) -> u64 {
        self.caller.waiting_for_readers()
    }

    fn insert_pool(&self, base: PhysAddr, nslabs: u64, nareas: u32) -> Result<(), InitError> {
        self.caller.insert_pool(base, nslabs, nareas)
    }

    fn counts(&self) -> Counts {
        self.caller.probe().get()
    }

    fn take_notes(&self) -> Vec<Note> {
        self.caller.probe().take_notes()
    }
}

struct InSection<'c, P: Policy> {
    session: caller::Session<'c, P>,
    devices: &'c [Device<P>],
}

impl<P: Counting> InSection<'_, P> {
    fn pool(&self, start: PhysAddr) -> Option<&Pool<P>> {
        self.session.pools().find(|pool| pool.start() == start)
    }

    /// The areas of all pools.
    fn areas(&self) -> impl Iterator<Item = (&Pool<P>, AreaIndex)> {
        self.session.pools().flat_map(|pool| (0..pool.nareas()).map(move |area| (pool, AreaIndex(area))))
    }
}

fn pool_facts<P: Policy>(pool: &Pool<P>) -> PoolFacts {
    PoolFacts {
        start: pool.start(),
        end: pool.end(),
        nslabs: pool.nslabs(),
        nareas: pool.nareas(),
        area_nslabs: pool.area_nslabs(),
        transient: pool.is_transient(),
    }
}

fn area_facts<P: Policy>(pool: &Pool<P>, area: AreaIndex) -> AreaFacts {
    AreaFacts { used: pool.area_used(area), index: pool.area_index(area) }
}

impl<P: Counting> Session for InSection<'_, P> {
    fn map(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map(&self.devices[device], request)
    }

    fn map_streaming(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map_streaming(&self.devices[device], request)
    }

    fn map_at(&self, device: usize, request: &MapRequest, addr: PhysAddr) -> Result<bool, MapError> {
        self.session.map_at(&self.devices[device], request, addr)
    }

    fn unmap(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        self.session.unmap(&self.devices[device], addr, bytes, dir, attrs)
    }

    fn sync_for_cpu(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.session.sync_for_cpu(&self.devices[device], addr, bytes, dir)
    }

    fn sync_for_device(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.session.sync_for_device(&self.devices[device], addr, bytes, dir)
    }

    fn alloc_pages(&self, device: usize, bytes: u64) -> Result<PhysAddr, AllocError> {
        self.session.alloc_pages(&self.devices[device], bytes)
    }

    fn free_pages(&self, device: usize, addr: PhysAddr) -> bool {
        self.session.free_pages(&self.devices[device], addr)
    }

    fn find_pool(&self, device: usize, addr: PhysAddr) -> Option<PoolFacts> {
        self.session.find_pool(&self.devices[device], addr).map(pool_facts)
    }

    fn mapping(&self, device: usize, addr: PhysAddr) -> Option<MappingFacts> {
        let mapping = self.session.mapping(&self.devices[device], addr)?;
        Some(MappingFacts {
            pool: pool_facts(mapping.pool),
            slot: mapping.slot,
            first: mapping.first,
            nslots: mapping.nslots,
            alloc_left: mapping.alloc_left,
            area: mapping.area,
            area_facts: area_facts(mapping.pool, mapping.area),
        })
    }

    fn why_full(&self, device: usize, request: &MapRequest) -> Option<FullReason> {
        self.session.why_full(&self.devices[device], request)
    }

    fn pools(&self) -> Vec<PoolFacts> {
        self.session.pools().map(pool_facts).collect()
    }

    fn transient_pools(&self, device: usize) -> Vec<PoolFacts> {
        self.session.transient_pools(&self.devices[device]).map(pool_facts).collect()
    }

    fn area(&self, pool: PhysAddr, area: AreaIndex) -> Option<AreaFacts> {
        let pool = self.pool(pool).filter(|pool| area.0 < pool.nareas())?;
        Some(area_facts(pool, area))
    }

    fn free_runs(&self, pool: PhysAddr) -> Vec<u32> {
        let runs = |pool: &Pool<P>| (0..pool.nslabs()).map(|i| pool.free_run(SlotIndex(i))).collect();
        self.pool(pool).map(runs).unwrap_or_default()
    }

    fn save_indices(&self, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.areas().map(|(pool, area)| pool.area_index(area)));
    }

    fn restore_indices(&self, saved: &[u32]) {
        for ((pool, area), &index) in self.areas().zip(saved) {
            if pool.area_index(area) != index {
                pool.set_area_index(area, index);
            }
        }
    }
}
