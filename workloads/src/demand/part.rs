//! A stretch of a demand, as if the recording had begun and ended with it.

use super::{Demand, streams, work};

impl Demand {
    /// What is asked from `from_ns` on and before `to_ns`, and what is held when the stretch begins: that is asked
    /// at its beginning and held for the rest of its time. Times count from `from_ns`.
    #[must_use]
    pub fn part(&self, from_ns: u64, to_ns: u64) -> Self {
        let mut part = self.clone();
        part.span_ns = to_ns.min(self.span_ns).saturating_sub(from_ns);
        for device in &mut part.devices {
            device.streams.clear();
            (device.requests, device.delayed, device.never, device.failed_calls) = (0, 0, 0, 0);
        }
        part.requests.retain_mut(|request| {
            let end = request.held_ns.map(|held| request.asked_ns + request.waited_ns + held);
            if request.asked_ns >= to_ns || end.is_some_and(|end| end <= from_ns) {
                return false;
            }
            if request.asked_ns < from_ns {
                let mapped = request.asked_ns + request.waited_ns;
                request.waited_ns = mapped.saturating_sub(from_ns);
                request.held_ns = end.map(|end| end - mapped.max(from_ns));
            }
            request.asked_ns = request.asked_ns.saturating_sub(from_ns);
            true
        });
        for request in &part.requests {
            let device = &mut part.devices[request.device as usize];
            device.requests += 1;
            device.delayed += u64::from(request.failed > 0);
            device.failed_calls += u64::from(request.failed);
        }
        streams::deal(&mut part);
        work::measure(&mut part);
        part
    }
}
