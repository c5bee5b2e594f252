//! A disk with mixed sizes: what a file system asks of a controller.
//!
//! Sizes are drawn by weight. The default is the recorded `vblk_randrw` job's split (512 B to 64 KiB, 4 KiB
//! most often); [`Parameters::large`] is the mix up to 256 KiB. Originals begin at a page unless
//! `placement` says otherwise. Defaults: depth 32, 70 % reads, ends in order.
//!
//! Times: arrivals and ends as in the shared loop (`churn.rs`). With one size of 2048 bytes, depth
//! `"unbounded"` and exponential ends this is the arrival stream of an Erlang-B system.

use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{PlanBuilder, Request, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Settings};
use super::error::ModelError;
use super::mix::{SizeMix, Table};
use super::nvme;
use super::random::{Purpose, stream};
use crate::arena::Placement;
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "storage";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Sizes in bytes and their weights. Default 512 B to 64 KiB.
    pub sizes: SizeMix,
    /// Where in its page a buffer begins. Default at its start.
    pub placement: Placement,
    /// Address bits that the bounce buffer shares with the original, a mask. Default 0.
    pub min_align_mask: u32,
    /// Alignment of the allocation, a mask of low bits up to 0xffff. Default 0.
    pub alloc_align_mask: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            sizes: SizeMix::new(&[
                (512, 10.0),
                (1 << 10, 5.0),
                (2 << 10, 5.0),
                (4 << 10, 40.0),
                (8 << 10, 10.0),
                (16 << 10, 15.0),
                (32 << 10, 10.0),
                (64 << 10, 5.0),
            ]),
            placement: Placement::Page,
            min_align_mask: 0,
            alloc_align_mask: 0,
        }
    }
}

impl Parameters {
    /// The mix up to 256 KiB: streaming writes beside small requests.
    #[must_use]
    pub fn large() -> Self {
        let sizes =
            [(4 << 10, 30.0), (16 << 10, 15.0), (64 << 10, 20.0), (128 << 10, 15.0), (256 << 10, 20.0)];
        Self { sizes: SizeMix::new(&sizes), ..Self::default() }
    }

    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, mask, sizes) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, mask)]);
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            for _ in 0..settings.maps {
                let at_ns = churn.arrive(&mut thread);
                let (size, dir) = (sizes.draw(&mut rng), settings.directions.draw(&mut rng));
                let mut request = Request::new(size, self.placement.offset(&mut rng), dir);
                request.alloc_align_mask = self.alloc_align_mask;
                let mapping = thread.map(at_ns, request)?;
                churn.hold(at_ns, mapping);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        Ok(plan.finish_held(settings.threads, settings.depth.held().map(u64::from)))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u64, Table<u32>), ModelError> {
        let settings = common.settings(Defaults { read_share: 0.7, ..Defaults::default() })?;
        let mask = nvme::mask("min_align_mask", self.min_align_mask)?;
        nvme::mask("alloc_align_mask", self.alloc_align_mask)?;
        let sizes = self.sizes.table("sizes", rules::max_mapping_size(mask))?;
        Ok((settings, mask, sizes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::common::Depth;
    use crate::model::live::Ends;
    use crate::op::Action;

    #[test]
    fn unbounded_mappings_end_when_their_time_is_up() {
        let common = Common {
            ops_per_thread: Some(2_000),
            depth: Some(Depth::UNBOUNDED),
            ends: Some(Ends::Constant { ns: 123_456.0 }),
            ..Common::default()
        };
        let plan = Parameters::large().plan(&common, 9).unwrap();
        plan.check().unwrap();
        let mut mapped = vec![0; plan.handles as usize];
        for op in &plan.threads[0].ops {
            match op.action {
                Action::Map { handle, .. } => mapped[handle.0 as usize] = op.at_ns,
                Action::Unmap { handle, .. } => assert_eq!(op.at_ns - mapped[handle.0 as usize], 123_456),
                _ => unreachable!(),
            }
        }
    }

    #[test]
    fn another_rate_changes_no_size() {
        let sizes = |rate| {
            let common = Common { ops_per_thread: Some(300), rate_per_s: Some(rate), ..Common::default() };
            let plan = Parameters::default().plan(&common, 5).unwrap();
            let size = |op: &crate::op::Op| match op.action {
                Action::Map { size, .. } => Some(size),
                _ => None,
            };
            plan.threads[0].ops.iter().filter_map(size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1e3), sizes(1e6));
    }
}
