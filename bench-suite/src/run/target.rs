//! What a loop calls: the seam between the loops and what is measured.
//!
//! The allocator is one [`Target`], a dummy of known service time another; a broken one in the tests shows
//! that the oracle sees it. All calls are resolved when the program is compiled. Three layers, as the
//! allocator has them: the target is shared, a [`Caller`] belongs to a thread, a [`Section`] is one read
//! section of it and makes the calls.

use super::reason::Reason;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::probe::{Counters, Counts, Probe};

/// Something that maps and unmaps.
pub trait Target: Sync {
    /// What one thread holds of it.
    type Caller<'t>: Caller
    where
        Self: 't;

    /// The calling thread's access, from the simulated CPU `cpu`.
    fn caller(&self, cpu: u32) -> Self::Caller<'_>;

    /// The memory in which the oracle may compare bytes, if the target copies any.
    fn memory(&self) -> Option<&Arc<PhysMemory>> {
        None
    }
}

/// One thread's access.
pub trait Caller {
    /// A read section of it.
    type Section<'s>: Section
    where
        Self: 's;

    /// Enters a read section.
    fn enter(&self) -> Self::Section<'_>;

    /// The step counters, if they count.
    fn counts(&self) -> Option<Counts> {
        None
    }
}

/// Where a mapping lies, as far as the target can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The pool: first byte, and the byte after the last.
    pub pool: (u64, u64),
    /// The allocation, padding included: first byte, and the byte after the last.
    pub allocation: (u64, u64),
}

/// The calls, inside a read section. A device is its number in the plan.
pub trait Section {
    /// Maps a buffer.
    ///
    /// # Errors
    /// Why it could not.
    fn map(&self, device: u16, request: &MapRequest) -> Result<PhysAddr, MapError>;

    /// Ends a mapping; whether it was one.
    fn unmap(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction, skip_cpu_sync: bool) -> bool;

    /// Copies a part to the original, if the direction says so; whether it was part of a mapping.
    fn sync_for_cpu(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool;

    /// Copies a part from the original, if the direction says so; whether it was part of a mapping.
    fn sync_for_device(&self, device: u16, addr: PhysAddr, bytes: u64, dir: Direction) -> bool;

    /// Whether `addr` is a bounce address of the device.
    fn lookup(&self, device: u16, addr: PhysAddr) -> bool;

    /// Why a map failed. `examine` allows a look at every slot, which takes long.
    fn reason(&self, device: u16, request: &MapRequest, error: &MapError, examine: bool) -> Reason {
        let _ = (device, request, examine);
        Reason::of(error)
    }

    /// Where a live mapping lies; `None` if the target does not say. Never timed.
    fn placed(&self, device: u16, addr: PhysAddr) -> Option<Placed> {
        let _ = (device, addr);
        None
    }
}

/// A probe whose counts can be read, or that has none: whether a run counts is decided by its type.
pub trait ReadProbe: Probe {
    /// The counts so far.
    fn counts(&self) -> Option<Counts>;
}

impl ReadProbe for () {
    fn counts(&self) -> Option<Counts> {
        None
    }
}

impl ReadProbe for Counters {
    fn counts(&self) -> Option<Counts> {
        Some(self.get())
    }
}

/// `a` plus `b`, field by field.
#[must_use]
pub fn add_counts(a: &Counts, b: &Counts) -> Counts {
    Counts {
        areas_tried: a.areas_tried + b.areas_tried,
        slots_scanned: a.slots_scanned + b.slots_scanned,
        written_at_map: a.written_at_map + b.written_at_map,
        written_at_unmap: a.written_at_unmap + b.written_at_unmap,
        locks_taken: a.locks_taken + b.locks_taken,
        locks_contended: a.locks_contended + b.locks_contended,
        lookups: a.lookups + b.lookups,
        pools_visited: a.pools_visited + b.pools_visited,
        transient_made: a.transient_made + b.transient_made,
        transient_unusable: a.transient_unusable + b.transient_unusable,
        bytes_copied: a.bytes_copied + b.bytes_copied,
        work_scheduled: a.work_scheduled + b.work_scheduled,
        sections: std::array::from_fn(|bucket| a.sections[bucket] + b.sections[bucket]),
    }
}
