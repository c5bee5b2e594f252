//! Fragmentation: long-lived small mappings among short-lived mixed ones.
//!
//! While each thread's `long_lived` small mappings are made, short-lived ones are made between them, so
//! that they end up scattered. From then on the short-lived ones come and go at the queue depth, in what
//! the long-lived ones leave free; now and then (`turnover`) a long-lived one, any of them, is replaced.
//! Defaults: depth 32, ends at random (of the short-lived ones).
//!
//! Times: arrivals and ends of short-lived mappings as in the shared loop (`churn.rs`); a long-lived one
//! takes the place of an arrival and ends at the arrival that replaces it, or after everything else.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder, device};
use super::churn::Churn;
use super::common::{Common, Defaults, MAX_DEPTH, Settings};
use super::error::{self, ModelError};
use super::live::{Ends, LiveSet};
use super::mix::{SizeMix, Table};
use super::random::{Purpose, stream};
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "fragmentation";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Long-lived mappings of each thread. Default 1024.
    pub long_lived: u32,
    /// Bytes of a long-lived mapping. Default 2048: one slot.
    pub long_lived_bytes: u32,
    /// Share of the maps that replace a long-lived mapping. Default 0.01.
    pub turnover: f64,
    /// Sizes of short-lived mappings in bytes and their weights. Default 4 KiB to 64 KiB.
    pub sizes: SizeMix,
}

impl Default for Parameters {
    fn default() -> Self {
        let sizes = [(4 << 10, 40.0), (8 << 10, 20.0), (16 << 10, 20.0), (32 << 10, 10.0), (64 << 10, 10.0)];
        Self { long_lived: 1024, long_lived_bytes: 2048, turnover: 0.01, sizes: SizeMix::new(&sizes) }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range, or there are too few maps.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, sizes) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            self.run(plan.thread(Role::Mapper, cpu), &settings, &sizes, seed, cpu)?;
        }
        let live = settings.depth.held().map(|depth| u64::from(depth) + u64::from(self.long_lived));
        Ok(plan.finish_held(settings.threads, live))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, Table<u32>), ModelError> {
        let defaults = Defaults { ends: Ends::Random, ..Defaults::default() };
        let settings = common.settings(defaults)?;
        error::within("long_lived", self.long_lived, 0, MAX_DEPTH)?;
        error::size("long_lived_bytes", self.long_lived_bytes, rules::IO_TLB_MAX_BYTES)?;
        error::share("turnover", self.turnover)?;
        let sizes = self.sizes.table("sizes", rules::IO_TLB_MAX_BYTES)?;
        let (maps, needed) = (settings.maps, 2 * u64::from(self.long_lived));
        if maps < needed {
            let purpose = "map the long-lived ones among as many others";
            return Err(ModelError::TooFewMaps { model: NAME, maps, needed, purpose });
        }
        Ok((settings, sizes))
    }

    fn run(
        &self,
        mut thread: ThreadBuilder<'_>,
        settings: &Settings,
        sizes: &Table<u32>,
        seed: u64,
        cpu: u32,
    ) -> Result<(), ModelError> {
        let mut churn: Churn<Mapping> = Churn::new(settings, seed, cpu);
        let mut long = LiveSet::new(Ends::Random, stream(seed, cpu, Purpose::Choice));
        let mut rng = stream(seed, cpu, Purpose::Requests);
        for map in 0..settings.maps {
            let dir = settings.directions.draw(&mut rng);
            let filling = long.len() < self.long_lived as usize;
            let replacing = !filling && self.long_lived > 0 && rng.random_bool(self.turnover);
            if (filling && map % 2 == 0) || replacing {
                let at_ns = churn.tick();
                if replacing && let Some((_, old)) = long.take() {
                    thread.unmap(at_ns, old);
                }
                long.add(at_ns, thread.map(at_ns, Request::new(self.long_lived_bytes, 0, dir))?);
            } else {
                let at_ns = churn.arrive(&mut thread);
                let mapping = thread.map(at_ns, Request::new(sizes.draw(&mut rng), 0, dir))?;
                churn.hold(at_ns, mapping);
            }
        }
        churn.drain(&mut thread);
        while let Some((_, old)) = long.take() {
            thread.unmap(churn.tick(), old);
        }
        thread.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fit::Curve;

    #[test]
    fn the_long_lived_stay() {
        let plan = Parameters::default().plan(&Common::default(), 6).unwrap();
        plan.check().unwrap();
        let curve = Curve::of_plan(&plan);
        assert_eq!(curve.most().maps, 1024 + 32);
        assert_eq!(plan.handles, 10_000);
    }

    #[test]
    fn none_long_lived_is_a_plain_mix() {
        let parameters = Parameters { long_lived: 0, turnover: 1.0, ..Parameters::default() };
        let plan = parameters.plan(&Common::default(), 6).unwrap();
        plan.check().unwrap();
        assert_eq!(plan.bounds.live, 32);
    }
}
