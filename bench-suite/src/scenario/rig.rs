//! The allocator, its memory and a device: what every scenario stands on.

use super::ground::{ATTRS, ORIGINALS, POOL, blocks};
use super::occupancy::Buffers;
use super::{Measurable, Occupancy, ScenarioError};
use crate::pages::{pages, touch};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::error::{MapError, UnmapError};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{NoEncryption, PhysMemory};
use swiotlb_core::policy::Policy;
use swiotlb_core::rules::IO_TLB_SIZE;

/// An allocator with one device.
pub struct Rig<P: Policy> {
    /// The bytes.
    pub memory: Arc<PhysMemory>,
    /// The allocator.
    pub mem: Arc<IoTlbMem<P>>,
    /// A device without limits or masks.
    pub device: Device<P>,
}

impl<P: Measurable> Rig<P> {
    /// A pool of `nslabs` slots in `nareas` areas, all free. No worker runs.
    pub fn new(nslabs: u64, nareas: u32, can_grow: bool) -> Result<Self, ScenarioError> {
        let rig = Self::on(pages(blocks(), NoEncryption), nslabs, nareas, can_grow)?;
        touch(rig.mem.pages(), &rig.memory)?;
        Ok(rig)
    }
}

impl<P: Policy> Rig<P> {
    /// As [`Rig::new`], with these pages, which are not touched.
    pub fn on(pages: P::Pages, nslabs: u64, nareas: u32, can_grow: bool) -> Result<Self, ScenarioError> {
        let memory = Arc::new(PhysMemory::new());
        let permissions = Permissions { can_grow, ..Permissions::default() };
        let geometry = Geometry { nslabs, nareas };
        let reserve = &mut |_bytes| Some(POOL);
        let setup = IoTlbMem::early(geometry, permissions, None, Arc::clone(&memory), pages, reserve)?;
        let device = setup.mem.device(DeviceLimits::default())?;
        Ok(Self { memory, mem: setup.mem, device })
    }

    /// Brings the empty pool of `nslabs` slots into a state.
    pub fn occupy(&self, occupancy: Occupancy, nslabs: u64) -> Result<(), ScenarioError> {
        let caller = self.mem.caller(0);
        occupancy.make(&InRig { session: caller.enter(), device: &self.device }, nslabs)
    }

    /// Puts pages behind the pool and the originals of `slots` slots.
    pub fn touch(&self, nslabs: u64, slots: u32) -> Result<(), ScenarioError> {
        self.memory.touch(POOL, nslabs * IO_TLB_SIZE)?;
        self.memory.touch(ORIGINALS, u64::from(slots) * IO_TLB_SIZE)?;
        Ok(())
    }
}

struct InRig<'a, P: Policy> {
    session: Session<'a, P>,
    device: &'a Device<P>,
}

impl<P: Policy> Buffers for InRig<'_, P> {
    fn map(&self, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map(self.device, request)
    }

    fn unmap(&self, addr: PhysAddr, request: &MapRequest) -> Result<(), UnmapError> {
        self.session.unmap(self.device, addr, request.size, request.dir, ATTRS)
    }
}
