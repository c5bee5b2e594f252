//! The noise ledger: what the machine did while the loops ran. Read from `/proc` before and after, never
//! in between.
//!
//! What cannot be read (no `/proc`, another system) is 0 or empty; a ledger never fails a run.

use std::fs::File;
use std::io::Read as _;

/// What the machine did meanwhile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise {
    /// Time that the hypervisor gave to others while this machine wanted to run, ns, all CPUs.
    pub steal_ns: u64,
    /// CPU time of other processes, interrupts included, ns, all CPUs.
    pub other_cpu_ns: u64,
    /// Times a loop's thread was taken off its CPU while it measured.
    pub involuntary_switches: u64,
    /// Page faults of the loops' threads while they measured, without input or output.
    pub minor_faults: u64,
    /// Those with input or output.
    pub major_faults: u64,
    /// Hiccup probe: the longest time between two readings of the clock in a loop that does nothing else,
    /// ns, over all threads.
    pub largest_gap_ns: u64,
    /// The kernel's clock source.
    pub clock_source: String,
    /// Load average over one minute, before the run.
    pub load: f64,
}

/// ns in the tick of `/proc/stat` (`USER_HZ` is 100 on every Linux that shows it to user space).
const TICK_NS: u64 = 10_000_000;

/// CPU time so far, ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    steal: u64,
    busy: u64,
    own: u64,
}

impl CpuTimes {
    /// Reads `/proc/stat` and `/proc/self/stat`.
    #[must_use]
    pub fn now() -> Self {
        let (steal, busy) = whole_machine(&text("/proc/stat"));
        let own = stat_fields(&text("/proc/self/stat"), [13, 14]).iter().sum::<u64>() * TICK_NS;
        Self { steal, busy, own }
    }

    /// What was spent since `before`: stolen, and by others.
    #[must_use]
    pub fn since(&self, before: &Self) -> (u64, u64) {
        let busy = self.busy.saturating_sub(before.busy);
        let own = self.own.saturating_sub(before.own);
        (self.steal.saturating_sub(before.steal), busy.saturating_sub(own))
    }
}

/// Stolen and busy time of all CPUs in `/proc/stat`, ns: user, nice, system, irq and softirq are busy.
fn whole_machine(stat: &str) -> (u64, u64) {
    let line = stat.lines().next().unwrap_or_default();
    let mut fields = [0_u64; 8];
    for (field, number) in fields.iter_mut().zip(line.split_whitespace().skip(1)) {
        *field = number.parse().unwrap_or(0);
    }
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = fields;
    (steal * TICK_NS, (user + nice + system + irq + softirq) * TICK_NS)
}

/// Fields of a `stat` file of a process or thread, counted from 0; they are counted behind the name in
/// parentheses, which may hold anything.
fn stat_fields<const N: usize>(stat: &str, wanted: [usize; N]) -> [u64; N] {
    let behind_name = stat.rfind(')').map_or("", |end| &stat[end + 1..]);
    wanted.map(|field| {
        let text = field.checked_sub(2).and_then(|field| behind_name.split_whitespace().nth(field));
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    })
}

/// A thread's faults and switches so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadLedger {
    /// Page faults without input or output.
    pub minor_faults: u64,
    /// Page faults with it.
    pub major_faults: u64,
    /// Times it was taken off its CPU.
    pub involuntary_switches: u64,
}

impl ThreadLedger {
    /// The calling thread's.
    #[must_use]
    pub fn now() -> Self {
        let mut buffer = [0_u8; 4_096];
        let [minor_faults, major_faults] = stat_fields(read("/proc/thread-self/stat", &mut buffer), [9, 11]);
        let status = read("/proc/thread-self/status", &mut buffer);
        let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
        let involuntary_switches = line.and_then(|number| number.trim().parse().ok()).unwrap_or(0);
        Self { minor_faults, major_faults, involuntary_switches }
    }

    /// What came on top since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            involuntary_switches: self.involuntary_switches.saturating_sub(before.involuntary_switches),
        }
    }
}

/// The load average over one minute.
#[must_use]
pub fn load() -> f64 {
    text("/proc/loadavg").split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The kernel's clock source.
#[must_use]
pub fn clock_source() -> String {
    text("/sys/devices/system/clocksource/clocksource0/current_clocksource").trim().to_owned()
}

/// A small file of the kernel's; empty if it cannot be read.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The same into a buffer that is there already, so that reading causes no page fault of its own.
fn read<'b>(path: &str, buffer: &'b mut [u8]) -> &'b str {
    let got = File::open(path).and_then(|mut file| file.read(buffer)).unwrap_or(0);
    std::str::from_utf8(&buffer[..got]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_parentheses_may_hold_anything() {
        let stat = "7 (a ) b 1 2) S 1 2 3 4 5 6 42 8 43 10 100 200 13";
        assert_eq!(stat_fields(stat, [9, 11, 13, 14]), [42, 43, 100, 200]);
        assert_eq!(stat_fields("", [9, 11]), [0, 0]);
        assert_eq!(stat_fields("7 (x", [0, 99]), [0, 0]);
    }

    #[test]
    fn the_machine_s_line() {
        let stat = "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 2 3";
        assert_eq!(whole_machine(stat), (800_000_000, 1_900_000_000));
        assert_eq!(whole_machine(""), (0, 0));
    }

    #[test]
    fn first_touch_is_seen() {
        let before = ThreadLedger::now();
        let pages = vec![1_u8; 1 << 20];
        let after = ThreadLedger::now();
        assert!(std::hint::black_box(pages)[77] == 1);
        if before.minor_faults > 0 {
            assert!(after.since(&before).minor_faults > 0);
        }
    }
}
