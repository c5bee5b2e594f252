//! What a trace says of each device: its mappings, one by one, and the bursts that they come in.
//!
//! A burst is a run of maps of one device with no gap above [`BurstRule::gap_ns`] and of no more than
//! [`BurstRule::maps`] maps. The lifetime of a mapping that the trace never ends is cut off at its last record.

use swiotlb_core::device::{DeviceLimits, Direction};

use crate::trace::{Event, MapCall, PairedAction, Trace, pair};

/// How maps are cut into bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstRule {
    /// Longest gap within a burst, ns.
    pub gap_ns: u64,
    /// Most maps in a burst.
    pub maps: u32,
}

impl Default for BurstRule {
    /// 100 us and 64 maps.
    fn default() -> Self {
        Self { gap_ns: 100_000, maps: 64 }
    }
}

/// One recorded mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// When it was mapped, ns from the trace's first record.
    pub at_ns: u64,
    /// Until it ended, ns, or until the trace did.
    pub lifetime_ns: u64,
    /// Whether the trace ends it.
    pub ended: bool,
    /// Bytes.
    pub size: u32,
    /// Alignment of the allocation, a mask.
    pub alloc_align_mask: u32,
    /// The original's low 16 address bits.
    pub low_bits: u32,
    /// Which way the data went.
    pub dir: Direction,
    /// The CPU that mapped it.
    pub cpu: u32,
}

/// A device's mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceProfile {
    /// Its name.
    pub name: String,
    /// What it declared.
    pub limits: DeviceLimits,
    /// Its mappings in order of time.
    pub mappings: Vec<Observed>,
}

/// A trace's devices, those without a mapping left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The devices.
    pub devices: Vec<DeviceProfile>,
}

impl Profile {
    /// Takes the profile of a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let start_ns = trace.records.first().map_or(0, |record| record.t_ns);
        let last_ns = trace.records.last().map_or(0, |record| record.t_ns - start_ns);
        let mut devices: Vec<DeviceProfile> = trace.devices.iter().map(empty).collect();
        // Where each map's record went: device and place.
        let mut places = vec![None; trace.records.len()];
        for op in &pair(trace).ops {
            let record = &trace.records[op.record as usize];
            let at_ns = record.t_ns - start_ns;
            match (op.action, record.event) {
                (PairedAction::Call, Event::Map(call)) => {
                    let device = call.dev.0 as usize;
                    places[op.record as usize] = Some((device, devices[device].mappings.len()));
                    devices[device].mappings.push(observed(&call, at_ns, last_ns, record.cpu));
                }
                (PairedAction::Call, Event::Unmap(_)) | (PairedAction::End, _) => {
                    if let Some((device, place)) = op.map.and_then(|map| places[map as usize]) {
                        let mapping = &mut devices[device].mappings[place];
                        mapping.lifetime_ns = at_ns - mapping.at_ns;
                        mapping.ended = true;
                    }
                }
                _ => {}
            }
        }
        devices.retain(|device| !device.mappings.is_empty());
        Self { devices }
    }

    /// Mappings of all devices.
    #[must_use]
    pub fn mappings(&self) -> usize {
        self.devices.iter().map(|device| device.mappings.len()).sum()
    }
}

fn empty(device: &crate::trace::TraceDevice) -> DeviceProfile {
    let limits = DeviceLimits {
        min_align_mask: u64::from(device.min_align_mask),
        seg_boundary_mask: device.seg_boundary_mask,
        ..DeviceLimits::default()
    };
    DeviceProfile { name: device.name.clone(), limits, mappings: Vec::new() }
}

fn observed(call: &MapCall, at_ns: u64, last_ns: u64, cpu: u32) -> Observed {
    let low_bits = (call.orig.0 & 0xffff) as u32;
    Observed {
        at_ns,
        lifetime_ns: last_ns - at_ns,
        ended: false,
        size: call.size,
        alloc_align_mask: call.alloc_align_mask,
        low_bits,
        dir: call.dir,
        cpu,
    }
}

impl DeviceProfile {
    /// The bursts, as ranges of [`DeviceProfile::mappings`].
    #[must_use]
    pub fn bursts(&self, rule: BurstRule) -> Vec<std::ops::Range<usize>> {
        let times: Vec<u64> = self.mappings.iter().map(|mapping| mapping.at_ns).collect();
        bursts(&times, rule)
    }
}

/// Cuts ordered times into bursts.
#[must_use]
pub fn bursts(times: &[u64], rule: BurstRule) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut first = 0;
    for next in 1..=times.len() {
        let ends = match times.get(next) {
            None => true,
            Some(&at_ns) => {
                at_ns - times[next - 1] > rule.gap_ns || next - first >= rule.maps.max(1) as usize
            }
        };
        if ends {
            found.push(first..next);
            first = next;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_end_at_gaps_and_when_full() {
        let rule = BurstRule { gap_ns: 10, maps: 3 };
        assert_eq!(bursts(&[], rule), []);
        assert_eq!(bursts(&[0, 10, 21, 22, 23, 24, 24], rule), [0..2, 2..5, 5..7]);
    }
}
