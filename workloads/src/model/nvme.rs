//! NVMe, 4 KiB at random: one size, the device's page mask, a deep queue.
//!
//! Each thread stands for one queue pair. A request is one page; the device declares
//! `min_align_mask = 0xfff`, as the kernel's driver does, so a buffer that does not begin at a page takes a
//! slot more. Defaults: depth 32, 70 % reads, ends in order (`fifo`).
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`).

use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{PlanBuilder, Request, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Settings};
use super::error::{self, ModelError};
use super::random::{Purpose, stream};
use crate::arena::Placement;
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "nvme";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Bytes of a request. Default 4096.
    pub bytes: u32,
    /// Address bits that the bounce buffer shares with the original, a mask. Default 0xfff.
    pub min_align_mask: u32,
    /// Where in its page a buffer begins. Default at its start.
    pub placement: Placement,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { bytes: 4096, min_align_mask: 0xfff, placement: Placement::Page }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, mask, bytes) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, mask)]);
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            for _ in 0..settings.maps {
                let at_ns = churn.arrive(&mut thread);
                let offset = self.placement.offset(&mut rng);
                let request = Request::new(bytes, offset, settings.directions.draw(&mut rng));
                let mapping = thread.map(at_ns, request)?;
                churn.hold(at_ns, mapping);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        Ok(plan.finish_held(settings.threads, settings.depth.held().map(u64::from)))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u64, u32), ModelError> {
        let settings = common.settings(Defaults { read_share: 0.7, ..Defaults::default() })?;
        let mask = mask("min_align_mask", self.min_align_mask)?;
        let bytes = error::size("bytes", self.bytes, rules::max_mapping_size(mask))?;
        Ok((settings, mask, bytes))
    }
}

/// `mask` as 64 bits, if it is a mask of low bits up to 0xffff.
pub(super) fn mask(field: &'static str, mask: u32) -> Result<u64, ModelError> {
    if mask <= 0xffff && mask & (mask + 1) == 0 {
        Ok(u64::from(mask))
    } else {
        Err(ModelError::BadMask { field, mask })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::op::Action;

    #[test]
    fn each_map_but_the_first_fill_follows_an_end() {
        let common = Common { ops_per_thread: Some(500), ..Common::default() };
        let plan = Parameters::default().plan(&common, 1).unwrap();
        plan.check().unwrap();
        assert_eq!((plan.bounds.live, plan.handles), (32, 500));
        let ops = &plan.threads[0].ops;
        assert!(ops[..32].iter().all(|op| matches!(op.action, Action::Map { size: 4096, .. })));
        for pair in ops[32..32 + 2 * 468].chunks(2) {
            assert!(matches!(pair[0].action, Action::Unmap { .. }));
            assert!(matches!(pair[1].action, Action::Map { .. }));
            assert_eq!(pair[0].at_ns, pair[1].at_ns, "first in first out ends at the arrival");
        }
        assert!(ops[968..].iter().all(|op| matches!(op.action, Action::Unmap { .. })));
    }

    #[test]
    fn masks_are_masks() {
        for bad in [0xff0, 0x1_ffff, u32::MAX] {
            let parameters = Parameters { min_align_mask: bad, ..Parameters::default() };
            let error = parameters.plan(&Common::default(), 1).unwrap_err();
            assert!(matches!(error, ModelError::BadMask { .. }), "{bad:#x}");
        }
        let parameters = Parameters { bytes: 262_144, ..Parameters::default() };
        let error = parameters.plan(&Common::default(), 1).unwrap_err();
        assert!(matches!(error, ModelError::BadSize { max: 258_048, .. }));
    }
}
