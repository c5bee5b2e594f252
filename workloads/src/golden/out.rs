//! What Linux did: every field that an `out` object may have. An absent field means that nothing of that
//! kind happened.

use serde::{Deserialize, Serialize};

/// What was observed of one operation. Sizes in bytes, addresses in bytes, the rest in units of its name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Out {
    // Any operation.
    /// Page-allocator traffic for slot memory, in order.
    pub pages: Vec<PageEvent>,
    /// Pools that exist after the operation and did not before.
    pub pools_added: Vec<PoolAdded>,
    /// Numbers of the pools that were unlinked.
    pub pools_removed: Vec<i64>,
    /// Whether growth work was newly queued.
    pub work_scheduled: bool,
    /// Deferred frees that were queued.
    pub rcu_queued: u64,
    /// Conditions that the kernel would log, each time they held.
    pub notes: Vec<Note>,
    /// How the operation failed.
    pub err: Option<OutError>,
    /// Why the kernel would stop.
    pub bug: Option<Bug>,
    /// Why it failed, in more words than the kernel has: only in vectors that the oracle made, and compared only there.
    pub cause: Option<Cause>,
    /// The kernel's return value.
    pub rc: Option<i64>,
    /// Whether the operation succeeded.
    pub ok: Option<bool>,

    // map, unmap, ralloc, find_pool.
    /// Pool of the mapping.
    pub pool: Option<i64>,
    /// Whether that pool was made for one mapping.
    pub transient: Option<bool>,
    /// Bounce address minus the pool's start, in bytes.
    pub off: Option<u64>,
    /// Slot that holds the bounce address.
    pub slot: Option<u64>,
    /// Whole padding slots before it.
    pub pad_slots: Option<u64>,
    /// First slot taken.
    pub first: Option<u64>,
    /// Slots taken or released.
    pub nslots: Option<u64>,
    /// Bytes from the bounce address to the end of the allocation.
    pub alloc_left: Option<u64>,
    /// The area after the operation.
    pub area: Option<Area>,
    /// CRC-32 over the bounce bytes.
    pub dev_crc: Option<u64>,
    /// CRC-32 over the original's bytes.
    pub cpu_crc: Option<u64>,
    /// The address that was looked up.
    pub paddr: Option<u64>,
    /// The pool that was found, or -1.
    pub found: Option<i64>,

    // init, stats, run_worker, hiwater_reset.
    /// Slots (of pool 0, or of the allocator).
    pub nslabs: Option<u64>,
    /// Areas of pool 0.
    pub nareas: Option<u64>,
    /// Slots in each area of pool 0.
    pub area_nslabs: Option<u64>,
    /// Start of pool 0.
    pub base: Option<u64>,
    /// Slots wished for in a pool that growth adds.
    pub default_nslabs: Option<u64>,
    /// Areas wished for in such a pool; also bounds the area search.
    pub default_nareas: Option<u64>,
    /// Whether the allocator can grow.
    pub can_grow: Option<bool>,
    /// Highest address for pools that growth adds.
    pub phys_limit: Option<u64>,
    /// Slots in use.
    pub total_used: Option<u64>,
    /// Most slots that were in use at once.
    pub used_hiwater: Option<u64>,
    /// Slots in transient pools.
    pub transient_nslabs: Option<u64>,
    /// How many pools (`stats`), or all of them in search order (`snapshot`).
    pub pools: Option<Pools>,
    /// Whether the worker had something to do.
    pub ran: Option<bool>,
    /// Deferred frees that ran.
    pub callbacks: Option<u64>,

    // device.
    /// Largest single mapping, in bytes.
    pub max_mapping_size: Option<u64>,
    /// Whether the device has an allocator.
    pub active: Option<bool>,
    /// Whether every mapping bounces.
    pub force_bounce: Option<bool>,
    /// Whether pages are allocated from the pool.
    pub for_alloc: Option<bool>,
}

/// One call of the page allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PageEvent {
    /// Allocation or free.
    pub ev: PageEventKind,
    /// The block is 2^order pages.
    pub order: u64,
    /// Highest zone that the request allowed, or the block's zone.
    pub zone: Zone,
    /// The block's address; `None` if there was none to be had.
    pub base: Option<u64>,
}

/// Allocation or free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PageEventKind {
    /// A block was asked for.
    Alloc,
    /// A block was given back.
    Free,
}

/// A zone of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// Below 16 MiB (`ZONE_DMA`).
    Dma,
    /// Below 4 GiB (`ZONE_DMA32`).
    Dma32,
    /// All of it (`ZONE_NORMAL`).
    Normal,
}

/// A pool that came to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PoolAdded {
    /// Its number.
    pub pool: i64,
    /// Its start.
    pub base: u64,
    /// Its slots.
    pub nslabs: u64,
    /// Its areas.
    pub nareas: u64,
    /// Slots in each area.
    pub area_nslabs: u64,
    /// Whether it was made for one mapping.
    pub transient: bool,
    /// Owner of a transient pool, else -1.
    pub dev: i64,
    /// 0 for the default allocator, else the restricted one's number.
    pub mem: u64,
}

/// An area after an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Area {
    /// Its number in the pool.
    pub idx: u64,
    /// Slots in use.
    pub used: u64,
    /// Slot, counted in the area, at which its next search starts.
    pub index: u64,
}

/// A condition that the kernel would log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// No slots for a mapping.
    Full,
    /// The original lies beyond the recorded allocation.
    BounceOverflow,
    /// An alignment wish above a page.
    AlignMaskGtPage,
    /// The device cannot reach the bounce buffer.
    NotDmaCapable,
    /// The address belongs to no pool.
    NoPool,
    /// Growth found no memory.
    GrowFailed,
    /// Late set-up took less than was asked.
    LateShrunk,
    /// Early set-up found no memory.
    MemblockFailed,
    /// No memory that devices reach.
    NoLowMem,
}

/// How an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutError {
    /// The mapping failed.
    MappingError,
    /// The kernel would stop.
    Bug,
    /// The address lies in no pool that the device uses. This and what follows is a caller's mistake, which the kernel's
    /// vectors do not make.
    NotBounced,
    /// No live mapping starts at the address, or, of a sync, it lies in none.
    NotLive,
    /// The direction is not the map's.
    WrongDirection,
}

/// Why slots could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The allocator has no pool.
    NoPool,
    /// Zero bytes, and nothing that has to be kept.
    ZeroLength,
    /// The alignment mask is not a run of low bits.
    BadMask,
    /// More than a segment.
    TooLarge {
        /// Bytes with padding and rounding; 2^64 - 1 for more.
        wanted: u64,
    },
    /// No room, and it may not grow.
    Full {
        /// Bytes with padding and rounding.
        wanted: u64,
        /// Slots in all pools but transient ones.
        total: u64,
        /// Slots in use.
        used: u64,
    },
    /// No memory for a transient pool.
    OutOfPages {
        /// Bytes with padding and rounding.
        wanted: u64,
    },
    /// No memory for one that the device reaches.
    AboveLimit {
        /// Bytes with padding and rounding.
        wanted: u64,
    },
    /// The transient pool's memory does not lie where the alignment wants it.
    TransientUnusable {
        /// Bytes with padding and rounding.
        wanted: u64,
        /// Where it lay.
        base: u64,
    },
    /// The device does not reach the bounce address.
    Unreachable,
    /// The allocator hands out no pages.
    NotRestricted,
    /// The slots that were found do not start on a page.
    Unaligned,
}

/// Why the kernel would stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bug {
    /// A search for no slots.
    ZeroSlots,
}

/// `pools`: a number in `stats`, a list in `snapshot`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "`pools` is neither a number nor a list of pools")]
pub enum Pools {
    /// How many pools that are not transient.
    Count(u64),
    /// All pools that are not transient, in search order, restricted ones last.
    List(Vec<PoolSnapshot>),
}

/// A pool's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PoolSnapshot {
    /// Its number.
    pub pool: i64,
    /// Slots in use, for each area.
    pub used: Vec<u64>,
    /// Where the next search starts, for each area.
    pub index: Vec<u64>,
    /// CRC-32 over one byte for each slot: 1 free, 0 taken.
    pub free_crc: u64,
    /// CRC-32 over one little-endian 16-bit number for each slot: the free run from it, 0 if taken.
    pub run_crc: u64,
}
