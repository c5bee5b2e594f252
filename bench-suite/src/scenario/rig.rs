//! The allocator, its memory and a device: what every scenario stands on.
//!
//! Addresses are made up once for all scenarios: the default pool from 1 GiB up, further pools from 64 GiB
//! up, pages of transient pools between 4 and 8 GiB, originals at 16 GiB. Nothing overlaps.

use super::occupancy::Buffers;
use super::{Measurable, Occupancy, ScenarioError};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{MapError, UnmapError};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, PoolPages, Zone};
use swiotlb_core::rules::{IO_TLB_SHIFT, IO_TLB_SIZE};

/// The page source of all scenarios.
pub type KernelPages = PoolPages<BuddyZones, NoEncryption>;

/// Where the default pool lies.
pub const POOL: PhysAddr = PhysAddr(1 << 30);
/// Where added pools lie, one behind the other.
pub const MORE_POOLS: PhysAddr = PhysAddr(64 << 30);
/// Where the originals lie.
const ORIGINALS: PhysAddr = PhysAddr(16 << 30);
/// The direction of every mapping: both copies are made where copying is on.
const DIRECTION: Direction = Direction::Bidirectional;

/// An allocator with one device.
pub struct Rig<P: Measurable> {
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
        let memory = Arc::new(PhysMemory::new());
        let pages = PoolPages::new(blocks(), NoEncryption, None);
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

/// A request for `slots` slots, its original at a page's start, the same for all sizes.
pub fn request(slots: u32) -> MapRequest {
    MapRequest::new(ORIGINALS, u64::from(slots) << IO_TLB_SHIFT, DIRECTION)
}

/// The pages of transient pools.
pub fn blocks() -> BuddyZones {
    BuddyZones::new(&[(Zone::Normal, PhysAddr(4 << 30), 4 << 30)])
}

struct InRig<'a, P: Measurable> {
    session: Session<'a, P>,
    device: &'a Device<P>,
}

impl<P: Measurable> Buffers for InRig<'_, P> {
    fn map(&self, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map(self.device, request)
    }

    fn unmap(&self, addr: PhysAddr, request: &MapRequest) -> Result<(), UnmapError> {
        self.session.unmap(self.device, addr, request.size, request.dir, ATTRS)
    }
}

/// The attributes of every call.
pub const ATTRS: Attrs = Attrs { skip_cpu_sync: false, no_warn: true };
