//! What one simulated thread asks of the allocator: plain data, made before any clock starts.
//!
//! A [`Plan`] is what every runner understands: the closed and the open loop on real threads, and the
//! discrete-event simulation in virtual time. Invariant: every handle is mapped by exactly one op, ended
//! by at most one, and named by others only after its map in time; a runner that could not map skips what
//! names the handle.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, Direction};

/// The number of a mapping within its plan, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

/// The number of a device within its plan, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIndex(pub u16);

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// When it is meant to start, ns from the plan's start: the arrival of an open loop and of virtual
    /// time. A closed loop ignores it. Never decreases within a thread.
    pub at_ns: u64,
    /// What is asked.
    pub action: Action,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Map a buffer.
    Map {
        /// The mapping's number.
        handle: Handle,
        /// For which device.
        device: DeviceIndex,
        /// Where the original lies, inside the plan's arena.
        orig: PhysAddr,
        /// Bytes.
        size: u32,
        /// Alignment of the allocation, a mask of low bits.
        alloc_align_mask: u32,
        /// Which way the data goes.
        dir: Direction,
    },
    /// End a mapping; another thread's too, which is then waited for.
    Unmap {
        /// The mapping.
        handle: Handle,
    },
    /// Sync a part for the CPU.
    SyncForCpu {
        /// The mapping.
        handle: Handle,
        /// Bytes from its start.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// Sync a part for the device.
    SyncForDevice {
        /// The mapping.
        handle: Handle,
        /// Bytes from its start.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// Ask whether a live mapping's address is a bounce address.
    LookupLive {
        /// The mapping.
        handle: Handle,
    },
    /// Ask whether an address is a bounce address that is none.
    LookupForeign {
        /// For which device.
        device: DeviceIndex,
        /// The address.
        addr: PhysAddr,
    },
}

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Maps and unmaps its own.
    Mapper,
    /// Ends what others mapped.
    Unmapper,
    /// Only looks up.
    Looker,
    /// Runs the growth worker whenever it is asked for.
    Grower,
}

/// What the device does with a buffer between map and unmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceTouch {
    /// Nothing.
    #[default]
    None,
    /// Another core reads or writes it, as the direction says.
    OtherCore,
    /// Its cache lines are flushed.
    Flush,
}

/// One simulated thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadPlan {
    /// What it is for.
    pub role: Role,
    /// The simulated CPU that it calls from.
    pub cpu: u32,
    /// Its requests, in order.
    pub ops: Vec<Op>,
}

/// A device of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDevice {
    /// Its name, for reports; a trace's may be hostile.
    pub name: String,
    /// What it declares.
    pub limits: DeviceLimits,
}

/// Everything that a run needs to know beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The model that made it.
    pub model: String,
    /// Its seed.
    pub seed: u64,
    /// The devices.
    pub devices: Vec<PlanDevice>,
    /// The threads.
    pub threads: Vec<ThreadPlan>,
    /// Mappings in all: handles are below.
    pub handles: u32,
    /// Where originals lie: start and bytes. No two live originals overlap.
    pub arena: (PhysAddr, u64),
    /// What happens between map and unmap.
    pub touch: DeviceTouch,
}
