//! The registry: every policy that can be named on a command line, in one table.
//!
//! A policy is the kernel's with axes changed; each is compiled once for every kind of run. The functions
//! in an [`Entry`] are the only indirect calls, one per run. A new strategy is one file in `swiotlb-core`
//! and one line here.

use crate::replay::{self, ReplayError, ReplayJob, Replayable, Replayed};
use crate::run::{HostPages, Outcome, RunError, Settings, real};
use crate::scenario::{self, Prepared, Scenario, ScenarioError};
use crate::subject::{self, Build};
use reports::record::PolicyName;
use swiotlb_core::area::Locked;
use swiotlb_core::bounce::NoCopy;
use swiotlb_core::lock::{Mcs, ParkingLot, QueuedSpin, StdMutex, TestAndSet, Ticket};
use swiotlb_core::lookup::{PageDirectory, SortedArray};
use swiotlb_core::policy::{Axes, Kernel, Reproduces, With, axes, label, reproduces};
use swiotlb_core::reclaim::Quiescent;
use swiotlb_core::search::{Bitmap, FreeRunList, Summary};
use swiotlb_core::stats::Sharded;
use swiotlb_core::trip::EachStep;
use swiotlb_core::walk::PoolMajor;
use workloads::op::Plan;
use workloads::suite::error::unknown;

/// One named policy.
pub struct Entry {
    /// What a user types.
    pub name: &'static str,
    /// What it changes of the kernel's policy, in words.
    pub changes: &'static str,
    /// Every axis with its strategy.
    pub axes: fn() -> Axes,
    /// The label composed of every axis.
    pub label: fn() -> String,
    /// What it declares to reproduce.
    pub reproduces: Reproduces,
    /// Makes an allocator whose every step is counted: for whatever no clock watches.
    pub build: Build,
    /// Times one trace.
    pub time: replay::Time,
    /// Runs a plan on real threads, compiled for the policy; with or without copying.
    pub measure: fn(bool, &Plan, &Settings) -> Result<Outcome, RunError>,
    /// Prepares a measured scenario.
    pub prepare: fn(&Scenario) -> Result<Box<dyn Prepared>, ScenarioError>,
}

impl Entry {
    /// What records call it.
    #[must_use]
    pub fn policy_name(&self) -> PolicyName {
        let axes = (self.axes)().map(|(axis, name)| (axis.to_owned(), name.to_owned()));
        PolicyName { label: (self.label)(), axes: axes.into() }
    }

    /// Replays a trace under the policy.
    ///
    /// # Errors
    /// The first pool or a device cannot be built, or the host has no memory.
    pub fn replay(&self, job: &ReplayJob<'_>) -> Result<Replayed, ReplayError> {
        replay::run(self.policy_name(), self.build, self.time, job)
    }
}

/// `P` as it is timed: no steps are counted.
type Timed<P> = <<P as With>::Pages<HostPages> as With>::Probe<()>;

fn measure<P: With>(copy: bool, plan: &Plan, settings: &Settings) -> Result<Outcome, RunError> {
    if copy {
        real::<Timed<P>>(plan, settings)
    } else {
        real::<Timed<<P as With>::Bounce<NoCopy>>>(plan, settings)
    }
}

/// The entry of policy `P`, compiled for every kind of run.
const fn entry<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    Entry {
        name,
        changes,
        axes: axes::<P>,
        label: label::<P>,
        reproduces: reproduces::<P>(),
        build: subject::build::<P>(),
        time: replay::time::<P>,
        measure: measure::<P>,
        prepare: scenario::prepare::<P>,
    }
}

// Those that benchmark targets name, as constants of their own: a target is built with these alone, and not
// with the whole table.

/// Linux 6.12.
pub const KERNEL: Entry = entry::<Kernel>("kernel", "Linux 6.12, in decisions and in data layout");
/// The kernel's, with a ticket lock.
pub const LOCK_TICKET: Entry =
    entry::<<Kernel as With>::Area<Locked<Ticket, FreeRunList>>>("lock-ticket", "ticket lock per area");
/// The kernel's, with std's mutex.
pub const LOCK_STD: Entry =
    entry::<<Kernel as With>::Area<Locked<StdMutex, FreeRunList>>>("lock-std", "std mutex per area");
/// The kernel's, with `parking_lot`'s mutex.
pub const LOCK_PARKING: Entry = entry::<<Kernel as With>::Area<Locked<ParkingLot, FreeRunList>>>(
    "lock-parking",
    "parking_lot mutex per area",
);
/// The kernel's, with a bitmap.
pub const SEARCH_BITMAP: Entry =
    entry::<<Kernel as With>::Area<Locked<QueuedSpin, Bitmap>>>("search-bitmap", "bitmap of free slots");
/// The kernel's, with a sorted array.
pub const LOOKUP_SORTED: Entry =
    entry::<<Kernel as With>::Lookup<SortedArray>>("lookup-sorted", "find_pool in a sorted array");

/// Every named policy, `kernel` first.
pub static ALL: &[Entry] = &[
    KERNEL,
    entry::<<Kernel as With>::Area<Locked<TestAndSet, FreeRunList>>>(
        "lock-tas",
        "test-and-set lock per area",
    ),
    LOCK_TICKET,
    entry::<<Kernel as With>::Area<Locked<Mcs, FreeRunList>>>("lock-mcs", "MCS lock per area"),
    LOCK_STD,
    LOCK_PARKING,
    SEARCH_BITMAP,
    entry::<<Kernel as With>::Area<Locked<QueuedSpin, Summary>>>(
        "search-summary",
        "bitmap with a summary of each segment's longest run",
    ),
    LOOKUP_SORTED,
    entry::<<Kernel as With>::Lookup<PageDirectory>>("lookup-directory", "find_pool in a page directory"),
    entry::<<Kernel as With>::Reclaim<Quiescent>>("reclaim-quiescent", "quiescent states instead of epochs"),
    entry::<<Kernel as With>::Stats<Sharded>>("stats-sharded", "a line of counters per caller"),
    entry::<<Kernel as With>::Trip<EachStep>>("trip-each-step", "six pool lookups per round trip, as in 6.6"),
    entry::<<Kernel as With>::Walk<PoolMajor>>(
        "walk-pool-major",
        "all areas of a pool, then the next, as in 6.6",
    ),
];

/// The entries that `names` name; all that keep the kernel's placement if there are no names.
///
/// # Errors
/// An unknown name, with the names there are.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Entry>, String> {
    if names.is_empty() {
        return Ok(ALL.iter().filter(|entry| entry.reproduces.placement).collect());
    }
    names.iter().map(|name| by_name(name)).collect()
}

/// The entry called `name`.
///
/// # Errors
/// An unknown name, with the nearest known ones.
pub fn by_name(name: &str) -> Result<&'static Entry, String> {
    let known = ALL.iter().map(|entry| entry.name);
    ALL.iter().find(|entry| entry.name == name).ok_or_else(|| unknown("policy", name, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_policies_share_a_name_or_a_label() {
        let names: BTreeSet<_> = ALL.iter().map(|entry| entry.name).collect();
        let labels: BTreeSet<_> = ALL.iter().map(|entry| (entry.label)()).collect();
        assert_eq!((names.len(), labels.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn an_unknown_name_is_met_with_the_nearest() {
        let error = by_name("lock-tiket").err().unwrap_or_default();
        assert!(error.starts_with("there is no policy `lock-tiket`; the nearest are lock-ticket"), "{error}");
    }

    #[test]
    fn the_default_is_every_policy_of_the_kernel_s_placement() {
        let names: Vec<_> = chosen(&[]).into_iter().flatten().map(|entry| entry.name).collect();
        assert!(names.contains(&"kernel") && !names.contains(&"walk-pool-major"), "{names:?}");
    }
}
