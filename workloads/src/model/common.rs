//! What all models have in common: threads, maps, rate, depth, ends, read share; checked once.
//!
//! A field that is left out takes the model's own default, which the model's page states. A field that is
//! set and that the model does not use is an error, so that no suite sweeps an axis that does nothing.

use serde::{Deserialize, Serialize};
use swiotlb_core::device::Direction;

use super::arrivals::{ArrivalKind, Rate};
use super::error::{self, ModelError};
use super::live::Ends;
use super::mix::{Directions, Table};
use crate::op::DeviceTouch;

/// Most ops in a plan: 4 GiB of memory at 32 bytes each.
pub const MAX_OPS: u64 = 1 << 27;
/// Most simulated threads.
pub const MAX_THREADS: u32 = 4096;
/// Deepest queue of a thread.
pub const MAX_DEPTH: u32 = 1 << 24;
/// Maps per thread where nothing is said.
pub const DEFAULT_MAPS: u64 = 10_000;
/// Maps per second and thread where nothing is said.
pub const DEFAULT_RATE_PER_S: f64 = 100_000.0;

/// Live mappings per thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Depth {
    /// As many, once they have been mapped for the first time: each later map follows the end of one.
    Held(u32),
    /// As many as arrivals and lifetimes make: nothing waits.
    Unbounded(Unbounded),
}

/// The word for [`Depth::Unbounded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unbounded {
    /// Spelt `"unbounded"`.
    Unbounded,
}

impl Depth {
    /// No bound.
    pub const UNBOUNDED: Self = Self::Unbounded(Unbounded::Unbounded);

    /// The number, if there is one.
    #[must_use]
    pub const fn held(self) -> Option<u32> {
        match self {
            Self::Held(depth) => Some(depth),
            Self::Unbounded(_) => None,
        }
    }
}

/// Parameters of every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Simulated threads, each on a CPU of its number. Default 1.
    pub threads: u32,
    /// Maps per thread. Default 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ops_per_thread: Option<u64>,
    /// Maps that arrive per second on each thread. Default 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Spread of the gaps between arrivals. Default Poisson.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalKind>,
    /// Live mappings per thread, or `"unbounded"`. Default: the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<Depth>,
    /// Which mapping ends next, and when. Default: the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// Share of requests that are reads: the device writes to memory (`DMA_FROM_DEVICE`). From 0 to 1.
    /// Default: the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_share: Option<f64>,
    /// Share of requests that go both ways, before the others are split into reads and writes. From 0
    /// to 1. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bidirectional_share: Option<f64>,
    /// What the device does between map and unmap. Default nothing.
    pub touch: DeviceTouch,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            threads: 1,
            ops_per_thread: None,
            rate_per_s: None,
            arrivals: None,
            depth: None,
            ends: None,
            read_share: None,
            bidirectional_share: None,
            touch: DeviceTouch::None,
        }
    }
}

/// What a model takes where the common parameters say nothing, and what it costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub depth: Depth,
    pub ends: Ends,
    pub read_share: f64,
    /// Upper bound of ops for each map, its own and its end included.
    pub ops_per_map: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        let depth = Depth::Held(32);
        Self { depth, ends: Ends::Fifo, read_share: 0.5, ops_per_map: 2 }
    }
}

/// Common parameters, checked and complete.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub threads: u32,
    pub maps: u64,
    pub rate: Rate,
    pub depth: Depth,
    pub ends: Ends,
    pub directions: Table<Direction>,
}

impl Common {
    /// The parameters, complete.
    pub(super) fn settings(&self, defaults: Defaults) -> Result<Settings, ModelError> {
        let maps = self.maps(defaults.ops_per_map)?;
        let depth = self.depth.unwrap_or(defaults.depth);
        if let Depth::Held(depth) = depth {
            error::within("depth", depth, 1, MAX_DEPTH)?;
        }
        let ends = self.ends.unwrap_or(defaults.ends);
        ends.validate()?;
        if depth.held().is_none() && !ends.has_lifetimes() {
            return Err(ModelError::NeedsLifetimes);
        }
        let mut directions = Directions::reads(self.read_share.unwrap_or(defaults.read_share));
        directions.bidirectional_share = self.bidirectional_share.unwrap_or(0.0);
        let directions = directions.table()?;
        let rate = self.rate(maps)?;
        Ok(Settings { threads: self.threads, maps, rate, depth, ends, directions })
    }

    /// Maps per thread, once they are few enough at `ops_per_map` ops each.
    pub(super) fn maps(&self, ops_per_map: u64) -> Result<u64, ModelError> {
        error::within("threads", self.threads, 1, MAX_THREADS)?;
        let maps = self.ops_per_thread.unwrap_or(DEFAULT_MAPS);
        if maps == 0 {
            let max = MAX_OPS as f64;
            return Err(ModelError::OutOfRange { field: "ops_per_thread", value: 0.0, min: 1.0, max });
        }
        few_enough(u64::from(self.threads).saturating_mul(maps).saturating_mul(ops_per_map.max(1)))?;
        Ok(maps)
    }

    /// The rate, once `requests` of it fit the clock.
    pub(super) fn rate(&self, requests: u64) -> Result<Rate, ModelError> {
        let per_s = self.rate_per_s.unwrap_or(DEFAULT_RATE_PER_S);
        Rate::new(per_s, self.arrivals.unwrap_or_default(), requests)
    }

    /// Refuses what is set and not used: pairs of a field's name and what the model uses instead.
    pub(super) fn refuse(
        &self,
        model: &'static str,
        unused: &[(&str, &'static str)],
    ) -> Result<(), ModelError> {
        let set = [
            ("ops_per_thread", self.ops_per_thread.is_some()),
            ("rate_per_s", self.rate_per_s.is_some()),
            ("arrivals", self.arrivals.is_some()),
            ("depth", self.depth.is_some()),
            ("ends", self.ends.is_some()),
            ("read_share", self.read_share.is_some()),
            ("bidirectional_share", self.bidirectional_share.is_some()),
        ];
        for (field, _) in set.iter().filter(|(_, is_set)| *is_set) {
            if let Some((_, why)) = unused.iter().find(|(name, _)| name == field) {
                return Err(ModelError::Unused { model, field, why });
            }
        }
        Ok(())
    }
}

/// Refuses more than [`MAX_OPS`].
pub(super) const fn few_enough(ops: u64) -> Result<(), ModelError> {
    if ops > MAX_OPS { Err(ModelError::TooManyOps { ops, max: MAX_OPS }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parse(json: &str) -> Common {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn spelling() {
        let common = parse(r#"{"threads": 2, "depth": "unbounded", "ends": {"kind": "constant", "ns": 5}}"#);
        assert_eq!(common.depth, Some(Depth::UNBOUNDED));
        assert_eq!(parse(r#"{"depth": 7, "touch": "other_core"}"#).depth, Some(Depth::Held(7)));
        assert!(serde_json::from_str::<Common>(r#"{"thread": 2}"#).is_err());
        let again = parse(&serde_json::to_string(&common).unwrap());
        assert_eq!(again, common);
    }

    #[test]
    fn absurd_values_name_their_field() {
        let refused = |json: &str| parse(json).settings(Defaults::default()).unwrap_err().to_string();
        assert_eq!(refused(r#"{"threads": 0}"#), "threads = 0: must be from 1 to 4096");
        assert_eq!(refused(r#"{"depth": 0}"#), "depth = 0: must be from 1 to 16777216");
        assert!(refused(r#"{"ops_per_thread": 0}"#).starts_with("ops_per_thread = 0"));
        assert!(refused(r#"{"ops_per_thread": 18446744073709551615}"#).contains("ops in all"));
        assert!(refused(r#"{"depth": "unbounded"}"#).contains("needs ends"));
        assert_eq!(refused(r#"{"read_share": -1}"#), "read_share = -1: must be from 0 to 1");
        let ends = r#"{"ends": {"kind": "exponential", "mean_ns": -1}}"#;
        assert!(refused(ends).starts_with("ends.mean_ns = -1"));
    }

    #[test]
    fn what_is_set_and_unused_is_refused() {
        let unused = [("depth", "the ring's size is the depth")];
        assert!(parse("{}").refuse("m", &unused).is_ok());
        let error = parse(r#"{"depth": 7}"#).refuse("m", &unused).unwrap_err().to_string();
        assert_eq!(error, "depth is set, and model m does not use it: the ring's size is the depth");
    }
}
