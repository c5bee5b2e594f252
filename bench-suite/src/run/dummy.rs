//! A target of known service time: the harness itself against queueing theory.
//!
//! One server: calls of a thread follow one another, so one loop thread with Poisson arrivals and a fixed
//! service time is M/D/1. A stall stops the server for a while; by the open loop's rule it counts against
//! every request that it delayed.

use super::RunError;
use super::clock::{Clock, VirtualClock};
use super::looper::Alone;
use super::open::Schedule;
use super::steps::Steps;
use super::tally::Tally;
use super::target::{Caller, Section, Target};
use reports::latency::Latency;
use std::cell::Cell;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::MapError;
use workloads::op::Plan;

/// A stall of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// When the first one begins, ns after the thread's first call began.
    pub at_ns: u64,
    /// How long each one is, ns.
    pub for_ns: u64,
    /// From the begin of one to the begin of the next, ns; 0 is only one.
    pub every_ns: u64,
}

/// What every call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dummy {
    /// Service time of a call, ns.
    pub service_ns: u64,
    /// Stalls, if any.
    pub stall: Option<Stall>,
}

/// A dummy on a clock.
pub struct OnClock<C> {
    dummy: Dummy,
    clock: C,
}

impl<C: Clock> OnClock<C> {
    /// The dummy, timed by `clock`.
    pub fn new(dummy: Dummy, clock: C) -> Self {
        Self { dummy, clock }
    }
}

impl<C: Clock + Sync> Target for OnClock<C> {
    type Caller<'t>
        = Server<'t, C>
    where
        C: 't;

    fn caller(&self, _cpu: u32) -> Server<'_, C> {
        Server::new(self.dummy, &self.clock)
    }
}

/// One thread's server.
pub struct Server<'t, C> {
    clock: &'t C,
    service: u64,
    /// Begin of the next stall, a tick; 0 until the first call.
    next: Cell<u64>,
    /// Of a stall: begin after the first call, length, period; ticks.
    stall: (u64, u64, u64),
}

impl<'t, C: Clock> Server<'t, C> {
    /// A server on a clock.
    pub fn new(dummy: Dummy, clock: &'t C) -> Self {
        let stall = dummy.stall.map_or((u64::MAX, 0, 0), |stall| {
            (clock.ticks(stall.at_ns), clock.ticks(stall.for_ns), clock.ticks(stall.every_ns))
        });
        Self { clock, service: clock.ticks(dummy.service_ns), next: Cell::new(0), stall }
    }

    #[inline]
    fn serve(&self) {
        let start = self.clock.now();
        let mut end = start + self.service;
        if end > self.next.get() {
            end = self.stalled(start);
        }
        self.clock.wait_until(end);
    }

    /// When service that starts at `start` ends, if a stall interrupts it or has to be waited for.
    #[cold]
    fn stalled(&self, start: u64) -> u64 {
        let (at, length, every) = self.stall;
        if self.next.get() == 0 {
            self.next.set(start.saturating_add(at));
        }
        let mut end = start + self.service;
        while end > self.next.get() {
            let over = self.next.get() + length;
            if start >= self.next.get() {
                end = end.max(over + self.service);
            } else {
                end += length;
            }
            self.next.set(if every == 0 { u64::MAX } else { self.next.get() + every });
        }
        end
    }
}

/// What the open loop measures on a clock that only the dummy moves.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// From the start of a call to its end.
    pub service: Latency,
    /// From its intended start to its end.
    pub response: Latency,
    /// When the last call ended, ns.
    pub end_ns: u64,
}

/// The open loop over the plan's first thread with a dummy, on a virtual clock: the code that measures,
/// without a machine.
///
/// # Errors
/// See [`RunError`].
pub fn simulate(plan: &Plan, dummy: Dummy) -> Result<Simulated, RunError> {
    let steps = Steps::new(plan)?;
    let own = steps.threads.first().map_or(&[][..], Vec::as_slice);
    let clock = VirtualClock::default();
    let alone = Alone::new(plan.handles);
    let looper = alone.looper(&clock, false);
    let mut tally = Tally::new(own, 0, true, false);
    looper.open(&Server::new(dummy, &clock), own, Schedule { start: 0, origin_ns: 0 }, &mut tally);
    let (service, response) = tally.into_latencies();
    let merged = |all: std::collections::BTreeMap<_, Latency>| {
        all.values().fold(Latency::new(), |mut sum, other| {
            sum.merge(other);
            sum
        })
    };
    Ok(Simulated { service: merged(service), response: merged(response), end_ns: clock.now() })
}

impl<'t, C: Clock> Caller for Server<'t, C> {
    type Section<'s>
        = &'s Self
    where
        Self: 's;

    #[inline]
    fn enter(&self) -> &Self {
        self
    }
}

impl<C: Clock> Section for &Server<'_, C> {
    #[inline]
    fn map(&self, _device: u16, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.serve();
        Ok(request.orig)
    }

    #[inline]
    fn unmap(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction, _skip: bool) -> bool {
        self.serve();
        true
    }

    #[inline]
    fn sync_for_cpu(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction) -> bool {
        self.serve();
        true
    }

    #[inline]
    fn sync_for_device(&self, _device: u16, _addr: PhysAddr, _bytes: u64, _dir: Direction) -> bool {
        self.serve();
        true
    }

    #[inline]
    fn lookup(&self, _device: u16, _addr: PhysAddr) -> bool {
        self.serve();
        false
    }
}
