//! The allocator as a target: set up, with all its memory in place before any clock starts.
//!
//! [`Allocator`] is compiled for each policy and is what gets measured; `counted.rs` has the other one.

use super::RunError;
use super::reason::Reason;
use super::settings::Settings;
use super::target::{Caller, Placed, ReadProbe, Section, Target};
use crate::pages::{On, pages, touch};
use crate::tick;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::bounce::Bounce as _;
use swiotlb_core::caller;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::{InitError, MapError};
use swiotlb_core::grow;
use swiotlb_core::lookup::PoolRange as _;
use swiotlb_core::mem::{Device, IoTlbMem, MemStats, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, Zone};
use swiotlb_core::policy::Policy;
use swiotlb_core::probe::Counts;
use swiotlb_core::rules::{IO_TLB_SHIFT, IO_TLB_SIZE};
use workloads::op::Plan;

/// A policy on a machine with zones that does not encrypt.
pub trait Measurable: On<BuddyZones, NoEncryption> {}
impl<P: On<BuddyZones, NoEncryption>> Measurable for P {}

/// Bytes that are put in place at the start of each zone, where grown and transient pools come from: their
/// first touch would be the host's cost, not the allocator's. The kernel's memory is always mapped.
const GROWTH_TOUCHED: u64 = 64 << 20;
/// Where the zones end: a machine of 64 GiB.
const ZONES_END: u64 = 64 << 30;

/// An allocator with the plan's devices.
pub struct Allocator<P: Policy> {
    mem: Arc<IoTlbMem<P>>,
    memory: Arc<PhysMemory>,
    pool: (u64, u64),
    devices: Vec<Device<P>>,
}

impl<P: Measurable> Allocator<P> {
    /// Sets an allocator up for `plan`, originals and pools touched.
    ///
    /// # Errors
    /// [`RunError`] for a geometry that cannot be built, a device that cannot be, memory that the host
    /// does not give, or an arena that overlaps the pool.
    pub fn new(plan: &Plan, settings: &Settings) -> Result<Self, RunError> {
        let ground = Ground::new(plan, settings)?;
        ground.touch(plan)?;
        let Ground { geometry, permissions, memory, blocks, pool, .. } = ground;
        let pages = pages(blocks, NoEncryption);
        let reserve = &mut |_bytes| Some(settings.base);
        let mem = IoTlbMem::<P>::early(geometry, permissions, None, memory.clone(), pages, reserve)?.mem;
        if settings.can_grow {
            touch(mem.pages(), &memory)?;
        }
        let devices =
            plan.devices.iter().map(|device| mem.device(device.limits)).collect::<Result<_, _>>()?;
        Ok(Self { mem, memory, pool, devices })
    }
}

/// What an allocator is set up on, whichever way it is compiled.
pub(crate) struct Ground {
    pub geometry: Geometry,
    pub permissions: Permissions,
    pub memory: Arc<PhysMemory>,
    pub blocks: BuddyZones,
    /// First byte and bytes of each zone.
    zones: Vec<(PhysAddr, u64)>,
    /// The default pool: first byte, and the byte after the last.
    pub pool: (u64, u64),
}

impl Ground {
    pub fn new(plan: &Plan, settings: &Settings) -> Result<Self, RunError> {
        let geometry = geometry(plan, settings)?;
        let pool = (settings.base.0, settings.base.0.saturating_add(geometry.nslabs << IO_TLB_SHIFT));
        let arena = (plan.arena.0.0, plan.arena.0.0.saturating_add(plan.arena.1));
        if pool.0 < arena.1 && arena.0 < pool.1 {
            let what = format!("originals at {:#x} and the pool at {:#x} overlap", arena.0, pool.0);
            return Err(RunError::Unusable { what });
        }
        let memory = Arc::new(PhysMemory::with_hint(settings.huge_pages));
        let zones = zones(&[pool, arena]);
        memory.ensure(plan.arena.0, plan.arena.1)?;
        memory.ensure(settings.base, geometry.nslabs << IO_TLB_SHIFT)?;
        let permissions = Permissions { can_grow: settings.can_grow, ..Permissions::default() };
        let blocks = BuddyZones::new(&zones);
        let zones = zones.into_iter().map(|(_, start, bytes)| (start, bytes)).collect();
        Ok(Self { geometry, permissions, memory, blocks, zones, pool })
    }

    /// Puts pages behind the originals, the default pool and, if it may grow, some of the zones: for what a clock
    /// will watch. Elsewhere the host puts each in place when it is first used.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn touch(&self, plan: &Plan) -> Result<(), RunError> {
        self.memory.touch(plan.arena.0, plan.arena.1)?;
        self.memory.touch(PhysAddr(self.pool.0), self.pool.1 - self.pool.0)?;
        if self.permissions.can_grow {
            for &(start, bytes) in &self.zones {
                self.memory.touch(start, bytes.min(GROWTH_TOUCHED))?;
            }
        }
        Ok(())
    }
}

/// An allocator under a plan, as far as the runner has to know it.
pub trait Grows: Target {
    /// The statistics.
    fn stats(&self) -> MemStats;
    /// Its memory.
    fn ground(&self) -> &Arc<PhysMemory>;
    /// The default pool: first byte, and the byte after the last.
    fn pool(&self) -> (u64, u64);
    /// Whether it copies bytes.
    fn copies(&self) -> bool;
    /// Whether the growth worker was asked.
    fn growth_queued(&self) -> bool;
    /// The growth worker's access.
    fn worker(&self) -> Box<dyn Work + '_>;
}

/// What the growth worker does; never timed.
pub trait Work {
    /// Adds a pool if that was asked for.
    fn run_worker(&self) -> grow::Grown;
    /// Pools that wait for readers.
    fn waiting_for_readers(&self) -> u64;
    /// Frees what waits no more; how many pools.
    fn free_expired(&self) -> usize;
}

impl<P: Policy> Work for caller::Caller<'_, P> {
    fn run_worker(&self) -> grow::Grown {
        self.run_worker()
    }

    fn waiting_for_readers(&self) -> u64 {
        self.waiting_for_readers()
    }

    fn free_expired(&self) -> usize {
        tick::free_expired(self)
    }
}

impl<P: Policy> Grows for Allocator<P>
where
    P::Probe: ReadProbe,
{
    fn stats(&self) -> MemStats {
        self.mem.stats()
    }

    fn ground(&self) -> &Arc<PhysMemory> {
        &self.memory
    }

    fn pool(&self) -> (u64, u64) {
        self.pool
    }

    fn copies(&self) -> bool {
        P::Bounce::COPIES
    }

    fn growth_queued(&self) -> bool {
        self.mem.growth_queued()
    }

    fn worker(&self) -> Box<dyn Work + '_> {
        Box::new(self.mem.caller(0))
    }
}

/// The geometry that the settings ask for; without a number of areas one per simulated CPU.
fn geometry(plan: &Plan, settings: &Settings) -> Result<Geometry, InitError> {
    let cpus = plan.threads.iter().map(|thread| thread.cpu.saturating_add(1)).max().unwrap_or(1);
    let nareas = if settings.nareas == 0 { cpus } else { settings.nareas };
    Geometry::new(BootParam { nslabs: Some(settings.nslabs), nareas: Some(nareas), force: None }, cpus, None)
}

/// The zones of a PC, without the ranges that are in use already.
fn zones(taken: &[(u64, u64)]) -> Vec<(Zone, PhysAddr, u64)> {
    let mut free = vec![
        (Zone::Dma, 1 << 20, 16 << 20),
        (Zone::Dma32, 16 << 20, 4 << 30),
        (Zone::Normal, 4 << 30, ZONES_END),
    ];
    for &(from, to) in taken {
        free = free
            .into_iter()
            .flat_map(|(zone, start, end)| [(zone, start, end.min(from)), (zone, start.max(to), end)])
            .filter(|&(_, start, end)| start < end)
            .collect();
        // A range that `taken` does not meet came out twice.
        free.dedup();
    }
    free.into_iter().map(|(zone, start, end)| (zone, PhysAddr(start), end - start)).collect()
}

impl<P: Policy> Target for Allocator<P>
where
    P::Probe: ReadProbe,
{
    type Caller<'t> = OfAllocator<'t, P>;

    fn caller(&self, cpu: u32) -> OfAllocator<'_, P> {
        OfAllocator { caller: self.mem.caller(cpu), devices: &self.devices }
    }
}

/// One thread's access to an allocator.
pub struct OfAllocator<'t, P: Policy> {
    caller: caller::Caller<'t, P>,
    devices: &'t [Device<P>],
}

impl<P: Policy> Caller for OfAllocator<'_, P>
where
    P::Probe: ReadProbe,
{
    type Section<'s>
        = InSession<'s, P>
    where
        Self: 's;

    #[inline]
    fn enter(&self) -> InSession<'_, P> {
        InSession { session: self.caller.enter(), devices: self.devices }
    }

    fn counts(&self) -> Option<Counts> {
        self.caller.probe().counts()
    }
}

/// A caller inside a read section.
pub struct InSession<'s, P: Policy> {
    session: caller::Session<'s, P>,
    devices: &'s [Device<P>],
}

impl<P: Policy> InSession<'_, P> {
    #[inline]
    fn device(&self, device: u16) -> &Device<P> {
        &self.devices[usize::from(device)]
    }
}

impl<P: Policy> Section for InSession<'_, P> {
    #[inline]
    fn map(&self, device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map_streaming(self.device(device), request)
    }

    #[inline]
    fn unmap(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction, skip_cpu_sync: bool) -> bool {
        let attrs = Attrs { skip_cpu_sync, no_warn: true };
        self.session.unmap(self.device(device), addr, bytes, dir, attrs).is_ok()
    }

    #[inline]
    fn sync_for_cpu(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.session.sync_for_cpu(self.device(device), addr, bytes, dir).is_ok()
    }

    #[inline]
    fn sync_for_device(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.session.sync_for_device(self.device(device), addr, bytes, dir).is_ok()
    }

    #[inline]
    fn lookup(&self, device: u16, addr: PhysAddr) -> bool {
        self.session.is_swiotlb_buffer(self.device(device), addr)
    }

    #[cold]
    fn reason(&self, device: u16, request: &MapRequest, error: &MapError, examine: bool) -> Reason {
        match error {
            MapError::Full { .. } if examine => {
                let why = self.session.why_full(self.device(device), request);
                why.map_or(Reason::BadRequest, Reason::from)
            }
            error => Reason::of(error),
        }
    }

    fn placed(&self, device: u16, addr: PhysAddr) -> Option<Placed> {
        let mapping = self.session.mapping(self.device(device), addr)?;
        let first = mapping.pool.slot_addr(mapping.first).0;
        Some(Placed {
            pool: (mapping.pool.start().0, mapping.pool.end().0),
            allocation: (first, first + mapping.nslots * IO_TLB_SIZE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_leave_out_what_is_in_use() {
        let all = zones(&[]);
        assert_eq!(all.len(), 3);
        let some = zones(&[(1 << 30, 2 << 30), (1 << 39, 1 << 40), (0, 2 << 20)]);
        let bytes = |zones: &[(Zone, PhysAddr, u64)]| zones.iter().map(|zone| zone.2).sum::<u64>();
        assert_eq!(bytes(&all) - bytes(&some), (1 << 30) + (1 << 20));
        assert_eq!(some.len(), 4);
    }
}
