//! Growth: from small to large, past the first pool, so that the worker adds pools.
//!
//! Live mappings ramp up in a straight line from one per thread to `peak` times the first pool's slots, stay
//! there, and ramp down over the last `ramp_down_share` of the maps. Run it over the worker's delay (the
//! runner's parameter, 0 to 10 ms): until the new pool is there, requests fall back or fail. A thread's
//! depth is not a parameter; `ops_per_thread` is eight times the peak depth by default, and the two ramps
//! must have at least as many maps as the peak has mappings. Default: ends in order.
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`), with the ramp's depth of the moment; on the
//! way down a map follows as many ends as the ramp asks for.

use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{PlanBuilder, Request, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Depth, MAX_DEPTH, Settings};
use super::error::{self, ModelError};
use super::mix::{SizeMix, Table};
use super::random::{Purpose, stream};
use super::storm;
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "growth";

const RAMP: &str = "live mappings follow the ramp: pool_slots, peak and sizes";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Slots of the first pool. Default 512 (1 MiB).
    pub pool_slots: u32,
    /// Live slots at the plateau as a multiple of the first pool's, up to 256. Default 4.
    pub peak: f64,
    /// Share of the maps during which live mappings ramp up. Default 0.5.
    pub ramp_up_share: f64,
    /// Share of the maps, the last ones, during which they ramp down; 0 keeps the plateau until all ends.
    /// Default 0.
    pub ramp_down_share: f64,
    /// Sizes in bytes and their weights. Default 4 KiB alone.
    pub sizes: SizeMix,
}

impl Default for Parameters {
    fn default() -> Self {
        let sizes = SizeMix::new(&[(4096, 1.0)]);
        Self { pool_slots: 512, peak: 4.0, ramp_up_share: 0.5, ramp_down_share: 0.0, sizes }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range, or there are too few maps for the ramps.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, peak, sizes) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            for map in 0..settings.maps {
                let at_ns = churn.arrive_below(&mut thread, self.depth_at(map, settings.maps, peak));
                let (size, dir) = (sizes.draw(&mut rng), settings.directions.draw(&mut rng));
                let mapping = thread.map(at_ns, Request::new(size, 0, dir))?;
                churn.hold(at_ns, mapping);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        Ok(plan.finish_held(settings.threads, Some(u64::from(peak))))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u32, Table<u32>), ModelError> {
        common.refuse(NAME, &[("depth", RAMP)])?;
        error::within("peak", self.peak, 0.0, 256.0)?;
        error::share("ramp_up_share", self.ramp_up_share)?;
        error::share("ramp_down_share", self.ramp_down_share)?;
        error::share("ramp_up_share + ramp_down_share", self.ramp_up_share + self.ramp_down_share)?;
        let sizes = self.sizes.table("sizes", rules::IO_TLB_MAX_BYTES)?;
        let slots = f64::from(self.pool_slots) * self.peak;
        let peak = storm::depth_for(slots, &self.sizes, common.threads);
        error::within("pool_slots x peak", peak, 1, MAX_DEPTH)?;
        let ramp = self.ramp_up_share.clamp(1e-6, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2^44")]
        let needed = (f64::from(peak) / ramp).ceil() as u64;
        let common = storm::with_maps(common, NAME, needed.max(8 * u64::from(peak)), needed)?;
        let settings = common.settings(Defaults { depth: Depth::Held(peak), ..Defaults::default() })?;
        Ok((settings, peak, sizes))
    }

    /// Live mappings of a thread once it has made map number `map` of `maps`.
    fn depth_at(&self, map: u64, maps: u64, peak: u32) -> u32 {
        #[expect(clippy::cast_precision_loss, reason = "below 2^32")]
        let (done, all) = ((map + 1) as f64, maps as f64);
        let up = done / (all * self.ramp_up_share).max(1.0);
        let down = (all - done) / (all * self.ramp_down_share).max(1e-9);
        let height = if done < all || self.ramp_down_share > 0.0 { up.min(down) } else { up };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to peak")]
        let depth = (f64::from(peak) * height.clamp(0.0, 1.0)).ceil().max(1.0) as u32;
        depth
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fit::Curve;

    #[test]
    fn up_plateau_down() {
        let parameters = Parameters { ramp_up_share: 0.25, ramp_down_share: 0.25, ..Parameters::default() };
        let common = Common { ops_per_thread: Some(8_000), ..Common::default() };
        let plan = parameters.plan(&common, 2).unwrap();
        plan.check().unwrap();
        let curve = Curve::of_plan(&plan);
        let at = |eighths: u64| curve.at(plan.end_ns() * eighths / 8).maps;
        assert_eq!(curve.most().maps, 1024);
        assert_eq!(at(4), 1024);
        assert!((400..620).contains(&at(1)), "{}", at(1));
        assert!((400..620).contains(&at(7)), "{}", at(7));
    }

    #[test]
    fn without_a_way_down_the_plateau_holds_until_the_last_map() {
        let plan = Parameters::default().plan(&Common::default(), 2).unwrap();
        assert_eq!(Parameters::default().depth_at(8_191, 8_192, 1024), 1024);
        assert_eq!(plan.handles, 8_192);
        let common = Common { ops_per_thread: Some(1_500), ..Common::default() };
        let error = Parameters::default().plan(&common, 2).unwrap_err();
        assert!(matches!(error, ModelError::TooFewMaps { needed: 2_048, .. }), "{error}");
    }
}
