//! The crew of a run: loop threads, the device's thread, the growth worker's; started and joined.
//!
//! Invariant: whatever happens, every thread ends. A thread that panics or cannot be started stops the
//! table and opens the gate, so that nobody waits for it; helpers are told to end when the loops have.

use super::RunError;
use super::clock::HostClock;
use super::gate::Gate;
use super::host;
use super::noise::{self, CpuTimes, Noise};
use super::settings::Settings;
use super::steps::Steps;
use super::table::Table;
use super::target::Target;
use super::threads::{Done, Shared};
use super::touch::{Touch, TouchReport};
use super::watch::Watch;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use workloads::op::{Plan, Role};

/// How much longer than the loops a thread may wait: what comes before the loops included.
const SLACK: Duration = Duration::from_secs(5);

/// Something that is called once per run.
type Hook<'a, A> = &'a (dyn Fn(A) + Sync);

/// All that a run is put together from.
pub struct Crew<'a> {
    /// What is run.
    pub plan: &'a Plan,
    /// How.
    pub settings: &'a Settings,
    /// The plan made ready.
    pub steps: &'a Steps,
    /// The oracle.
    pub watch: Option<&'a Watch>,
    /// The device.
    pub touch: &'a Touch,
    /// Called when all have measured and nothing is ended yet.
    pub measured: Hook<'a, ()>,
    /// Called with the tick at which the first loop starts.
    pub starting: Hook<'a, u64>,
    /// The growth worker, if there is one: told whether it has a core of its own, returns when over.
    pub work: Option<Hook<'a, bool>>,
    /// Called when the loops are over: tells the worker to end.
    pub finish: Hook<'a, ()>,
}

/// What the threads brought back.
pub struct Ran {
    /// By thread of the plan; none for one that only serves the growth worker.
    pub done: Vec<Option<Done>>,
    /// Where each was pinned.
    pub noise: Noise,
    /// The device.
    pub touch: TouchReport,
    /// More spinning threads than CPUs.
    pub oversubscribed: bool,
    /// The time limit struck.
    pub cut_short: bool,
}

/// Lets nobody wait for a thread that is lost.
struct Release<'a> {
    gate: &'a Gate,
    table: &'a Table,
    /// Whether the thread has done its part.
    done: bool,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.table.stop();
            self.gate.break_open();
        }
    }
}

/// Tells the helpers to end, however the loops did.
struct Helpers<'a>(&'a Crew<'a>);

impl Drop for Helpers<'_> {
    fn drop(&mut self) {
        self.0.touch.finish();
        (self.0.finish)(());
    }
}

impl Crew<'_> {
    /// Whether a thread of the plan is there for the growth worker only.
    fn is_worker(&self, thread: usize) -> bool {
        self.plan.threads[thread].role == Role::Grower && self.steps.threads[thread].is_empty()
    }

    /// Runs the plan against `target`.
    ///
    /// # Errors
    /// [`RunError::Thread`] if the system gives no thread, [`RunError::Panicked`] if one panicked.
    pub fn run<T: Target>(&self, target: &T) -> Result<Ran, RunError> {
        let limit = Duration::from_nanos(self.settings.time_limit_ns).saturating_add(SLACK);
        let table = Table::new(self.plan.handles).until(Instant::now().checked_add(limit));
        let cpus = if self.settings.pin { host::cpus() } else { Vec::new() };
        let loops: Vec<usize> = (0..self.plan.threads.len()).filter(|&i| !self.is_worker(i)).collect();
        let shared = self.shared(&table, &loops);
        let spinning = self.plan.threads.len() + usize::from(self.touch.needs_core());
        let machine = thread::available_parallelism().map_or(1, usize::from);
        let (load, before) = (noise::load(), CpuTimes::now());
        let done = thread::scope(|scope| {
            let helpers = Helpers(self);
            self.start_helpers(scope, &table, &cpus, loops.len())?;
            let started = self.start_loops(scope, &shared, target, &cpus);
            let done = self.join(started);
            drop(helpers);
            done
        })?;
        let (steal_ns, other_cpu_ns) = CpuTimes::now().since(&before);
        let noise =
            Noise { steal_ns, other_cpu_ns, load, clock_source: noise::clock_source(), ..summed(&done) };
        let touch = self.touch.report(machine > loops.len());
        let cut_short = table.stopped();
        Ok(Ran { done, noise, touch, oversubscribed: spinning > machine, cut_short })
    }

    fn shared<'s>(&'s self, table: &'s Table, loops: &[usize]) -> Shared<'s> {
        Shared::new(
            HostClock::get(),
            self.settings,
            self.steps,
            loops,
            (table, self.watch, self.touch),
            (self.measured, self.starting),
        )
    }

    /// The device's thread, and the worker's if the plan has none for it: on CPUs that no loop has.
    fn start_helpers<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        table: &'scope Table,
        cpus: &[u32],
        loops: usize,
    ) -> Result<(), RunError> {
        let mut spare = cpus.iter().skip(loops).copied();
        if self.touch.needs_core() {
            let cpu = spare.next();
            spawn(scope, "device", move || {
                let _where = host::pin(cpu);
                self.touch.serve(table);
            })?;
        }
        let in_plan = (0..self.plan.threads.len()).any(|i| self.is_worker(i));
        if let Some(work) = self.work.filter(|_| !in_plan) {
            let cpu = spare.next();
            spawn(scope, "grow", move || {
                let _where = host::pin(cpu);
                work(false);
            })?;
        }
        Ok(())
    }

    /// One thread per thread of the plan. A failure to start one is an `Err` in its place.
    fn start_loops<'scope, T: Target>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        shared: &'scope Shared<'_>,
        target: &'scope T,
        cpus: &[u32],
    ) -> Vec<Result<ScopedJoinHandle<'scope, Option<Done>>, RunError>> {
        let threads = self.plan.threads.iter().enumerate();
        let start = threads.map(|(i, thread)| {
            let host_cpu = cpus.get(i % cpus.len().max(1)).copied();
            let own_core = i < cpus.len();
            let started = spawn(scope, "loop", move || {
                let mut release = Release { gate: &shared.gate, table: shared.table, done: false };
                let done = if self.is_worker(i) {
                    self.work_in_plan(host_cpu, own_core);
                    None
                } else {
                    Some(shared.run(target, i, thread.cpu, host_cpu))
                };
                release.done = true;
                done
            });
            if started.is_err() {
                drop(Release { gate: &shared.gate, table: shared.table, done: false });
            }
            started
        });
        start.collect()
    }

    fn work_in_plan(&self, host_cpu: Option<u32>, own_core: bool) {
        let pinned = host::pin(host_cpu);
        if let Some(work) = self.work {
            work(own_core && pinned.is_some());
        }
    }

    /// Waits for the loops, then ends the helpers: a worker in the plan is one of both.
    fn join(
        &self,
        started: Vec<Result<ScopedJoinHandle<'_, Option<Done>>, RunError>>,
    ) -> Result<Vec<Option<Done>>, RunError> {
        let (mut results, mut workers) = (Vec::new(), Vec::new());
        for (i, handle) in started.into_iter().enumerate() {
            if self.is_worker(i) {
                workers.push(handle);
                results.push(Ok(None));
                continue;
            }
            results.push(handle.and_then(|handle| handle.join().map_err(|_| RunError::Panicked)));
        }
        drop(Helpers(self));
        for worker in workers {
            worker?.join().map_err(|_| RunError::Panicked)?;
        }
        results.into_iter().collect()
    }
}

/// A thread of a run.
fn spawn<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> R + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, R>, RunError> {
    thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).map_err(RunError::Thread)
}

/// The threads' own part of the ledger.
fn summed(done: &[Option<Done>]) -> Noise {
    let all = || done.iter().flatten();
    Noise {
        involuntary_switches: all().map(|done| done.ledger.involuntary_switches).sum(),
        minor_faults: all().map(|done| done.ledger.minor_faults).sum(),
        major_faults: all().map(|done| done.ledger.major_faults).sum(),
        largest_gap_ns: all().map(|done| done.idle.largest_gap_ns).max().unwrap_or(0),
        ..Noise::default()
    }
}
