//! One allocator that a library made, with its devices; and a thread's access to it.
//!
//! Invariant: threads and devices are gone when the allocator goes, and it is gone before its host is.

use super::abi;
use super::codes;
use super::host::{Copies, Host};
use super::library::Library;
use super::section;
use crate::subject::Blocks;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::{DeviceError, InitError, PageError};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{MemStats, Permissions};
use swiotlb_core::phys::{PhysMemory, Zone};
use swiotlb_core::probe::Counts;
use swiotlb_core::rules::{IO_TLB_SHIFT, MAX_PAGE_ORDER};

/// What an allocator is made of.
pub struct Setup {
    /// Where the default pool starts.
    pub base: PhysAddr,
    /// Its slots and areas.
    pub geometry: Geometry,
    /// What it may do.
    pub permissions: Permissions,
    /// Where bytes are.
    pub memory: Arc<PhysMemory>,
    /// Where pages of grown and transient pools come from.
    pub blocks: Blocks,
    /// Whether bytes are copied.
    pub copies: Copies,
}

/// An allocator of a library.
pub struct Instance {
    pub(super) library: &'static Library,
    mem: Opaque,
    /// The functions that the library was given. Dropped, as the next, after `drop` has freed `mem`.
    _table: Box<abi::Host>,
    /// Their context.
    host: Box<Host>,
    /// One at a time adds a device, as the header promises.
    adding: Mutex<()>,
}

/// Something that belongs to the library: never looked behind.
#[derive(Clone, Copy)]
struct Opaque(*mut c_void);

// SAFETY: the header lets every function be called from any thread with what the library made; the exceptions are
// kept by `Instance` (`adding`, and `drop` with its `&mut`).
unsafe impl Send for Opaque {}
// SAFETY: as above.
unsafe impl Sync for Opaque {}

/// A device, which the library keeps as long as its allocator. Whoever holds one holds the allocator beside it (a
/// subject, a plan's target, a rig, a replay's machine), so none outlives it.
pub struct Device {
    raw: Opaque,
    /// The allocator that it belongs to.
    mem: Opaque,
    /// What it declared.
    pub limits: DeviceLimits,
}

impl Device {
    /// What the library knows it by, for a thread of its own allocator only.
    #[inline]
    pub(super) fn raw(&self, thread: &Thread<'_>) -> Option<*mut c_void> {
        (self.mem.0 == thread.instance.mem.0).then_some(self.raw.0)
    }
}

impl Instance {
    /// An allocator with its default pool in place.
    ///
    /// # Errors
    /// The library does not build it, or the host has no memory for it.
    pub fn new(library: &'static Library, setup: Setup) -> Result<Self, InitError> {
        let Setup { base, geometry, permissions, memory, blocks, copies } = setup;
        let bytes = geometry.nslabs << IO_TLB_SHIFT;
        memory.ensure(base, bytes)?;
        let host = Host::new(memory, blocks, copies, library.path().display().to_string());
        let table = Box::new(host.table());
        let grow = if permissions.can_grow { abi::CAN_GROW } else { 0 };
        let params = abi::Params {
            size: abi::size::<abi::Params>(),
            flags: grow | if copies == Copies::Off { abi::NO_COPY } else { 0 },
            base: base.0,
            nslabs: geometry.nslabs,
            nareas: geometry.nareas,
            reserved: 0,
            default_nslabs: geometry.nslabs,
            default_nareas: geometry.nareas,
            reserved2: 0,
            phys_limit: permissions.phys_limit.0,
            host: &raw const *table,
        };
        let mut mem = null_mut();
        // SAFETY: the parameters are whole and live during the call, and the host's table and context in them until
        // after `fini`; no other call of this allocator can be under way.
        let code = unsafe { (library.ops.init)(&raw const params, &raw mut mem) };
        match code {
            abi::OK => Ok(Self { library, mem: Opaque(mem), _table: table, host, adding: Mutex::default() }),
            code => Err(codes::init(code, base, geometry.nslabs)),
        }
    }

    /// Adds a device.
    ///
    /// # Errors
    /// What a device may not declare.
    ///
    /// # Panics
    /// The library has no memory for it.
    pub fn device(&self, limits: DeviceLimits) -> Result<Device, DeviceError> {
        for (what, mask) in
            [("min_align_mask", limits.min_align_mask), ("seg_boundary_mask", limits.seg_boundary_mask)]
        {
            if mask & mask.wrapping_add(1) != 0 {
                return Err(DeviceError::BadMask { what, mask });
            }
        }
        let theirs = abi::Limits {
            size: abi::size::<abi::Limits>(),
            reserved: 0,
            min_align_mask: limits.min_align_mask,
            seg_boundary_mask: limits.seg_boundary_mask,
            reach: limits.reach().0,
        };
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut raw = null_mut();
        // SAFETY: `mem` is alive, the limits are during the call, and the lock keeps other calls that add out.
        let code = unsafe { (self.library.ops.device_add)(self.mem.0, &raw const theirs, &raw mut raw) };
        assert!(code == abi::OK, "{}: device_add returned {code}", self.library.path().display());
        Ok(Device { raw: Opaque(raw), mem: self.mem, limits })
    }

    /// The statistics, as the library tells them.
    pub fn raw_stats(&self) -> abi::Stats {
        let mut stats = abi::Stats { size: abi::size::<abi::Stats>(), ..abi::Stats::default() };
        // SAFETY: `mem` is alive, and the library fills in what lies within the size.
        unsafe { (self.library.ops.stats)(self.mem.0, &raw mut stats) };
        stats
    }

    /// The statistics.
    pub fn stats(&self) -> MemStats {
        let abi::Stats { nslabs, used, used_hiwater, transient_nslabs, pools, .. } = self.raw_stats();
        MemStats { nslabs, used, used_hiwater, transient_nslabs, pools }
    }

    /// Sets the high-water mark to 0; whether the library can.
    pub fn reset_hiwater(&self) -> bool {
        // SAFETY: `mem` is alive.
        self.library.ops.hiwater_reset.map(|reset| unsafe { reset(self.mem.0) }).is_some()
    }

    /// What this program does for it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The calling thread's access, from the simulated CPU `cpu`.
    ///
    /// # Panics
    /// The library has no memory for a thread.
    pub fn thread(&self, cpu: u32) -> Thread<'_> {
        let mut thread = null_mut();
        if let Some((enter, _)) = self.library.ops.thread {
            // SAFETY: `mem` is alive.
            let code = unsafe { enter(self.mem.0, cpu, &raw mut thread) };
            assert!(code == abi::OK, "{}: thread_enter returned {code}", self.library.path().display());
        }
        let raw = Cell::new(abi::Caller { mem: self.mem.0, thread, cpu, reserved: 0 });
        Thread { instance: self, raw, sections: Cell::new(0) }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: every thread borrows the instance, so all have exited; `mem` is used no more.
        unsafe { (self.library.ops.fini)(self.mem.0) };
    }
}

/// One thread's access. Neither `Send` nor `Sync`: it holds pointers and a cell.
pub struct Thread<'i> {
    pub(super) instance: &'i Instance,
    raw: Cell<abi::Caller>,
    /// How many sections live: the library is told of the outermost.
    pub(super) sections: Cell<u32>,
}

impl Thread<'_> {
    /// What the library is told of the caller.
    #[inline]
    pub(super) fn raw(&self) -> *const abi::Caller {
        self.raw.as_ptr()
    }

    /// Moves it to another CPU.
    #[inline]
    pub fn set_cpu(&self, cpu: u32) {
        self.raw.set(abi::Caller { cpu, ..self.raw.get() });
    }

    /// Runs the growth worker once.
    pub fn run_worker(&self) -> Grown {
        let Some(work) = self.instance.library.ops.work else { return Grown::NotAsked };
        let mut added = 0;
        // SAFETY: the allocator is alive, and the caller is this thread's, in no read section.
        let code = section::outside(self, || unsafe { work(self.raw(), &raw mut added) });
        match (code, added) {
            (abi::OK, 0) => Grown::NotAsked,
            (abi::OK, nslabs) => Grown::Added { nslabs },
            _ => Grown::Failed(PageError::OutOfPages { order: MAX_PAGE_ORDER, zone: Zone::Dma32 }),
        }
    }

    /// Frees transient pools that no reader holds; how many. Waits for all of them if `wait`.
    pub fn reclaim(&self, wait: bool) -> usize {
        let Some(reclaim) = self.instance.library.ops.reclaim else { return 0 };
        // SAFETY: as in `work`.
        let freed = section::outside(self, || unsafe { reclaim(self.raw(), i32::from(wait)) });
        usize::try_from(freed).unwrap_or(usize::MAX)
    }

    /// The steps that the library counted; all zero if it counts none.
    pub fn counts(&self) -> Counts {
        let mut counters = abi::Counters { size: abi::size::<abi::Counters>(), ..abi::Counters::default() };
        if let Some(counts) = self.instance.library.ops.counters {
            // SAFETY: the allocator is alive, and the library fills in what lies within the size.
            unsafe { counts(self.raw(), &raw mut counters) };
        }
        Counts {
            areas_tried: counters.areas_tried,
            slots_scanned: counters.slots_scanned,
            locks_taken: counters.locks_taken,
            locks_contended: counters.locks_contended,
            lookups: counters.lookups,
            pools_visited: counters.pools_visited,
            transient_made: counters.transient_made,
            ..Counts::default()
        }
    }
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        if let Some((_, exit)) = self.instance.library.ops.thread {
            let abi::Caller { mem, thread, .. } = self.raw.get();
            // SAFETY: comes once for what `thread_enter` gave, and no section is left: they borrow the thread.
            unsafe { exit(mem, thread) };
        }
    }
}
