//! What was asked: one type for each operation of the schema, defaults filled in.
//!
//! Numbers are `u64` as in the file; directions and attributes are the allocator's own vocabulary.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A fresh allocator, page source and arena; everything before is forgotten.
    Init(Init),
    /// Declare a restricted pool.
    Restricted(Restricted),
    /// Attach a device.
    Device(Device),
    /// Map a buffer.
    Map(Map),
    /// Unmap one.
    Unmap(Unmap),
    /// Sync for the device.
    SyncDev(Sync),
    /// Sync for the CPU.
    SyncCpu(Sync),
    /// The device writes the pattern into the bounce buffer.
    DevWrite(Write),
    /// The CPU writes the pattern into the original.
    CpuWrite(Write),
    /// Compare both sides' bytes.
    Check(Span),
    /// Run the queued growth work.
    RunWorker,
    /// Run all queued deferred frees.
    RunRcu,
    /// Which pool an address belongs to.
    FindPool(FindPool),
    /// Counters of allocator `mem` (0 is the default one).
    Stats {
        /// The allocator.
        mem: u64,
    },
    /// Write `value` to the high-water mark.
    HiwaterReset {
        /// What is written; the kernel takes only 0.
        value: u64,
    },
    /// All pools that are not transient.
    Snapshot,
    /// The next `count` page requests fail (sets, does not add).
    FailPages {
        /// How many.
        count: u64,
    },
    /// Page requests above this order fail from now on.
    MaxOrder {
        /// The largest order that can succeed.
        order: u64,
    },
    /// Allocate pages from a restricted pool.
    Ralloc(Ralloc),
    /// Free them.
    Rfree(Rfree),
}

impl Op {
    /// The schema's word for the operation.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Restricted(_) => "restricted",
            Self::Device(_) => "device",
            Self::Map(_) => "map",
            Self::Unmap(_) => "unmap",
            Self::SyncDev(_) => "sync_dev",
            Self::SyncCpu(_) => "sync_cpu",
            Self::DevWrite(_) => "dev_write",
            Self::CpuWrite(_) => "cpu_write",
            Self::Check(_) => "check",
            Self::RunWorker => "run_worker",
            Self::RunRcu => "run_rcu",
            Self::FindPool(_) => "find_pool",
            Self::Stats { .. } => "stats",
            Self::HiwaterReset { .. } => "hiwater_reset",
            Self::Snapshot => "snapshot",
            Self::FailPages { .. } => "fail_pages",
            Self::MaxOrder { .. } => "max_order",
            Self::Ralloc(_) => "ralloc",
            Self::Rfree(_) => "rfree",
        }
    }
}

/// When the allocator is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitMode {
    /// At boot, from memory that was set aside.
    Early,
    /// Later, from the page allocator (`swiotlb_init_late`).
    Late {
        /// Bytes asked for.
        late_size: u64,
    },
}

/// Set-up of a fresh allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init {
    /// Early or late.
    pub mode: InitMode,
    /// Slots from the boot parameter; `None` takes `adjust_size`, or 64 MiB.
    pub nslabs: Option<u64>,
    /// Areas from the boot parameter; `None` takes one for each possible CPU.
    pub nareas: Option<u64>,
    /// Physical start of pool 0.
    pub base: Option<u64>,
    /// Possible CPUs.
    pub cpus: u64,
    /// Bytes that replace the default size, where given.
    pub adjust_size: Option<u64>,
    /// Whether the allocator can grow.
    pub can_grow: bool,
    /// Whether pool 0 may lie above 4 GiB.
    pub any: bool,
    /// Early allocations that fail first.
    pub memblock_fail: u64,
    /// Pages withheld at the start of each zone; informative.
    pub page_skew: u64,
}

/// A restricted pool (`restricted-dma-pool`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restricted {
    /// Its number, from 1.
    pub mem: u64,
    /// Its start.
    pub base: u64,
    /// Its slots.
    pub nslabs: u64,
}

/// A device, defaults filled in as [`DeviceLimits`] wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub dev: u64,
    /// What it declares; a `seg_boundary_mask` of 0 in the file has become 2^64 - 1 (none).
    pub limits: DeviceLimits,
    /// Its allocator: 0 the default one, else the restricted one's number.
    pub mem: u64,
}

/// Which of the kernel's calls maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The low-level call (`swiotlb_tbl_map_single`).
    Tbl,
    /// The streaming call, which also checks the device's limits (`swiotlb_map`).
    Stream,
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Handle, unique since `init`.
    pub h: u64,
    /// CPU that calls.
    pub cpu: u64,
    /// Device.
    pub dev: u64,
    /// Address of the original.
    pub orig: u64,
    /// Bytes.
    pub size: u64,
    /// Alignment of the allocation, a mask of low bits.
    pub align_mask: u64,
    /// Direction.
    pub dir: Direction,
    /// Which call.
    pub api: Api,
    /// `no_warn` and `skip_sync`.
    pub attrs: Attrs,
    /// First write the pattern of this seed to the original.
    pub fill: Option<u64>,
    /// Whether `out` has a CRC.
    pub crc: bool,
}

impl Map {
    /// The mapping as the allocator's own request.
    #[must_use]
    pub const fn request(&self) -> MapRequest {
        MapRequest {
            orig: PhysAddr(self.orig),
            size: self.size,
            alloc_align_mask: self.align_mask,
            dir: self.dir,
            attrs: self.attrs,
        }
    }
}

/// The end of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmap {
    /// Handle; one that has ended still names its address.
    pub h: u64,
    /// Bytes from the bounce address: with any but 0 it is a mistake.
    pub off: u64,
    /// Device; `None` is the one that mapped.
    pub dev: Option<u64>,
    /// Bytes; `None` is the mapping's.
    pub size: Option<u64>,
    /// Direction; `None` is the mapping's.
    pub dir: Option<Direction>,
    /// `skip_sync`.
    pub attrs: Attrs,
    /// Whether `out` has a CRC.
    pub crc: bool,
}

/// A sync of part of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Handle; one that has ended still names its address.
    pub h: u64,
    /// Bytes from the bounce address, modulo 2^64.
    pub off: u64,
    /// Device; `None` is the one that mapped.
    pub dev: Option<u64>,
    /// Bytes; `None` is the mapping's size.
    pub len: Option<u64>,
    /// Direction; `None` is the mapping's.
    pub dir: Option<Direction>,
    /// Whether `out` has CRCs.
    pub crc: bool,
}

/// A write of the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// Handle.
    pub h: u64,
    /// Bytes from the start; the pattern's byte 0 goes here.
    pub off: u64,
    /// Bytes.
    pub len: u64,
    /// Seed of the pattern.
    pub seed: u64,
}

/// Part of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Handle.
    pub h: u64,
    /// Bytes from the start.
    pub off: u64,
    /// Bytes; `None` is the mapping's size.
    pub len: Option<u64>,
}

/// A look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindPool {
    /// Device.
    pub dev: u64,
    /// The address.
    pub at: FindAt,
}

/// How a look-up names its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindAt {
    /// Bytes from the start of a pool, even of one that is gone.
    Pool {
        /// The pool's number.
        pool: i64,
        /// Bytes from its start, modulo 2^64.
        off: u64,
    },
    /// The address itself.
    Paddr(u64),
}

/// Pages from a restricted pool (`swiotlb_alloc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ralloc {
    /// Handle.
    pub h: u64,
    /// Device.
    pub dev: u64,
    /// CPU that calls.
    pub cpu: u64,
    /// Bytes.
    pub size: u64,
}

/// Their return (`swiotlb_free`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfree {
    /// Handle.
    pub h: u64,
    /// Device; `None` is the owner.
    pub dev: Option<u64>,
    /// Address; `None` is the handle's.
    pub paddr: Option<u64>,
}
