//! What one simulated thread asks of the allocator: plain data, made before any clock starts.
//!
//! A [`Plan`] is what every runner understands: the closed and the open loop on real threads, and the
//! discrete-event simulation in virtual time. Invariant: every handle is mapped by exactly one op, ended
//! by at most one, and named by others only after its map in time; a runner that could not map skips what
//! names the handle. [`Plan::check`] verifies this and more.
//!
//! What a runner on real threads has to keep:
//! - a thread's ops run in order;
//! - an op on a mapping that another thread maps waits until it is mapped or has failed;
//! - [`Action::AwaitUnmap`] waits until the mapping is ended or has failed to be mapped;
//! - [`Bounds::skew_ns`], where it is set, holds fast threads back.
//!
//! No run can lock up: whatever a thread waits for has a smaller [`Op::at_ns`] on another thread.

use serde::{Deserialize, Serialize};
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
        /// Whether the copy back is left out (`DMA_ATTR_SKIP_CPU_SYNC`), as it is in recordings where
        /// a sync for the CPU went before.
        skip_cpu_sync: bool,
    },
    /// Wait until another thread has ended the mapping: the device's queue is full, or the original is
    /// about to be used again. Asks nothing of the allocator and takes no virtual time.
    AwaitUnmap {
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

impl Action {
    /// The mapping that it names; `None` for a foreign lookup.
    #[inline]
    #[must_use]
    pub const fn handle(&self) -> Option<Handle> {
        match *self {
            Self::Map { handle, .. }
            | Self::Unmap { handle, .. }
            | Self::AwaitUnmap { handle }
            | Self::SyncForCpu { handle, .. }
            | Self::SyncForDevice { handle, .. }
            | Self::LookupLive { handle } => Some(handle),
            Self::LookupForeign { .. } => None,
        }
    }
}

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Maps and unmaps its own.
    Mapper,
    /// Ends what others mapped.
    Unmapper,
    /// Looks up; maps no more than what it looks up.
    Looker,
    /// Runs the growth worker whenever it is asked for.
    Grower,
}

/// What the device does with a buffer between map and unmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// What a plan keeps to, for checks and for runners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Most mappings that are live at once, all threads together, in time order.
    pub live: u64,
    /// Mappings that nobody ends: live when the plan is over. 0 unless the model says otherwise.
    pub live_at_end: u64,
    /// Longest time, ns of [`Op::at_ns`], that one thread may be ahead of another on real threads;
    /// `None` is any. See [`Plan::epoch`].
    pub skew_ns: Option<u64>,
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
    /// What it keeps to.
    pub bounds: Bounds,
}

impl Plan {
    /// The epoch of a time under [`Bounds::skew_ns`]; 0 where threads are not bound together.
    ///
    /// A runner that lets a thread start an op of epoch `e` only when every thread that has ops left is
    /// at epoch `e - 1` or later keeps the bound: epochs are half the skew long, so that two threads are
    /// never further apart than the skew.
    #[inline]
    #[must_use]
    pub fn epoch(&self, at_ns: u64) -> u64 {
        self.bounds.skew_ns.map_or(0, |skew| at_ns / (skew / 2).max(1))
    }

    /// Ops of all threads.
    #[must_use]
    pub fn ops(&self) -> usize {
        self.threads.iter().map(|thread| thread.ops.len()).sum()
    }

    /// Time of the last op, ns.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        let last = self.threads.iter().filter_map(|thread| thread.ops.last());
        last.map(|op| op.at_ns).max().unwrap_or(0)
    }
}
