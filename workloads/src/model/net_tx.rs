//! Network transmit with segmentation offload: a header and up to 17 fragments for each packet.
//!
//! A packet's parts are mapped at once, to the device, and unmapped at once when the packet has been sent.
//! Its payload is drawn by weight and cut into fragments of `fragment_bytes`; what 17 fragments cannot hold
//! makes the fragments larger, up to whole pages of a compound page. `depth` counts packets in flight per
//! thread, 64 by default; `ops_per_thread` counts maps, rounded up to a whole packet.
//!
//! Times: a packet of n parts takes the place of n arrivals and comes with the last of them, so that
//! `rate_per_s` is met in maps. Ends as in the shared loop (`churn.rs`), default lognormal lifetimes with a
//! median of 50 us.

use serde::{Deserialize, Serialize};
use swiotlb_core::device::Direction;
use swiotlb_core::rules;

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder, device};
use super::churn::Churn;
use super::common::{Common, Defaults, Depth, Settings};
use super::error::{self, ModelError};
use super::live::Ends;
use super::mix::{SizeMix, Table};
use super::random::{Purpose, Stream, stream};
use crate::arena::Placement;
use crate::op::{Plan, Role};

/// The model's name.
pub const NAME: &str = "net_tx";

/// Most fragments of a packet (`MAX_SKB_FRAGS`).
pub const MAX_FRAGMENTS: u32 = 17;
/// Largest payload of a packet, bytes.
pub const MAX_PAYLOAD: u32 = 65_536;

const TO_DEVICE: &str = "what is sent is read by the device";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Payloads in bytes and their weights, up to 65,536; 0 is a packet of its header alone (an
    /// acknowledgement). Default 0, 1448 and 65,160 (45 segments) in equal parts.
    pub payloads: SizeMix,
    /// Bytes of a header, 54 to 256. Default 66.
    pub header_bytes: u32,
    /// Bytes of a fragment, where 17 of them are enough. Default 4096.
    pub fragment_bytes: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        let payloads = SizeMix::new(&[(0, 1.0), (1448, 1.0), (65_160, 1.0)]);
        Self { payloads, header_bytes: 66, fragment_bytes: 4096 }
    }
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range, or a direction is asked for.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, payloads) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            let mut thread = plan.thread(Role::Mapper, cpu);
            let mut churn = Churn::new(&settings, seed, cpu);
            let mut rng = stream(seed, cpu, Purpose::Requests);
            let mut maps = 0;
            while maps < settings.maps {
                let sizes = self.parts(payloads.draw(&mut rng));
                let at_ns = churn.arrive_many(&mut thread, sizes.len());
                maps += sizes.len() as u64;
                let packet = map_packet(&mut thread, at_ns, &sizes, &mut rng)?;
                churn.hold(at_ns, packet);
            }
            churn.drain(&mut thread);
            thread.finish()?;
        }
        let parts = u64::from(MAX_FRAGMENTS) + 1;
        Ok(plan.finish_held(settings.threads, settings.depth.held().map(|d| u64::from(d) * parts)))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, Table<u32>), ModelError> {
        common.refuse(NAME, &[("read_share", TO_DEVICE), ("bidirectional_share", TO_DEVICE)])?;
        let ends = Ends::Lognormal { median_ns: 50_000.0, sigma: 0.5 };
        let settings = common.settings(Defaults { depth: Depth::Held(64), ends, ..Defaults::default() })?;
        error::size("header_bytes", self.header_bytes, 256)?;
        error::size("fragment_bytes", self.fragment_bytes, rules::IO_TLB_MAX_BYTES)?;
        let payloads = self.payloads.table_from("payloads", 0, u64::from(MAX_PAYLOAD))?;
        Ok((settings, payloads))
    }

    /// Sizes of a packet's parts: its header, then its fragments.
    #[must_use]
    pub fn parts(&self, payload: u32) -> Vec<u32> {
        let mut left = payload;
        let fragment = self.fragment_bytes.max(left.div_ceil(MAX_FRAGMENTS)).max(1);
        let mut parts = vec![self.header_bytes];
        while left > 0 {
            parts.push(left.min(fragment));
            left -= left.min(fragment);
        }
        parts
    }
}

fn map_packet(
    thread: &mut ThreadBuilder<'_>,
    at_ns: u64,
    sizes: &[u32],
    rng: &mut Stream,
) -> Result<Vec<Mapping>, ModelError> {
    let mut packet = Vec::with_capacity(sizes.len());
    for (part, &size) in sizes.iter().enumerate() {
        // A header lies anywhere in its page, a fragment at a page's start.
        let offset = if part == 0 { Placement::Word.offset(rng) } else { 0 };
        packet.push(thread.map(at_ns, Request::new(size, offset, Direction::ToDevice))?);
    }
    Ok(packet)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_packet_is_its_header_and_at_most_17_fragments() {
        let parameters = Parameters::default();
        assert_eq!(parameters.parts(0), [66]);
        assert_eq!(parameters.parts(1448), [66, 1448]);
        let small = Parameters { fragment_bytes: 100, ..Parameters::default() };
        for payload in [1, 99, 1_700, 1_701, 65_160, MAX_PAYLOAD] {
            for parameters in [&parameters, &small] {
                let parts = parameters.parts(payload);
                assert!(parts.len() <= 18 && !parts.contains(&0), "{payload}: {parts:?}");
                assert_eq!(parts[1..].iter().sum::<u32>(), payload);
            }
        }
    }

    #[test]
    fn the_rate_counts_maps() {
        let common = Common {
            ops_per_thread: Some(50_000),
            rate_per_s: Some(1e6),
            depth: Some(Depth::Held(8)),
            ..Common::default()
        };
        let plan = Parameters::default().plan(&common, 4).unwrap();
        plan.check().unwrap();
        let seconds = plan.end_ns() as f64 / 1e9;
        let rate = f64::from(plan.handles) / seconds;
        assert!((rate / 1e6 - 1.0).abs() < 0.03, "{rate}");
    }
}
