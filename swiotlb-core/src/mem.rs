//! An allocator with its pools, and the devices that use it (`struct io_tlb_mem`, and what `struct
//! device` keeps for it).
//!
//! Invariant: the pools in `pools` are never removed while the allocator lives; a transient pool is in
//! its device's index from the map that made it to the unmap that ends it.

use crate::addr::PhysAddr;
use crate::area::AreaSlots;
use crate::boot::Geometry;
use crate::caller::Caller;
use crate::device::DeviceLimits;
use crate::error::{DeviceError, InitError};
use crate::grow::Growth;
use crate::held_back::HeldBack;
use crate::lookup::{PoolIndex, PoolLookup};
use crate::phys::{PageSource, PhysMemory, PoolMemory};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::reclaim::Reclaim;
use crate::retired::Retired;
use crate::rules::MAX_POOL_SLABS;
use crate::stats::Stats;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use core::ptr::NonNull;
use std::sync::Arc;

pub(crate) type IndexOf<P> = <<P as Policy>::Lookup as PoolLookup>::Index<Pool<P>, <P as Policy>::Reclaim>;
pub(crate) type GuardOf<'a, P> = <<P as Policy>::Reclaim as Reclaim>::Guard<'a>;

/// What an allocator may do, fixed when it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Whether it may grow and fall back to transient pools (`can_grow`).
    pub can_grow: bool,
    /// Highest address of grown pools (`phys_limit`): 32 bits by default, whatever a device reaches.
    pub phys_limit: PhysAddr,
    /// Whether every mapping bounces (`force_bounce`).
    pub force_bounce: bool,
    /// Whether it hands out plain pages as well (`for_alloc`): a restricted pool.
    pub for_alloc: bool,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { can_grow: true, phys_limit: PhysAddr(u32::MAX as u64), force_bounce: false, for_alloc: false }
    }
}

/// The numbers that users know (`io_tlb_*` of debugfs). Slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemStats {
    /// Slots of all pools but transient ones (`io_tlb_nslabs`).
    pub nslabs: u64,
    /// Slots in use, transient ones included: can exceed `nslabs` (`io_tlb_used`).
    pub used: u64,
    /// The most that were in use at once (`io_tlb_used_hiwater`).
    pub used_hiwater: u64,
    /// Slots of transient pools (`io_tlb_transient_nslabs`).
    pub transient_nslabs: u64,
    /// Pools but transient ones.
    pub pools: u64,
}

/// An allocator (`struct io_tlb_mem`). What every map reads comes first and what every map writes last, as in
/// Linux; left to itself the compiler puts both on one cache line, and then two CPUs fight over what neither
/// changes.
#[repr(C)]
pub struct IoTlbMem<P: Policy> {
    pub(crate) pools: IndexOf<P>,
    nslabs: AtomicU64,
    pub(crate) permissions: Permissions,
    pub(crate) default: Geometry,
    pub(crate) memory: Arc<PhysMemory>,
    npools: AtomicU64,
    pub(crate) growth: Growth,
    pub(crate) retired: Arc<Retired<P>>,
    pub(crate) reclaim: P::Reclaim,
    pub(crate) pages: P::Pages,
    pub(crate) stats: P::Stats,
}

impl<P: Policy> IoTlbMem<P> {
    /// An allocator without a pool: set-up failed, or it was turned off.
    pub fn inactive(
        default: Geometry,
        permissions: Permissions,
        memory: Arc<PhysMemory>,
        pages: P::Pages,
    ) -> Self {
        Self {
            pools: IndexOf::<P>::default(),
            // The search visits as many areas as are wished for: one at least.
            default: Geometry { nareas: default.nareas.max(1), ..default },
            permissions,
            memory,
            pages,
            reclaim: P::Reclaim::default(),
            retired: Arc::default(),
            growth: Growth::default(),
            nslabs: AtomicU64::new(0),
            npools: AtomicU64::new(0),
            stats: {
                const { assert!(!P::Stats::BY_AREA || P::Area::METERED, "statistics by area want metered areas") };
                P::Stats::default()
            },
        }
    }

    /// A caller on `cpu`, for the calling thread.
    pub fn caller(&self, cpu: u32) -> Caller<'_, P> {
        Caller::new(self, cpu)
    }

    /// A device that uses this allocator.
    ///
    /// # Errors
    /// [`DeviceError::BadMask`] for a mask that is not of the form 2^n - 1.
    pub fn device(self: &Arc<Self>, limits: DeviceLimits) -> Result<Device<P>, DeviceError> {
        Device::new(Arc::clone(self), limits)
    }

    /// Whether there is a pool (`is_swiotlb_active`).
    #[inline]
    pub fn is_active(&self) -> bool {
        self.nslabs() != 0
    }

    /// Slots of all pools but transient ones.
    #[inline]
    pub(crate) fn nslabs(&self) -> u64 {
        // Relaxed: a count; the pools themselves are published by their index.
        self.nslabs.load(Ordering::Relaxed)
    }

    /// What the allocator may do.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Slots and areas that grown pools are wished to have; the areas also bound the search.
    pub fn default_geometry(&self) -> Geometry {
        self.default
    }

    /// The memory that originals and pools lie in.
    pub fn memory(&self) -> &Arc<PhysMemory> {
        &self.memory
    }

    /// The page source.
    pub fn pages(&self) -> &P::Pages {
        &self.pages
    }

    /// The statistics now.
    pub fn stats(&self) -> MemStats {
        self.stats_with(|| self.guarded(|guard| self.areas(guard).map(AreaSlots::used).sum()))
    }

    /// The same inside a read section.
    pub(crate) fn stats_in(&self, guard: &GuardOf<'_, P>) -> MemStats {
        self.stats_with(|| self.areas(guard).map(AreaSlots::used).sum())
    }

    /// All areas of the allocator's pools.
    fn areas<'g>(&'g self, guard: &'g GuardOf<'_, P>) -> impl Iterator<Item = &'g P::Area> {
        self.pools.iter(guard).flat_map(Pool::areas)
    }

    /// Calls `f` in a read section of its own.
    fn guarded<T>(&self, f: impl FnOnce(&GuardOf<'_, P>) -> T) -> T {
        let local = self.reclaim.register();
        f(&P::Reclaim::enter(&local))
    }

    fn stats_with(&self, in_areas: impl FnOnce() -> u64) -> MemStats {
        MemStats {
            nslabs: self.nslabs(),
            used: self.stats.used(in_areas),
            used_hiwater: self.stats.used_hiwater(),
            transient_nslabs: self.stats.transient_nslabs(),
            pools: self.npools.load(Ordering::Relaxed),
        }
    }

    /// Sets the high-water mark to 0; `false`, and nothing changed, for any other value.
    pub fn reset_hiwater(&self, value: u64) -> bool {
        if value == 0 {
            self.guarded(|guard| self.stats.reset_hiwater(&mut self.areas(guard)));
        }
        value == 0
    }

    /// A map passed its area's allowance or made a transient pool: the high-water mark is brought up to date.
    #[cold]
    pub(crate) fn settle(&self, guard: &GuardOf<'_, P>) {
        self.stats.settle(&mut self.areas(guard));
    }

    /// The memory that unlinked pools hold back, now and at most.
    pub fn held_back(&self) -> HeldBack {
        self.retired.held_back()
    }

    /// Starts the high-water marks of [`IoTlbMem::held_back`] again from what is held back now.
    pub fn reset_most_held_back(&self) {
        self.retired.reset_most_held_back();
    }

    /// Tells the reclaimer the time, in milliseconds since an origin of the caller's choice, the same for all who tell
    /// it: see [`crate::reclaim::Delayed`]. What falls due is freed by the next [`Caller::free_expired`].
    pub fn set_now_ms(&self, ms: u64) {
        self.reclaim.set_now_ms(ms);
    }

    /// Publishes a pool that stays (`add_mem_pool`): at the head of the list, counted in `nslabs`.
    pub(crate) fn add_pool(&self, guard: &GuardOf<'_, P>, pool: Pool<P>) {
        let nslabs = u64::from(pool.nslabs());
        let pool = NonNull::from(Box::leak(Box::new(pool)));
        // SAFETY: freed by `drop` only, when no reader is left; no other index holds it.
        unsafe { self.pools.insert(guard, pool) };
        self.nslabs.fetch_add(nslabs, Ordering::Relaxed);
        self.npools.fetch_add(1, Ordering::Relaxed);
    }

    /// Builds a pool over `memory`, whose bytes are zero already.
    pub(crate) fn build_pool(
        memory: PoolMemory,
        nslabs: u64,
        nareas: u32,
        transient: bool,
    ) -> Result<Pool<P>, InitError> {
        match u32::try_from(nslabs) {
            Ok(n) if nslabs <= MAX_POOL_SLABS => Ok(Pool::new(memory, n, nareas, transient)),
            _ => Err(InitError::TooLarge { what: "the number of slots", value: nslabs, max: MAX_POOL_SLABS }),
        }
    }
}

/// Frees every pool that an index still holds; nobody else may use the index any more. As everywhere, under no guard:
/// freeing may block.
fn free_all<P: Policy>(index: &IndexOf<P>, mem: &IoTlbMem<P>) {
    let local = mem.reclaim.register();
    let guard = P::Reclaim::enter(&local);
    let held: Vec<NonNull<Pool<P>>> = index.iter(&guard).map(NonNull::from).collect();
    for &pool in &held {
        index.remove(&guard, pool);
    }
    drop(guard);
    for pool in held {
        // SAFETY: leaked when it was published, unlinked now, and no reader is left: the caller has the
        // index to itself.
        let pool = unsafe { Box::from_raw(pool.as_ptr()) };
        mem.pages.free(&mem.memory, pool.into_memory());
    }
}

impl<P: Policy> Drop for IoTlbMem<P> {
    /// Waits for what was retired (no caller is left, so nobody holds it up) and frees all memory.
    fn drop(&mut self) {
        self.caller(0).quiesce();
        free_all(&self.pools, self);
        self.pages.drain(&self.memory);
    }
}

/// A device with its transient pools and its flag.
pub struct Device<P: Policy> {
    pub(crate) limits: DeviceLimits,
    /// Whether the device ever had a bounce buffer (`dma_uses_io_tlb`).
    pub(crate) uses_io_tlb: AtomicBool,
    pub(crate) mem: Arc<IoTlbMem<P>>,
    pub(crate) transient: IndexOf<P>,
}

impl<P: Policy> Device<P> {
    fn new(mem: Arc<IoTlbMem<P>>, limits: DeviceLimits) -> Result<Self, DeviceError> {
        for (what, mask) in
            [("min_align_mask", limits.min_align_mask), ("seg_boundary_mask", limits.seg_boundary_mask)]
        {
            if mask & mask.wrapping_add(1) != 0 {
                return Err(DeviceError::BadMask { what, mask });
            }
        }
        Ok(Self { limits, uses_io_tlb: AtomicBool::new(false), mem, transient: IndexOf::<P>::default() })
    }

    /// What the device declared.
    pub fn limits(&self) -> &DeviceLimits {
        &self.limits
    }

    /// The allocator that the device uses.
    pub fn mem(&self) -> &Arc<IoTlbMem<P>> {
        &self.mem
    }
}

impl<P: Policy> Drop for Device<P> {
    /// Frees the transient pools of mappings that were never undone.
    fn drop(&mut self) {
        let mem = Arc::clone(&self.mem);
        let local = mem.reclaim.register();
        let guard = P::Reclaim::enter(&local);
        let left: u64 = self.transient.iter(&guard).map(|pool| u64::from(pool.nslabs())).sum();
        drop(guard);
        mem.stats.sub_used(&mem.stats.shard(), left);
        mem.stats.sub_transient(left);
        free_all(&self.transient, &mem);
    }
}
