//! Repeated failures as one request that waited.
//!
//! A driver asks again for what failed: the same device, buffer and size, until it maps. All attempts and the list
//! that finally maps are one request, asked when its first attempt failed. A failed list shows only its elements up
//! to the one that failed, so attempts and lists are matched by any buffer that they share. What is not asked
//! again within [`GIVEN_UP_NS`] was given up: it is counted, and is not part of the demand, because how long it
//! would have been held nobody knows.

use std::collections::HashMap;

use crate::trace::{Event, MapCall, Trace};

use super::lists::{Attempt, List, Lists};
use super::{Demand, Element, Request};

/// Longest time between two attempts of one request, ns.
const GIVEN_UP_NS: u64 = 1_000_000_000;

/// What names a buffer: device, address, bytes.
type Key = (u32, u64, u32);

/// A request that waits.
struct Waiting {
    first_ns: u64,
    last_ns: u64,
    failed: u32,
    keys: Vec<Key>,
}

struct Matcher<'a> {
    trace: &'a Trace,
    by_key: HashMap<Key, usize>,
    waiting: Vec<Option<Waiting>>,
    demand: &'a mut Demand,
    start_ns: u64,
    limits: HashMap<swiotlb_core::device::DeviceLimits, u32>,
}

/// Fills the demand's requests, elements, limits and what it says of devices.
pub(super) fn requests(trace: &Trace, lists: &Lists, start_ns: u64, demand: &mut Demand) {
    let (by_key, waiting, limits) = (HashMap::new(), Vec::new(), HashMap::new());
    let mut matcher = Matcher { trace, by_key, waiting, demand, start_ns, limits };
    let mut attempts = lists.attempts.iter().peekable();
    for list in &lists.lists {
        while let Some(attempt) = attempts.next_if(|attempt| attempt.failed < list.maps[0]) {
            matcher.attempt(attempt);
        }
        matcher.list(list);
    }
    attempts.for_each(|attempt| matcher.attempt(attempt));
    matcher.give_up();
    demand.requests.sort_by_key(|request| request.asked_ns);
}

impl Matcher<'_> {
    fn call(&self, index: u32) -> Option<MapCall> {
        match self.trace.records[index as usize].event {
            Event::Map(call) | Event::MapFail(call) => Some(call),
            _ => None,
        }
    }

    fn keys(&self, indices: impl Iterator<Item = u32>) -> Vec<Key> {
        let key = |call: MapCall| (call.dev.0, call.orig.0, call.size);
        indices.filter_map(|index| self.call(index).map(key)).collect()
    }

    /// The request that waits for one of these buffers and has been asked for lately.
    fn find(&self, keys: &[Key], now: u64) -> Option<usize> {
        let fresh = |&number: &usize| {
            self.waiting[number].as_ref().is_some_and(|w| now.saturating_sub(w.last_ns) <= GIVEN_UP_NS)
        };
        keys.iter().filter_map(|key| self.by_key.get(key).copied()).find(fresh)
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let Some(call) = self.call(attempt.failed) else { return };
        let indices = attempt.undone.iter().copied().chain([attempt.failed]);
        let keys = self.keys(indices);
        let first_ns =
            attempt.undone.first().and_then(|&map| self.call(map)).map_or(call.t_in_ns, |m| m.t_in_ns);
        let device = &mut self.demand.devices[call.dev.0 as usize];
        device.failed_calls += 1;
        let number = self.find(&keys, first_ns).unwrap_or_else(|| {
            self.waiting.push(Some(Waiting { first_ns, last_ns: first_ns, failed: 0, keys: Vec::new() }));
            self.waiting.len() - 1
        });
        for key in &keys {
            self.by_key.insert(*key, number);
        }
        if let Some(waiting) = &mut self.waiting[number] {
            waiting.failed += 1;
            waiting.last_ns = call.t_in_ns;
            for key in keys {
                if !waiting.keys.contains(&key) {
                    waiting.keys.push(key);
                }
            }
        }
    }

    fn list(&mut self, list: &List) {
        let calls: Vec<MapCall> = list.maps.iter().filter_map(|&map| self.call(map)).collect();
        let Some(call) = calls.first().copied() else { return };
        let keys = self.keys(list.maps.iter().copied());
        let waited = self.find(&keys, call.t_in_ns).and_then(|number| self.waiting[number].take());
        for key in waited.iter().flat_map(|waiting| &waiting.keys) {
            self.by_key.remove(key);
        }
        let asked = waited.as_ref().map_or(call.t_in_ns, |waiting| waiting.first_ns.min(call.t_in_ns));
        let first = u32::try_from(self.demand.elements.len()).unwrap_or(u32::MAX);
        self.demand.elements.extend(calls.iter().map(Element::of));
        let limits = self.limits(&call);
        let device = &mut self.demand.devices[call.dev.0 as usize];
        device.requests += 1;
        device.delayed += u64::from(waited.is_some());
        self.demand.requests.push(Request {
            device: call.dev.0,
            limits,
            cpu: self.trace.records[list.maps[0] as usize].cpu,
            first,
            elements: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            asked_ns: asked.saturating_sub(self.start_ns),
            held_ns: list.end_ns.map(|end| end.saturating_sub(call.t_in_ns)),
            work: 0,
            waited_ns: call.t_in_ns - asked,
            failed: waited.map_or(0, |waiting| waiting.failed),
            think_ns: 0,
        });
    }

    fn limits(&mut self, call: &MapCall) -> u32 {
        let (limits, all) = (call.limits(), &mut self.demand.limits);
        *self.limits.entry(limits).or_insert_with(|| {
            all.push(limits);
            u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Counts what waits for ever.
    fn give_up(&mut self) {
        for waiting in self.waiting.drain(..).flatten() {
            let device = waiting.keys.first().map_or(0, |key| key.0);
            let device = &mut self.demand.devices[device as usize];
            device.requests += 1;
            device.delayed += 1;
            device.never += 1;
        }
    }
}
