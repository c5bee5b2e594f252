//! Demand: what the devices of a trace would have asked of an allocator that always had room.
//!
//! A trace says what happened under one allocator. What would happen under another is asked of its demand:
//! [`Request`]s, each a list of buffers that are mapped and ended together, in [`Stream`]s, each a queue place of
//! a device that serves one request after the other. Invariant: played back by an allocator that always has room,
//! every request that did not wait starts when it was recorded, and no device has more in flight than recorded.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `lists.rs` | which maps are one scatter list, which were undone after a failure |
//! | `waits.rs` | repeated failures as one request that waited |
//! | `streams.rs` | requests dealt onto queue places, with the time that each takes to come back |
//! | `work.rs` | how much of its device a request takes |
//! | `part.rs` | a stretch of a demand |
//! | `load.rs` | a demand scaled: more devices, deeper queues, shorter think times |
//! | `flow.rs` | the playback: who asks when, whatever answers |
//! | `room.rs` | an answer that is always yes: occupancy without an allocator |

mod flow;
mod lists;
mod load;
mod part;
mod room;
mod streams;
mod waits;
mod work;

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, Direction};
use swiotlb_core::rules;

use crate::trace::{MapCall, Trace, pair};

pub use flow::{Answer, DeviceFlow, Flow, Room, play};
pub use load::{Load, Place, Scale};
pub use room::{Occupancy, unbounded};
pub use streams::Stream;

/// What the requests of a trace ask.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// The devices, by the trace's numbers.
    pub devices: Vec<DemandDevice>,
    /// What devices declare; a device whose masks change has several.
    pub limits: Vec<DeviceLimits>,
    /// All requests, by the time at which they were first asked.
    pub requests: Vec<Request>,
    /// The buffers of all requests.
    pub elements: Vec<Element>,
    /// From the trace's first record to its last, ns.
    pub span_ns: u64,
    /// CPUs that made calls, at least 1.
    pub cpus: u32,
    /// The longest gap that two maps of one list have, ns.
    pub list_gap_ns: u64,
}

/// One buffer of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Address of the original; what it shares with a bounce address is in its low bits.
    pub orig: PhysAddr,
    /// Bytes.
    pub size: u32,
    /// Alignment of the allocation, a mask.
    pub alloc_align_mask: u32,
    /// Which way the data goes.
    pub dir: Direction,
}

/// Buffers that are mapped one after the other and ended together; all of them or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The device: an index into [`Demand::devices`].
    pub device: u32,
    /// What the device declares: an index into [`Demand::limits`].
    pub limits: u32,
    /// The CPU that maps.
    pub cpu: u32,
    /// The first of its buffers in [`Demand::elements`].
    pub first: u32,
    /// How many buffers.
    pub elements: u32,
    /// When it was first asked, ns from the trace's first record.
    pub asked_ns: u64,
    /// How long it was held once it was mapped, ns; `None` if the trace does not end it.
    pub held_ns: Option<u64>,
    /// How much of its device it takes, see `work.rs`; 0 if the trace does not end it.
    pub work: u128,
    /// How long it waited for room when it was recorded, ns.
    pub waited_ns: u64,
    /// Attempts that failed when it was recorded.
    pub failed: u32,
    /// From the end of the request before it in its stream (for the first one: from the trace's first record)
    /// until it is asked, ns.
    pub think_ns: u64,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemandDevice {
    /// Its name, as found in the trace.
    pub name: String,
    /// Its requests, those that never got room included.
    pub requests: u64,
    /// Those that failed at least once when they were recorded, those that never got room included.
    pub delayed: u64,
    /// Those of them that never got room in the trace.
    pub never: u64,
    /// Recorded calls that failed.
    pub failed_calls: u64,
    /// Its queue places: the most requests that it had in flight.
    pub streams: Vec<Stream>,
}

/// What a failed map costs a device, as far as the trace shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Its requests were asked again until they got room: they cost time.
    Retried,
    /// Its requests were not asked again: they cost a request, for instance a packet.
    Dropped,
    /// Both happened, neither in nearly all cases.
    Mixed,
    /// None of its maps failed in the trace.
    Unknown,
}

impl Cost {
    /// The word that reports have for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Dropped => "dropped",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

impl DemandDevice {
    /// What a failure costs it: nine of ten failed requests decide.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        if self.delayed == 0 {
            Cost::Unknown
        } else if self.never * 10 <= self.delayed {
            Cost::Retried
        } else if self.never * 10 >= self.delayed * 9 {
            Cost::Dropped
        } else {
            Cost::Mixed
        }
    }
}

impl Demand {
    /// Takes the demand of a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let paired = pair(trace);
        let start_ns = trace.records.first().map_or(0, |record| record.t_ns);
        let end_ns = trace.records.last().map_or(start_ns, |record| record.t_ns);
        let cpus = trace.records.iter().map(|record| record.cpu).max().unwrap_or(0).saturating_add(1);
        let mut demand = Self {
            devices: trace.devices.iter().map(|device| named(&device.name)).collect(),
            span_ns: end_ns - start_ns,
            cpus: trace.geometry.cpus.unwrap_or(0).max(cpus),
            ..Self::default()
        };
        let lists = lists::Lists::of(trace, &paired);
        demand.list_gap_ns = lists.gap_ns;
        waits::requests(trace, &lists, start_ns, &mut demand);
        streams::deal(&mut demand);
        work::measure(&mut demand);
        demand
    }

    /// The buffers of a request.
    #[must_use]
    pub fn elements_of(&self, request: &Request) -> &[Element] {
        let first = request.first as usize;
        &self.elements[first..first + request.elements as usize]
    }

    /// Slots that a request takes, padding included.
    #[must_use]
    pub fn slots_of(&self, request: &Request) -> u64 {
        let limits = &self.limits[request.limits as usize];
        self.elements_of(request).iter().map(|element| element.slots(limits)).sum()
    }

    /// Slots of the largest buffer, at least 1.
    #[must_use]
    pub fn largest_slots(&self) -> u64 {
        let all = self.requests.iter().flat_map(|request| {
            let limits = &self.limits[request.limits as usize];
            self.elements_of(request).iter().map(|element| element.slots(limits))
        });
        all.max().unwrap_or(1).max(1)
    }
}

impl Element {
    fn of(call: &MapCall) -> Self {
        let MapCall { orig, size, alloc_align_mask, dir, .. } = *call;
        Self { orig, size, alloc_align_mask, dir }
    }

    /// Slots that the buffer takes, padding included.
    #[must_use]
    pub fn slots(&self, limits: &DeviceLimits) -> u64 {
        let align = u64::from(self.alloc_align_mask);
        let offset = rules::align_offset(limits.min_align_mask, align, self.orig);
        rules::nr_slots(rules::alloc_size(u64::from(self.size), offset, align).unwrap_or(u64::MAX))
    }
}

fn named(name: &str) -> DemandDevice {
    DemandDevice { name: name.to_owned(), ..DemandDevice::default() }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
