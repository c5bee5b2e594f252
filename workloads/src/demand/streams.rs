//! Requests dealt onto queue places: a device has as many as it had requests in flight at most.
//!
//! A request takes the place that was freed last, as the next request of a full queue does. The time between is
//! its think time: what the rest of the machine needed to come back with more work. Places are what couples
//! waiting with load: while a request waits, its place asks for nothing else.

use std::collections::BTreeSet;

use super::Demand;

/// A queue place of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Its requests, in order: indices into [`Demand::requests`].
    pub requests: Vec<u32>,
}

/// Places that are free: when each became so, and which it is.
#[derive(Default)]
struct Free(BTreeSet<(u64, usize)>);

impl Free {
    /// The place that was freed last before `now` or at it.
    fn take(&mut self, now: u64) -> Option<(u64, usize)> {
        let found = self.0.range(..=(now, usize::MAX)).next_back().copied()?;
        self.0.remove(&found);
        Some(found)
    }
}

/// Deals the requests of every device onto streams and notes their think times.
pub(super) fn deal(demand: &mut Demand) {
    let mut free: Vec<Free> = demand.devices.iter().map(|_| Free::default()).collect();
    for index in 0..demand.requests.len() {
        let request = &mut demand.requests[index];
        let (free, streams) =
            (&mut free[request.device as usize], &mut demand.devices[request.device as usize].streams);
        let (free_ns, place) = free.take(request.asked_ns).unwrap_or_else(|| {
            streams.push(Stream::default());
            (0, streams.len() - 1)
        });
        request.think_ns = request.asked_ns - free_ns;
        streams[place].requests.push(u32::try_from(index).unwrap_or(u32::MAX));
        // What is never ended keeps its place for ever.
        if let Some(held) = request.held_ns {
            free.0.insert((request.asked_ns + request.waited_ns + held, place));
        }
    }
}
