//! The threads of a run, from pinning to the end: the phases that all of them go through together.
//!
//! 1. pin; make histograms, caller and probe; run the empty loop; 2. rendezvous; 3. warm-up;
//! 4. rendezvous, ledger of faults and switches; 5. the measured passes, each behind a rendezvous;
//! 6. ledger, rendezvous; 7. the leader takes the statistics; 8. what is left over is ended.
//!
//! Invariant: nothing is allocated, spawned or read from files between a rendezvous and the end of the
//! pass behind it.

use super::clock::{Clock, HostClock};
use super::closed::block_len;
use super::gate::{Epochs, Gate};
use super::host;
use super::idle::{self, Idle};
use super::looper::Looper;
use super::noise::ThreadLedger;
use super::open::Schedule;
use super::settings::{Oracle, Pace, Settings};
use super::slowdown::Slowdown;
use super::steps::{Step, Steps, warm_cut};
use super::table::Table;
use super::tally::Tally;
use super::target::{Caller, Target};
use super::touch::Touch;
use super::watch::Watch;
use std::sync::atomic::{AtomicU64, Ordering};
use swiotlb_core::probe::Counts;

/// Called when all have measured; called with the tick at which the first loop starts.
pub type Hooks<'a> = (&'a (dyn Fn(()) + Sync), &'a (dyn Fn(u64) + Sync));

/// What all threads of a run share.
pub struct Shared<'a> {
    /// The clock.
    pub clock: HostClock,
    /// How to run.
    pub settings: &'a Settings,
    /// What to run.
    pub steps: &'a Steps,
    /// Which part of each thread's steps is warm-up; with passes, of the pass in which the warm-up ends.
    pub warm: Vec<usize>,
    /// Whole passes of warm-up.
    pub warm_passes: u32,
    /// Bounce addresses.
    pub table: &'a Table,
    /// The oracle.
    pub watch: Option<&'a Watch>,
    /// The device.
    pub touch: &'a Touch,
    /// Where loop threads meet.
    pub gate: Gate,
    /// The loop thread that sets the time, and takes the statistics.
    pub leader: usize,
    /// How far they have come.
    pub epochs: Epochs,
    /// The clock's tick at which the pass begins: set by the leader before a rendezvous.
    start: AtomicU64,
    /// Called once, by one thread, when all have measured and nothing is ended yet.
    pub measured: &'a (dyn Fn(()) + Sync),
    /// Called once with the tick at which the first loop starts.
    pub starting: &'a (dyn Fn(u64) + Sync),
}

/// What one thread brings back.
pub struct Done {
    /// The measured part.
    pub tally: Tally,
    /// The warm-up.
    pub warm: Tally,
    /// Where it was pinned.
    pub pinned_to: Option<u32>,
    /// Begin and end of each measured pass, ticks.
    pub passes: Vec<(u64, u64)>,
    /// Faults and switches while it measured.
    pub ledger: ThreadLedger,
    /// Step counters.
    pub counts: Option<Counts>,
    /// The machine's own tail.
    pub idle: Idle,
    /// Calls refused while what was left over was ended.
    pub refused_at_end: u64,
}

/// The first ticks of a schedule, for everybody to get to its loop: 20 us.
const LEAD_NS: u64 = 20_000;

/// Passes that room is made for beforehand; further ones make room between two passes, where no clock runs.
const MOST_RESERVED: usize = 1 << 16;

impl<'a> Shared<'a> {
    /// What the threads share, of which `loops` run loops: table, oracle and device, and the two hooks.
    #[must_use]
    pub fn new(
        clock: HostClock,
        settings: &'a Settings,
        steps: &'a Steps,
        loops: &[usize],
        (table, watch, touch): (&'a Table, Option<&'a Watch>, &'a Touch),
        (measured, starting): Hooks<'a>,
    ) -> Self {
        let passes = passes(settings);
        let share = settings.warmup_share.clamp(0.0, 1.0) * f64::from(passes);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `passes`")]
        let warm_passes = (share as u32).min(passes - 1);
        let warm = warm_cut(steps, (share - f64::from(warm_passes)).min(1.0));
        let epochs = Epochs::new(steps.threads.len());
        (0..steps.threads.len()).filter(|i| !loops.contains(i)).for_each(|i| epochs.leave(i));
        Self {
            clock,
            settings,
            steps,
            warm,
            warm_passes,
            table,
            watch,
            touch,
            gate: Gate::new(loops.len()),
            leader: loops.first().copied().unwrap_or(0),
            epochs,
            start: AtomicU64::new(0),
            measured,
            starting,
        }
    }

    /// Whether whole batches may be timed.
    fn batched(&self) -> bool {
        let settings = self.settings;
        let alone = !self.touch.acts() && !self.steps.crosses && settings.transfer_ns.is_none();
        settings.oracle != Oracle::Full && alone
    }

    fn looper(&self, thread: usize) -> Looper<'_, HostClock> {
        let settings = self.settings;
        let transfers = settings.transfer_ns.is_some();
        Looper {
            clock: &self.clock,
            table: self.table,
            watch: self.watch,
            touch: self.touch,
            epochs: &self.epochs,
            thread,
            batch: if transfers { 1 } else { settings.batch.max(1) as usize },
            batched: self.batched(),
            deadline: self.clock.now().saturating_add(self.clock.ticks(settings.time_limit_ns)),
            transfer: self.clock.ticks(settings.transfer_ns.unwrap_or(0)),
        }
    }

    /// One loop thread, from pinning to the end.
    pub fn run<T: Target>(&self, target: &T, thread: usize, cpu: u32, host_cpu: Option<u32>) -> Done {
        let pinned_to = host::pin(host_cpu);
        let steps = &self.steps.threads[thread];
        let open = self.settings.pace == Pace::Open;
        let passes = passes(self.settings) as usize;
        let blocks = if self.batched() { steps.len() * passes / (2 * block_len(1)) + 2 } else { 0 };
        let caller = target.caller(cpu);
        let counting = caller.counts().is_some();
        let mut tally = Tally::new(steps, if open { 0 } else { blocks }, open, counting);
        tally.slowdown = Slowdown::new(self.settings.slowdown_ppm);
        let mut warm = Tally::plain();
        self.gate.wait();
        let idle = idle::measure(&self.clock, self.settings, steps);
        let mut run = Run { shared: self, caller: &caller, thread, steps, passes: Vec::new() };
        run.passes.reserve(passes.min(MOST_RESERVED));
        let looper = self.looper(thread);
        run.warm_up(&looper, &mut warm);
        let before = ThreadLedger::now();
        self.gate.wait();
        run.measure(&looper, &mut tally);
        let ledger = ThreadLedger::now().since(&before);
        self.gate.wait();
        if thread == self.leader {
            (self.measured)(());
        }
        self.gate.wait();
        let mut rest = Tally::plain();
        looper.clean_up(&caller, steps, &mut rest);
        let (passes, counts) = (run.passes, caller.counts());
        Done { tally, warm, pinned_to, passes, ledger, counts, idle, refused_at_end: rest.refused }
    }
}

/// Passes over the plan: an open loop has one.
fn passes(settings: &Settings) -> u32 {
    if settings.pace == Pace::Open { 1 } else { settings.repeat.max(1) }
}

/// One thread's run through the passes.
struct Run<'r, K> {
    shared: &'r Shared<'r>,
    caller: &'r K,
    thread: usize,
    steps: &'r [Step],
    passes: Vec<(u64, u64)>,
}

impl<K: Caller> Run<'_, K> {
    /// Whole passes of warm-up, then the part that belongs to it of the next.
    fn warm_up(&self, looper: &Looper<'_, HostClock>, warm: &mut Tally) {
        let shared = self.shared;
        for pass in 0..=shared.warm_passes {
            let last = pass == shared.warm_passes;
            let part = if last { shared.warm[self.thread] } else { self.steps.len() };
            self.begin(pass == 0);
            self.pass(looper, &self.steps[..part], 0, warm);
            if last {
                // The measured part goes on from here, with all that is live.
                shared.gate.wait();
            } else {
                self.end(looper, warm);
            }
        }
    }

    /// The rest of the pass in which the warm-up ended, then the passes that are left.
    fn measure(&mut self, looper: &Looper<'_, HostClock>, tally: &mut Tally) {
        let shared = self.shared;
        let mut from = shared.warm[self.thread];
        let first = shared.steps.threads.iter().zip(&shared.warm);
        let mut origin_ns = first.filter_map(|(steps, &cut)| steps.get(cut)).map(|step| step.at_ns).min();
        for pass in shared.warm_passes..passes(shared.settings) {
            if pass > shared.warm_passes {
                self.end(looper, tally);
                // All see the same: it is set inside a pass, and a pass lies between two rendezvous.
                if shared.table.stopped() {
                    break;
                }
            }
            self.begin(false);
            let begin = shared.start.load(Ordering::Relaxed).max(shared.clock.now());
            self.pass(looper, &self.steps[from..], origin_ns.unwrap_or(0), tally);
            self.passes.push((begin, shared.clock.now()));
            (from, origin_ns) = (0, Some(0));
        }
    }

    /// Meets the others; the leader sets the time that the pass starts at.
    fn begin(&self, first: bool) {
        let shared = self.shared;
        shared.epochs.begin(self.thread);
        shared.gate.wait();
        if self.thread == shared.leader {
            let start = shared.clock.now() + shared.clock.ticks(LEAD_NS);
            // Relaxed: the rendezvous below hands it on.
            shared.start.store(start, Ordering::Relaxed);
            if first {
                (shared.starting)(start);
            }
        }
        shared.gate.wait();
    }

    fn pass(&self, looper: &Looper<'_, HostClock>, steps: &[Step], origin_ns: u64, tally: &mut Tally) {
        let shared = self.shared;
        let start = shared.start.load(Ordering::Relaxed);
        match shared.settings.pace {
            Pace::Closed => {
                shared.clock.wait_until(start);
                looper.closed(self.caller, steps, tally);
            }
            Pace::Open => looper.open(self.caller, steps, Schedule { start, origin_ns }, tally),
        }
        shared.epochs.leave(self.thread);
    }

    /// Between two passes: ends what is left over, forgets all handles. Nothing of it is timed.
    fn end(&self, looper: &Looper<'_, HostClock>, tally: &mut Tally) {
        self.shared.gate.wait();
        if self.shared.steps.crosses || self.shared.steps.leaves || self.shared.table.stopped() {
            looper.clean_up(self.caller, self.steps, tally);
        }
    }
}
