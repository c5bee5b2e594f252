//! How far what a plan asks for is from what a trace recorded: sizes, lifetimes, gaps, bursts, occupancy.

use std::collections::BTreeMap;
use std::fmt;

use super::curve::Curve;
use super::profile::{self, BurstRule, Profile};
use super::sample::{Distance, Sample};
use crate::op::{Action, Op, Plan};
use crate::trace::Trace;

/// Distances of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceDistance {
    /// Its name.
    pub name: String,
    /// Maps: recorded and planned.
    pub maps: (usize, usize),
    /// Sizes, bytes.
    pub size: Distance,
    /// Lifetimes, ns.
    pub lifetime: Distance,
    /// Gaps between maps, ns.
    pub gap: Distance,
    /// Maps in a burst.
    pub burst: Distance,
}

/// Distances of a plan from a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// Device by device, in the trace's order.
    pub devices: Vec<DeviceDistance>,
    /// Live slots, weighted by time: of the whole trace, and of the plan until its last map.
    pub occupancy: Distance,
    /// High-water marks, slots: recorded and planned.
    pub most_slots: (u64, u64),
}

/// What is compared of a device.
#[derive(Clone, Debug, Default)]
struct Facts {
    times: Vec<u64>,
    sizes: Vec<u64>,
    lifetimes: Vec<u64>,
}

impl Facts {
    fn distance(&mut self, other: &mut Self, name: &str, rule: BurstRule) -> DeviceDistance {
        let of =
            |a: &[u64], b: &[u64]| Sample::of(a.iter().copied()).distance(&Sample::of(b.iter().copied()));
        self.times.sort_unstable();
        other.times.sort_unstable();
        DeviceDistance {
            name: name.to_owned(),
            maps: (self.times.len(), other.times.len()),
            size: of(&self.sizes, &other.sizes),
            lifetime: of(&self.lifetimes, &other.lifetimes),
            gap: of(&gaps(&self.times), &gaps(&other.times)),
            burst: of(&burst_maps(&self.times, rule), &burst_maps(&other.times, rule)),
        }
    }
}

fn gaps(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn burst_maps(times: &[u64], rule: BurstRule) -> Vec<u64> {
    profile::bursts(times, rule).iter().map(|burst| burst.len() as u64).collect()
}

impl Distances {
    /// Compares a plan with the trace that it was fitted to. Devices are matched by name; recorded
    /// lifetimes are cut off at the trace's end.
    #[must_use]
    pub fn between(trace: &Trace, plan: &Plan, rule: BurstRule) -> Self {
        let profile = Profile::of(trace);
        let mut planned = planned(plan);
        let devices = profile.devices.iter().map(|device| {
            let mut recorded = Facts::default();
            for mapping in &device.mappings {
                recorded.times.push(mapping.at_ns);
                recorded.sizes.push(u64::from(mapping.size));
                recorded.lifetimes.push(mapping.lifetime_ns);
            }
            let planned = planned.entry(device.name.clone()).or_default();
            recorded.distance(planned, &device.name, rule)
        });
        let devices = devices.collect();
        let (recorded, made) = (Curve::of_trace(trace), Curve::of_plan(plan));
        Self {
            devices,
            occupancy: recorded.slot_sample().distance(&made.until(last_map_ns(plan)).slot_sample()),
            most_slots: (recorded.most().slots, made.most().slots),
        }
    }

    /// The mean of one of the devices' distances (Kolmogorov-Smirnov), weighted by recorded maps.
    #[must_use]
    pub fn mean_ks(&self, of: impl Fn(&DeviceDistance) -> Distance) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "maps of a trace in memory")]
        let weighted =
            Sample::weighted(self.devices.iter().map(|device| (of(device).ks, device.maps.0 as f64)));
        weighted.mean()
    }
}

/// What a plan asks for, by device.
fn planned(plan: &Plan) -> BTreeMap<String, Facts> {
    let mut facts: Vec<Facts> = vec![Facts::default(); plan.devices.len()];
    let mut mapped = vec![(0_usize, 0_u64); plan.handles as usize];
    for placed in plan.in_time_order() {
        match placed.op.action {
            Action::Map { handle, device, size, .. } => {
                let device = usize::from(device.0);
                mapped[handle.0 as usize] = (device, placed.op.at_ns);
                facts[device].times.push(placed.op.at_ns);
                facts[device].sizes.push(u64::from(size));
            }
            Action::Unmap { handle, .. } => {
                let (device, at_ns) = mapped[handle.0 as usize];
                facts[device].lifetimes.push(placed.op.at_ns - at_ns);
            }
            _ => {}
        }
    }
    plan.devices.iter().map(|device| device.name.clone()).zip(facts).collect()
}

fn last_map_ns(plan: &Plan) -> u64 {
    let maps = |op: &&Op| matches!(op.action, Action::Map { .. });
    let last = plan.threads.iter().filter_map(|thread| thread.ops.iter().rev().find(maps));
    last.map(|op| op.at_ns).max().unwrap_or(0)
}

impl fmt::Display for Distances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "device                maps       size KS  lifetime KS  gap KS  burst KS")?;
        for device in &self.devices {
            let DeviceDistance { name, maps, size, lifetime, gap, burst } = device;
            writeln!(
                f,
                "{name:20} {:6}/{:<6} {:7.3} {:12.3} {:7.3} {:9.3}",
                maps.0, maps.1, size.ks, lifetime.ks, gap.ks, burst.ks
            )?;
        }
        let occupancy = self.occupancy;
        write!(
            f,
            "occupancy: KS {:.3}, Wasserstein {:.1} slots; mean {:.1} recorded, {:.1} planned; most {}, {}",
            occupancy.ks,
            occupancy.wasserstein,
            occupancy.mean_first,
            occupancy.mean_second,
            self.most_slots.0,
            self.most_slots.1
        )
    }
}
