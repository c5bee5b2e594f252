//! Network receive: a ring of MTU-sized buffers that stay mapped for long, synced for each packet.
//!
//! Each thread fills its ring at the start. A packet then uses the next buffer of the ring. A short or
//! recycled one is synced for the CPU (the packet's bytes) and back for the device, and the buffer stays;
//! otherwise the buffer is unmapped (which copies it to the CPU) and a fresh one mapped in its place: the refill. At the end the
//! ring is unmapped. `ops_per_thread` counts packets here (so do rates); the ring's first fill comes on top.
//! `depth` is the ring's size, 256 by default. All mappings are from the device.
//!
//! Times: the first fill is at 0; a packet's ops are all at its arrival; the last unmaps are at the last
//! arrival. A buffer is live for one turn of the ring.

use std::collections::VecDeque;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use swiotlb_core::device::Direction;
use swiotlb_core::rules;

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder, device};
use super::common::{Common, Defaults, Depth, Settings, few_enough};
use super::error::{self, ModelError};
use super::mix::{SizeMix, Table};
use super::random::{Purpose, Stream, stream};
use crate::op::{Action, Plan, Role};

/// The model's name.
pub const NAME: &str = "net_rx";

const RING_SIZE: &str = "every buffer of the ring is used in turn";
const FROM_DEVICE: &str = "a receive buffer is written by the device";

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Bytes of a buffer, 1544 to 2048 for an MTU of 1500. Default 1544.
    pub buffer_bytes: u32,
    /// Packet lengths in bytes and their weights. Default half 64, a tenth 576, the rest 1514.
    pub packets: SizeMix,
    /// Longest packet, bytes, that is copied out so that its buffer stays in the ring. Default 256.
    pub copybreak: u32,
    /// Share of the longer packets whose buffer stays as well (recycled pages). Default 0.
    pub recycle_share: f64,
    /// Bytes that a buffer begins behind its page's start (head room). Default 64.
    pub headroom: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            buffer_bytes: 1544,
            packets: SizeMix::new(&[(64, 50.0), (576, 10.0), (1514, 40.0)]),
            copybreak: 256,
            recycle_share: 0.0,
            headroom: 64,
        }
    }
}

/// One thread's ring.
struct Ring<'a> {
    parameters: &'a Parameters,
    packets: &'a Table<u32>,
    buffers: VecDeque<Mapping>,
    rng: Stream,
}

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range, or one that a ring does not use is set.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, ring, packets) = self.bounds(common)?;
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..settings.threads {
            let rng = stream(seed, cpu, Purpose::Requests);
            let mut ring = Ring { parameters: self, packets: &packets, buffers: VecDeque::new(), rng };
            ring.run(plan.thread(Role::Mapper, cpu), &settings, seed, cpu)?;
        }
        Ok(plan.finish_held(settings.threads, Some(u64::from(ring))))
    }

    /// What the plan is made from, once every parameter is within its bounds.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u32, Table<u32>), ModelError> {
        let unused = [("ends", RING_SIZE), ("read_share", FROM_DEVICE), ("bidirectional_share", FROM_DEVICE)];
        common.refuse(NAME, &unused)?;
        let defaults = Defaults { depth: Depth::Held(256), ops_per_map: 4, ..Defaults::default() };
        let settings = common.settings(defaults)?;
        let ring = settings.depth.held().ok_or(ModelError::NeedsDepth { model: NAME })?;
        few_enough(u64::from(ring).saturating_mul(2 * u64::from(settings.threads)))?;
        error::size("buffer_bytes", self.buffer_bytes, rules::IO_TLB_MAX_BYTES)?;
        error::within("headroom", self.headroom, 0, 4095)?;
        error::share("recycle_share", self.recycle_share)?;
        let packets = self.packets.table("packets", u64::from(self.buffer_bytes))?;
        Ok((settings, ring, packets))
    }
}

impl Ring<'_> {
    fn run(
        &mut self,
        mut thread: ThreadBuilder<'_>,
        settings: &Settings,
        seed: u64,
        cpu: u32,
    ) -> Result<(), ModelError> {
        let size = settings.depth.held().unwrap_or(1);
        for _ in 0..size {
            self.fill(&mut thread, 0)?;
        }
        let mut arrivals = settings.rate.arrivals(seed, cpu, settings.threads);
        for _ in 0..settings.maps {
            self.packet(&mut thread, arrivals.next_ns())?;
        }
        let end_ns = thread.now();
        self.buffers.drain(..).for_each(|buffer| thread.unmap(end_ns, buffer));
        thread.finish()
    }

    fn fill(&mut self, thread: &mut ThreadBuilder<'_>, at_ns: u64) -> Result<(), ModelError> {
        let Parameters { buffer_bytes, headroom, .. } = *self.parameters;
        let request = Request::new(buffer_bytes, headroom, Direction::FromDevice);
        self.buffers.push_back(thread.map(at_ns, request)?);
        Ok(())
    }

    fn packet(&mut self, thread: &mut ThreadBuilder<'_>, at_ns: u64) -> Result<(), ModelError> {
        let len = self.packets.draw(&mut self.rng);
        let recycled = self.rng.random_bool(self.parameters.recycle_share);
        let Some(buffer) = self.buffers.pop_front() else { return Ok(()) };
        if len > self.parameters.copybreak && !recycled {
            thread.unmap(at_ns, buffer);
            return self.fill(thread, at_ns);
        }
        let handle = buffer.handle;
        thread.push(at_ns, Action::SyncForCpu { handle, offset: 0, len });
        thread.push(at_ns, Action::SyncForDevice { handle, offset: 0, len });
        self.buffers.push_back(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn short_packets_sync_and_long_ones_refill() {
        let common =
            Common { ops_per_thread: Some(20_000), depth: Some(Depth::Held(64)), ..Common::default() };
        let plan = Parameters::default().plan(&common, 3).unwrap();
        plan.check().unwrap();
        let refills = f64::from(plan.handles - 64);
        assert!((refills / 20_000.0 - 0.5).abs() < 0.02, "{refills}");
        let syncs = plan.threads[0].ops.iter();
        let syncs = syncs.filter(|op| matches!(op.action, Action::SyncForCpu { len: 64, .. })).count();
        assert_eq!(syncs + plan.handles as usize - 64, 20_000);
    }

    #[test]
    fn a_ring_has_no_directions() {
        let common = Common { read_share: Some(0.5), ..Common::default() };
        let error = Parameters::default().plan(&common, 3).unwrap_err();
        assert!(matches!(error, ModelError::Unused { field: "read_share", .. }));
        let long = Parameters { packets: SizeMix::new(&[(9000, 1.0)]), ..Parameters::default() };
        let error = long.plan(&Common::default(), 3).unwrap_err();
        assert!(matches!(error, ModelError::BadSize { field: "packets", .. }));
    }
}
