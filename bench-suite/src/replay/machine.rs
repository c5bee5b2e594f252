//! A fresh allocator with a trace's devices: what one pass runs over.
//!
//! Passes with a clock run over a [`Machine`], which is compiled for each policy; passes that count or
//! compare run over a [`Subject`].

use super::script::Script;
use super::{FirstPool, ReplayError};
use crate::calls::Mem;
use crate::pages::{On, pages, touch};
use crate::subject::{Blocks, Build, How, Parts, Subject};
use std::path::PathBuf;
use std::sync::Arc;
use swiotlb_core::error::{InitError, PageError};
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, WINDOW};

/// A policy that a trace can be replayed under.
pub trait Replayable: On<BuddyZones, NoEncryption> {}
impl<P: On<BuddyZones, NoEncryption>> Replayable for P {}

/// A subject as the machine was when the trace began; its devices have the script's numbers.
pub(super) fn subject(build: Build, script: &Script) -> Result<Box<dyn Subject>, ReplayError> {
    let path = || script.path.clone();
    let first = script.first;
    let reserve = &mut |_bytes| Some(first.base);
    let parts = Parts {
        how: How::Early(reserve),
        geometry: first.geometry,
        permissions: permissions(script),
        memory: Arc::new(PhysMemory::new()),
        blocks: Blocks::Zones(script.layout.blocks()),
    };
    let mut subject = build.build(parts).map_err(|source| refused(path(), source))?.subject;
    for limits in &script.devices {
        subject.add_device(*limits).map_err(|source| ReplayError::Device { path: path(), source })?;
    }
    Ok(subject)
}

fn permissions(script: &Script) -> Permissions {
    Permissions { can_grow: script.first.can_grow, ..Permissions::default() }
}

/// What an allocator is set up on.
pub struct Site {
    /// The default pool, and whether there may be more.
    pub first: FirstPool,
    /// What the allocator may do.
    pub permissions: Permissions,
    /// The bytes.
    pub memory: Arc<PhysMemory>,
    /// The pages of grown and transient pools.
    pub blocks: BuddyZones,
}

/// Sets an allocator up.
pub type Make<'a, M> = &'a dyn Fn(Site) -> Result<M, InitError>;

/// Sets an allocator of policy `P` up.
///
/// # Errors
/// It cannot be set up.
pub(super) fn early<P: Replayable>(site: Site) -> Result<Arc<IoTlbMem<P>>, InitError> {
    let Site { first, permissions, memory, blocks } = site;
    let reserve = &mut |_bytes| Some(first.base);
    let (pages, ours) = (pages(blocks, NoEncryption), Arc::clone(&memory));
    let mem = IoTlbMem::<P>::early(first.geometry, permissions, None, ours, pages, reserve)?.mem;
    if permissions.can_grow {
        touch(mem.pages(), &memory)?;
    }
    Ok(mem)
}

/// An allocator and its devices. Fields drop in this order.
pub(super) struct Machine<M: Mem> {
    /// The devices, by the script's numbers.
    pub(super) devices: Vec<M::Device>,
    /// The allocator.
    pub(super) mem: M,
    memory: Arc<PhysMemory>,
}

impl<M: Mem> Machine<M> {
    /// A machine as it was when the trace began.
    pub(super) fn new(make: Make<'_, M>, script: &Script) -> Result<Self, ReplayError> {
        let path = || script.path.clone();
        let (first, memory) = (script.first, Arc::new(PhysMemory::new()));
        let (permissions, blocks) = (permissions(script), script.layout.blocks());
        let site = Site { first, permissions, memory: Arc::clone(&memory), blocks };
        let mem = make(site).map_err(|source| refused(path(), source))?;
        let devices = script.devices.iter().map(|limits| mem.device(*limits));
        let devices = devices
            .collect::<Result<_, _>>()
            .map_err(|source| ReplayError::Device { path: path(), source })?;
        Ok(Self { devices, mem, memory })
    }

    /// Touches what the trace uses, so that no operation waits for the host to find a page: originals, the
    /// first pool, and, where there may be some, a window each of grown and transient pools.
    pub(super) fn touch(&self, script: &Script) -> Result<(), ReplayError> {
        let memory = &self.memory;
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
