//! Virtual time: a plan as a deterministic discrete-event simulation on one thread.
//!
//! Only counts matter here: failures by reason, high-water mark, spill, growth, occupancy. Operations take
//! no time; what takes time is the growth worker, which runs a while after it was asked, and the grace
//! period after which transient pools are freed. Events are ordered by time; at one time the worker and the
//! frees come before the plan's ops, which come by thread and then in their own order. The same plan and
//! settings give the same answers whenever they are run.

use super::RunError;
use super::allocator::Grows as _;
use super::collect;
use super::counted::{Counted, OnThread, Served};
use super::outcome::{GrowthEvent, VirtualOutcome};
use super::reason::Failures;
use super::settings::Settings;
use super::steps::{Call, Step, Steps};
use super::target::{Caller as _, Section as _, Target as _, add_counts};
use super::watch::Watch;
use crate::subject::{self, Build};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::MemStats;
use swiotlb_core::probe::Counts;
use workloads::op::Plan;

/// Simulates a plan against an allocator that `build` makes.
///
/// # Errors
/// See [`RunError`].
pub fn virtual_time(build: Build, plan: &Plan, settings: &Settings) -> Result<VirtualOutcome, RunError> {
    let steps = Steps::new(plan)?;
    let allocator = Counted::new(build, plan, settings)?;
    let watch = Watch::new(plan, settings.oracle, Some(allocator.ground()), &[allocator.pool()]);
    let callers = plan.threads.iter().map(|thread| (thread.cpu, allocator.caller(thread.cpu))).collect();
    let mut simulation = Simulation {
        allocator: &allocator,
        before: allocator.stats(),
        callers,
        worker: allocator.subject().caller(0),
        watch: watch.as_ref(),
        settings,
        live: vec![Live::No; plan.handles as usize],
        due: BinaryHeap::new(),
        growing: None,
        freeing: false,
        transient: 0,
        seen: Seen::default(),
    };
    simulation.run(plan, &steps);
    Ok(simulation.finish(&steps))
}

/// What waits to happen; in the order in which things of one time happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The growth worker runs.
    Grow,
    /// A grace period is over.
    Free,
}

/// A handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    /// Not mapped yet, failed, or ended.
    No,
    /// Live.
    At(PhysAddr),
}

#[derive(Default)]
struct Seen {
    maps: u64,
    unmaps: u64,
    syncs: u64,
    lookups: u64,
    skipped: u64,
    refused: u64,
    failures: Failures,
    bytes: u64,
    spilled: u64,
    transient: u64,
    growth: Vec<GrowthEvent>,
    /// Slots in use, as an area over time: slot-ns until `end_ns`, and what is in use since then.
    area: u128,
    used: u64,
    /// The most slots of transient pools.
    transient_most: u64,
    end_ns: u64,
}

struct Simulation<'a> {
    allocator: &'a Counted,
    before: MemStats,
    /// By thread, with the simulated CPU.
    callers: Vec<(u32, OnThread<'a>)>,
    worker: Box<dyn subject::Caller + 'a>,
    watch: Option<&'a Watch>,
    settings: &'a Settings,
    live: Vec<Live>,
    due: BinaryHeap<Reverse<(u64, Due)>>,
    /// Since when the worker is asked, and how many maps had failed then.
    growing: Option<(u64, u64)>,
    /// Whether a grace period runs.
    freeing: bool,
    /// Slots of transient pools when that was last looked at.
    transient: u64,
    seen: Seen,
}

impl Simulation<'_> {
    fn run(&mut self, plan: &Plan, steps: &Steps) {
        let mut next = vec![0_usize; steps.threads.len()];
        for placed in plan.in_time_order() {
            let thread = placed.thread as usize;
            self.until(placed.op.at_ns);
            let own = &steps.threads[thread];
            // Marks of epochs bind real threads together; here time does.
            while matches!(own[next[thread]].call, Call::Epoch { .. }) {
                next[thread] += 1;
            }
            self.step(thread, &own[next[thread]]);
            next[thread] += 1;
            self.after(placed.op.at_ns);
        }
        // What was asked before the end still happens.
        self.until(u64::MAX);
    }

    /// Lets everything happen that is due before an op at `now`, or at the same time.
    fn until(&mut self, now: u64) {
        while let Some(&Reverse((at, due))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            match due {
                Due::Grow => self.grow(at),
                Due::Free => {
                    self.freeing = false;
                    self.worker.quiesce();
                }
            }
            self.after(at);
        }
    }

    /// After every event: sets worker and grace period going if there is reason to, and adds up occupancy.
    fn after(&mut self, now: u64) {
        let stats = self.allocator.stats();
        if self.growing.is_none() && self.allocator.growth_queued() {
            self.growing = Some((now, self.seen.failures.total()));
            self.due.push(Reverse((now.saturating_add(self.settings.growth_delay_ns), Due::Grow)));
        }
        // Grace periods do not overlap: what is retired during one is freed with it, as batched callbacks
        // are.
        if stats.transient_nslabs < self.transient && !self.freeing {
            self.freeing = true;
            self.due.push(Reverse((now.saturating_add(self.settings.grace_ns), Due::Free)));
        }
        self.transient = stats.transient_nslabs;
        let seen = &mut self.seen;
        seen.transient_most = seen.transient_most.max(stats.transient_nslabs);
        seen.area += u128::from(seen.used) * u128::from(now.saturating_sub(seen.end_ns));
        (seen.used, seen.end_ns) = (stats.used, now);
    }

    fn grow(&mut self, now: u64) {
        let Some((asked, failed)) = self.growing.take() else { return };
        let nslabs = match self.worker.run_worker() {
            Grown::NotAsked => return,
            Grown::Added { nslabs } => nslabs,
            Grown::Failed(_) => 0,
        };
        let failed_meanwhile = self.seen.failures.total() - failed;
        self.seen.growth.push(GrowthEvent {
            failed_at_ns: asked,
            grown_at_ns: now,
            failed_meanwhile,
            nslabs,
        });
    }

    fn step(&mut self, thread: usize, step: &Step) {
        let handle = step.handle as usize;
        match (step.call, self.live.get(handle)) {
            (Call::Await | Call::Epoch { .. }, _) => {}
            (Call::Map { request }, _) => {
                let addr = self.map(thread, step, &request);
                self.live[handle] = addr.map_or(Live::No, Live::At);
            }
            (Call::LookupForeign { addr }, _) => {
                self.seen.lookups += 1;
                self.seen.refused += u64::from(self.callers[thread].1.enter().lookup(step.device, addr));
            }
            (Call::Unmap { bytes, dir, skip_cpu_sync, .. }, Some(&Live::At(addr))) => {
                self.unmap(thread, step, addr, (u64::from(bytes), dir, skip_cpu_sync));
                self.live[handle] = Live::No;
                self.seen.unmaps += 1;
            }
            (call, Some(&Live::At(addr))) => self.look(thread, step, &call, addr),
            _ => self.seen.skipped += 1,
        }
    }

    /// Maps, and says where from: the own area, another's, or a transient pool.
    fn map(&mut self, thread: usize, step: &Step, request: &MapRequest) -> Option<PhysAddr> {
        let (cpu, caller) = &self.callers[thread];
        let session = caller.enter();
        self.seen.maps += 1;
        if let Some(watch) = self.watch {
            watch.before_map(step.handle);
        }
        let addr = match session.map(step.device, request) {
            Ok(addr) => addr,
            Err(error) => {
                self.seen.failures.add(session.reason(step.device, request, &error, true));
                return None;
            }
        };
        self.seen.bytes += request.size;
        match session.served(step.device, addr, *cpu) {
            Served::OwnArea => {}
            Served::OtherArea => self.seen.spilled += 1,
            Served::Transient => self.seen.transient += 1,
        }
        if let Some(watch) = self.watch {
            watch.after_map(&session, step.handle, addr);
        }
        Some(addr)
    }

    fn unmap(&mut self, thread: usize, step: &Step, addr: PhysAddr, how: (u64, Direction, bool)) {
        let (bytes, dir, skip_cpu_sync) = how;
        if let Some(watch) = self.watch {
            watch.before_unmap(step.handle, addr);
        }
        let agreed = self.callers[thread].1.enter().unmap(step.device, addr, bytes, dir, skip_cpu_sync);
        self.seen.refused += u64::from(!agreed);
        if let Some(watch) = self.watch {
            watch.after_unmap(step.handle, skip_cpu_sync);
        }
    }

    /// A sync or a lookup of a live mapping.
    fn look(&mut self, thread: usize, step: &Step, call: &Call, addr: PhysAddr) {
        let session = self.callers[thread].1.enter();
        let Call::Sync { offset, len, dir, for_cpu, .. } = *call else {
            self.seen.lookups += 1;
            self.seen.refused += u64::from(!session.lookup(step.device, addr));
            return;
        };
        let (at, bytes) = (addr.wrapping_add(u64::from(offset)), u64::from(len));
        let agreed = if for_cpu {
            session.sync_for_cpu(step.device, at, bytes, dir)
        } else {
            session.sync_for_device(step.device, at, bytes, dir)
        };
        if let Some(watch) = self.watch {
            watch.after_sync(step.handle, addr, offset, len, for_cpu);
        }
        self.seen.syncs += 1;
        self.seen.refused += u64::from(!agreed);
    }

    /// Ends what is left, and sums up.
    fn finish(mut self, steps: &Steps) -> VirtualOutcome {
        let stats = self.allocator.stats();
        for (thread, steps) in steps.threads.iter().enumerate() {
            for step in steps {
                if let (Call::Map { request }, Some(&Live::At(addr))) =
                    (step.call, self.live.get(step.handle as usize))
                {
                    self.unmap(thread, step, addr, (request.size, request.dir, false));
                }
            }
        }
        self.worker.quiesce();
        let counts = self.callers.iter().filter_map(|(_, caller)| caller.counts());
        let counts = counts.fold(Counts::default(), |sum, counts| add_counts(&sum, &counts));
        let left = self.allocator.stats().used;
        let oracle = collect::report(self.watch, Some(left), self.seen.refused);
        let seen = self.seen;
        VirtualOutcome {
            maps: seen.maps,
            unmaps: seen.unmaps,
            syncs: seen.syncs,
            lookups: seen.lookups,
            skipped: seen.skipped,
            failures: seen.failures.named(),
            bytes: seen.bytes,
            pools_added: stats.pools.saturating_sub(self.before.pools),
            stats,
            spilled: seen.spilled,
            transient: seen.transient,
            transient_unusable: counts.transient_unusable,
            growth: seen.growth,
            mean_used_slots: seen.area as f64 / seen.end_ns.max(1) as f64,
            transient_high_water: seen.transient_most,
            counts,
            end_ns: seen.end_ns,
            oracle,
        }
    }
}
