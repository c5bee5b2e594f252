//! What can go wrong, one small enum per call. A variant carries the numbers that say what to change.
//!
//! Invariant: an operation that returns an error has changed nothing but what its variant names.

use crate::addr::PhysAddr;
use thiserror::Error;

/// Why a page source gave no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PageError {
    /// No free block of that order in the zones allowed.
    #[error("no free page block of order {order} (zones allowed: up to {zone})")]
    OutOfPages {
        /// log2 of the block's pages.
        order: u32,
        /// Highest zone that the request allowed.
        zone: crate::phys::Zone,
    },
    /// Every block that could be had lies above what may be reached.
    #[error("no page block at or below {limit}")]
    AboveLimit {
        /// Highest address allowed.
        limit: PhysAddr,
    },
    /// The atomic pool has no run of pages that long.
    #[error("the atomic pool has no {pages} free pages in a row")]
    AtomicPoolEmpty {
        /// Pages wanted.
        pages: u64,
    },
    /// The page attributes could not be changed.
    #[error("page attributes could not be changed: {0}")]
    Attribute(#[from] AttributeError),
    /// The range leaves the made-up address space.
    #[error("{bytes} bytes at {addr} leave the address space of {space} bytes")]
    BeyondSpace {
        /// Where the range starts.
        addr: PhysAddr,
        /// Its bytes.
        bytes: u64,
        /// Bytes in the address space ([`crate::phys::SPACE`]).
        space: u64,
    },
    /// The host gave no memory to stand behind the address.
    #[error("the host could not map memory at {addr}: {errno}")]
    Host {
        /// First made-up address of the window.
        addr: PhysAddr,
        /// The host's error number.
        errno: i32,
    },
}

/// Why memory could not be decrypted, or encrypted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AttributeError {
    /// The host's limit on the number of separate mappings (`vm.max_map_count`) was reached.
    #[error(
        "the host's limit on separate mappings was reached; raise vm.max_map_count or scatter fewer pools"
    )]
    MappingLimit,
    /// The host refused for another reason.
    #[error("the host refused with error number {0}")]
    Host(i32),
    /// A failure that a test asked for.
    #[error("failure injected")]
    Injected,
}

/// Why an allocator could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InitError {
    /// The boot parameter does not read `swiotlb=<slots>[,<areas>][,force|noforce]`.
    #[error("boot parameter {text:?}: {what}; write <slots>[,<areas>][,force|noforce], for instance 32768,4")]
    BootParameter {
        /// What was given.
        text: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A geometry that cannot be built.
    #[error("{what} is {value}, more than the {max} that can be built here")]
    TooLarge {
        /// The quantity.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The most allowed.
        max: u64,
    },
    /// The pool would lie outside the address space, or is not page aligned.
    #[error("a pool of {bytes} bytes cannot start at {base}: {what}")]
    Placement {
        /// Where it was to start.
        base: PhysAddr,
        /// Its size.
        bytes: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// No memory for a pool of the least size.
    #[error("no memory for a pool of at least {min_slots} slots")]
    NoMemory {
        /// Fewest slots that were tried.
        min_slots: u64,
    },
    /// The memory could not be had or decrypted.
    #[error(transparent)]
    Pages(#[from] PageError),
}

/// Why a map failed. Nothing is mapped; `used` is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MapError {
    /// The allocator has no pool: its set-up failed, or it was turned off.
    #[error("the allocator has no pool")]
    NoPool,
    /// The device belongs to another allocator.
    #[error("the device belongs to another allocator")]
    ForeignDevice,
    /// Zero bytes, and no offset to keep: the kernel stops the machine here.
    #[error("a mapping of zero bytes takes no slot")]
    ZeroLength,
    /// An alignment mask that is not a run of low bits.
    #[error("alignment mask {mask:#x} is not of the form 2^n - 1")]
    BadMask {
        /// The mask.
        mask: u64,
    },
    /// More than a segment holds, padding and rounding included.
    #[error("{wanted} bytes with padding and rounding, more than the {max} that one allocation may take")]
    TooLarge {
        /// Bytes with padding and rounding.
        wanted: u64,
        /// The most that one allocation takes.
        max: u64,
    },
    /// No pool has room and the allocator may not grow. [`crate::caller::Session::why_full`] says why.
    #[error("full: {wanted} bytes wanted, {total} slots in all, {used} in use")]
    Full {
        /// Bytes wanted.
        wanted: u64,
        /// Slots in all pools but transient ones.
        total: u64,
        /// Slots in use, transient ones included.
        used: u64,
    },
    /// No pool has room, and no memory could be had for a transient pool.
    #[error("full: {wanted} bytes wanted, and no transient pool: {source}")]
    OutOfPages {
        /// Bytes wanted.
        wanted: u64,
        /// What the page source said.
        source: PageError,
    },
    /// No pool has room, and a transient pool of that size cannot serve its own request's alignment.
    #[error("full: {wanted} bytes wanted, and a transient pool at {base} cannot be aligned for them")]
    TransientUnusable {
        /// Bytes wanted.
        wanted: u64,
        /// Where the pool was; it has been freed.
        base: PhysAddr,
    },
    /// The bounce address lies beyond the device's reach; the slots were given back.
    #[error("bounce address {addr} is beyond the device's reach {reach}")]
    Unreachable {
        /// The address that was found.
        addr: PhysAddr,
        /// What the device reaches.
        reach: PhysAddr,
    },
    /// The original does not lie in memory that exists.
    #[error("no memory behind the original {orig} of {size} bytes")]
    NoSuchMemory {
        /// The original.
        orig: PhysAddr,
        /// Bytes.
        size: u64,
    },
}

impl MapError {
    /// Whether the kernel would say "swiotlb buffer is full" (unless told not to).
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::Full { .. }
                | Self::OutOfPages { .. }
                | Self::TransientUnusable { .. }
        )
    }
}

/// Why the pools had no room: asked after a failure, see [`crate::caller::Session::why_full`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FullReason {
    /// More than a segment holds.
    TooLarge,
    /// Fewer free slots than wanted in every area that the search visits.
    Capacity,
    /// Enough free slots, but no free run that long.
    Fragmentation,
    /// Free runs that long, none aligned as asked.
    Alignment,
    /// Aligned runs, each crossing the device's boundary.
    Boundary,
    /// A legal run exists that the stepped walk did not look at.
    MissedByWalk,
    /// Room by now: another thread gave slots back in between.
    RoomByNow,
}

/// Why an unmap failed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnmapError {
    /// The address lies in no pool that the device uses.
    #[error("{addr} is no bounce address of this device")]
    NotBounced {
        /// The address.
        addr: PhysAddr,
    },
    /// The address lies in a pool, but no mapping starts there: never mapped, or unmapped already.
    #[error("no live mapping starts at {addr}")]
    NotLive {
        /// The address.
        addr: PhysAddr,
    },
    /// The direction differs from the map's.
    #[error("{addr} was mapped {mapped:?}, not {given:?}")]
    WrongDirection {
        /// The address.
        addr: PhysAddr,
        /// The map's direction.
        mapped: crate::device::Direction,
        /// The unmap's direction.
        given: crate::device::Direction,
    },
    /// The device belongs to another allocator.
    #[error("the device belongs to another allocator")]
    ForeignDevice,
}

/// Why a sync failed. Nothing was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SyncError {
    /// The address lies in no pool that the device uses.
    #[error("{addr} is no bounce address of this device")]
    NotBounced {
        /// The address.
        addr: PhysAddr,
    },
    /// The address lies in a pool, but in no live mapping.
    #[error("{addr} lies in no live mapping")]
    NotLive {
        /// The address.
        addr: PhysAddr,
    },
    /// The direction differs from the map's. Seen where the address lies in a mapping's first slot.
    #[error("{addr} was mapped {mapped:?}, not {given:?}")]
    WrongDirection {
        /// The address.
        addr: PhysAddr,
        /// The map's direction.
        mapped: crate::device::Direction,
        /// The sync's direction.
        given: crate::device::Direction,
    },
    /// The device belongs to another allocator.
    #[error("the device belongs to another allocator")]
    ForeignDevice,
}

/// Why a device could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// A mask that is not a run of low bits.
    #[error("{what} is {mask:#x}, which is not of the form 2^n - 1")]
    BadMask {
        /// The field.
        what: &'static str,
        /// Its value.
        mask: u64,
    },
}

/// Why a page allocation of a restricted pool failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AllocError {
    /// The device's allocator does not hand out pages.
    #[error("the device's allocator does not hand out pages")]
    NotRestricted,
    /// No room, or a size that takes no slot or more than a segment.
    #[error(transparent)]
    NoRoom(#[from] MapError),
    /// The slots found do not start on a page; they were given back.
    #[error("the slots found at {addr} do not start on a page")]
    Unaligned {
        /// Where they were.
        addr: PhysAddr,
    },
}
