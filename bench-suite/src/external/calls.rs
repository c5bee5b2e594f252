//! An outside allocator as what loops with a clock call.

use super::abi;
use super::instance::{Device, Instance, Thread};
use super::section::Section;
use crate::calls::{Caller, Mem, Session};
use core::convert::Infallible;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{DeviceError, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::mem::MemStats;
use swiotlb_core::rules::IO_TLB_SHIFT;
use swiotlb_core::stages::Stage;

/// Why no pool is put at a place.
pub const PLACES_ITSELF: &str = "an outside allocator places its pools itself";

impl Mem for Instance {
    type Device = Device;
    type Partial = Infallible;
    type Caller<'m> = Thread<'m>;
    const PLACES_POOLS: bool = false;

    fn device(&self, limits: DeviceLimits) -> Result<Device, DeviceError> {
        Instance::device(self, limits)
    }

    fn caller(&self, cpu: u32) -> Thread<'_> {
        self.thread(cpu)
    }

    fn stats(&self) -> MemStats {
        Instance::stats(self)
    }
}

impl Caller for Thread<'_> {
    type Device = Device;
    type Partial = Infallible;
    type Session<'c>
        = Section<'c>
    where
        Self: 'c;

    #[inline]
    fn set_cpu(&self, cpu: u32) {
        Thread::set_cpu(self, cpu);
    }

    #[inline]
    fn enter(&self) -> Section<'_> {
        Section::enter(self)
    }

    fn run_worker(&self) {
        let _whatever_came_of_it = Thread::run_worker(self);
    }

    fn free_expired(&self) -> usize {
        self.reclaim(false)
    }

    fn quiesce(&mut self) -> usize {
        self.reclaim(true)
    }

    fn insert_pool(&self, base: PhysAddr, nslabs: u64, _nareas: u32) -> Result<(), InitError> {
        Err(InitError::Placement { base, bytes: nslabs << IO_TLB_SHIFT, what: PLACES_ITSELF })
    }

    fn undo(&self, partial: Infallible) {
        match partial {}
    }
}

impl Session for Section<'_> {
    type Device = Device;
    type Partial = Infallible;
    type Pool<'a>
        = abi::Pool
    where
        Self: 'a;

    #[inline]
    fn map(&self, dev: &Device, request: &MapRequest) -> Result<PhysAddr, MapError> {
        Section::map(self, dev, request)
    }

    #[inline]
    fn unmap(
        &self,
        dev: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        Section::unmap(self, dev, addr, bytes, dir, attrs)
    }

    #[inline]
    fn sync_for_cpu(
        &self,
        dev: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        Section::sync_for_cpu(self, dev, addr, bytes, dir)
    }

    #[inline]
    fn sync_for_device(
        &self,
        dev: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        Section::sync_for_device(self, dev, addr, bytes, dir)
    }

    #[inline]
    fn find_pool<'a>(&'a self, dev: &'a Device, addr: PhysAddr) -> Option<abi::Pool> {
        Section::find_pool(self, dev, addr)
    }

    fn fallback_until(
        &self,
        _dev: &Device,
        _request: &MapRequest,
        _stage: Stage,
    ) -> Option<Result<Infallible, MapError>> {
        None
    }
}
