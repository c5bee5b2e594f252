//! A recording on several threads: what each CPU asked, in its order, a map always before its unmap.
//!
//! Recorded CPU c goes onto thread c modulo `threads`. Each thread keeps the recorded order of its calls; a
//! mapping that another thread ends is waited for there. `skew_ns` bounds, in the trace's time, how far one
//! thread may be ahead of another ([`Bounds::skew_ns`]): the smaller, the nearer the run's occupancy stays
//! to the recorded one ([`Curve::departure`](crate::fit::Curve::departure)), and the more threads wait.
//!
//! What is bent, and counted in [`Notes`]: a sync moves to the thread that ends its mapping, or the end
//! could overtake it; an op that follows another thread's map of the same nanosecond is put 1 ns later;
//! originals are addresses of the plan's own arena with the recorded low bits (those that the device's
//! mask keeps, a page's at least), so that no two live ones overlap. Failed maps are left out, or with
//! `try_failed` asked for again and ended at once. What the trace leaves live stays live.
//!
//! Times: the recorded ones from the trace's first record on, raised where a thread or a wait needs it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::rules;

use super::builder::PlanBuilder;
use super::common::{Common, MAX_THREADS, few_enough};
use super::error::{self, ModelError};
use crate::arena::{Class, Extent};
use crate::op::{Action, Bounds, DeviceIndex, Handle, Op, Plan, PlanDevice, Role, ThreadPlan};
use crate::trace::{Event, MapCall, Paired, PairedAction, PairedOp, Trace, TraceOptions, pair};

/// The model's name.
pub const NAME: &str = "parallel_replay";

const RECORDED: &str = "a replay does what the trace says";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The trace's file.
    pub trace: PathBuf,
    /// Longest time, ns of the trace, that one thread may be ahead of another; at least 2. Default
    /// 1,000,000 (1 ms).
    #[serde(default = "default_skew")]
    pub skew_ns: u64,
    /// Whether maps that failed when recorded are asked for again. Default no.
    #[serde(default)]
    pub try_failed: bool,
}

const fn default_skew() -> u64 {
    1_000_000
}

/// What a replay had to bend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Mappings that another thread ends.
    pub cross_thread_ends: u64,
    /// Syncs that moved to the thread that ends their mapping.
    pub moved_syncs: u64,
    /// Ops whose time was raised.
    pub raised: u64,
    /// Failed maps that were left out.
    pub failed_left_out: u64,
    /// Failed maps that are asked for again.
    pub failed_tried: u64,
    /// Mappings that stay live.
    pub live_at_end: u64,
    /// Waits before an original is used again.
    pub reuse_waits: u64,
}

impl Parameters {
    /// The defaults for a trace.
    #[must_use]
    pub fn new(trace: impl Into<PathBuf>) -> Self {
        Self { trace: trace.into(), skew_ns: default_skew(), try_failed: false }
    }

    /// Reads the trace and makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: the trace cannot be read, or a parameter is out of its range or not used.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let trace = Trace::open(&self.trace, &TraceOptions::default())?;
        self.plan_from(&trace, common, seed).map(|(plan, _)| plan)
    }

    /// Makes the plan from a trace that has been read.
    ///
    /// # Errors
    /// As [`Parameters::plan`].
    pub fn plan_from(&self, trace: &Trace, common: &Common, seed: u64) -> Result<(Plan, Notes), ModelError> {
        self.bounds(common)?;
        let paired = pair(trace);
        few_enough((paired.ops.len() as u64).saturating_mul(2))?;
        if trace.devices.len() > usize::from(u16::MAX) {
            let what = "a plan has at most 65,535 devices";
            return Err(ModelError::UnfitTrace { trace: trace.name.clone(), what });
        }
        let mut replay = Replay::new(self, trace, &paired, common, seed);
        for op in &paired.ops {
            replay.op(op)?;
        }
        replay.finish(paired.live_at_end)
    }

    /// Whether every parameter is within its bounds; the trace is not looked at.
    pub(super) fn bounds(&self, common: &Common) -> Result<(), ModelError> {
        let fields = [
            "ops_per_thread",
            "rate_per_s",
            "arrivals",
            "depth",
            "ends",
            "read_share",
            "bidirectional_share",
        ];
        common.refuse(NAME, &fields.map(|field| (field, RECORDED)))?;
        error::within("threads", common.threads, 1, MAX_THREADS)?;
        #[expect(clippy::cast_precision_loss, reason = "for a message")]
        error::within("skew_ns", self.skew_ns as f64, 2.0, super::arrivals::MAX_NS)?;
        Ok(())
    }
}

/// A mapping that was made.
struct Mapped {
    handle: Handle,
    thread: u32,
    at_ns: u64,
    extent: Option<Extent>,
}

/// An original that may be used again.
struct Freed {
    extent: Extent,
    handle: Handle,
    thread: u32,
    at_ns: u64,
}

struct Replay<'a> {
    parameters: &'a Parameters,
    trace: &'a Trace,
    start_ns: u64,
    threads: Vec<ThreadPlan>,
    plan: PlanBuilder,
    /// By the map's record: the thread that ends it.
    enders: BTreeMap<u32, u32>,
    mapped: BTreeMap<u32, Mapped>,
    freed: BTreeMap<Class, VecDeque<Freed>>,
    notes: Notes,
}

impl<'a> Replay<'a> {
    fn new(
        parameters: &'a Parameters,
        trace: &'a Trace,
        paired: &Paired,
        common: &Common,
        seed: u64,
    ) -> Self {
        let threads = common.threads;
        let ends = paired.ops.iter().filter_map(|op| {
            let record = &trace.records[op.record as usize];
            let ends = op.action == PairedAction::End || matches!(record.event, Event::Unmap(_));
            op.map.filter(|_| ends).map(|map| (map, record.cpu % threads))
        });
        let device = |d: &crate::trace::TraceDevice| PlanDevice {
            name: d.name.clone(),
            limits: DeviceLimits {
                min_align_mask: u64::from(d.min_align_mask),
                seg_boundary_mask: d.seg_boundary_mask,
                ..DeviceLimits::default()
            },
        };
        let devices = trace.devices.iter().map(device).collect();
        let thread = |cpu| ThreadPlan { role: Role::Mapper, cpu, ops: Vec::new() };
        Self {
            parameters,
            trace,
            start_ns: trace.records.first().map_or(0, |record| record.t_ns),
            threads: (0..threads).map(thread).collect(),
            plan: PlanBuilder::new(NAME, seed, common.touch, devices),
            enders: ends.collect(),
            mapped: BTreeMap::new(),
            freed: BTreeMap::new(),
            notes: Notes::default(),
        }
    }

    fn op(&mut self, op: &PairedOp) -> Result<(), ModelError> {
        let record = self.trace.records[op.record as usize];
        let at_ns = record.t_ns - self.start_ns;
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_THREADS")]
        let thread = record.cpu % self.threads.len() as u32;
        match (op.action, record.event, op.map) {
            (PairedAction::End, _, Some(map)) => self.end(thread, at_ns, map, false),
            (PairedAction::Call, Event::Map(call), _) => {
                let mapped = self.map(thread, at_ns, &call)?;
                self.mapped.insert(op.record, mapped);
            }
            (_, Event::Unmap(call), Some(map)) => self.end(thread, at_ns, map, call.attrs.skip_cpu_sync),
            (_, Event::SyncCpu(call), Some(map)) => {
                let (offset, len) = (op.offset, call.size);
                self.sync(thread, at_ns, map, |handle| Action::SyncForCpu { handle, offset, len });
            }
            (_, Event::SyncDev(call), Some(map)) => {
                let (offset, len) = (op.offset, call.size);
                self.sync(thread, at_ns, map, |handle| Action::SyncForDevice { handle, offset, len });
            }
            (_, Event::MapFail(call), _) => self.failed(thread, at_ns, &call)?,
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, thread: u32, at_ns: u64, action: Action) -> u64 {
        let ops = &mut self.threads[thread as usize].ops;
        let at = ops.last().map_or(at_ns, |last| last.at_ns.max(at_ns));
        ops.push(Op { at_ns: at, action });
        at
    }

    fn map(&mut self, thread: u32, at_ns: u64, call: &MapCall) -> Result<Mapped, ModelError> {
        let keep = u64::from(call.min_align_mask).min(0xffff) | (rules::PAGE_SIZE - 1);
        let align = (keep + 1).next_power_of_two();
        #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
        let offset = (call.orig.0 & (align - 1)) as u32;
        self.reuse(thread, at_ns, Class::of(call.size, offset, align));
        let extent = self.plan.arena_mut().take(call.size, offset, align)?;
        let handle = self.plan.handle()?;
        #[expect(clippy::cast_possible_truncation, reason = "fewer devices than 2^16, checked")]
        let device = DeviceIndex(call.dev.0 as u16);
        let (orig, size, dir) = (extent.orig(), call.size, call.dir);
        let alloc_align_mask = call.alloc_align_mask;
        let map = Action::Map { handle, device, orig, size, alloc_align_mask, dir };
        let at = self.push(thread, at_ns, map);
        self.notes.raised += u64::from(at > at_ns);
        Ok(Mapped { handle, thread, at_ns: at, extent: Some(extent) })
    }

    /// Gives the arena the original of this class that was freed first, if it may be used again: freed by
    /// this thread, or so long ago that a wait for it is short.
    fn reuse(&mut self, thread: u32, at_ns: u64, class: Class) {
        let Some(queue) = self.freed.get_mut(&class) else { return };
        let skew = self.parameters.skew_ns;
        let usable = |freed: &Freed| {
            freed.thread == thread || freed.at_ns.checked_add(skew).is_some_and(|until| until < at_ns)
        };
        if !queue.front().is_some_and(usable) {
            return;
        }
        let Some(freed) = queue.pop_front() else { return };
        self.plan.arena_mut().give(freed.extent);
        if freed.thread != thread {
            self.notes.reuse_waits += 1;
            self.push(thread, at_ns, Action::AwaitUnmap { handle: freed.handle });
        }
    }

    /// A time for an op of `thread` that follows the map: strictly later if that is another thread's.
    fn after_map(&mut self, thread: u32, at_ns: u64, map: u32) -> Option<(Handle, u64)> {
        let mapped = self.mapped.get(&map)?;
        let earliest = if mapped.thread == thread { 0 } else { mapped.at_ns + 1 };
        self.notes.raised += u64::from(earliest > at_ns);
        Some((mapped.handle, at_ns.max(earliest)))
    }

    fn end(&mut self, thread: u32, at_ns: u64, map: u32, skip_cpu_sync: bool) {
        let Some((handle, at_ns)) = self.after_map(thread, at_ns, map) else { return };
        let at_ns = self.push(thread, at_ns, Action::Unmap { handle, skip_cpu_sync });
        let Some(mapped) = self.mapped.remove(&map) else { return };
        self.notes.cross_thread_ends += u64::from(mapped.thread != thread);
        if let Some(extent) = mapped.extent {
            let queue = self.freed.entry(extent.class()).or_default();
            queue.push_back(Freed { extent, handle, thread, at_ns });
        }
    }

    fn sync(&mut self, thread: u32, at_ns: u64, map: u32, action: impl Fn(Handle) -> Action) {
        let ender = self.enders.get(&map).copied().unwrap_or(thread);
        let Some((handle, at_ns)) = self.after_map(ender, at_ns, map) else { return };
        self.notes.moved_syncs += u64::from(ender != thread);
        self.push(ender, at_ns, action(handle));
    }

    fn failed(&mut self, thread: u32, at_ns: u64, call: &MapCall) -> Result<(), ModelError> {
        if !self.parameters.try_failed || u64::from(call.size) > rules::IO_TLB_MAX_BYTES {
            self.notes.failed_left_out += 1;
            return Ok(());
        }
        self.notes.failed_tried += 1;
        let mapped = self.map(thread, at_ns, call)?;
        let Mapped { handle, at_ns, extent, .. } = mapped;
        self.push(thread, at_ns, Action::Unmap { handle, skip_cpu_sync: true });
        if let Some(extent) = extent {
            let queue = self.freed.entry(extent.class()).or_default();
            queue.push_back(Freed { extent, handle, thread, at_ns });
        }
        Ok(())
    }

    fn finish(mut self, live_at_end: u64) -> Result<(Plan, Notes), ModelError> {
        for thread in std::mem::take(&mut self.threads) {
            self.plan.push_thread(thread)?;
        }
        self.notes.live_at_end = live_at_end;
        let bounds = Bounds { live: 0, live_at_end, skew_ns: Some(self.parameters.skew_ns) };
        let mut plan = self.plan.finish(bounds);
        plan.bounds.live = plan.most_live();
        Ok((plan, self.notes))
    }
}
