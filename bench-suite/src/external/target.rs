//! An outside allocator under a plan, timed: the same loops as for policies of ours, and each call goes through the
//! library's table.

use super::host::Copies;
use super::instance::{Device, Instance, Setup, Thread};
use super::library::Library;
use super::section::Section;
use crate::run::RunError;
use crate::run::allocator::{Ground, Grows, Work};
use crate::run::settings::Settings;
use crate::run::target::{Caller, Section as Calls, Target};
use crate::subject::Blocks;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::MemStats;
use swiotlb_core::phys::PhysMemory;
use workloads::op::Plan;

/// An allocator with the plan's devices.
pub struct Planned {
    devices: Vec<Device>,
    instance: Instance,
    pool: (u64, u64),
}

impl Planned {
    /// Sets an allocator up for `plan`, originals and the default pool touched.
    ///
    /// # Errors
    /// The library does not build it, a device cannot be built, the host has no memory, or originals and the pool
    /// overlap.
    pub fn new(
        library: &'static Library,
        copy: bool,
        plan: &Plan,
        settings: &Settings,
    ) -> Result<Self, RunError> {
        let ground = Ground::new(plan, settings)?;
        ground.touch(plan)?;
        let Ground { geometry, permissions, memory, blocks, pool, .. } = ground;
        let blocks = Blocks::Zones(blocks);
        let copies = if copy { Copies::On } else { Copies::Off };
        let setup = Setup { base: settings.base, geometry, permissions, memory, blocks, copies };
        let instance = Instance::new(library, setup)?;
        let devices = plan.devices.iter().map(|device| instance.device(device.limits));
        Ok(Self { devices: devices.collect::<Result<_, _>>()?, instance, pool })
    }
}

impl Target for Planned {
    type Caller<'t> = OnThread<'t>;

    fn caller(&self, cpu: u32) -> OnThread<'_> {
        OnThread { thread: self.instance.thread(cpu), devices: &self.devices }
    }
}

impl Grows for Planned {
    fn stats(&self) -> MemStats {
        self.instance.stats()
    }

    fn ground(&self) -> &Arc<PhysMemory> {
        self.instance.host().memory()
    }

    fn pool(&self) -> (u64, u64) {
        self.pool
    }

    fn copies(&self) -> bool {
        self.instance.host().copies() != Copies::Off
    }

    fn growth_queued(&self) -> bool {
        self.instance.raw_stats().work_wanted != 0
    }

    fn worker(&self) -> Box<dyn Work + '_> {
        Box::new(self.caller(0))
    }
}

/// One thread's access.
pub struct OnThread<'t> {
    thread: Thread<'t>,
    devices: &'t [Device],
}

impl Caller for OnThread<'_> {
    type Section<'s>
        = InSection<'s>
    where
        Self: 's;

    #[inline]
    fn enter(&self) -> InSection<'_> {
        InSection { section: Section::enter(&self.thread), devices: self.devices }
    }
}

impl Work for OnThread<'_> {
    fn run_worker(&self) -> Grown {
        self.thread.run_worker()
    }

    fn waiting_for_readers(&self) -> u64 {
        self.thread.instance.raw_stats().retired
    }

    fn free_expired(&self) -> usize {
        self.thread.reclaim(false)
    }
}

/// A caller inside a read section.
pub struct InSection<'s> {
    section: Section<'s>,
    devices: &'s [Device],
}

impl InSection<'_> {
    #[inline]
    fn device(&self, device: u16) -> &Device {
        &self.devices[usize::from(device)]
    }
}

impl Calls for InSection<'_> {
    #[inline]
    fn map(&self, device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.section.map_streaming(self.device(device), request)
    }

    #[inline]
    fn unmap(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction, skip_cpu_sync: bool) -> bool {
        let attrs = Attrs { skip_cpu_sync, no_warn: true };
        self.section.unmap(self.device(device), addr, bytes, dir, attrs).is_ok()
    }

    #[inline]
    fn sync_for_cpu(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.section.sync_for_cpu(self.device(device), addr, bytes, dir).is_ok()
    }

    #[inline]
    fn sync_for_device(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool {
        self.section.sync_for_device(self.device(device), addr, bytes, dir).is_ok()
    }

    #[inline]
    fn lookup(&self, device: u16, addr: PhysAddr) -> bool {
        self.section.find_pool(self.device(device), addr).is_some()
    }
}
