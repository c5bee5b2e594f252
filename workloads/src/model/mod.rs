//! Workload models: what plans are made from. One file each; parameters and a seed in, a [`Plan`] out.
//!
//! | model | what it is like | when to use it |
//! | --- | --- | --- |
//! | [`nvme`] | 4 KiB at random, page mask, deep queue | the everyday hot path |
//! | [`storage`] | a disk with mixed sizes | slot search by size; Erlang-B; Little's law |
//! | [`net_rx`] | a ring of MTU buffers, synced for each packet | long-lived mappings, syncs |
//! | [`net_tx`] | a header and up to 17 fragments | many small maps at once, short lives |
//! | [`storm`] | more live than the pool holds | the transient fallback and its reclamation |
//! | [`growth`] | live mappings ramp up past the first pool | the worker, over its delay |
//! | [`fragmentation`] | long-lived small among short-lived mixed | search against fragmentation |
//! | [`cross_cpu`] | others end what a thread maps | lock contention, spill |
//! | [`lookup`] | many lookups, mostly of foreign addresses | `find_pool`, hits and misses |
//! | [`many_devices`] | devices used by Zipf's law | per-device lists and flags |
//! | [`fitted`] | a trace's devices, drawn anew | recorded load at another length or thread count |
//! | [`parallel_replay`] | recorded CPUs on threads | recorded load with real concurrency |
//!
//! A plan is the same to the bit for the same parameters and seed; `random.rs` says on what that rests.
//! [`common`] holds what all share; each model's page says how its times (`at_ns`) are made, which the
//! closed loop ignores and the open loop and virtual time follow.

pub mod arrivals;
mod builder;
mod churn;
pub mod common;
pub mod cross_cpu;
mod deal;
mod deck;
mod error;
pub mod fitted;
pub mod fragmentation;
pub mod growth;
pub mod live;
pub mod lookup;
pub mod many_devices;
pub mod mix;
pub mod net_rx;
pub mod net_tx;
pub mod nvme;
pub mod parallel_replay;
mod random;
mod single;
pub mod storage;
pub mod storm;
mod suggest;

use serde::{Deserialize, Serialize};

use crate::op::Plan;

pub use arrivals::ArrivalKind;
pub use common::{Common, Depth, MAX_OPS, MAX_THREADS};
pub use error::ModelError;
pub use live::Ends;
pub use mix::{SizeMix, SizeShare};
pub use single::single_calls;
pub use suggest::nearest;

/// A model with its parameters; in a file, a table whose `name` says which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Model {
    /// See [`nvme`].
    Nvme(nvme::Parameters),
    /// See [`storage`].
    Storage(storage::Parameters),
    /// See [`net_rx`].
    NetRx(net_rx::Parameters),
    /// See [`net_tx`].
    NetTx(net_tx::Parameters),
    /// See [`storm`].
    Storm(storm::Parameters),
    /// See [`growth`].
    Growth(growth::Parameters),
    /// See [`fragmentation`].
    Fragmentation(fragmentation::Parameters),
    /// See [`cross_cpu`].
    CrossCpu(cross_cpu::Parameters),
    /// See [`lookup`].
    Lookup(lookup::Parameters),
    /// See [`many_devices`].
    ManyDevices(many_devices::Parameters),
    /// See [`fitted`].
    Fitted(fitted::Parameters),
    /// See [`parallel_replay`].
    ParallelReplay(parallel_replay::Parameters),
}

impl Model {
    /// The names of all models.
    #[must_use]
    pub const fn names() -> &'static [&'static str] {
        &[
            nvme::NAME,
            storage::NAME,
            net_rx::NAME,
            net_tx::NAME,
            storm::NAME,
            growth::NAME,
            fragmentation::NAME,
            cross_cpu::NAME,
            lookup::NAME,
            many_devices::NAME,
            fitted::NAME,
            parallel_replay::NAME,
        ]
    }

    /// This model's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nvme(_) => nvme::NAME,
            Self::Storage(_) => storage::NAME,
            Self::NetRx(_) => net_rx::NAME,
            Self::NetTx(_) => net_tx::NAME,
            Self::Storm(_) => storm::NAME,
            Self::Growth(_) => growth::NAME,
            Self::Fragmentation(_) => fragmentation::NAME,
            Self::CrossCpu(_) => cross_cpu::NAME,
            Self::Lookup(_) => lookup::NAME,
            Self::ManyDevices(_) => many_devices::NAME,
            Self::Fitted(_) => fitted::NAME,
            Self::ParallelReplay(_) => parallel_replay::NAME,
        }
    }

    /// The model called `name` with its default parameters; `None` for a name that is none, and for the
    /// models that need a trace.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            nvme::NAME => Self::Nvme(nvme::Parameters::default()),
            storage::NAME => Self::Storage(storage::Parameters::default()),
            net_rx::NAME => Self::NetRx(net_rx::Parameters::default()),
            net_tx::NAME => Self::NetTx(net_tx::Parameters::default()),
            storm::NAME => Self::Storm(storm::Parameters::default()),
            growth::NAME => Self::Growth(growth::Parameters::default()),
            fragmentation::NAME => Self::Fragmentation(fragmentation::Parameters::default()),
            cross_cpu::NAME => Self::CrossCpu(cross_cpu::Parameters::default()),
            lookup::NAME => Self::Lookup(lookup::Parameters::default()),
            many_devices::NAME => Self::ManyDevices(many_devices::Parameters::default()),
            _ => return None,
        })
    }

    /// Makes the plan: the same for the same parameters and seed.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range or set and not used; a trace cannot be read.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        match self {
            Self::Nvme(p) => p.plan(common, seed),
            Self::Storage(p) => p.plan(common, seed),
            Self::NetRx(p) => p.plan(common, seed),
            Self::NetTx(p) => p.plan(common, seed),
            Self::Storm(p) => p.plan(common, seed),
            Self::Growth(p) => p.plan(common, seed),
            Self::Fragmentation(p) => p.plan(common, seed),
            Self::CrossCpu(p) => p.plan(common, seed),
            Self::Lookup(p) => p.plan(common, seed),
            Self::ManyDevices(p) => p.plan(common, seed),
            Self::Fitted(p) => p.plan(common, seed),
            Self::ParallelReplay(p) => p.plan(common, seed),
        }
    }

    /// Whether every parameter is within its bounds, without making the plan: what is then left that
    /// [`Model::plan`] may refuse is a trace, and originals that do not fit into their address space.
    ///
    /// # Errors
    /// [`ModelError`], as [`Model::plan`] would give it.
    pub fn check(&self, common: &Common) -> Result<(), ModelError> {
        match self {
            Self::Nvme(p) => p.bounds(common).map(drop),
            Self::Storage(p) => p.bounds(common).map(drop),
            Self::NetRx(p) => p.bounds(common).map(drop),
            Self::NetTx(p) => p.bounds(common).map(drop),
            Self::Storm(p) => p.bounds(common).map(drop),
            Self::Growth(p) => p.bounds(common).map(drop),
            Self::Fragmentation(p) => p.bounds(common).map(drop),
            Self::CrossCpu(p) => p.bounds(common).map(drop),
            Self::Lookup(p) => p.bounds(common).map(drop),
            Self::ManyDevices(p) => p.bounds(common).map(drop),
            Self::Fitted(p) => p.bounds(common).map(drop),
            Self::ParallelReplay(p) => p.bounds(common),
        }
    }

    /// Threads of the plan: those that are asked for, and those that only look up.
    #[must_use]
    pub const fn threads(&self, common: &Common) -> u32 {
        match self {
            Self::Lookup(p) => common.threads.saturating_add(p.lookers),
            _ => common.threads,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_check_refuses_what_a_plan_refuses_and_makes_none() {
        let common = |maps| Common { threads: 2, ops_per_thread: Some(maps), ..Common::default() };
        let text = |result: Result<(), ModelError>| result.map_err(|error| error.to_string());
        for model in Model::names().iter().filter_map(|name| Model::by_name(name)) {
            // Nothing of this size is made: it would take 4 GiB.
            let refused = text(model.check(&common(MAX_OPS))).unwrap_err();
            assert!(refused.contains("ops in all: at most"), "{}: {refused}", model.name());
            for maps in [0, 9, 20_000] {
                let planned = model.plan(&common(maps), 1).map(drop);
                assert_eq!(text(model.check(&common(maps))), text(planned), "{}", model.name());
            }
        }
        let many = fragmentation::Parameters { long_lived: 1 << 24, ..Default::default() };
        let refused = Model::Fragmentation(many).check(&common(50_000)).unwrap_err();
        assert!(matches!(refused, ModelError::TooFewMaps { needed: 33_554_432, .. }));
    }

    #[test]
    fn lookers_are_threads() {
        let lookers = lookup::Parameters { lookers: 64, ..Default::default() };
        let common = Common { ops_per_thread: Some(10), ..Common::default() };
        let model = Model::Lookup(lookers);
        assert_eq!(model.threads(&common), 65);
        assert_eq!(model.plan(&common, 1).unwrap().threads.len(), 65);
        assert_eq!(Model::by_name("nvme").unwrap().threads(&common), 1);
    }
}
