//! The allocator under test behind a table of functions: for everything that no clock watches.
//!
//! Verification, counting passes, comparisons with a recording and virtual time ask one question at a time
//! and count every step; an indirect call costs them nothing that they report. Behind [`Subject`] they are
//! compiled once, and a policy only adds the table of [`OfPolicy`]. Measured loops never come here: they are
//! compiled for each policy.
//!
//! Three layers, as the allocator has them: a [`Subject`] is shared, a [`Caller`] belongs to a thread, a
//! [`Session`] is one read section of it. Devices are numbers, in the order in which they were added.

mod blocks;
mod facts;
mod of_policy;

pub use blocks::Blocks;
pub use facts::{AreaFacts, MappingFacts, PoolFacts};
pub use of_policy::{OfPolicy, build};

use std::sync::Arc;
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{AllocError, DeviceError, FullReason, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::grow::Grown;
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::mem::{MemStats, Permissions};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::probe::{Counts, Note};
use swiotlb_core::setup::Reserve;

/// Which of the allocator's constructors is called.
pub enum How<'a> {
    /// From memory that is set aside early.
    Early(Reserve<'a>),
    /// From the page source, so many bytes.
    Late(u64),
    /// A restricted pool of so many slots at an address; geometry and permissions are its own.
    Restricted(PhysAddr, u64),
}

/// What an allocator is made of.
pub struct Parts<'a> {
    /// The constructor.
    pub how: How<'a>,
    /// Slots and areas.
    pub geometry: Geometry,
    /// What it may do.
    pub permissions: Permissions,
    /// Where its bytes are.
    pub memory: Arc<PhysMemory>,
    /// Where grown and transient pools come from.
    pub blocks: Blocks,
}

/// A new allocator.
pub struct Built {
    /// The allocator; without a pool if none could be had.
    pub subject: Box<dyn Subject>,
    /// Why there is no pool, or `None`.
    pub failed: Option<InitError>,
    /// Attempts that found no memory before one did, or before set-up gave up.
    pub retries: u32,
}

/// Makes allocators of one policy; each entry of the registry has one.
pub trait Maker: Send + Sync {
    /// Makes an allocator.
    ///
    /// # Errors
    /// It cannot be set up.
    fn build(&self, parts: Parts<'_>) -> Result<Built, InitError>;

    /// What its allocators can be asked.
    fn abilities(&self) -> Abilities {
        Abilities::ALL
    }
}

/// What makes allocators of a policy.
pub type Build = &'static dyn Maker;

/// What an allocator can be asked beside mapping. Policies of ours can all of it, outside ones what their interface
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Other constructors than [`How::Early`] with memory at once, and what belongs to a restricted pool.
    pub set_up: bool,
    /// What lies inside: areas, free runs, which pools and pages came and went, what would be logged; and pools and
    /// mappings at recorded places.
    pub inside: bool,
    /// Steps are counted.
    pub steps: bool,
    /// Pools come and go where growth is allowed.
    pub grows: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self = Self { set_up: true, inside: true, steps: true, grows: true };
}

/// An allocator with its devices, every step counted.
pub trait Subject: Send + Sync {
    /// Adds a device; its number.
    ///
    /// # Errors
    /// What a device may not declare.
    fn add_device(&mut self, limits: DeviceLimits) -> Result<usize, DeviceError>;

    /// The calling thread's access, from the simulated CPU `cpu`.
    fn caller(&self, cpu: u32) -> Box<dyn Caller + '_>;

    /// The statistics.
    fn stats(&self) -> MemStats;

    /// Resets the high-water mark, which only 0 does; whether it was.
    fn reset_hiwater(&self, value: u64) -> bool;

    /// The default size.
    fn default_geometry(&self) -> Geometry;

    /// What it may do.
    fn permissions(&self) -> Permissions;

    /// Whether it has a pool.
    fn is_active(&self) -> bool;

    /// Whether the growth worker was asked and has not run yet.
    fn growth_queued(&self) -> bool;

    /// The memory that unlinked pools hold back; of an outside allocator nothing is known.
    fn held_back(&self) -> HeldBack {
        HeldBack::default()
    }
}

/// One thread's access.
pub trait Caller {
    /// Moves it to another CPU.
    fn set_cpu(&self, cpu: u32);

    /// Enters a read section.
    fn enter(&self) -> Box<dyn Session + '_>;

    /// Runs the growth worker once, here.
    fn run_worker(&self) -> Grown;

    /// Pushes grace periods along and frees what has expired; how many pools.
    fn free_expired(&self) -> usize;

    /// Waits for every pool that was retired before, and frees it; how many pools.
    fn quiesce(&mut self) -> usize;

    /// Pools that were unlinked and are not past their grace period.
    fn waiting_for_readers(&self) -> u64;

    /// Adds a pool at a recorded place.
    ///
    /// # Errors
    /// A place or geometry that cannot be.
    fn insert_pool(&self, base: PhysAddr, nslabs: u64, nareas: u32) -> Result<(), InitError>;

    /// The step counters.
    fn counts(&self) -> Counts;

    /// What the kernel would have logged since this was last asked.
    fn take_notes(&self) -> Vec<Note>;
}

/// A read section. Pools are named by their first address.
pub trait Session {
    /// Maps a buffer (`swiotlb_tbl_map_single`).
    ///
    /// # Errors
    /// Why it could not.
    fn map(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError>;

    /// Maps a buffer and checks that the device reaches it (`swiotlb_map`).
    ///
    /// # Errors
    /// Why it could not.
    fn map_streaming(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError>;

    /// Maps at a recorded address; `false` if that is not free.
    ///
    /// # Errors
    /// A request that is wrong in itself.
    fn map_at(&self, device: usize, request: &MapRequest, addr: PhysAddr) -> Result<bool, MapError>;

    /// Ends a mapping.
    ///
    /// # Errors
    /// A caller's mistake; nothing changed.
    fn unmap(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError>;

    /// Copies a part to the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake; nothing changed.
    fn sync_for_cpu(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError>;

    /// Copies a part from the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake; nothing changed.
    fn sync_for_device(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError>;

    /// Pages of a restricted pool.
    ///
    /// # Errors
    /// Why there are none.
    fn alloc_pages(&self, device: usize, bytes: u64) -> Result<PhysAddr, AllocError>;

    /// Frees such pages; whether they were this device's.
    fn free_pages(&self, device: usize, addr: PhysAddr) -> bool;

    /// The pool that holds an address.
    fn find_pool(&self, device: usize, addr: PhysAddr) -> Option<PoolFacts>;

    /// The live mapping that starts in the slot of an address.
    fn mapping(&self, device: usize, addr: PhysAddr) -> Option<MappingFacts>;

    /// Why no pool has room; `None` if the request is wrong in itself.
    fn why_full(&self, device: usize, request: &MapRequest) -> Option<FullReason>;

    /// The allocator's pools, newest first.
    fn pools(&self) -> Vec<PoolFacts>;

    /// A device's transient pools, newest first.
    fn transient_pools(&self, device: usize) -> Vec<PoolFacts>;

    /// An area of one of the allocator's pools.
    fn area(&self, pool: PhysAddr, area: AreaIndex) -> Option<AreaFacts>;

    /// For every slot of one of the allocator's pools, the free slots from it on to the next taken one or the
    /// end of its segment; nothing for no pool.
    fn free_runs(&self, pool: PhysAddr) -> Vec<u32>;

    /// Replaces `into` by the start indices of all areas, in the order of the pools.
    fn save_indices(&self, into: &mut Vec<u32>);

    /// Puts start indices back that [`Session::save_indices`] saved. No pool may have been added since.
    fn restore_indices(&self, saved: &[u32]);
}
