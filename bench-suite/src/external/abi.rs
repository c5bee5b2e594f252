//! `swiotlb_ext.h` in Rust: the same structures, field by field, in the same order.
//!
//! The header says what everything means; what is written here is only its shape. A test compiles the header and
//! compares sizes and offsets. Fields that are 0 by the header's rule are named `reserved`.

use core::ffi::{c_char, c_int, c_void};

/// `SWIOTLB_EXT_ABI`.
pub const ABI: u32 = 1;

/// `SWIOTLB_EXT_OK`.
pub const OK: c_int = 0;
/// Errors, `SWIOTLB_EXT_FULL` and so on.
pub const FULL: c_int = 1;
pub const TOO_LARGE: c_int = 2;
pub const OUT_OF_PAGES: c_int = 3;
pub const UNUSABLE: c_int = 4;
pub const BAD_MASK: c_int = 5;
pub const ZERO: c_int = 6;
pub const NO_POOL: c_int = 7;
pub const NOT_BOUNCED: c_int = 8;
pub const NOT_LIVE: c_int = 9;
pub const WRONG_DIRECTION: c_int = 10;
pub const NO_MEMORY: c_int = 11;
pub const UNSUPPORTED: c_int = 12;

/// `SWIOTLB_EXT_PLACEMENT`.
pub const PLACEMENT: u64 = 1;
/// `SWIOTLB_EXT_STATISTICS`.
pub const STATISTICS: u64 = 2;

/// `SWIOTLB_EXT_CAN_GROW`.
pub const CAN_GROW: u32 = 1;
/// `SWIOTLB_EXT_NO_COPY`.
pub const NO_COPY: u32 = 2;

/// `struct swiotlb_ext_host`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Host {
    pub size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub copy: unsafe extern "C" fn(*mut c_void, u64, u64, u64),
    pub at: unsafe extern "C" fn(*mut c_void, u64, u64) -> *mut c_void,
    pub pages_alloc: unsafe extern "C" fn(*mut c_void, u64, u64, *mut u64) -> c_int,
    pub pages_free: unsafe extern "C" fn(*mut c_void, u64),
    pub log: unsafe extern "C" fn(*mut c_void, *const c_char),
}

/// `struct swiotlb_ext_params`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Params {
    pub size: u32,
    pub flags: u32,
    pub base: u64,
    pub nslabs: u64,
    pub nareas: u32,
    pub reserved: u32,
    pub default_nslabs: u64,
    pub default_nareas: u32,
    pub reserved2: u32,
    pub phys_limit: u64,
    pub host: *const Host,
}

/// `struct swiotlb_ext_limits`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Limits {
    pub size: u32,
    pub reserved: u32,
    pub min_align_mask: u64,
    pub seg_boundary_mask: u64,
    pub reach: u64,
}

/// `struct swiotlb_ext_caller`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Caller {
    pub mem: *mut c_void,
    pub thread: *mut c_void,
    pub cpu: u32,
    pub reserved: u32,
}

/// `struct swiotlb_ext_request`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Request {
    pub orig: u64,
    pub size: u64,
    pub alloc_align_mask: u64,
    pub dir: u32,
    pub attrs: u32,
}

/// `struct swiotlb_ext_pool`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Pool {
    pub start: u64,
    pub end: u64,
    pub transient: u32,
    pub reserved: u32,
}

/// `struct swiotlb_ext_stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stats {
    pub size: u32,
    pub work_wanted: u32,
    pub nslabs: u64,
    pub used: u64,
    pub used_hiwater: u64,
    pub transient_nslabs: u64,
    pub pools: u64,
    pub retired: u64,
}

/// `struct swiotlb_ext_counters`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    pub size: u32,
    pub reserved: u32,
    pub areas_tried: u64,
    pub slots_scanned: u64,
    pub locks_taken: u64,
    pub locks_contended: u64,
    pub lookups: u64,
    pub pools_visited: u64,
    pub transient_made: u64,
}

pub type Init = unsafe extern "C" fn(*const Params, *mut *mut c_void) -> c_int;
pub type Fini = unsafe extern "C" fn(*mut c_void);
pub type DeviceAdd = unsafe extern "C" fn(*mut c_void, *const Limits, *mut *mut c_void) -> c_int;
pub type Map = unsafe extern "C" fn(*const Caller, *mut c_void, *const Request, *mut u64) -> c_int;
pub type Unmap = unsafe extern "C" fn(*const Caller, *mut c_void, u64, u64, u32, u32) -> c_int;
pub type Sync = unsafe extern "C" fn(*const Caller, *mut c_void, u64, u64, u32) -> c_int;
pub type FindPool = unsafe extern "C" fn(*const Caller, *mut c_void, u64, *mut Pool) -> c_int;
pub type GetStats = unsafe extern "C" fn(*mut c_void, *mut Stats);
pub type ThreadEnter = unsafe extern "C" fn(*mut c_void, u32, *mut *mut c_void) -> c_int;
pub type ThreadExit = unsafe extern "C" fn(*mut c_void, *mut c_void);
pub type Section = unsafe extern "C" fn(*const Caller);
pub type HiwaterReset = unsafe extern "C" fn(*mut c_void);
pub type Work = unsafe extern "C" fn(*const Caller, *mut u64) -> c_int;
pub type Reclaim = unsafe extern "C" fn(*const Caller, c_int) -> u64;
pub type GetCounters = unsafe extern "C" fn(*const Caller, *mut Counters);

/// `struct swiotlb_ext_ops`, of which a library may have filled in a shorter one.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Ops {
    pub abi_version: u32,
    pub size: u32,
    pub name: *const c_char,
    pub declares: u64,
    pub init: Option<Init>,
    pub fini: Option<Fini>,
    pub device_add: Option<DeviceAdd>,
    pub map: Option<Map>,
    pub unmap: Option<Unmap>,
    pub sync_for_cpu: Option<Sync>,
    pub sync_for_device: Option<Sync>,
    pub find_pool: Option<FindPool>,
    pub stats: Option<GetStats>,
    pub thread_enter: Option<ThreadEnter>,
    pub thread_exit: Option<ThreadExit>,
    pub section_enter: Option<Section>,
    pub section_exit: Option<Section>,
    pub hiwater_reset: Option<HiwaterReset>,
    pub work: Option<Work>,
    pub reclaim: Option<Reclaim>,
    pub counters: Option<GetCounters>,
}

/// `swiotlb_ext_get`.
pub type Get = unsafe extern "C" fn(u32) -> *const Ops;

/// The size of `T` as the structures say it.
#[expect(clippy::cast_possible_truncation, reason = "structures of at most some hundred bytes")]
pub const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

#[cfg(test)]
#[path = "abi_tests.rs"]
mod tests;
