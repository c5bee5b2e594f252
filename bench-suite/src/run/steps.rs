//! A plan made ready to run: every op carries all that its call needs, so that the measured path looks
//! nothing up but the bounce address.
//!
//! Invariant: a handle is `foreign` in a step if another thread maps it; then the step waits for it and
//! acquires what the mapper wrote.

use super::RunError;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use workloads::op::{Action, Plan, ThreadPlan};

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Map a buffer.
    Map {
        /// The request.
        request: MapRequest,
    },
    /// End a mapping.
    Unmap {
        /// Bytes mapped.
        bytes: u32,
        /// The map's direction.
        dir: Direction,
        /// Whether the copy back is left out.
        skip_cpu_sync: bool,
        /// Whether another thread maps it.
        foreign: bool,
    },
    /// Sync a part.
    Sync {
        /// Bytes from the start.
        offset: u32,
        /// Bytes.
        len: u32,
        /// The map's direction.
        dir: Direction,
        /// For the CPU, or else for the device.
        for_cpu: bool,
        /// Whether another thread maps it.
        foreign: bool,
    },
    /// Look a live mapping up.
    LookupLive,
    /// Look an address up that is no bounce address.
    LookupForeign {
        /// The address.
        addr: PhysAddr,
    },
    /// Wait until another thread has ended the mapping. No call: it is neither timed nor counted.
    Await,
    /// Wait until no thread is more than one epoch behind. No call either.
    Epoch {
        /// The epoch that begins here.
        epoch: u64,
    },
}

/// What a call is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A map.
    Map,
    /// An unmap.
    Unmap,
    /// A sync, either way.
    Sync,
    /// A lookup, of either sort.
    Lookup,
}

impl Kind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 4] = [Self::Map, Self::Unmap, Self::Sync, Self::Lookup];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Unmap => "unmap",
            Self::Sync => "sync",
            Self::Lookup => "lookup",
        }
    }
}

impl Call {
    /// What the call is counted as; `None` for a wait.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Map { .. } => Some(Kind::Map),
            Self::Unmap { .. } => Some(Kind::Unmap),
            Self::Sync { .. } => Some(Kind::Sync),
            Self::LookupLive | Self::LookupForeign { .. } => Some(Kind::Lookup),
            Self::Await | Self::Epoch { .. } => None,
        }
    }

    /// Whether the call may have to wait for another thread before it can be made.
    #[inline]
    #[must_use]
    pub const fn waits(&self) -> bool {
        match self {
            Self::Unmap { foreign, .. } | Self::Sync { foreign, .. } => *foreign,
            Self::LookupLive | Self::Await | Self::Epoch { .. } => true,
            Self::Map { .. } | Self::LookupForeign { .. } => false,
        }
    }
}

/// One call of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it is meant to start, ns from the plan's start.
    pub at_ns: u64,
    /// The call.
    pub call: Call,
    /// The mapping that it names; 0 where it names none.
    pub handle: u32,
    /// The device.
    pub device: u16,
}

/// What a handle stands for.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    thread: usize,
    device: u16,
    bytes: u32,
    dir: Direction,
    ended: bool,
    synced_by: Option<usize>,
}

/// All threads' steps.
#[derive(Debug)]
pub struct Steps {
    /// By thread.
    pub threads: Vec<Vec<Step>>,
    /// Whether a thread names what another maps.
    pub crosses: bool,
    /// Whether mappings are live when the plan is over.
    pub leaves: bool,
}

impl Steps {
    /// Makes a plan ready.
    ///
    /// # Errors
    /// [`RunError::Plan`] for a plan that breaks its promises: see [`Plan::check`]. Beyond that a mapping
    /// that nobody ends may be synced by one thread only.
    pub fn new(plan: &Plan) -> Result<Self, RunError> {
        plan.check()?;
        let mut mappings = mappings(plan)?;
        let mut crosses = false;
        let mut threads = Vec::with_capacity(plan.threads.len());
        for (thread, ops) in plan.threads.iter().enumerate() {
            check_syncs(&mut mappings, thread, ops)?;
            let steps = thread_steps(plan, &mappings, thread);
            crosses |= steps.iter().any(|step| crossing(&step.call, &mappings, step.handle, thread));
            threads.push(steps);
        }
        let leaves = mappings.iter().any(|mapping| !mapping.ended);
        Ok(Self { threads, crosses, leaves })
    }
}

fn crossing(call: &Call, mappings: &[Mapping], handle: u32, thread: usize) -> bool {
    match call {
        Call::LookupLive => mappings[handle as usize].thread != thread,
        other => other.waits(),
    }
}

/// What each handle stands for. The plan has been checked, so that every handle has one map.
fn mappings(plan: &Plan) -> Result<Vec<Mapping>, RunError> {
    let mut found: Vec<Option<Mapping>> = vec![None; plan.handles as usize];
    for (thread, ops) in plan.threads.iter().enumerate() {
        for op in &ops.ops {
            if let Action::Map { handle, device, size, dir, .. } = op.action {
                let mapping =
                    Mapping { thread, device: device.0, bytes: size, dir, ended: false, synced_by: None };
                found[handle.0 as usize] = Some(mapping);
            }
        }
    }
    for op in plan.threads.iter().flat_map(|thread| &thread.ops) {
        if let Action::Unmap { handle, .. } = op.action
            && let Some(mapping) = &mut found[handle.0 as usize]
        {
            mapping.ended = true;
        }
    }
    let all: Option<Vec<Mapping>> = found.into_iter().collect();
    all.ok_or_else(|| RunError::Unusable { what: "a handle is never mapped".to_owned() })
}

/// Two threads that sync one mapping would copy to the same bytes at once.
fn check_syncs(mappings: &mut [Mapping], thread: usize, ops: &ThreadPlan) -> Result<(), RunError> {
    for op in &ops.ops {
        if let Action::SyncForCpu { handle, .. } | Action::SyncForDevice { handle, .. } = op.action {
            let mapping = &mut mappings[handle.0 as usize];
            if *mapping.synced_by.get_or_insert(thread) != thread {
                let what = format!("two threads sync handle {}", handle.0);
                return Err(RunError::Unusable { what });
            }
        }
    }
    Ok(())
}

fn thread_steps(plan: &Plan, mappings: &[Mapping], thread: usize) -> Vec<Step> {
    let ops = &plan.threads[thread].ops;
    let mut steps = Vec::with_capacity(ops.len());
    let mut epoch = 0;
    for op in ops {
        let now = plan.epoch(op.at_ns);
        if now != epoch {
            epoch = now;
            steps.push(Step { at_ns: op.at_ns, call: Call::Epoch { epoch }, handle: 0, device: 0 });
        }
        steps.push(step(op.at_ns, &op.action, mappings, thread));
    }
    steps
}

fn step(at_ns: u64, action: &Action, mappings: &[Mapping], thread: usize) -> Step {
    let handle = action.handle().map_or(0, |handle| handle.0);
    let of = mappings.get(handle as usize);
    let foreign = of.is_some_and(|mapping| mapping.thread != thread);
    let dir = of.map_or(Direction::Bidirectional, |mapping| mapping.dir);
    let device = of.map_or(0, |mapping| mapping.device);
    let sync = |offset, len, for_cpu| Call::Sync { offset, len, dir, for_cpu, foreign };
    let (call, device) = match *action {
        Action::Map { device, orig, size, alloc_align_mask, dir, .. } => {
            let attrs = Attrs { no_warn: true, ..Attrs::default() };
            let mask = u64::from(alloc_align_mask);
            let request = MapRequest { orig, size: u64::from(size), alloc_align_mask: mask, dir, attrs };
            (Call::Map { request }, device.0)
        }
        Action::Unmap { skip_cpu_sync, .. } => {
            let bytes = of.map_or(0, |mapping| mapping.bytes);
            (Call::Unmap { bytes, dir, skip_cpu_sync, foreign }, device)
        }
        Action::SyncForCpu { offset, len, .. } => (sync(offset, len, true), device),
        Action::SyncForDevice { offset, len, .. } => (sync(offset, len, false), device),
        Action::LookupLive { .. } => (Call::LookupLive, device),
        Action::LookupForeign { device, addr } => (Call::LookupForeign { addr }, device.0),
        Action::AwaitUnmap { .. } => (Call::Await, device),
    };
    Step { at_ns, call, handle, device }
}

/// How many steps of each thread are warm-up, if `share` of the plan is. Where threads wait for each other
/// the cut is a moment, so that nobody waits for what comes after it; else a share of each thread's steps.
#[must_use]
pub fn warm_cut(steps: &Steps, share: f64) -> Vec<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let part = |len: usize| (len as f64 * share.clamp(0.0, 1.0)) as usize;
    if !steps.crosses {
        return steps.threads.iter().map(|thread| part(thread.len())).collect();
    }
    let mut times: Vec<u64> = steps.threads.iter().flatten().map(|step| step.at_ns).collect();
    times.sort_unstable();
    let cut = times.get(part(times.len())).or(times.last()).copied().unwrap_or(0);
    steps.threads.iter().map(|thread| thread.partition_point(|step| step.at_ns < cut)).collect()
}
