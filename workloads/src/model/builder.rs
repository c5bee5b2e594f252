//! A plan while it is made: handles, originals, threads.
//!
//! Invariant: originals that one thread gives back are used again by that thread only, further on in its
//! own order, so that live originals are disjoint in every schedule.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, Direction};

use super::common::{self, MAX_OPS};
use super::error::ModelError;
use crate::arena::{Arena, Extent, MAX_ARENA};
use crate::op::{Action, Bounds, DeviceIndex, DeviceTouch, Handle, Op, Plan, PlanDevice, Role, ThreadPlan};

/// What a map asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub device: DeviceIndex,
    pub size: u32,
    /// Bytes that the original begins behind a multiple of `orig_align`.
    pub offset: u32,
    /// A power of two; anything below a page is a page.
    pub orig_align: u64,
    pub alloc_align_mask: u32,
    pub dir: Direction,
}

impl Request {
    /// For the plan's first device, without alignment.
    pub(super) const fn new(size: u32, offset: u32, dir: Direction) -> Self {
        Self { device: DeviceIndex(0), size, offset, orig_align: 0, alloc_align_mask: 0, dir }
    }

    pub(super) const fn for_device(mut self, device: u16) -> Self {
        self.device = DeviceIndex(device);
        self
    }
}

/// A live mapping.
#[derive(Debug)]
pub(super) struct Mapping {
    pub handle: Handle,
    extent: Extent,
}

/// A plan while it is made.
#[derive(Debug)]
pub(super) struct PlanBuilder {
    plan: Plan,
    arena: Arena,
    ops: u64,
}

/// A device called `name` that declares `limits`.
pub(super) fn device(name: &str, min_align_mask: u64) -> PlanDevice {
    let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
    PlanDevice { name: name.to_owned(), limits }
}

impl PlanBuilder {
    pub(super) fn new(model: &str, seed: u64, touch: DeviceTouch, devices: Vec<PlanDevice>) -> Self {
        let arena = Arena::new(MAX_ARENA);
        let plan = Plan {
            model: model.to_owned(),
            seed,
            devices,
            threads: Vec::new(),
            handles: 0,
            arena: arena.span(),
            touch,
            bounds: Bounds::default(),
        };
        Self { plan, arena, ops: 0 }
    }

    /// Begins a thread on CPU `cpu`. Threads are made one after the other.
    pub(super) fn thread(&mut self, role: Role, cpu: u32) -> ThreadBuilder<'_> {
        ThreadBuilder { plan: self, thread: ThreadPlan { role, cpu, ops: Vec::new() }, now: 0 }
    }

    /// Adds a thread that is complete.
    pub(super) fn push_thread(&mut self, thread: ThreadPlan) -> Result<(), ModelError> {
        self.ops += thread.ops.len() as u64;
        self.plan.threads.push(thread);
        common::few_enough(self.ops)
    }

    pub(super) const fn arena_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }

    /// The next handle.
    pub(super) fn handle(&mut self) -> Result<Handle, ModelError> {
        let handle = Handle(self.plan.handles);
        common::few_enough(u64::from(handle.0))?;
        self.plan.handles += 1;
        Ok(handle)
    }

    pub(super) fn finish(mut self, bounds: Bounds) -> Plan {
        self.plan.arena = self.arena.span();
        self.plan.bounds = bounds;
        self.plan
    }

    /// Completes a plan that ends with nothing live and has no bound but `live` mappings per thread that
    /// maps; `None` where there is no such bound.
    pub(super) fn finish_held(self, threads: u32, live: Option<u64>) -> Plan {
        let handles = u64::from(self.plan.handles);
        let live = live.map_or(handles, |live| live.saturating_mul(u64::from(threads)).min(handles));
        self.finish(Bounds { live, live_at_end: 0, skew_ns: None })
    }
}

/// One thread while it is made.
#[derive(Debug)]
pub(super) struct ThreadBuilder<'p> {
    plan: &'p mut PlanBuilder,
    thread: ThreadPlan,
    now: u64,
}

impl ThreadBuilder<'_> {
    /// Time of the last op, ns.
    pub(super) const fn now(&self) -> u64 {
        self.now
    }

    /// Appends an op, not before the last one's time.
    pub(super) fn push(&mut self, at_ns: u64, action: Action) {
        self.now = self.now.max(at_ns);
        self.thread.ops.push(Op { at_ns: self.now, action });
    }

    /// Maps a buffer.
    pub(super) fn map(&mut self, at_ns: u64, request: Request) -> Result<Mapping, ModelError> {
        if self.plan.ops + self.thread.ops.len() as u64 >= MAX_OPS {
            common::few_enough(MAX_OPS + 1)?;
        }
        let Request { device, size, offset, orig_align, alloc_align_mask, dir } = request;
        let extent = self.plan.arena.take(size, offset, orig_align)?;
        let handle = self.plan.handle()?;
        let orig: PhysAddr = extent.orig();
        self.push(at_ns, Action::Map { handle, device, orig, size, alloc_align_mask, dir });
        Ok(Mapping { handle, extent })
    }

    /// Ends a mapping.
    pub(super) fn unmap(&mut self, at_ns: u64, mapping: Mapping) {
        self.push(at_ns, Action::Unmap { handle: mapping.handle, skip_cpu_sync: false });
        self.plan.arena.give(mapping.extent);
    }

    /// Waits for another thread's end of a mapping.
    pub(super) fn await_unmap(&mut self, at_ns: u64, mapping: Mapping) {
        self.push(at_ns, Action::AwaitUnmap { handle: mapping.handle });
        self.plan.arena.give(mapping.extent);
    }

    /// Completes the thread.
    pub(super) fn finish(self) -> Result<(), ModelError> {
        self.plan.arena.forget_free();
        self.plan.push_thread(self.thread)
    }
}
