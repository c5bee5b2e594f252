//! The registry: every policy that can be named on a command line, in one table.
//!
//! A policy is the kernel's with axes changed; each is compiled once for every kind of run. The functions
//! behind an [`Entry`] are the only indirect calls, one per run. A new strategy is one file in `swiotlb-core`
//! and one line here. A name that begins with [`EXTERNAL`] is no line here: it is a shared library (`external/`).

use crate::external;
use crate::hot::Loop;
use crate::pages::OnHost;
use crate::replay::{self, ReplayError, ReplayJob, Replayable, Replayed, Timings};
use crate::run::{Outcome, RunError, Settings, hot_loop, real};
use crate::scenario::{self, AboutMemory, Plain, Prepared, Scenario, ScenarioError, States};
use crate::subject::{self, Build};
use core::marker::PhantomData;
use reports::record::PolicyName;
use swiotlb_core::area::{LockFree, Locked, Metered, Padded, Shared, Spread};
use swiotlb_core::bounce::NoCopy;
use swiotlb_core::lock::{Backoff, Mcs, ParkingLot, QueuedSpin, StdMutex, TestAndSet, Ticket};
use swiotlb_core::lookup::{
    ArcSwapArray, GranuleHash, LeftRight, MutexArray, PageDirectory, RwLockArray, SkipList, SortedArray,
};
use swiotlb_core::phys::{Atomic, Cached, Mapping, System};
use swiotlb_core::policy::{
    Fast, Kernel, PagesFrom, Policy, Reproduces, Warm, With, axes, label, reproduces,
};
use swiotlb_core::publish::{FullBarrierTwice, NoFlag, ReleaseFence};
use swiotlb_core::reclaim::{Delayed, Epoch, Leak, Quiescent, RefCounted, RwLocked};
use swiotlb_core::search::{Bitmap, FreeRunList, Lifo, Offset, Summary};
use swiotlb_core::slot::{EachSlot, FirstSlot, Wide};
use swiotlb_core::stats::{ByArea, Off, Sharded};
use swiotlb_core::trip::{EachStep, Twice};
use swiotlb_core::walk::{HomeOnly, PoolMajor};
use workloads::op::Plan;
use workloads::suite::error::unknown;

/// One named policy.
pub struct Entry {
    /// What a user types.
    pub name: &'static str,
    /// What it changes of the kernel's policy, in words.
    pub changes: &'static str,
    /// What it declares to reproduce.
    pub reproduces: Reproduces,
    /// Makes an allocator whose every step is counted: for whatever no clock watches.
    pub build: Build,
    /// Runs it where a clock watches.
    pub runs: &'static dyn Runs,
}

/// The kinds of run that a clock watches, each compiled for the policy: one indirect call per run.
pub trait Runs: Sync {
    /// What records call the policy.
    fn policy_name(&self) -> PolicyName;

    /// Times one trace.
    ///
    /// # Errors
    /// The first pool or a device cannot be built, or the host has no memory.
    fn time(&self, job: &ReplayJob<'_>) -> Result<Timings, ReplayError>;

    /// Runs a plan on real threads, with or without copying.
    ///
    /// # Errors
    /// See [`RunError`].
    fn measure(&self, copy: bool, plan: &Plan, settings: &Settings) -> Result<Outcome, RunError>;

    /// Prepares a measured scenario.
    ///
    /// # Errors
    /// The state cannot be built.
    fn prepare(&self, scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError>;

    /// Where its measured loops lie; nothing for a policy whose code is not in this program.
    fn loops(&self) -> Vec<Loop>;
}

impl Entry {
    /// What records call it.
    #[must_use]
    pub fn policy_name(&self) -> PolicyName {
        self.runs.policy_name()
    }

    /// The label composed of every axis.
    #[must_use]
    pub fn label(&self) -> String {
        self.policy_name().label
    }

    /// Replays a trace under the policy.
    ///
    /// # Errors
    /// The first pool or a device cannot be built, or the host has no memory.
    pub fn replay(&self, job: &ReplayJob<'_>) -> Result<Replayed, ReplayError> {
        replay::run(self, job)
    }
}

/// Policy `P` of ours; what runs is `R`, compiled for every kind of run and for the prepared states `S`.
struct Compiled<P, R, S>(PhantomData<fn(P, R, S)>);

impl<P: With, R: With + Replayable, S: States> Runs for Compiled<P, R, S> {
    fn policy_name(&self) -> PolicyName {
        let axes = axes::<P>().map(|(axis, name)| (axis.to_owned(), name.to_owned()));
        PolicyName { label: label::<P>(), axes: axes.into() }
    }

    fn time(&self, job: &ReplayJob<'_>) -> Result<Timings, ReplayError> {
        replay::time::<R>(job)
    }

    fn measure(&self, copy: bool, plan: &Plan, settings: &Settings) -> Result<Outcome, RunError> {
        if copy {
            real::<Timed<R>>(plan, settings)
        } else {
            real::<Timed<<R as With>::Bounce<NoCopy>>>(plan, settings)
        }
    }

    fn prepare(&self, scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError> {
        S::prepare::<R>(scenario)
    }

    fn loops(&self) -> Vec<Loop> {
        let bare = [("closed-bare", hot_loop::<Timed<<R as With>::Bounce<NoCopy>>>())];
        let whole = [("closed", hot_loop::<Timed<R>>())];
        scenario::loops::<R>().into_iter().chain(whole).chain(bare).chain(replay::loops::<R>()).collect()
    }
}

/// `P` as it is timed: no steps are counted.
type Timed<P> = <OnHost<P> as With>::Probe<()>;

/// The entry of policy `P`, compiled for every kind of run.
#[cfg(not(test))]
const fn entry<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    run_as::<P, P, Plain>(name, changes)
}

/// The same for a policy about memory: compiled for encrypted memory too.
#[cfg(not(test))]
const fn memory<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    run_as::<P, P, AboutMemory>(name, changes)
}

/// The same for this crate's unit tests, which would compile the whole registry a second time: every name runs as the
/// kernel's policy. The tests in `tests/` run each.
#[cfg(test)]
const fn entry<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    run_as::<P, Kernel, Plain>(name, changes)
}

#[cfg(test)]
const fn memory<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    run_as::<P, Kernel, AboutMemory>(name, changes)
}

/// An entry that says `P` and runs `R`.
const fn run_as<P: With, R: With + Replayable, S: States>(
    name: &'static str,
    changes: &'static str,
) -> Entry {
    Entry {
        name,
        changes,
        reproduces: reproduces::<P>(),
        build: subject::build::<R>(),
        #[cfg(not(fuzzing))]
        runs: &Compiled::<P, R, S>(PhantomData),
        // Fuzz targets time nothing, and the compiler would want 8 GiB for what they do not run.
        #[cfg(fuzzing)]
        runs: &Compiled::<P, Kernel, Plain>(PhantomData),
    }
}

// Those that benchmark targets name, as constants of their own: a target is built with these alone, and not
// with the whole table.

/// The kernel's policy with another area, lookup and so on.
type Area<X> = <Kernel as With>::Area<X>;
type Lookup<X> = <Kernel as With>::Lookup<X>;
type Reclaim<X> = <Kernel as With>::Reclaim<X>;
type Pages<S> = <Kernel as With>::Pages<PagesFrom<S>>;
/// The kernel's list under another lock.
type Lock<L> = Area<Locked<L, FreeRunList>>;
/// Another search under the kernel's lock.
type Search<S> = Area<Locked<QueuedSpin, S>>;
/// The kernel's reclamation with memory that returns at ticks only.
type Delay<const MS: u64> = Reclaim<Delayed<Epoch, MS>>;
/// `P` with counters of each caller's own.
type Apart<P> = <P as With>::Stats<Sharded>;
/// Areas without a lock, one word per mapping, nothing written that can be left unwritten.
type Free<S> = Apart<<Area<LockFree<FirstSlot, S>> as With>::Publish<ReleaseFence>>;

/// The name of what all others are compared with.
pub const BASELINE: &str = "kernel";
/// Linux 6.12.
pub const KERNEL: Entry = memory::<Kernel>(BASELINE, "Linux 6.12, in decisions and in data layout");
/// The kernel's, with a ticket lock.
pub const LOCK_TICKET: Entry = entry::<Lock<Ticket>>("lock-ticket", "ticket lock per area");
/// The kernel's, with std's mutex.
pub const LOCK_STD: Entry = entry::<Lock<StdMutex>>("lock-std", "std mutex per area");
/// The kernel's, with `parking_lot`'s mutex.
pub const LOCK_PARKING: Entry = entry::<Lock<ParkingLot>>("lock-parking", "parking_lot mutex per area");
/// The kernel's, with a bitmap.
pub const SEARCH_BITMAP: Entry = entry::<Search<Bitmap>>("search-bitmap", "bitmap of free slots");
/// The kernel's, with a sorted array.
pub const LOOKUP_SORTED: Entry = entry::<Lookup<SortedArray>>("lookup-sorted", "find_pool in a sorted array");

/// Every named policy, `kernel` first.
pub static ALL: &[Entry] = &[
    KERNEL,
    memory::<Fast>("fast", "bitmap with a summary of runs, one word per mapping; the kernel's placement"),
    entry::<Warm>("warm", "slots freed last are given out first, one word per mapping"),
    entry::<Lock<TestAndSet>>("lock-tas", "test-and-set lock per area"),
    entry::<Lock<Backoff>>("lock-ttas", "test-and-test-and-set lock with backoff per area"),
    LOCK_TICKET,
    entry::<Lock<Mcs>>("lock-mcs", "MCS lock per area"),
    LOCK_STD,
    LOCK_PARKING,
    entry::<Area<LockFree<EachSlot, Shared>>>("lock-none", "no lock: slots are claimed by compare-and-swap"),
    entry::<Area<Padded<Locked<QueuedSpin, FreeRunList>>>>(
        "layout-padded",
        "areas on cache lines of their own",
    ),
    SEARCH_BITMAP,
    entry::<Search<Summary>>("search-summary", "bitmap with a summary of each segment's longest run"),
    entry::<Search<Summary<FirstSlot>>>("slots-first", "search-summary with one word per mapping"),
    entry::<Search<FreeRunList<Wide>>>(
        "slots-wide",
        "descriptors of 40 bytes: a cost that no step counter sees",
    ),
    entry::<Search<Lifo>>("search-lifo", "free list of slots, freed last given out first"),
    entry::<Search<Offset>>("search-offset", "the crate offset-allocator, a bitmap where that finds nothing"),
    LOOKUP_SORTED,
    entry::<Lookup<ArcSwapArray>>("lookup-arc-swap", "find_pool in a sorted array that arc-swap exchanges"),
    entry::<Lookup<LeftRight>>("lookup-left-right", "find_pool in the one of two arrays that nobody writes"),
    entry::<Lookup<GranuleHash>>(
        "lookup-granule",
        "find_pool in the newest pool, then in a hash of granules",
    ),
    entry::<Lookup<PageDirectory>>("lookup-directory", "find_pool in a page directory"),
    entry::<Lookup<SkipList>>("lookup-skip-list", "find_pool in crossbeam's skip list"),
    entry::<Lookup<RwLockArray>>("lookup-rwlock", "find_pool in a sorted array behind a reader-writer lock"),
    entry::<Lookup<MutexArray>>("lookup-mutex", "find_pool in a sorted array behind a mutex"),
    entry::<<Kernel as With>::Publish<ReleaseFence>>(
        "publish-release",
        "a release fence per map, no full barrier",
    ),
    entry::<<Kernel as With>::Publish<FullBarrierTwice>>(
        "publish-twice",
        "a full barrier more at each unmap: a cost that no step counter sees",
    ),
    entry::<<Kernel as With>::Publish<NoFlag>>(
        "publish-no-flag",
        "lookups do not ask whether the device ever bounced",
    ),
    memory::<Reclaim<Quiescent>>("reclaim-quiescent", "quiescent states instead of epochs"),
    memory::<Reclaim<RefCounted>>("reclaim-ref-count", "readers counted instead of epochs"),
    memory::<Reclaim<RwLocked>>("reclaim-rwlock", "a reader-writer lock instead of epochs"),
    memory::<Reclaim<Leak>>("reclaim-leak", "nothing is freed: what reclamation costs at most"),
    memory::<Pages<Atomic>>("pages-atomic", "transient pools from the atomic pool, blocks when it is empty"),
    memory::<Pages<System>>("pages-system", "pools from the process's allocator"),
    memory::<Pages<Mapping>>("pages-mmap", "a mapping of its own for each pool"),
    memory::<Pages<Cached>>("pages-cached", "memory of freed pools is kept ready, decrypted and warm"),
    memory::<Delay<1>>("reclaim-1ms", "memory returns in batches, at ticks of 1 ms"),
    memory::<Delay<10>>("reclaim-10ms", "memory returns in batches, at ticks of 10 ms"),
    memory::<Delay<50>>("reclaim-50ms", "memory returns in batches, at ticks of 50 ms"),
    entry::<<Kernel as With>::Stats<Sharded>>("stats-sharded", "a line of counters per caller"),
    entry::<<Area<Metered<<Kernel as Policy>::Area>> as With>::Stats<ByArea>>(
        "stats-by-area",
        "the areas' own counts added up when asked; the high-water mark by allowances",
    ),
    entry::<<Kernel as With>::Stats<Off>>("stats-off", "no counters"),
    entry::<Apart<Area<Padded<<Kernel as Policy>::Area>>>>(
        "padded-sharded",
        "areas on cache lines of their own and a line of counters per caller",
    ),
    entry::<<Fast as With>::Area<Padded<<Fast as Policy>::Area>>>(
        "fast-padded",
        "fast, with areas on lines of their own",
    ),
    entry::<Free<Shared>>(
        "free",
        "no lock, a line of counters per caller, one word per mapping; the kernel's placement",
    ),
    entry::<Free<Spread>>("spread", "the same, each CPU in segments of its own"),
    entry::<<Kernel as With>::Trip<Twice>>(
        "trip-twice",
        "two pool lookups per round trip: whether it is bounced, and the unmap's own",
    ),
    entry::<<Kernel as With>::Trip<EachStep>>("trip-each-step", "six pool lookups per round trip, as in 6.6"),
    entry::<<Kernel as With>::Walk<PoolMajor>>(
        "walk-pool-major",
        "all areas of a pool, then the next, as in 6.6",
    ),
    entry::<<Kernel as With>::Walk<HomeOnly>>("walk-home-only", "a CPU's own area only, in every pool"),
];

/// The entries that `names` name; all of them if there are no names.
///
/// # Errors
/// An unknown name, with the names there are.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Entry>, String> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    names.iter().map(|name| by_name(name)).collect()
}

/// What the name of a policy from outside begins with; the path of its library follows.
pub const EXTERNAL: &str = "ext:";

/// The names that suites and flags may use: those of every policy here, and of those among `mentioned` that come
/// from outside, with absolute paths. These are loaded, so that what cannot be used is told before anything runs.
///
/// # Errors
/// A library that cannot be used.
pub fn names<'a>(mentioned: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'static str>, String> {
    let mut names: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    for name in mentioned.into_iter().filter(|name| name.starts_with(EXTERNAL)) {
        let name = by_name(name)?.name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The entry called `name`.
///
/// # Errors
/// An unknown name, with the nearest known ones, or a library that cannot be used.
pub fn by_name(name: &str) -> Result<&'static Entry, String> {
    if let Some(path) = name.strip_prefix(EXTERNAL) {
        return external::entry(path);
    }
    let hint = if name.ends_with(".so") { "a library is ext:PATH" } else { "`list policies` shows them all" };
    let wrong = || format!("{}; {hint}", unknown("policy", name, ALL.iter().map(|entry| entry.name)));
    ALL.iter().find(|entry| entry.name == name).ok_or_else(wrong)
}

/// The list of policies that the core's suites run on.
#[cfg(test)]
#[path = "../../swiotlb-core/tests/common/policies.rs"]
mod conformance;

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
