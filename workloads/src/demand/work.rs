//! How much of a device a request takes: its work.
//!
//! A device that has twice as many requests in flight takes about twice as long for each, or it would not have had
//! them in flight. So what a request costs is not the time for which it is held but its share of the device in that
//! time: while `n` requests of a device are held, each gets on at a rate of `1/n`. Played at the recorded load, every
//! request is held as long as recorded; where requests wait for room and fewer are in flight, these are served
//! faster, and the device does as much as before.
//!
//! Work is counted in ns of the whole device, with [`BITS`] binary places.

use super::Demand;

/// Binary places of work.
const BITS: u32 = 24;

/// A device's work so far, as each of its requests in flight has got on: it goes on at `1/n` of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    done: u128,
    now_ns: u64,
    in_flight: u64,
}

impl Progress {
    /// Goes on to `now_ns`; how far each request in flight has got by then.
    pub(super) fn at(&mut self, now_ns: u64) -> u128 {
        let passed = u128::from(now_ns.saturating_sub(self.now_ns)) << BITS;
        self.done += passed / u128::from(self.in_flight.max(1));
        self.now_ns = now_ns;
        self.done
    }

    /// One more request in flight, or one less, from now on.
    pub(super) fn set_in_flight(&mut self, in_flight: u64) {
        self.in_flight = in_flight;
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// When a request that is done at `done` will be, if nothing changes.
    pub(super) fn when(&self, done: u128) -> u64 {
        let left = done.saturating_sub(self.done) * u128::from(self.in_flight.max(1));
        let half = 1_u128 << (BITS - 1);
        self.now_ns.saturating_add(u64::try_from((left + half) >> BITS).unwrap_or(u64::MAX))
    }
}

/// Notes the work of every request that is ended.
pub(super) fn measure(demand: &mut Demand) {
    // Time, whether it begins (ends come first), request.
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (request, i) in demand.requests.iter().zip(0..) {
        if let Some(held) = request.held_ns {
            let mapped = request.asked_ns + request.waited_ns;
            events.extend([(mapped, true, i), (mapped + held, false, i)]);
        }
    }
    events.sort_unstable_by_key(|&(at, begins, i)| {
        (at, begins && demand.requests[i].held_ns != Some(0), i, !begins)
    });
    let mut devices = vec![Progress::default(); demand.devices.len()];
    for (at, begins, i) in events {
        let request = &mut demand.requests[i];
        let device = &mut devices[request.device as usize];
        let done = device.at(at);
        if begins {
            // Kept here until the request ends: what the device had done when it began.
            request.work = done;
            device.set_in_flight(device.in_flight() + 1);
        } else {
            request.work = done - request.work;
            device.set_in_flight(device.in_flight().saturating_sub(1));
        }
    }
}
