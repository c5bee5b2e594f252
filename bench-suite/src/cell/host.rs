//! What the host did meanwhile, and what its clock is worth.

use reports::evidence::Noise;
use reports::record::Clock;
use reports::stats::median;
use std::time::{Duration, Instant};

/// Clock readings behind each figure of the clock.
const READINGS: u32 = 20_000;
/// ns of one tick of `/proc/stat`: Linux shows hundredths of a second whatever it counts in.
const TICK_NS: u64 = 10_000_000;

/// Whole nanoseconds of a duration.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The process's clock: what a reading costs and the smallest step it was seen to make.
#[must_use]
pub fn measured_clock() -> Clock {
    let mut costs = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..READINGS / 20 {
            std::hint::black_box(Instant::now());
        }
        costs.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(READINGS / 20));
    }
    let mut step = u64::MAX;
    let mut last = Instant::now();
    for _ in 0..READINGS {
        let now = Instant::now();
        let gap = nanoseconds(now - last);
        if gap > 0 {
            step = step.min(gap);
        }
        last = now;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few ns")]
    let precision_ns = if step == u64::MAX { 0.0 } else { step as f64 };
    Clock { name: "clock_monotonic".to_owned(), overhead_ns: median(&costs).unwrap_or(0.0), precision_ns }
}

/// The longest gap between two clock readings while spinning for `time`, ns.
#[must_use]
pub fn longest_gap_ns(time: Duration) -> u64 {
    let start = Instant::now();
    let (mut last, mut longest) = (start, Duration::ZERO);
    while last - start < time {
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    nanoseconds(longest)
}

/// Counters of the host when a run began.
#[derive(Debug)]
pub struct Ledger {
    host: Option<HostTime>,
    process: Process,
}

/// CPU time of the whole host, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTime {
    /// Busy for anybody, steal left out.
    pub busy: u64,
    /// Given to other guests.
    pub steal: u64,
}

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    ticks: Option<u64>,
    voluntary: Option<u64>,
    involuntary: Option<u64>,
    faults: Option<u64>,
}

impl Ledger {
    /// Reads all counters.
    #[must_use]
    pub fn start() -> Self {
        Self { host: HostTime::read(), process: Process::read() }
    }

    /// What was added since.
    #[must_use]
    pub fn finish(&self) -> Noise {
        let (host, process) = (HostTime::read(), Process::read());
        let since = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        let ns = |ticks: Option<u64>| ticks.map(|t| t.saturating_mul(TICK_NS));
        let busy = since(host.map(|h| h.busy), self.host.map(|h| h.busy));
        let own = since(process.ticks, self.process.ticks);
        Noise {
            steal_ns: ns(since(host.map(|h| h.steal), self.host.map(|h| h.steal))),
            other_cpu_ns: ns(since(busy, own)),
            involuntary_switches: since(process.involuntary, self.process.involuntary),
            voluntary_switches: since(process.voluntary, self.process.voluntary),
            page_faults: since(process.faults, self.process.faults),
            longest_gap_ns: None,
            clock_source: reports::machine::Machine::read().clock_source,
        }
    }
}

impl HostTime {
    /// Of all cores since the host started.
    #[must_use]
    pub fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// From `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    #[must_use]
    pub fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect();
        let at = |i: usize| ticks.get(i).copied();
        Some(Self { busy: at(0)? + at(1)? + at(2)? + at(5)? + at(6)?, steal: at(7)? })
    }
}

impl Process {
    fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
        // After the name in parentheses, which may hold anything, comes field 3.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|n| n.parse::<u64>().ok());
        let switches =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        Self {
            ticks: ticks(11).zip(ticks(12)).map(|(user, system)| user + system),
            faults: ticks(7).zip(ticks(9)).map(|(minor, major)| minor + major),
            voluntary: switches("voluntary_ctxt_switches:"),
            involuntary: switches("nonvoluntary_ctxt_switches:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_line_is_taken_apart() {
        let stat = "cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(HostTime::parse(stat), Some(HostTime { busy: 73, steal: 8 }));
        assert_eq!(HostTime::parse("cpu  1 2 3"), None);
        assert_eq!(HostTime::parse(""), None);
    }

    #[test]
    fn the_clock_has_a_cost() {
        let clock = measured_clock();
        assert!(clock.overhead_ns > 0.0 && clock.overhead_ns.is_finite());
    }
}
