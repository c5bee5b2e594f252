//! Sizes and lifetimes of a trace's mappings, counted in each quarter of its time.
//!
//! A size stands in the bin of its power of two; a lifetime in one of four bins a decade. A mapping is in the quarter
//! in which it began. Nothing is guessed of mappings that the trace never ends.

use super::Drawn;
use plots::histogram::{Bin, of_trace};
use std::collections::{BTreeMap, HashMap};
use workloads::trace::{Event, MapCall, PairedAction, Trace, pair};

/// Bins of lifetimes in a decade.
const DECADE: f64 = 4.0;

/// Counts by bin; a bin's number is the power of its lower end.
type Counts = BTreeMap<i32, [u64; 4]>;

/// What a trace maps: how large, and for how long.
#[derive(Debug, Default, PartialEq)]
struct Mappings {
    sizes: Counts,
    lifetimes: Counts,
    unfinished: u64,
}

/// The figure of a trace's mappings, or why there is none.
#[must_use]
pub fn draw(title: &str, trace: &Trace) -> Drawn {
    let mut drawn = Drawn::default();
    let Mappings { sizes, lifetimes, unfinished } = Mappings::of(trace);
    let bins = |counts: &Counts, end: &dyn Fn(i32) -> f64| {
        let bin = |(power, quarters): (&i32, &[u64; 4])| Bin {
            from: end(*power),
            to: end(*power + 1),
            quarters: *quarters,
        };
        counts.iter().map(bin).collect::<Vec<Bin>>()
    };
    let sizes = bins(&sizes, &|power| 2_f64.powi(power));
    let lifetimes = bins(&lifetimes, &|power| 10_f64.powf(f64::from(power) / DECADE));
    drawn.take(title.to_owned(), of_trace(title, &sizes, &lifetimes, unfinished));
    drawn
}

impl Mappings {
    fn of(trace: &Trace) -> Self {
        let times = || trace.records.iter().map(|record| record.t_ns);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let quarter = |at: u64| usize::try_from((at - first) * 4 / (last - first + 1)).unwrap_or(3).min(3);
        let (mut found, mut live) = (Self::default(), HashMap::<u32, (u64, MapCall)>::new());
        for op in pair(trace).ops {
            let Some(record) = trace.records.get(op.record as usize) else { continue };
            let ended =
                op.map.filter(|_| op.action == PairedAction::End || matches!(record.event, Event::Unmap(_)));
            if let Some((began, call)) = ended.and_then(|map| live.remove(&map)) {
                // From the return of the map, which is when the device may begin.
                let ns = record.t_ns.saturating_sub(call.t_ret_ns.max(began));
                count(&mut found.lifetimes, (ns.max(1) as f64).log10() * DECADE, quarter(began));
            }
            if let (Event::Map(call), true) = (&record.event, op.action == PairedAction::Call) {
                live.insert(op.record, (record.t_ns, *call));
                count(&mut found.sizes, f64::from(call.size.max(1)).log2(), quarter(record.t_ns));
            }
        }
        found.unfinished = live.len() as u64;
        found
    }
}

#[expect(clippy::cast_possible_truncation, reason = "powers of sizes and times in 64 bits")]
fn count(counts: &mut Counts, power: f64, quarter: usize) {
    // A size that is a power of two begins its bin, whatever its logarithm is rounded to.
    counts.entry((power + 1e-9).floor() as i32).or_default()[quarter] += 1;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use std::io::Cursor;
    use workloads::lines::Lines;
    use workloads::trace::TraceOptions;

    fn trace(calls: &[(&str, u64, u64, u64)]) -> Trace {
        let line = |(op, t_ns, page, size): &(&str, u64, u64, u64)| {
            let (orig, tlb) = (0x10_0000 + page * 0x1000, 0x800_0000 + page * 0x4_0000);
            let line = serde_json::json!({
                "t_ns": t_ns, "cpu": 0, "op": op, "dev": "d", "orig": format!("{orig:#x}"), "size": size, "dir": 1,
                "tlb": format!("{tlb:#x}"), "t_ret_ns": t_ns + 10,
            });
            format!("{line}\n")
        };
        let text: String = calls.iter().map(line).collect();
        let lines =
            Lines::from_reader(std::path::Path::new("t.jsonl"), Cursor::new(text.into_bytes())).unwrap();
        Trace::from_lines(lines, None, &TraceOptions::default()).unwrap()
    }

    #[test]
    fn mappings_are_counted_by_size_lifetime_and_quarter() {
        let trace = trace(&[
            ("map", 0, 1, 4_096),
            ("map", 100, 2, 4_095),
            ("unmap", 1_010, 1, 4_096),
            ("map", 3_000, 3, 4_097),
            ("unmap", 3_999, 2, 4_095),
        ]);
        let found = Mappings::of(&trace);
        assert_eq!(found.sizes, BTreeMap::from([(11, [1, 0, 0, 0]), (12, [1, 0, 0, 1])]));
        // 1,000 ns begin the fourth decade; 3,889 ns lie in its third bin.
        assert_eq!(found.lifetimes, BTreeMap::from([(12, [1, 0, 0, 0]), (14, [1, 0, 0, 0])]));
        assert_eq!(found.unfinished, 1);
        let drawn = draw("t", &trace);
        assert!(drawn.figures[0].svg.contains("sizes: N 3") && drawn.notes.is_empty(), "{:?}", drawn.notes);
    }

    #[test]
    fn a_trace_of_nothing_has_no_figure_and_that_is_said() {
        let drawn = draw("t", &trace(&[("map", 0, 1, 4_096)]));
        assert!(drawn.figures.is_empty() && drawn.notes[0].contains("no lifetimes"), "{:?}", drawn.notes);
    }
}
