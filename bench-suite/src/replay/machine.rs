//! A fresh allocator with a trace's devices: what one pass runs over.

use super::ReplayError;
use super::script::Script;
use std::path::PathBuf;
use std::sync::Arc;
use swiotlb_core::error::{InitError, PageError};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, PoolPages, WINDOW};
use swiotlb_core::policy::Policy;
use swiotlb_core::probe::Counters;

/// Where a replay's pools get their memory.
pub type Pages = PoolPages<BuddyZones, NoEncryption>;

/// A policy that a trace can be replayed under.
pub trait Replayable: Policy<Pages = Pages> {}
impl<P: Policy<Pages = Pages>> Replayable for P {}

/// A policy under which every step is counted.
pub trait Counted: Replayable + Policy<Probe = Counters> {}
impl<P: Replayable + Policy<Probe = Counters>> Counted for P {}

/// An allocator and its devices. Fields drop in this order.
pub(super) struct Machine<P: Policy> {
    /// The devices, by the script's numbers.
    pub(super) devices: Vec<Device<P>>,
    /// The allocator.
    pub(super) mem: Arc<IoTlbMem<P>>,
}

impl<P: Replayable> Machine<P> {
    /// A machine as it was when the trace began.
    pub(super) fn new(script: &Script) -> Result<Self, ReplayError> {
        let path = || script.path.clone();
        let first = script.first;
        let permissions = Permissions { can_grow: first.can_grow, ..Permissions::default() };
        let memory = Arc::new(PhysMemory::new());
        let pages = PoolPages::new(script.layout.blocks(), NoEncryption, None);
        let reserve = &mut |_bytes| Some(first.base);
        let setup = IoTlbMem::<P>::early(first.geometry, permissions, None, memory, pages, reserve)
            .map_err(|source| refused(path(), source))?;
        let devices = script.devices.iter().map(|limits| setup.mem.device(*limits));
        let devices = devices
            .collect::<Result<_, _>>()
            .map_err(|source| ReplayError::Device { path: path(), source })?;
        Ok(Self { devices, mem: setup.mem })
    }

    /// Touches what the trace uses, so that no operation waits for the host to find a page: originals, the
    /// first pool, and, where there may be some, a window each of grown and transient pools.
    pub(super) fn touch(&self, script: &Script) -> Result<(), ReplayError> {
        let memory = self.mem.memory();
        let layout = script.layout;
        let later = [layout.transient, layout.grown].into_iter().flatten().filter(|_| script.first.can_grow);
        let ranges = script.touched.0.iter().copied();
        let ranges = ranges
            .chain([(script.first.base, script.first.bytes().min(1 << 30))])
            .chain(later.map(|(start, bytes)| (start, bytes.min(WINDOW))));
        for (start, bytes) in ranges {
            memory.touch(start, bytes).map_err(|source| no_memory(script.path.clone(), source))?;
        }
        Ok(())
    }
}

fn refused(path: PathBuf, source: InitError) -> ReplayError {
    match source {
        InitError::Pages(source) => no_memory(path, source),
        source => ReplayError::FirstPool { path, source },
    }
}

fn no_memory(path: PathBuf, source: PageError) -> ReplayError {
    ReplayError::Memory { path, source }
}
