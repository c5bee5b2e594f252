//! What came of a candidate, as one row of numbers.

use super::sweep::Tried;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use workloads::demand::DeviceFlow;

/// A candidate and what came of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    /// The boot parameter.
    pub boot: String,
    /// Slots of the default pool.
    pub slots: u64,
    /// Its areas.
    pub areas: u32,
    /// Whether the allocator grows.
    pub growth: bool,
    /// The policy.
    pub policy: Cow<'static, str>,
    /// Most bytes that pools took at once, transient ones included.
    pub memory_bytes: u64,
    /// Requests that were asked.
    pub requests: u64,
    /// Those that were delayed, those that never got room included.
    pub delayed: u64,
    /// Those that never got room.
    pub never: u64,
    /// Half of the delayed ones waited no longer, ns; `None` where none got room.
    pub median_wait_ns: Option<u64>,
    /// The longest wait, ns.
    pub longest_wait_ns: Option<u64>,
    /// Devices that had a request delayed.
    pub devices_hit: usize,
    /// Most slots in use at once.
    pub high_water: u64,
    /// Buffers that were mapped.
    pub maps: u64,
    /// Those of them in another area than their CPU's.
    pub spilled: u64,
    /// Those of them with a transient pool of their own.
    pub transient: u64,
    /// Pools that growth added.
    pub pools_added: u64,
}

impl From<&Tried> for Row {
    fn from(tried: &Tried) -> Self {
        let (candidate, result) = (&tried.candidate, &tried.result);
        let waits = result.flow.waits_ns();
        Self {
            boot: candidate.boot(),
            slots: candidate.nslabs,
            areas: candidate.nareas,
            growth: candidate.grow,
            policy: Cow::Borrowed(candidate.policy),
            memory_bytes: result.memory,
            requests: result.flow.requests(),
            delayed: result.delayed(),
            never: result.flow.never(),
            median_wait_ns: waits.get(waits.len() / 2).copied(),
            longest_wait_ns: waits.last().copied(),
            devices_hit: result.devices_hit(),
            high_water: result.high_water,
            maps: result.maps,
            spilled: result.spilled,
            transient: result.transient,
            pools_added: result.pools_added,
        }
    }
}

/// What came of a candidate for one device.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DeviceRow {
    /// Its name, as found in the trace.
    pub device: String,
    /// Its requests.
    pub requests: u64,
    /// Those that were delayed.
    pub delayed: u64,
    /// Those that never got room.
    pub never: u64,
    /// Half of the delayed ones waited no longer, ns.
    pub median_wait_ns: Option<u64>,
    /// The longest wait, ns.
    pub longest_wait_ns: Option<u64>,
}

impl DeviceRow {
    /// The row of a device.
    #[must_use]
    pub fn of(name: &str, flow: &DeviceFlow) -> Self {
        let mut waits = flow.waits_ns.clone();
        waits.sort_unstable();
        Self {
            device: name.to_owned(),
            requests: flow.requests,
            delayed: flow.delayed,
            never: flow.never,
            median_wait_ns: waits.get(waits.len() / 2).copied(),
            longest_wait_ns: waits.last().copied(),
        }
    }
}
