//! Lookup-heavy: many `is_swiotlb_buffer`, mostly for addresses that are none.
//!
//! Each map comes with `lookups_per_map` lookups; a share of them asks for a foreign address (an original's,
//! in no pool), the others for the mapping just made. `lookers` more threads only look up: each maps
//! `anchors` buffers at its start, asks for them and for foreign addresses at the same rate, and ends them
//! at the end. Defaults: depth 32, ends in order, 4 KiB.
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`); a map's lookups are at its arrival, behind
//! it. A looker's anchors are mapped at 0 and ended at its last arrival.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder, device};
use super::churn::Churn;
use super::common::{Common, Defaults, MAX_DEPTH, MAX_THREADS, Settings, few_enough};
use super::error::{self, ModelError};
use super::random::{Purpose, Stream, stream};
use crate::arena;
use crate::op::{Action, DeviceIndex, Handle, Plan, Role};

/// The model's name.
pub const NAME: &str = "lookup";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Lookups for each map, up to 10,000. Default 20.
    pub lookups_per_map: u32,
    /// Share of the lookups that ask for an address that is no bounce address. Default 0.95.
    pub foreign_share: f64,
    /// Bytes of a mapping. Default 4096.
    pub bytes: u32,
    /// Threads that only look up, on the CPUs behind the others'. Default 0.
    pub lookers: u32,
    /// Mappings that each looker holds, 1 at least. Default 1.
    pub anchors: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { lookups_per_map: 20, foreign_share: 0.95, bytes: 4096, lookers: 0, anchors: 1 }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let settings = self.bounds(common)?;
        let anchors = u64::from(self.lookers) * u64::from(self.anchors);
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            self.mapper(plan.thread(Role::Mapper, cpu), &settings, seed, cpu)?;
        }
        for cpu in settings.threads..settings.threads + self.lookers {
            self.looker(plan.thread(Role::Looker, cpu), &settings, seed, cpu)?;
        }
        let held = settings.depth.held();
        let live = held.map(|depth| u64::from(depth) * u64::from(settings.threads) + anchors);
        Ok(plan.finish_held(1, live))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<Settings, ModelError> {
        error::within("lookups_per_map", self.lookups_per_map, 0, 10_000)?;
        error::share("foreign_share", self.foreign_share)?;
        error::within("lookers", self.lookers, 0, MAX_THREADS)?;
        error::within("anchors", self.anchors, 1, MAX_DEPTH)?;
        error::size("bytes", self.bytes, rules::IO_TLB_MAX_BYTES)?;
        let ops_per_map = 2 + u64::from(self.lookups_per_map);
        let settings = common.settings(Defaults { ops_per_map, ..Defaults::default() })?;
        let threads = u64::from(settings.threads) + u64::from(self.lookers);
        let anchors = u64::from(self.lookers) * u64::from(self.anchors);
        few_enough(threads.saturating_mul(settings.maps * ops_per_map).saturating_add(2 * anchors))?;
        Ok(settings)
    }

    fn mapper(
        &self,
        mut thread: ThreadBuilder<'_>,
        settings: &Settings,
        seed: u64,
        cpu: u32,
    ) -> Result<(), ModelError> {
        let mut churn = Churn::new(settings, seed, cpu);
        let mut requests = stream(seed, cpu, Purpose::Requests);
        let mut rng = stream(seed, cpu, Purpose::Between);
        for _ in 0..settings.maps {
            let at_ns = churn.arrive(&mut thread);
            let dir = settings.directions.draw(&mut requests);
            let mapping: Mapping = thread.map(at_ns, Request::new(self.bytes, 0, dir))?;
            self.look_up(&mut thread, at_ns, &[mapping.handle], &mut rng);
            churn.hold(at_ns, mapping);
        }
        churn.drain(&mut thread);
        thread.finish()
    }

    fn looker(
        &self,
        mut thread: ThreadBuilder<'_>,
        settings: &Settings,
        seed: u64,
        cpu: u32,
    ) -> Result<(), ModelError> {
        let mut arrivals = settings.rate.arrivals(seed, cpu, settings.threads + self.lookers);
        let mut requests = stream(seed, cpu, Purpose::Requests);
        let mut rng = stream(seed, cpu, Purpose::Between);
        let mut anchors = Vec::new();
        for _ in 0..self.anchors {
            let dir = settings.directions.draw(&mut requests);
            anchors.push(thread.map(0, Request::new(self.bytes, 0, dir))?);
        }
        let handles: Vec<Handle> = anchors.iter().map(|anchor| anchor.handle).collect();
        for _ in 0..settings.maps {
            self.look_up(&mut thread, arrivals.next_ns(), &handles, &mut rng);
        }
        let end_ns = thread.now();
        anchors.into_iter().for_each(|anchor| thread.unmap(end_ns, anchor));
        thread.finish()
    }

    /// The lookups of one arrival.
    fn look_up(&self, thread: &mut ThreadBuilder<'_>, at_ns: u64, live: &[Handle], rng: &mut Stream) {
        for _ in 0..self.lookups_per_map {
            let action = if rng.random_bool(self.foreign_share) {
                Action::LookupForeign { device: DeviceIndex(0), addr: arena::foreign(rng) }
            } else {
                #[expect(clippy::cast_possible_truncation, reason = "below a length")]
                let which = rng.random_range(0..live.len() as u64) as usize;
                Action::LookupLive { handle: live[which] }
            };
            thread.push(at_ns, action);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_share_is_kept_by_mappers_and_lookers() {
        let parameters = Parameters { lookers: 2, anchors: 5, ..Parameters::default() };
        let common = Common { threads: 2, ops_per_thread: Some(2_000), ..Common::default() };
        let plan = parameters.plan(&common, 1).unwrap();
        plan.check().unwrap();
        assert_eq!(plan.threads.len(), 4);
        for thread in &plan.threads {
            let count = |wanted: fn(&Action) -> bool| {
                thread.ops.iter().filter(|op| wanted(&op.action)).count() as f64
            };
            let foreign = count(|action| matches!(action, Action::LookupForeign { .. }));
            let live = count(|action| matches!(action, Action::LookupLive { .. }));
            assert_eq!(foreign + live, 40_000.0);
            assert!((foreign / 40_000.0 - 0.95).abs() < 0.005, "{foreign}");
        }
    }
}
