//! A target of known service time: the harness itself against queueing theory.
//!
//! One server: calls of a thread follow one another, so one loop thread with Poisson arrivals and a fixed
//! service time is M/D/1. A stall stops the server for a while; by the open loop's rule it counts against
//! every request that it delayed.

use super::clock::Clock;
use super::target::{Caller, Section, Target};
use std::cell::Cell;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::MapError;

/// A stall of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// When the first one begins, ns after the caller was made.
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
    /// The next stall: begin, length and period in ticks.
    stall: Cell<(u64, u64, u64)>,
}

impl<'t, C: Clock> Server<'t, C> {
    /// A server that begins now.
    pub fn new(dummy: Dummy, clock: &'t C) -> Self {
        let stall = dummy.stall.map_or((u64::MAX, 0, 0), |stall| {
            let at = clock.now().saturating_add(clock.ticks(stall.at_ns));
            (at, clock.ticks(stall.for_ns), clock.ticks(stall.every_ns))
        });
        Self { clock, service: clock.ticks(dummy.service_ns), stall: Cell::new(stall) }
    }

    #[inline]
    fn serve(&self) {
        let mut end = self.clock.now() + self.service;
        let (begin, length, every) = self.stall.get();
        if end > begin {
            end = self.stalled(end, begin, length, every);
        }
        self.clock.wait_until(end);
    }

    /// Service that a stall interrupts, or that waits for its end.
    #[cold]
    fn stalled(&self, end: u64, begin: u64, length: u64, every: u64) -> u64 {
        let next = if every == 0 { u64::MAX } else { begin + every };
        self.stall.set((next, length, every));
        let start = end - self.service;
        let over = begin + length;
        if start >= over {
            end
        } else if start >= begin {
            over + self.service
        } else {
            end + length
        }
    }
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
