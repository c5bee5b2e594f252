//! An outside allocator as a subject: for verification, counting passes, comparisons and virtual time.
//!
//! What the interface has no question for is answered as if there were nothing; its `Maker` says so (`entry.rs`), and
//! whoever asks looks there first.

use super::abi;
use super::book::Book;
use super::calls::PLACES_ITSELF;
use super::host::{Copies, copied_here};
use super::instance::{Device, Instance, Setup, Thread};
use super::library::Library;
use super::section::Section;
use crate::subject::{AreaFacts, Built, Caller, How, MappingFacts, Parts, PoolFacts, Session, Subject};
use core::cell::Cell;
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{AllocError, DeviceError, FullReason, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{MemStats, Permissions};
use swiotlb_core::probe::{Counts, Note};
use swiotlb_core::rules::IO_TLB_SHIFT;

/// An allocator with its devices.
pub struct OfLibrary {
    devices: Vec<Device>,
    instance: Instance,
    book: Book,
    geometry: Geometry,
    permissions: Permissions,
}

/// Makes one.
///
/// # Errors
/// The library does not build it, or there is no memory for it.
pub fn build(library: &'static Library, parts: Parts<'_>) -> Result<Built, InitError> {
    let Parts { how, geometry, permissions, memory, blocks } = parts;
    let bytes = geometry.nslabs << IO_TLB_SHIFT;
    let how_else =
        |base| InitError::Placement { base, bytes, what: "an outside allocator is set up early only" };
    let base = match how {
        How::Early(reserve) => reserve(bytes).ok_or(InitError::NoMemory { min_slots: geometry.nslabs })?,
        How::Late(_) => return Err(how_else(PhysAddr::INVALID)),
        How::Restricted(base, _) => return Err(how_else(base)),
    };
    let setup = Setup { base, geometry, permissions, memory, blocks, copies: Copies::Counted };
    let instance = Instance::new(library, setup)?;
    let book = Book::new(base, geometry);
    let subject = Box::new(OfLibrary { devices: Vec::new(), instance, book, geometry, permissions });
    Ok(Built { subject, failed: None, retries: 0 })
}

impl Subject for OfLibrary {
    fn add_device(&mut self, limits: DeviceLimits) -> Result<usize, DeviceError> {
        self.devices.push(self.instance.device(limits)?);
        Ok(self.devices.len() - 1)
    }

    fn caller(&self, cpu: u32) -> Box<dyn Caller + '_> {
        Box::new(OnThread { of: self, thread: self.instance.thread(cpu), copied: Cell::new(0) })
    }

    fn stats(&self) -> MemStats {
        self.instance.stats()
    }

    fn reset_hiwater(&self, value: u64) -> bool {
        value == 0 && self.instance.reset_hiwater()
    }

    fn default_geometry(&self) -> Geometry {
        self.geometry
    }

    fn permissions(&self) -> Permissions {
        self.permissions
    }

    fn is_active(&self) -> bool {
        true
    }

    fn growth_queued(&self) -> bool {
        self.instance.raw_stats().work_wanted != 0
    }
}

struct OnThread<'m> {
    of: &'m OfLibrary,
    thread: Thread<'m>,
    /// Bytes that its calls copied.
    copied: Cell<u64>,
}

impl Caller for OnThread<'_> {
    fn set_cpu(&self, cpu: u32) {
        self.thread.set_cpu(cpu);
    }

    fn enter(&self) -> Box<dyn Session + '_> {
        Box::new(InSection { of: self.of, section: Section::enter(&self.thread), copied: &self.copied })
    }

    fn run_worker(&self) -> Grown {
        self.thread.run_worker()
    }

    fn free_expired(&self) -> usize {
        self.thread.reclaim(false)
    }

    fn quiesce(&mut self) -> usize {
        self.thread.reclaim(true)
    }

    fn waiting_for_readers(&self) -> u64 {
        self.of.instance.raw_stats().retired
    }

    fn insert_pool(&self, base: PhysAddr, nslabs: u64, _nareas: u32) -> Result<(), InitError> {
        Err(InitError::Placement { base, bytes: nslabs << IO_TLB_SHIFT, what: PLACES_ITSELF })
    }

    fn counts(&self) -> Counts {
        Counts { bytes_copied: self.copied.get(), ..self.thread.counts() }
    }

    fn take_notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

struct InSection<'c> {
    of: &'c OfLibrary,
    section: Section<'c>,
    copied: &'c Cell<u64>,
}

impl InSection<'_> {
    fn device(&self, device: usize) -> &Device {
        &self.of.devices[device]
    }

    /// Makes a call, and counts the bytes that it copied.
    fn counted<R>(&self, call: impl FnOnce(&Section<'_>) -> R) -> R {
        let before = copied_here();
        let done = call(&self.section);
        self.copied.set(self.copied.get() + copied_here().wrapping_sub(before));
        done
    }

    fn entered(
        &self,
        device: usize,
        request: &MapRequest,
        mapped: Result<PhysAddr, MapError>,
    ) -> Result<PhysAddr, MapError> {
        mapped.inspect(|addr| self.of.book.enter(device, &self.device(device).limits, request, *addr))
    }
}

impl Session for InSection<'_> {
    fn map(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError> {
        let mapped = self.counted(|section| section.map(self.device(device), request));
        self.entered(device, request, mapped)
    }

    fn map_streaming(&self, device: usize, request: &MapRequest) -> Result<PhysAddr, MapError> {
        let mapped = self.counted(|section| section.map_streaming(self.device(device), request));
        self.entered(device, request, mapped)
    }

    fn map_at(&self, _device: usize, _request: &MapRequest, _addr: PhysAddr) -> Result<bool, MapError> {
        Ok(false)
    }

    fn unmap(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        let device = self.device(device);
        let unmap = || self.counted(|section| section.unmap(device, addr, bytes, dir, attrs));
        self.of.book.leave(addr, unmap)
    }

    fn sync_for_cpu(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.counted(|section| section.sync_for_cpu(self.device(device), addr, bytes, dir))
    }

    fn sync_for_device(
        &self,
        device: usize,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.counted(|section| section.sync_for_device(self.device(device), addr, bytes, dir))
    }

    fn alloc_pages(&self, _device: usize, _bytes: u64) -> Result<PhysAddr, AllocError> {
        Err(AllocError::NotRestricted)
    }

    fn free_pages(&self, _device: usize, _addr: PhysAddr) -> bool {
        false
    }

    fn find_pool(&self, device: usize, addr: PhysAddr) -> Option<PoolFacts> {
        self.section.find_pool(self.device(device), addr).map(|pool| self.of.book.pool(pool))
    }

    fn mapping(&self, device: usize, addr: PhysAddr) -> Option<MappingFacts> {
        let pool: abi::Pool = self.section.find_pool(self.device(device), addr)?;
        self.of.book.mapping(addr, pool)
    }

    fn why_full(&self, _device: usize, _request: &MapRequest) -> Option<FullReason> {
        None
    }

    fn pools(&self) -> Vec<PoolFacts> {
        vec![self.of.book.default_pool()]
    }

    fn transient_pools(&self, device: usize) -> Vec<PoolFacts> {
        let pools =
            self.of.book.addresses(device).into_iter().filter_map(|addr| self.find_pool(device, addr));
        pools.filter(|pool| pool.transient).collect()
    }

    fn area(&self, _pool: PhysAddr, _area: AreaIndex) -> Option<AreaFacts> {
        None
    }

    fn free_runs(&self, _pool: PhysAddr) -> Vec<u32> {
        Vec::new()
    }

    fn save_indices(&self, into: &mut Vec<u32>) {
        into.clear();
    }

    fn restore_indices(&self, _saved: &[u32]) {}
}
