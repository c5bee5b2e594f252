//! What a loop with a clock calls, of an allocator of ours or of one from outside. All of it is resolved when the
//! program is compiled: a loop over a policy of ours is the same code as if it named the policy.
//!
//! The layers are the allocator's own: a [`Mem`] is shared, a [`Caller`] belongs to a thread, a [`Session`] is one
//! read section of it.

use crate::tick;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::caller as ours;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{DeviceError, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::mem::{Device, IoTlbMem, MemStats};
use swiotlb_core::phys::{PageSource as _, PhysMemory};
use swiotlb_core::policy::Policy;
use swiotlb_core::pool::Pool;
use swiotlb_core::stages::{Partial, Stage};

/// An allocator.
pub trait Mem: Send + Sync + Sized + 'static {
    /// A device that uses it.
    type Device: Send + Sync;
    /// A fallback that was cut short.
    type Partial;
    /// What one thread holds of it.
    type Caller<'m>: Caller<Device = Self::Device, Partial = Self::Partial>;
    /// Whether [`Caller::insert_pool`] can put a pool at any place.
    const PLACES_POOLS: bool;

    /// Adds a device.
    ///
    /// # Errors
    /// What a device may not declare.
    fn device(&self, limits: DeviceLimits) -> Result<Self::Device, DeviceError>;

    /// The calling thread's access, from the simulated CPU `cpu`.
    fn caller(&self, cpu: u32) -> Self::Caller<'_>;

    /// The statistics.
    fn stats(&self) -> MemStats;

    /// What unlinked pools hold back; `None` if that is not known.
    fn held_back(&self) -> Option<HeldBack> {
        None
    }

    /// Gives back all memory that is kept ready, which is of `memory`; false if the allocator cannot be told to.
    fn drain(&self, _memory: &PhysMemory) -> bool {
        false
    }
}

/// One thread's access.
pub trait Caller {
    /// A device of the allocator.
    type Device;
    /// A fallback that was cut short.
    type Partial;
    /// A read section of it.
    type Session<'c>: Session<Device = Self::Device, Partial = Self::Partial>
    where
        Self: 'c;

    /// Moves it to another CPU.
    fn set_cpu(&self, cpu: u32);

    /// Enters a read section.
    fn enter(&self) -> Self::Session<'_>;

    /// Runs the growth worker once, here.
    fn run_worker(&self);

    /// Pushes grace periods along and frees what has expired; how many pools.
    fn free_expired(&self) -> usize;

    /// Waits for every pool that was retired before, and frees it; how many pools.
    fn quiesce(&mut self) -> usize;

    /// Adds a pool at a place.
    ///
    /// # Errors
    /// A place or geometry that cannot be; always where [`Mem::PLACES_POOLS`] is false.
    fn insert_pool(&self, base: PhysAddr, nslabs: u64, nareas: u32) -> Result<(), InitError>;

    /// Takes apart what a fallback had made.
    fn undo(&self, partial: Self::Partial);
}

/// The calls, inside a read section.
pub trait Session {
    /// A device of the allocator.
    type Device;
    /// A fallback that was cut short.
    type Partial;
    /// A pool that a lookup found.
    type Pool<'a>
    where
        Self: 'a;

    /// Maps a buffer, whatever the device reaches.
    ///
    /// # Errors
    /// Why it could not.
    fn map(&self, dev: &Self::Device, request: &MapRequest) -> Result<PhysAddr, MapError>;

    /// Ends a mapping.
    ///
    /// # Errors
    /// A caller's mistake.
    fn unmap(
        &self,
        dev: &Self::Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError>;

    /// Copies a part to the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake.
    fn sync_for_cpu(
        &self,
        dev: &Self::Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError>;

    /// Copies a part from the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake.
    fn sync_for_device(
        &self,
        dev: &Self::Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError>;

    /// The pool that holds an address.
    fn find_pool<'a>(&'a self, dev: &'a Self::Device, addr: PhysAddr) -> Option<Self::Pool<'a>>;

    /// A map whose search fails, up to and including `stage`; `None` if the allocator cannot be cut short.
    fn fallback_until(
        &self,
        dev: &Self::Device,
        request: &MapRequest,
        stage: Stage,
    ) -> Option<Result<Self::Partial, MapError>>;
}

impl<P: Policy> Mem for Arc<IoTlbMem<P>> {
    type Device = Device<P>;
    type Partial = Partial<P>;
    type Caller<'m> = ours::Caller<'m, P>;
    const PLACES_POOLS: bool = true;

    fn device(&self, limits: DeviceLimits) -> Result<Device<P>, DeviceError> {
        IoTlbMem::device(self, limits)
    }

    fn caller(&self, cpu: u32) -> ours::Caller<'_, P> {
        IoTlbMem::caller(self, cpu)
    }

    fn stats(&self) -> MemStats {
        IoTlbMem::stats(self)
    }

    fn held_back(&self) -> Option<HeldBack> {
        Some(IoTlbMem::held_back(self))
    }

    fn drain(&self, memory: &PhysMemory) -> bool {
        self.pages().drain(memory);
        true
    }
}

impl<P: Policy> Caller for ours::Caller<'_, P> {
    type Device = Device<P>;
    type Partial = Partial<P>;
    type Session<'c>
        = ours::Session<'c, P>
    where
        Self: 'c;

    #[inline]
    fn set_cpu(&self, cpu: u32) {
        ours::Caller::set_cpu(self, cpu);
    }

    #[inline]
    fn enter(&self) -> ours::Session<'_, P> {
        ours::Caller::enter(self)
    }

    fn run_worker(&self) {
        let _whatever_came_of_it = ours::Caller::run_worker(self);
    }

    fn free_expired(&self) -> usize {
        tick::free_expired(self)
    }

    fn quiesce(&mut self) -> usize {
        ours::Caller::quiesce(self)
    }

    fn insert_pool(&self, base: PhysAddr, nslabs: u64, nareas: u32) -> Result<(), InitError> {
        ours::Caller::insert_pool(self, base, nslabs, nareas)
    }

    fn undo(&self, partial: Partial<P>) {
        ours::Caller::undo(self, partial);
    }
}

impl<P: Policy> Session for ours::Session<'_, P> {
    type Device = Device<P>;
    type Partial = Partial<P>;
    type Pool<'a>
        = &'a Pool<P>
    where
        Self: 'a;

    #[inline]
    fn map(&self, dev: &Device<P>, request: &MapRequest) -> Result<PhysAddr, MapError> {
        ours::Session::map(self, dev, request)
    }

    #[inline]
    fn unmap(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        ours::Session::unmap(self, dev, addr, bytes, dir, attrs)
    }

    #[inline]
    fn sync_for_cpu(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        ours::Session::sync_for_cpu(self, dev, addr, bytes, dir)
    }

    #[inline]
    fn sync_for_device(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        ours::Session::sync_for_device(self, dev, addr, bytes, dir)
    }

    #[inline]
    fn find_pool<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<&'a Pool<P>> {
        ours::Session::find_pool(self, dev, addr)
    }

    fn fallback_until(
        &self,
        dev: &Device<P>,
        request: &MapRequest,
        stage: Stage,
    ) -> Option<Result<Partial<P>, MapError>> {
        Some(ours::Session::fallback_until(self, dev, request, stage))
    }
}
