//! The harness's own cost: what a loop takes for an operation that does nothing, and how dense a schedule the
//! open loop can keep. Measured, stored and shown beside every number.

use super::clock::{Clock, HostClock};
use super::idle::{Nothing, paced};
use super::looper::Alone;
use super::open::Schedule;
use super::search::{Bound, Range, Searched, Trial, search_rate};
use super::steps::{Call, Step};
use super::tally::Tally;
use reports::stats::median;
use std::convert::Infallible;
use std::time::Duration;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};

/// Ops of one measurement.
const OPS: u32 = 200_000;
/// Ops of one run of the empty open loop: enough for p99.9, and short, so that it can fit between two
/// interruptions.
const PACED_OPS: u32 = 20_000;
/// Measurements: the median is the answer.
const TRIES: usize = 9;

/// What the loops take for an operation that does nothing, ns per op.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overhead {
    /// Closed loop, each call timed: from one op to the next.
    pub closed_ns: f64,
    /// Closed loop, each call timed: what of it is inside the service time (the median).
    pub closed_inside_ns: f64,
    /// Closed loop, whole batches timed: what a batch mean contains.
    pub batch_ns: f64,
    /// Open loop behind schedule: from one op to the next, which is the densest it can do.
    pub open_ns: f64,
}

/// Maps and unmaps by turns, all meant to start at once.
fn pairs() -> Vec<Step> {
    let request = MapRequest::new(PhysAddr(1 << 39), 4_096, Direction::ToDevice);
    let unmap = Call::Unmap { bytes: 4_096, dir: Direction::ToDevice, skip_cpu_sync: false, foreign: false };
    let calls = (0..OPS).map(|i| if i % 2 == 0 { Call::Map { request } } else { unmap });
    calls.zip(0..).map(|(call, i)| Step { at_ns: 0, call, handle: i / 2 % 1_024, device: 0 }).collect()
}

/// Measures the harness on the calling thread, in less than a second.
#[must_use]
pub fn overhead() -> Overhead {
    let clock = HostClock::get();
    let alone = Alone::new(1_024);
    let steps = pairs();
    let looper = |batched| alone.looper(&clock, batched);
    let mut tally = Tally::new(&steps, OPS as usize, true, false);
    let closed_ns = per_op(&clock, OPS, || looper(false).closed(&Nothing, &steps, &mut tally));
    let schedule = Schedule { start: 0, origin_ns: 0 };
    let open_ns = per_op(&clock, OPS, || looper(false).open(&Nothing, &steps, schedule, &mut tally));
    let mut batches = Tally::new(&steps, OPS as usize, false, false);
    looper(true).closed(&Nothing, &steps, &mut batches);
    let (service, _) = tally.into_latencies();
    let inside = service.get("map").map_or(0, |latency| latency.histogram().value_at_quantile(0.5));
    Overhead { closed_ns, closed_inside_ns: inside as f64, batch_ns: batches.batch_mean_ns().0, open_ns }
}

/// Median time of an op over several runs of `ops` ops each, ns.
pub(crate) fn per_op(clock: &HostClock, ops: u32, mut run: impl FnMut()) -> f64 {
    let times = [(); TRIES].map(|()| {
        let from = clock.now();
        run();
        clock.ns(clock.now().saturating_sub(from)) as f64 / f64::from(ops)
    });
    median(&times).unwrap_or(f64::NAN)
}

/// The highest rate, in ops per second, at which an empty open loop on the calling thread keeps `bound`:
/// arrivals at a constant distance.
#[must_use]
pub fn pacing_limit(bound: &Bound, range: &Range) -> Searched {
    let clock = HostClock::get();
    let searched = search_rate(bound, range, |rate| {
        let steps = constant(rate);
        let (response, took_ns) = paced(&clock, &steps);
        // As long a pause: the system takes the CPU from a real-time thread that never rests.
        std::thread::sleep(Duration::from_nanos(took_ns));
        Ok::<_, Infallible>(Trial { achieved: response.samples() as f64 * 1e9 / took_ns as f64, response })
    });
    match searched {
        Ok(searched) => searched,
        Err(never) => match never {},
    }
}

/// [`PACED_OPS`] ops that do nothing, `rate` per second.
fn constant(rate: f64) -> Vec<Step> {
    let call = Call::LookupForeign { addr: PhysAddr(0) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in ns, positive")]
    let at = |i: u32| (f64::from(i) * 1e9 / rate) as u64;
    (0..PACED_OPS).map(|i| Step { at_ns: at(i), call, handle: 0, device: 0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::quantile::Quantile;

    #[test]
    fn it_has_numbers() {
        let overhead = overhead();
        let all = [overhead.closed_ns, overhead.batch_ns, overhead.open_ns];
        assert!(all.iter().all(|&ns| ns > 0.0), "{overhead:?}");
        let bound = Bound { quantile: Quantile::P99, at_most_ns: 100, achieved: 0.9 };
        let range = Range { low: 1e6, high: 1e12, within: 1.5, runs: 4, tries: 1 };
        assert!(!pacing_limit(&bound, &range).tried.is_empty());
    }
}
