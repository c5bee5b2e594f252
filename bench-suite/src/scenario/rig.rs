//! The allocator, its memory and a device: what every scenario stands on.

use super::ground::{ATTRS, ORIGINALS, POOL, blocks};
use super::occupancy::Buffers;
use super::{Measurable, Occupancy, ScenarioError};
use crate::calls::{Caller as _, Mem, Session};
use crate::pages::{On, pages, touch};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::error::{InitError, MapError, UnmapError};
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, Decrypt, NoEncryption, PhysMemory};
use swiotlb_core::rules::IO_TLB_SIZE;

/// What an allocator is set up on.
pub struct Site {
    /// Where the default pool lies.
    pub base: PhysAddr,
    /// Its slots and areas.
    pub geometry: Geometry,
    /// What the allocator may do.
    pub permissions: Permissions,
    /// The bytes.
    pub memory: Arc<PhysMemory>,
    /// The pages of transient pools.
    pub blocks: BuddyZones,
}

/// Sets an allocator up.
pub type Make<'a, M> = &'a dyn Fn(Site) -> Result<M, InitError>;

/// Sets an allocator of policy `P` up.
///
/// # Errors
/// It cannot be set up.
pub fn early<P: Measurable>(site: Site) -> Result<Arc<IoTlbMem<P>>, InitError> {
    early_under(site, NoEncryption)
}

/// As [`early`], under a decryption model.
pub fn early_under<P: On<BuddyZones, D>, D: Decrypt>(
    site: Site,
    decrypt: D,
) -> Result<Arc<IoTlbMem<P>>, InitError> {
    let Site { base, geometry, permissions, memory, blocks } = site;
    let reserve = &mut |_bytes| Some(base);
    let pages = pages(blocks, decrypt);
    let mem = IoTlbMem::<P>::early(geometry, permissions, None, Arc::clone(&memory), pages, reserve)?.mem;
    touch(mem.pages(), &memory)?;
    Ok(mem)
}

/// An allocator with one device.
pub struct Rig<M: Mem> {
    /// The bytes.
    pub memory: Arc<PhysMemory>,
    /// The allocator.
    pub mem: M,
    /// A device without limits or masks.
    pub device: M::Device,
}

impl<M: Mem> Rig<M> {
    /// A pool of `nslabs` slots in `nareas` areas, all free. No worker runs.
    pub fn new(make: Make<'_, M>, nslabs: u64, nareas: u32, can_grow: bool) -> Result<Self, ScenarioError> {
        let memory = Arc::new(PhysMemory::new());
        let permissions = Permissions { can_grow, ..Permissions::default() };
        let geometry = Geometry { nslabs, nareas };
        let mem =
            make(Site { base: POOL, geometry, permissions, memory: Arc::clone(&memory), blocks: blocks() })?;
        let device = mem.device(DeviceLimits::default())?;
        Ok(Self { memory, mem, device })
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

struct InRig<'a, S: Session> {
    session: S,
    device: &'a S::Device,
}

impl<S: Session> Buffers for InRig<'_, S> {
    fn map(&self, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map(self.device, request)
    }

    fn unmap(&self, addr: PhysAddr, request: &MapRequest) -> Result<(), UnmapError> {
        self.session.unmap(self.device, addr, request.size, request.dir, ATTRS)
    }
}
