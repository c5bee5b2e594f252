//! Many devices, some used far more than others: Zipf's law over their numbers.
//!
//! Device k (from 1) is chosen with weight 1 / k^`skew`; 0 is even use. The first `masked_share` of every
//! hundred devices declare `min_align_mask = 0xfff`. Each device has its own list of transient pools and its
//! own flag that it ever bounced, which is what this model is about. Defaults: depth 32, ends at random,
//! 4 KiB.
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`), over all devices of a thread together.

use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{PlanBuilder, Request, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Settings};
use super::error::{self, ModelError};
use super::live::Ends;
use super::mix::{SizeMix, Table};
use super::random::{Purpose, stream};
use crate::op::{Plan, PlanDevice, Role};

/// The model's name.
pub const NAME: &str = "many_devices";

/// The page mask that masked devices declare.
const PAGE_MASK: u64 = rules::PAGE_SIZE - 1;

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Devices, up to 65,535. Default 64.
    pub devices: u16,
    /// Exponent of Zipf's law, 0 to 10. Default 1.
    pub skew: f64,
    /// Share of the devices that declare a page mask. Default 0.25.
    pub masked_share: f64,
    /// Sizes in bytes and their weights. Default 4 KiB alone.
    pub sizes: SizeMix,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { devices: 64, skew: 1.0, masked_share: 0.25, sizes: SizeMix::new(&[(4096, 1.0)]) }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, sizes, law) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, self.devices());
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            let mut choice = stream(seed, cpu, Purpose::Choice);
            for _ in 0..settings.maps {
                let at_ns = churn.arrive(&mut thread);
                let (size, dir) = (sizes.draw(&mut rng), settings.directions.draw(&mut rng));
                let request = Request::new(size, 0, dir).for_device(self.number(law.sample(&mut choice)));
                let mapping = thread.map(at_ns, request)?;
                churn.hold(at_ns, mapping);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        Ok(plan.finish_held(settings.threads, settings.depth.held().map(u64::from)))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, Table<u32>, Zipf<f64>), ModelError> {
        let defaults = Defaults { ends: Ends::Random, ..Defaults::default() };
        let settings = common.settings(defaults)?;
        error::within("devices", self.devices, 1, u16::MAX)?;
        error::share("masked_share", self.masked_share)?;
        let sizes = self.sizes.table("sizes", rules::max_mapping_size(PAGE_MASK))?;
        let law = self.law()?;
        Ok((settings, sizes, law))
    }

    fn law(&self) -> Result<Zipf<f64>, ModelError> {
        error::within("skew", self.skew, 0.0, 10.0)?;
        let bad = |_| ModelError::OutOfRange { field: "skew", value: self.skew, min: 0.0, max: 10.0 };
        Zipf::new(f64::from(self.devices), self.skew).map_err(bad)
    }

    /// A device's number from 0, of a rank from 1.
    fn number(&self, rank: f64) -> u16 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
        let number = (rank - 1.0).max(0.0) as u16;
        number.min(self.devices - 1)
    }

    fn devices(&self) -> Vec<PlanDevice> {
        let masked = |number: u16| f64::from(number % 100) < 100.0 * self.masked_share;
        let of = |number| device(&format!("dev{number}"), if masked(number) { PAGE_MASK } else { 0 });
        (0..self.devices).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::op::Action;

    fn uses(skew: f64) -> Vec<f64> {
        let parameters = Parameters { devices: 8, skew, ..Parameters::default() };
        let common = Common { ops_per_thread: Some(40_000), ..Common::default() };
        let plan = parameters.plan(&common, 1).unwrap();
        plan.check().unwrap();
        let mut uses = vec![0.0; 8];
        for op in &plan.threads[0].ops {
            if let Action::Map { device, .. } = op.action {
                uses[usize::from(device.0)] += 1.0 / 40_000.0;
            }
        }
        uses
    }

    #[test]
    fn use_follows_the_law() {
        for skew in [0.0, 1.0, 2.5] {
            let norm: f64 = (1..=8).map(|k| f64::from(k).powf(-skew)).sum();
            for (used, k) in uses(skew).iter().zip(1..) {
                let expected = f64::from(k).powf(-skew) / norm;
                assert!((used - expected).abs() < 0.01, "{skew} {k}: {used} {expected}");
            }
        }
    }

    #[test]
    fn one_device_and_the_most() {
        for devices in [1, u16::MAX] {
            let parameters = Parameters { devices, ..Parameters::default() };
            let common = Common { ops_per_thread: Some(10), ..Common::default() };
            parameters.plan(&common, 1).unwrap().check().unwrap();
        }
        let none = Parameters { devices: 0, ..Parameters::default() };
        let error = none.plan(&Common::default(), 1).unwrap_err();
        assert!(matches!(error, ModelError::OutOfRange { field: "devices", .. }));
    }
}
