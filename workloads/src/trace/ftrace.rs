//! One line of ftrace's text: who, where, in which context, when, which event, and the event's arguments.
//!
//! ```text
//!           wget-305     [003] d.h1.    13.468096: unmap: (swiotlb_tbl_unmap_single+0x4/0x60) size=74 dir=1
//!           task-pid     [cpu] flags    seconds    event: arguments
//! ```
//! The flags and a thread group before the CPU may be missing or present, as tracers print them.

use super::MAX_CPUS;
use super::record::Context;

/// Brackets that are tried for the CPU's: a task's name has 15 bytes.
const MAX_BRACKETS: usize = 16;

/// A line in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextLine<'a> {
    pub pid: u32,
    pub cpu: u64,
    pub ctx: Option<Context>,
    pub t_ns: u64,
    pub event: &'a str,
    pub rest: &'a str,
}

/// Splits a line; `None` if it is none. A task's name may hold anything, brackets included, so every
/// `[number]` is tried until one has a time and an event behind it.
pub(super) fn split(text: &str) -> Option<TextLine<'_>> {
    let brackets = text.match_indices('[').take(MAX_BRACKETS);
    brackets.map(|(open, _)| (&text[..open], &text[open + 1..])).find_map(|(a, b)| split_at(a, b))
}

fn split_at<'a>(before: &str, after: &'a str) -> Option<TextLine<'a>> {
    let (cpu, after) = after.split_once(']')?;
    let cpu = decimal(cpu)?;
    let (first, rest) = after.trim_start().split_once(' ')?;
    let (flags, t_ns, rest) = match time(first) {
        Some(t_ns) => (None, t_ns, rest),
        None => {
            let (stamp, rest) = rest.trim_start().split_once(' ')?;
            (Some(first), time(stamp)?, rest)
        }
    };
    let (event, rest) = grouped(rest.trim_start()).split_once(':')?;
    if event.is_empty() || event.contains(' ') {
        return None;
    }
    let pid = pid(before)?;
    Some(TextLine { pid, cpu, ctx: flags.and_then(context), t_ns, event, rest: rest.trim() })
}

/// An event without the name of its group, which `perf script` puts before it: `dma:dma_map_page: ...`.
fn grouped(text: &str) -> &str {
    let bare = |group: &str| text.strip_prefix(group).filter(|rest| !rest.starts_with(' '));
    ["dma:", "swiotlb:", "swiotlb_kp:"].into_iter().find_map(bare).unwrap_or(text)
}

/// The number behind the last `-`, a thread group in parentheses left out; `perf script` has a blank there, and where
/// it prints both `process/thread`, the thread is meant.
fn pid(before: &str) -> Option<u32> {
    let mut before = before.trim_end();
    if before.ends_with(')') {
        before = before[..before.rfind('(')?].trim_end();
    }
    let number = |(_, pid): (&str, &str)| {
        let thread =
            pid.split_once('/').map_or(Some(pid), |(process, thread)| decimal(process).and(Some(thread)))?;
        u32::try_from(decimal(thread)?).ok()
    };
    before.rsplit_once('-').and_then(number).or_else(|| before.rsplit_once(' ').and_then(number))
}

/// Whether a line would be one if it had a CPU: `perf script` prints that only where its fields name it.
pub(super) fn lacks_cpu(text: &str) -> bool {
    let mut words = text.split_whitespace();
    !text.contains('[')
        && words.by_ref().skip(2).any(|word| time(word).is_some())
        && words.next().is_some_and(|event| event.len() > 1 && event.ends_with(':'))
}

/// The third flag says in which context the call was made.
fn context(flags: &str) -> Option<Context> {
    match flags.as_bytes().get(2)? {
        b'.' => Some(Context::Task),
        b's' => Some(Context::Softirq),
        b'h' => Some(Context::Hardirq),
        b'H' => Some(Context::HardirqInSoftirq),
        b'z' | b'Z' => Some(Context::Nmi),
        _ => None,
    }
}

/// `13.468096:` in nanoseconds; one to nine digits behind the point.
fn time(stamp: &str) -> Option<u64> {
    let (seconds, fraction) = stamp.strip_suffix(':')?.split_once('.')?;
    let digits = u32::try_from(fraction.len()).ok().filter(|n| (1..=9).contains(n))?;
    let below = decimal(fraction)? * 10_u64.pow(9 - digits);
    decimal(seconds)?.checked_mul(1_000_000_000)?.checked_add(below)
}

/// A number of decimal digits only.
fn decimal(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A number as traces print them: decimal, or hexadecimal behind `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => decimal(text),
    }
}

/// Events lost, if the line says so: `CPU:3 [LOST 12 EVENTS]`, in reports `CPU:3 [12 EVENTS DROPPED]`; 1 where it
/// does not say how many.
pub(super) fn lost_events(text: &str) -> Option<u64> {
    let (_, rest) = text.strip_prefix("CPU:")?.split_once('[')?;
    let inner = rest.strip_suffix(']')?;
    let lost = inner.strip_prefix("LOST").and_then(|inner| inner.strip_suffix("EVENTS"));
    let number = lost.or_else(|| inner.strip_suffix("EVENTS DROPPED"))?.trim();
    if number.is_empty() { Some(1) } else { decimal(number) }
}

/// A line at the head of a report that is no event, with the number of CPUs if it says that: `cpus=4`,
/// `version = 7`, `CPU 2 is empty`.
pub(super) fn report_head(text: &str) -> Option<Option<u32>> {
    if let Some(cpus) = text.strip_prefix("cpus=") {
        return decimal(cpus).map(machine_cpus);
    }
    let empty = text.strip_prefix("CPU ").is_some_and(|rest| rest.ends_with(" is empty"));
    (empty || text.starts_with("version = ")).then_some(None)
}

/// What the head of the text says: events overwritten before it was printed, and the number of CPUs.
/// `# entries-in-buffer/entries-written: 37802/37802   #P:4`
pub(super) fn head(comment: &str) -> Option<(u64, Option<u32>)> {
    let (_, rest) = comment.split_once("entries-in-buffer/entries-written:")?;
    let mut words = rest.split_whitespace();
    let (kept, written) = words.next()?.split_once('/')?;
    let cpus = words.find_map(|w| w.strip_prefix("#P:")).and_then(decimal);
    Some((decimal(written)?.saturating_sub(decimal(kept)?), cpus.and_then(machine_cpus)))
}

/// A number of CPUs that a machine can have.
fn machine_cpus(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|cpus| (1..=MAX_CPUS).contains(cpus))
}

/// The arguments of a probe event: a place in parentheses, then `name=value` pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Args<'a> {
    /// What stands in the parentheses: for a return, `(caller+offset <- function)`.
    pub place: &'a str,
    pairs: &'a str,
}

impl<'a> Args<'a> {
    pub(super) fn of(rest: &'a str) -> Self {
        match rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            Some((place, pairs)) => Self { place, pairs },
            None => Self { place: "", pairs: rest },
        }
    }

    /// The value called `name`; quotes are taken off.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let mut left = self.pairs;
        loop {
            let (key, value) = left.trim_start().split_once('=')?;
            let (value, behind) = match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => value.split_once(' ').unwrap_or((value, "")),
            };
            // A word without a value may stand before a key.
            if key.rsplit(' ').next() == Some(name) {
                return Some(value);
            }
            left = behind;
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        number(self.text(name)?)
    }

    /// Whether `word` stands between the pairs.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.pairs.split(' ').any(|other| other == word)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_usual_line() {
        let line = split(" kworker/3:1H-196     [003] dNH1.    11.729419: unmap: (f+0x4/0x60) a=0x20 b=7");
        let ctx = Some(Context::HardirqInSoftirq);
        let expected = TextLine {
            pid: 196,
            cpu: 3,
            ctx,
            t_ns: 11_729_419_000,
            event: "unmap",
            rest: "(f+0x4/0x60) a=0x20 b=7",
        };
        assert_eq!(line, Some(expected));
    }

    #[test]
    fn names_groups_and_flags_vary() {
        let line = split("a [1] b-c-7 (  12) [000] 1.5: e: x").unwrap();
        assert_eq!((line.pid, line.cpu, line.ctx, line.t_ns), (7, 0, None, 1_500_000_000));
        for bad in ["", "[", "x-1 [0] 1.5: e", "x-1 [0] d.h1. 15: e: x", "x [0] 1.5: e: x", "é[é]é"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn perf_prints_a_blank_and_the_group() {
        let line =
            split("         swapper     0 [003]    13.468096: swiotlb:swiotlb_bounced: dev_name: d").unwrap();
        assert_eq!((line.pid, line.cpu, line.event, line.rest), (0, 3, "swiotlb_bounced", "dev_name: d"));
        assert_eq!(split("a b 12/34 [003] 13.468096: e: x").map(|line| line.pid), Some(34));
        assert_eq!(split("a b x/34 [003] 13.468096: e: x"), None);
        assert!(lacks_cpu("swapper 0 13.468096: swiotlb:swiotlb_bounced: dev_name: d"));
        assert!(!lacks_cpu("swapper 0 [003] 13.468096: e: x") && !lacks_cpu("at 1 13.468096: noon"));
    }

    #[test]
    fn arguments_by_name() {
        let args = Args::of(r#"(swiotlb_map+0x6c/0x280 <- f) dev=0xff devname="a b=c" size=12"#);
        assert_eq!(args.place, "swiotlb_map+0x6c/0x280 <- f");
        assert_eq!(args.text("devname"), Some("a b=c"));
        assert_eq!((args.number("dev"), args.number("size")), (Some(255), Some(12)));
        assert_eq!((args.number("b"), args.text("devname2")), (None, None));
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0xffffffffffffffff"), Some(u64::MAX));
        for bad in ["", "0x", "-1", "+1", "0x+1", "0x1ffffffffffffffff", "(fault)", "1 "] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn losses() {
        assert_eq!(lost_events("CPU:3 [LOST 12 EVENTS]"), Some(12));
        assert_eq!(lost_events("CPU:3 [LOST EVENTS]"), Some(1));
        assert_eq!(lost_events("CPU:3 [7 EVENTS DROPPED]"), Some(7));
        assert_eq!(lost_events("CPU:3 [OK]"), None);
        assert_eq!((report_head("cpus=4"), report_head("CPU 2 is empty")), (Some(Some(4)), Some(None)));
        assert_eq!(report_head("cpus=many"), None);
        assert_eq!([report_head("cpus=0"), report_head("cpus=4294967295")], [Some(None); 2]);
        assert_eq!(head("# entries-in-buffer/entries-written: 90/100   #P:4"), Some((10, Some(4))));
        assert_eq!(head("# entries-in-buffer/entries-written: 1/1   #P:4294967295"), Some((0, None)));
        assert_eq!(head("# tracer: nop"), None);
    }
}
