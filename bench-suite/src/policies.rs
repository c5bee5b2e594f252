//! The registry: every policy that can be named on a command line, in one table.
//!
//! A policy is the kernel's with axes changed; each is compiled once for every kind of run. The functions
//! in an [`Entry`] are the only indirect calls, one per run. A new strategy is one file in `swiotlb-core`
//! and one line here.

use crate::cell::{self, CellError, CellOutcome, CellSpec};
use crate::nearest::distance;
use crate::replay::{self, ReplayError, ReplayJob, Replayable, Replayed};
use crate::scenario::{self, Prepared, Scenario, ScenarioError};
use crate::verify::script::ScriptedBlocks;
use crate::verify::{self, FileError, FileResult, Ground};
use std::path::Path;
use swiotlb_core::area::Locked;
use swiotlb_core::lock::{Mcs, ParkingLot, QueuedSpin, StdMutex, TestAndSet, Ticket};
use swiotlb_core::lookup::{PageDirectory, SortedArray};
use swiotlb_core::phys::{NoEncryption, PoolPages};
use swiotlb_core::policy::{Kernel, Policy, Reproduces, With, axes, label, reproduces};
use swiotlb_core::probe::Counters;
use swiotlb_core::reclaim::Quiescent;
use swiotlb_core::search::{Bitmap, FreeRunList, Summary};
use swiotlb_core::stats::Sharded;
use swiotlb_core::trip::EachStep;
use swiotlb_core::walk::PoolMajor;

/// A policy as `verify` runs it: pages from the vectors, every step counted.
pub trait Verified: Policy<Pages = PoolPages<ScriptedBlocks, NoEncryption>, Probe = Counters> {}
impl<P: Policy<Pages = PoolPages<ScriptedBlocks, NoEncryption>, Probe = Counters>> Verified for P {}

/// `P` with pages from the vectors and every step counted.
type OnVectors<P> = Counted<<P as With>::Pages<PoolPages<ScriptedBlocks, NoEncryption>>>;
/// `P` with every step counted.
type Counted<P> = <P as With>::Probe<Counters>;

/// One named policy.
pub struct Entry {
    /// What a user types.
    pub name: &'static str,
    /// What it changes of the kernel's policy, in words.
    pub changes: &'static str,
    /// Every axis with its strategy.
    pub axes: fn() -> [(&'static str, &'static str); 8],
    /// The label composed of every axis.
    pub label: fn() -> String,
    /// What it declares to reproduce.
    pub reproduces: Reproduces,
    /// Runs one file of golden vectors, on ground that may be used again.
    pub verify: fn(&mut Ground, &Path) -> Result<FileResult, FileError>,
    /// Replays one trace.
    pub replay: fn(&ReplayJob<'_>) -> Result<Replayed, ReplayError>,
    /// Runs one cell of a suite.
    pub cell: fn(&CellSpec) -> Result<CellOutcome, CellError>,
    /// Prepares a measured scenario.
    pub prepare: fn(&Scenario) -> Result<Box<dyn Prepared>, ScenarioError>,
}

/// The entry of policy `P`, compiled for every kind of run.
fn entry<P: With + Replayable>(name: &'static str, changes: &'static str) -> Entry {
    Entry {
        name,
        changes,
        axes: axes::<P>,
        label: label::<P>,
        reproduces: reproduces::<P>(),
        verify: verify::run_file::<OnVectors<P>>,
        replay: replay::run::<P, Counted<P>>,
        cell: cell::backend::run::<P>,
        prepare: scenario::prepare::<P>,
    }
}

/// Every named policy, `kernel` first.
#[must_use]
pub fn all() -> Vec<Entry> {
    vec![
        entry::<Kernel>("kernel", "Linux 6.12, in decisions and in data layout"),
        entry::<<Kernel as With>::Area<Locked<TestAndSet, FreeRunList>>>(
            "lock-tas",
            "test-and-set lock per area",
        ),
        entry::<<Kernel as With>::Area<Locked<Ticket, FreeRunList>>>("lock-ticket", "ticket lock per area"),
        entry::<<Kernel as With>::Area<Locked<Mcs, FreeRunList>>>("lock-mcs", "MCS lock per area"),
        entry::<<Kernel as With>::Area<Locked<StdMutex, FreeRunList>>>("lock-std", "std mutex per area"),
        entry::<<Kernel as With>::Area<Locked<ParkingLot, FreeRunList>>>(
            "lock-parking",
            "parking_lot mutex per area",
        ),
        entry::<<Kernel as With>::Area<Locked<QueuedSpin, Bitmap>>>("search-bitmap", "bitmap of free slots"),
        entry::<<Kernel as With>::Area<Locked<QueuedSpin, Summary>>>(
            "search-summary",
            "bitmap with a summary of each segment's longest run",
        ),
        entry::<<Kernel as With>::Lookup<SortedArray>>("lookup-sorted", "find_pool in a sorted array"),
        entry::<<Kernel as With>::Lookup<PageDirectory>>("lookup-directory", "find_pool in a page directory"),
        entry::<<Kernel as With>::Reclaim<Quiescent>>(
            "reclaim-quiescent",
            "quiescent states instead of epochs",
        ),
        entry::<<Kernel as With>::Stats<Sharded>>("stats-sharded", "a line of counters per caller"),
        entry::<<Kernel as With>::Trip<EachStep>>(
            "trip-each-step",
            "six pool lookups per round trip, as in 6.6",
        ),
        entry::<<Kernel as With>::Walk<PoolMajor>>(
            "walk-pool-major",
            "all areas of a pool, then the next, as in 6.6",
        ),
    ]
}

/// The entries that `names` name; all that keep the kernel's placement if there are no names.
///
/// # Errors
/// An unknown name, with the names there are.
pub fn chosen(names: &[String]) -> Result<Vec<Entry>, String> {
    if names.is_empty() {
        return Ok(all().into_iter().filter(|entry| entry.reproduces.placement).collect());
    }
    names.iter().map(|name| by_name(name)).collect()
}

/// The entry called `name`.
///
/// # Errors
/// An unknown name, with the names there are, those most like it first.
pub fn by_name(name: &str) -> Result<Entry, String> {
    let mut known: Vec<&str> = all().iter().map(|entry| entry.name).collect();
    known.sort_by_cached_key(|known| distance(name, known));
    let unknown = || format!("there is no policy {name:?}; there are {}", known.join(", "));
    all().into_iter().find(|entry| entry.name == name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_policies_share_a_name_or_a_label() {
        let names: BTreeSet<_> = all().iter().map(|entry| entry.name).collect();
        let labels: BTreeSet<_> = all().iter().map(|entry| (entry.label)()).collect();
        assert_eq!((names.len(), labels.len()), (all().len(), all().len()));
    }

    #[test]
    fn an_unknown_name_is_met_with_the_nearest() {
        let error = by_name("lock-tiket").err().unwrap_or_default();
        assert!(error.starts_with("there is no policy \"lock-tiket\"; there are lock-ticket, "), "{error}");
    }

    #[test]
    fn the_default_is_every_policy_of_the_kernel_s_placement() {
        let names: Vec<_> = chosen(&[]).into_iter().flatten().map(|entry| entry.name).collect();
        assert!(names.contains(&"kernel") && !names.contains(&"walk-pool-major"), "{names:?}");
    }
}
