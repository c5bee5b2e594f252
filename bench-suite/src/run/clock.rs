//! What a loop reads the time from: the processor's counter, or a clock that only moves when told to.
//!
//! A loop is generic over [`Clock`]: on [`HostClock`] it measures, on [`VirtualClock`] the same code is
//! checked against queueing theory without any dependence on the machine. A reading is in *ticks*; ticks
//! and nanoseconds are converted outside the timed part, or by one multiplication inside.
//!
//! Invariant: readings of one clock never decrease within a thread. On x86-64 with an invariant counter a
//! tick is a TSC tick and a reading is one `rdtsc`, no system call; elsewhere a tick is 1 ns of the
//! host's monotonic clock.

use std::cell::Cell;
use std::hint;
use std::sync::OnceLock;
use std::time::Instant;

/// A source of time in ticks.
pub trait Clock {
    /// The time now, in ticks.
    fn now(&self) -> u64;

    /// Waits until `at` ticks, not at all if that has passed; the first reading at or after `at`.
    fn wait_until(&self, at: u64) -> u64;

    /// How long `ticks` ticks are, in ns.
    fn ns(&self, ticks: u64) -> u64;

    /// How many ticks `ns` nanoseconds take.
    fn ticks(&self, ns: u64) -> u64;
}

/// The host's clock. Reading is the same on every thread; made once per process by [`HostClock::get`].
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    /// Whether a tick is a TSC tick.
    tsc: bool,
    origin: Instant,
    /// ns per tick times 2^32.
    ns_per_tick: u64,
    /// Ticks per ns times 2^32.
    ticks_per_ns: u64,
}

/// What is known of a clock: stored with every number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockFacts {
    /// `tsc`, or `monotonic` where there is no invariant counter.
    pub name: &'static str,
    /// Median cost of one reading, ns: what a timed operation includes.
    pub overhead_ns: f64,
    /// Smallest difference between two readings that are not equal, ns.
    pub precision_ns: f64,
    /// Ticks in a nanosecond.
    pub ticks_per_ns: f64,
}

impl HostClock {
    /// The process's clock; calibrated at the first call, which takes 20 ms.
    #[must_use]
    pub fn get() -> Self {
        static CLOCK: OnceLock<HostClock> = OnceLock::new();
        *CLOCK.get_or_init(Self::calibrated)
    }

    fn calibrated() -> Self {
        let origin = Instant::now();
        let one = 1_u64 << 32;
        let monotonic = Self { tsc: false, origin, ns_per_tick: one, ticks_per_ns: one };
        if !counter::is_invariant() {
            return monotonic;
        }
        let (from, from_ticks) = both(origin);
        while origin.elapsed().as_millis() < 20 {
            hint::spin_loop();
        }
        let (to, to_ticks) = both(origin);
        let (ns, ticks) = (to.saturating_sub(from), to_ticks.saturating_sub(from_ticks));
        match (ratio(ns, ticks), ratio(ticks, ns)) {
            (Some(ns_per_tick), Some(ticks_per_ns)) => Self { tsc: true, origin, ns_per_tick, ticks_per_ns },
            _ => monotonic,
        }
    }

    /// Measures what a reading costs and how fine it is.
    #[must_use]
    pub fn facts(&self) -> ClockFacts {
        const READINGS: usize = 4_096;
        let mut gaps = Vec::with_capacity(READINGS);
        let mut last = self.now();
        for _ in 0..READINGS {
            let now = self.now();
            gaps.push(now.saturating_sub(last));
            last = now;
        }
        gaps.sort_unstable();
        let ns = |ticks: u64| ticks as f64 * self.ns_per_tick as f64 / (1_u64 << 32) as f64;
        ClockFacts {
            name: if self.tsc { "tsc" } else { "monotonic" },
            overhead_ns: ns(gaps[READINGS / 2]),
            precision_ns: ns(gaps.iter().copied().find(|&gap| gap > 0).unwrap_or(0)),
            ticks_per_ns: self.ticks_per_ns as f64 / (1_u64 << 32) as f64,
        }
    }
}

/// `a / b` times 2^32, unless there is none or it does not fit.
fn ratio(a: u64, b: u64) -> Option<u64> {
    let scaled = (u128::from(a) << 32).checked_div(u128::from(b))?;
    u64::try_from(scaled).ok().filter(|&scaled| scaled > 0)
}

/// A reading of both clocks that belong together: of several tries the one that took least time. ns since
/// `origin`, and ticks.
fn both(origin: Instant) -> (u64, u64) {
    let tries = (0..32).map(|_| {
        let before = counter::read();
        let ns = origin.elapsed().as_nanos();
        let after = counter::read();
        (after.wrapping_sub(before), u64::try_from(ns).unwrap_or(u64::MAX), before)
    });
    tries.min().map_or((0, 0), |(took, ns, before)| (ns, before.wrapping_add(took / 2)))
}

/// `x` times the 32.32 fixed-point number `by`, rounded down.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a time of more than 2^64 ns is 500 years")]
fn scale(x: u64, by: u64) -> u64 {
    ((u128::from(x) * u128::from(by)) >> 32) as u64
}

impl Clock for HostClock {
    #[inline]
    fn now(&self) -> u64 {
        if self.tsc { counter::read() } else { monotonic(self.origin) }
    }

    /// Reads and compares, nothing else: no pause instruction, whose 40 to 140 cycles would be the
    /// schedule's precision.
    #[inline]
    fn wait_until(&self, at: u64) -> u64 {
        loop {
            let now = self.now();
            if now >= at {
                return now;
            }
        }
    }

    #[inline]
    fn ns(&self, ticks: u64) -> u64 {
        scale(ticks, self.ns_per_tick)
    }

    #[inline]
    fn ticks(&self, ns: u64) -> u64 {
        scale(ns, self.ticks_per_ns)
    }
}

#[cold]
#[expect(clippy::cast_possible_truncation, reason = "ns since the process began")]
fn monotonic(origin: Instant) -> u64 {
    origin.elapsed().as_nanos() as u64
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// The time stamp counter. Not serialized: the loads and stores of the operation next to it may move
    /// across by what the core has in flight, some ns; a fence would cost every operation more than that.
    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: `rdtsc` exists on every x86-64 processor; Linux lets user space run it unless a process
        // asked for it to be forbidden, which nothing here does.
        unsafe { _rdtsc() }
    }

    /// Whether the counter runs at one rate in all power states (CPUID 0x8000_0007, EDX bit 8).
    pub(super) fn is_invariant() -> bool {
        let highest = __cpuid(0x8000_0000).eax;
        highest >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn read() -> u64 {
        0
    }

    pub(super) fn is_invariant() -> bool {
        false
    }
}

/// A clock that stands still unless it is waited on: waiting takes exactly as long as asked, everything
/// else takes no time. One tick is 1 ns. For one thread.
#[derive(Debug, Default)]
pub struct VirtualClock(Cell<u64>);

impl Clock for VirtualClock {
    fn now(&self) -> u64 {
        self.0.get()
    }

    fn wait_until(&self, at: u64) -> u64 {
        self.0.set(self.0.get().max(at));
        self.0.get()
    }

    fn ns(&self, ticks: u64) -> u64 {
        ticks
    }

    fn ticks(&self, ns: u64) -> u64 {
        ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_nanoseconds_are_inverse() {
        let clock = HostClock::get();
        for ns in [0, 1, 999, 1_000_000, 3_600_000_000_000_u64] {
            let back = clock.ns(clock.ticks(ns));
            assert!(back.abs_diff(ns) <= 2 + ns / 1_000_000, "{ns} became {back}");
        }
    }

    #[test]
    fn readings_do_not_go_back_and_a_wait_ends_late_never_early() {
        let clock = HostClock::get();
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        let at = clock.now() + clock.ticks(1_000);
        assert!(clock.wait_until(at) >= at);
    }

    #[test]
    fn a_virtual_clock_moves_only_by_waiting() {
        let clock = VirtualClock::default();
        assert_eq!([clock.wait_until(7), clock.now(), clock.wait_until(3), clock.now()], [7; 4]);
    }

    #[test]
    fn a_ratio_without_a_value_is_none() {
        assert_eq!((ratio(1, 0), ratio(0, 1), ratio(u64::MAX, 1)), (None, None, None));
        assert_eq!(ratio(3, 2), Some(3 << 31));
    }
}
