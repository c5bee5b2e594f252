//! A fresh allocator with a trace's devices: what one pass runs over.
//!
//! Passes with a clock run over a [`Machine`], which is compiled for each policy; passes that count or
//! compare run over a [`Subject`].

use super::ReplayError;
use super::script::Script;
use crate::pages::{On, pages, touch};
use crate::subject::{Blocks, Build, How, Parts, Subject};
use std::path::PathBuf;
use std::sync::Arc;
use swiotlb_core::error::{InitError, PageError};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, WINDOW};
use swiotlb_core::policy::Policy;

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
    let mut subject = build(parts).map_err(|source| refused(path(), source))?.subject;
    for limits in &script.devices {
        subject.add_device(*limits).map_err(|source| ReplayError::Device { path: path(), source })?;
    }
    Ok(subject)
}

fn permissions(script: &Script) -> Permissions {
    Permissions { can_grow: script.first.can_grow, ..Permissions::default() }
}

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
        let memory = Arc::new(PhysMemory::new());
        let pages = pages(script.layout.blocks(), NoEncryption);
        let reserve = &mut |_bytes| Some(first.base);
        let setup = IoTlbMem::<P>::early(first.geometry, permissions(script), None, memory, pages, reserve)
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
        if script.first.can_grow {
            touch(self.mem.pages(), memory).map_err(|source| no_memory(script.path.clone(), source))?;
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
