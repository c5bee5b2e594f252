//! A storm: more is live than the pool holds, so that the fallback of transient pools is used.
//!
//! Live mappings are held at `beyond` times the pool's slots, over all threads together; what does not fit
//! falls back, or fails where the allocator may not grow. A thread's depth follows from that: it is not a
//! parameter. `ops_per_thread` is four times that depth by default and at least the depth, or no storm
//! would come. Slots are counted by the mean of the size mix, without padding. Default: ends at random, so
//! that slots and transient pools end in no order.
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`).

use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{PlanBuilder, Request, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Depth, MAX_DEPTH, Settings};
use super::error::{self, ModelError};
use super::live::Ends;
use super::mix::{SizeMix, Table};
use super::random::{Purpose, stream};
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "storm";

const FROM_POOL: &str = "live mappings follow from pool_slots, beyond and sizes";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Slots of the pool that is to overflow. Default 2048 (4 MiB).
    pub pool_slots: u32,
    /// Live slots as a multiple of the pool's, up to 64. Default 1.25.
    pub beyond: f64,
    /// Sizes in bytes and their weights. Default 4 KiB, 16 KiB and 64 KiB as 60, 30 and 10.
    pub sizes: SizeMix,
}

impl Default for Parameters {
    fn default() -> Self {
        let sizes = SizeMix::new(&[(4 << 10, 60.0), (16 << 10, 30.0), (64 << 10, 10.0)]);
        Self { pool_slots: 2048, beyond: 1.25, sizes }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range, or there are too few maps for a storm.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, depth, sizes) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            for _ in 0..settings.maps {
                let at_ns = churn.arrive(&mut thread);
                let (size, dir) = (sizes.draw(&mut rng), settings.directions.draw(&mut rng));
                let mapping = thread.map(at_ns, Request::new(size, 0, dir))?;
                churn.hold(at_ns, mapping);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        Ok(plan.finish_held(settings.threads, Some(u64::from(depth))))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u32, Table<u32>), ModelError> {
        common.refuse(NAME, &[("depth", FROM_POOL)])?;
        error::within("beyond", self.beyond, 0.0, 64.0)?;
        let sizes = self.sizes.table("sizes", rules::IO_TLB_MAX_BYTES)?;
        let depth = depth_for(f64::from(self.pool_slots) * self.beyond, &self.sizes, common.threads);
        error::within("pool_slots x beyond", depth, 1, MAX_DEPTH)?;
        let common = with_maps(common, NAME, 4 * u64::from(depth), u64::from(depth))?;
        let ends = Ends::Random;
        let settings =
            common.settings(Defaults { depth: Depth::Held(depth), ends, ..Defaults::default() })?;
        Ok((settings, depth, sizes))
    }
}

/// Live mappings of each thread that together take `slots` slots in the mean, rounded up.
pub(super) fn depth_for(slots: f64, sizes: &SizeMix, threads: u32) -> u32 {
    let per_map = sizes.mean_slots().max(1.0);
    let depth = (slots / per_map / f64::from(threads.max(1))).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    let whole = depth.max(0.0) as u32;
    whole
}

/// The parameters with `default` maps where none are said, once there are at least `needed`.
pub(super) fn with_maps(
    common: &Common,
    model: &'static str,
    default: u64,
    needed: u64,
) -> Result<Common, ModelError> {
    let mut common = common.clone();
    let maps = *common.ops_per_thread.get_or_insert(default);
    if maps < needed {
        let purpose = "reach its live mappings";
        return Err(ModelError::TooFewMaps { model, maps, needed, purpose });
    }
    Ok(common)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fit::Curve;

    #[test]
    fn live_slots_reach_what_was_asked_for() {
        for (threads, beyond) in [(1, 1.25), (3, 2.0)] {
            let parameters = Parameters { beyond, ..Parameters::default() };
            let plan = parameters.plan(&Common { threads, ..Common::default() }, 2).unwrap();
            plan.check().unwrap();
            let most = Curve::of_plan(&plan).most().slots as f64;
            assert!((0.98..1.3).contains(&(most / (2048.0 * beyond))), "{most}");
        }
    }

    #[test]
    fn too_few_maps_make_no_storm() {
        let common = Common { ops_per_thread: Some(100), ..Common::default() };
        let error = Parameters::default().plan(&common, 2).unwrap_err();
        assert!(matches!(error, ModelError::TooFewMaps { maps: 100, .. }));
    }
}
