//! What the interface itself costs: the same calls, translated in the same way, of functions that do nothing. Every
//! number of an outside policy contains it.

use super::abi;
use super::host::Copies;
use super::instance::{Device, Instance, Setup};
use super::library::Library;
use super::ops::Ops;
use super::section::Section;
use crate::run::clock::HostClock;
use crate::run::overhead::per_op;
use crate::subject::Blocks;
use core::ffi::{c_int, c_void};
use core::hint::black_box;
use std::sync::{Arc, LazyLock};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::mem::Permissions;
use swiotlb_core::phys::{BuddyZones, PhysMemory};

/// Calls of one measurement, of each function.
const CALLS: u32 = 10_000;

/// What a call takes whose function does nothing, in ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interface {
    /// A map.
    pub map_ns: f64,
    /// An unmap.
    pub unmap_ns: f64,
    /// A lookup.
    pub find_pool_ns: f64,
}

impl Interface {
    /// A map and its unmap.
    #[must_use]
    pub fn round_trip_ns(&self) -> f64 {
        self.map_ns + self.unmap_ns
    }

    /// For whoever reads numbers of an outside policy.
    #[must_use]
    pub fn note(&self) -> String {
        format!(
            "outside policy: the interface takes {:.1} ns of a map and its unmap, and {:.1} ns of a lookup, not subtracted",
            self.round_trip_ns(),
            self.find_pool_ns
        )
    }
}

/// Measures the interface on the calling thread, in some milliseconds. `None` if the host has no memory for it.
#[must_use]
pub fn interface() -> Option<Interface> {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::built_in("no-op", NOTHING));
    let library: &'static Library = &LIBRARY;
    let setup = Setup {
        base: PhysAddr(0x1000),
        geometry: Geometry { nslabs: 128, nareas: 1 },
        permissions: Permissions::default(),
        memory: Arc::new(PhysMemory::new()),
        blocks: Blocks::Zones(BuddyZones::new(&[])),
        copies: Copies::Off,
    };
    let instance = Instance::new(library, setup).ok()?;
    let device = instance.device(DeviceLimits::default()).ok()?;
    let (clock, thread) = (HostClock::get(), instance.thread(0));
    let section = Section::enter(&thread);
    let request = MapRequest::new(PhysAddr(0x5000), 4_096, Direction::Bidirectional);
    Some(Interface {
        map_ns: timed(&clock, || {
            black_box(section.map(black_box(&device), black_box(&request)).is_ok());
        }),
        unmap_ns: timed(&clock, || {
            black_box(unmap(&section, &device, &request));
        }),
        find_pool_ns: timed(&clock, || {
            black_box(section.find_pool(black_box(&device), black_box(PhysAddr(0x1000))).is_some());
        }),
    })
}

fn unmap(section: &Section<'_>, device: &Device, request: &MapRequest) -> bool {
    let (device, request) = (black_box(device), black_box(request));
    section.unmap(device, request.orig, request.size, request.dir, Attrs::default()).is_ok()
}

/// Median time of a call, ns.
fn timed(clock: &HostClock, call: impl Fn()) -> f64 {
    per_op(clock, CALLS, || (0..CALLS).for_each(|_| call()))
}

const NOTHING: Ops = Ops {
    init,
    fini,
    device_add,
    map,
    unmap: do_unmap,
    sync_for_cpu: sync,
    sync_for_device: sync,
    find_pool,
    stats,
    thread: None,
    section: None,
    hiwater_reset: None,
    work: None,
    reclaim: None,
    counters: None,
};

// Nothing is written anywhere: whoever calls has filled the places for answers in before.

unsafe extern "C" fn init(_: *const abi::Params, _: *mut *mut c_void) -> c_int {
    abi::OK
}

unsafe extern "C" fn fini(_: *mut c_void) {}

unsafe extern "C" fn device_add(_: *mut c_void, _: *const abi::Limits, _: *mut *mut c_void) -> c_int {
    abi::OK
}

unsafe extern "C" fn map(
    _: *const abi::Caller,
    _: *mut c_void,
    _: *const abi::Request,
    _: *mut u64,
) -> c_int {
    abi::OK
}

unsafe extern "C" fn do_unmap(
    _: *const abi::Caller,
    _: *mut c_void,
    _: u64,
    _: u64,
    _: u32,
    _: u32,
) -> c_int {
    abi::OK
}

unsafe extern "C" fn sync(_: *const abi::Caller, _: *mut c_void, _: u64, _: u64, _: u32) -> c_int {
    abi::OK
}

unsafe extern "C" fn find_pool(_: *const abi::Caller, _: *mut c_void, _: u64, _: *mut abi::Pool) -> c_int {
    abi::OK
}

unsafe extern "C" fn stats(_: *mut c_void, _: *mut abi::Stats) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_has_a_cost() {
        let cost = interface().unwrap_or_else(|| unreachable!("one window of memory"));
        assert!([cost.map_ns, cost.unmap_ns, cost.find_pool_ns].iter().all(|&ns| ns > 0.0), "{cost:?}");
        assert!(cost.note().contains("not subtracted"));
    }
}
