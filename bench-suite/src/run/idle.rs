//! The machine's own tail: the same paced loop with no work, and the gaps of a loop that only reads the
//! clock. What stands beside every tail.

use super::clock::{Clock, HostClock};
use super::looper::Alone;
use super::open::Schedule;
use super::settings::{Pace, Settings};
use super::steps::{Call, Step};
use super::tally::Tally;
use super::target::{Caller, Section, Target};
use reports::latency::Latency;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::MapError;

/// How long the clock is only read.
const GAPS_NS: u64 = 5_000_000;
/// Longest that the empty loop runs.
const LONGEST_NS: u64 = 500_000_000;
/// Ops of the empty loop beside a closed loop, and the time between them.
const CLOSED_OPS: u64 = 20_000;
const CLOSED_GAP_NS: u64 = 1_000;

/// What a thread's CPU does when it does nothing.
pub struct Idle {
    /// The empty loop, from the intended start.
    pub response: Latency,
    /// The longest time between two readings of the clock, ns.
    pub largest_gap_ns: u64,
}

/// A target without work.
pub struct Nothing;

impl Target for Nothing {
    type Caller<'t> = Self;

    fn caller(&self, _cpu: u32) -> Self {
        Self
    }
}

impl Caller for Nothing {
    type Section<'s> = Self;

    #[inline]
    fn enter(&self) -> Self {
        Self
    }
}

impl Section for Nothing {
    #[inline]
    fn map(&self, _device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        Ok(request.orig)
    }

    #[inline]
    fn unmap(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction, _skip: bool) -> bool {
        true
    }

    #[inline]
    fn sync_for_cpu(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction) -> bool {
        true
    }

    #[inline]
    fn sync_for_device(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction) -> bool {
        true
    }

    #[inline]
    fn lookup(&self, _device: u16, _addr: PhysAddr) -> bool {
        false
    }
}

/// Measures the calling thread's CPU: on the schedule of `steps` if the loop is open, else on a schedule
/// of one op per microsecond.
#[must_use]
pub fn measure(clock: &HostClock, settings: &Settings, steps: &[Step]) -> Idle {
    let schedule = match settings.pace {
        Pace::Open => empty(steps.iter().map(|step| step.at_ns)),
        Pace::Closed => empty((0..CLOSED_OPS).map(|i| i * CLOSED_GAP_NS)),
    };
    Idle { response: paced(clock, &schedule).0, largest_gap_ns: largest_gap(clock) }
}

fn empty(times: impl Iterator<Item = u64>) -> Vec<Step> {
    let mut times = times.peekable();
    let from = times.peek().copied().unwrap_or(0);
    let call = Call::LookupForeign { addr: PhysAddr(0) };
    let steps = times.map(|at_ns| Step { at_ns: at_ns - from, call, handle: 0, device: 0 });
    steps.take_while(|step| step.at_ns <= LONGEST_NS).collect()
}

/// The open loop over `steps` with nothing to do: response times, and how long the loop took, ns.
#[must_use]
pub fn paced<C: Clock>(clock: &C, steps: &[Step]) -> (Latency, u64) {
    let alone = Alone::new(0);
    let mut tally = Tally::new(steps, 0, true, false);
    let looper = alone.looper(clock, false);
    let schedule = Schedule { start: clock.now() + clock.ticks(1_000), origin_ns: 0 };
    looper.open(&Nothing, steps, schedule, &mut tally);
    let took = clock.ns(clock.now().saturating_sub(schedule.start));
    let (_, mut response) = tally.into_latencies();
    (response.remove("lookup").unwrap_or_default(), took)
}

fn largest_gap(clock: &HostClock) -> u64 {
    let mut last = clock.now();
    let end = last + clock.ticks(GAPS_NS);
    let mut largest = 0;
    while last < end {
        let now = clock.now();
        largest = largest.max(now.saturating_sub(last));
        last = now;
    }
    clock.ns(largest)
}
