//! Go benchmark text, which benchstat reads (golang.org/design/14313-benchmark-format).
//!
//! A line is a launch: benchstat takes lines of one name for samples, and a launch is what may be one. An
//! id's `key=value` become parts of the name, which benchstat knows as `/key`. Configuration lines hold only
//! what forbids a comparison, the machine: benchstat puts lines of different configuration into different
//! tables.

use super::cells::{Cell, Export, Run};
use super::measure::{better, unit};
use super::names::WORD;
use super::{Exported, Form, left_out};
use crate::compare::effect::Better;
use crate::metric;
use crate::record::RunRecord;
use crate::text::visible;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The runs as Go benchmark text.
#[must_use]
pub fn text(export: &Export<'_>) -> Exported {
    let (mut lines, mut units, mut without) = (String::new(), BTreeSet::new(), 0_usize);
    let (mut machine, mut entries) = (None, 0);
    for (run, cell, name) in export.cells() {
        if machine != Some(&run.machine) {
            configuration(&mut lines, run, cell.first());
            machine = Some(&run.machine);
        }
        let (name, metrics) = (benchmark(&name, cell), export.main_metrics(cell));
        for record in cell.launches {
            let values = values(record, &metrics);
            if values.is_empty() {
                without += 1;
                continue;
            }
            let _ = write!(lines, "{name} {}", iterations(record));
            for (metric, value) in values {
                let _ = write!(lines, " {value} {}", unit_of(metric));
                units.insert(metric.clone());
            }
            lines.push('\n');
            entries += 1;
        }
    }
    let rates = units.iter().filter(|metric| better(metric) == Some(Better::Higher));
    let head: String = rates.map(|metric| format!("Unit {} better=higher\n", unit_of(metric))).collect();
    let notes = left_out(without, "launches", "they have none of the metrics").into_iter().collect();
    Exported { form: Form::Text(head + &lines), entries, notes }
}

/// Lines that hold until others of the same keys come.
fn configuration(out: &mut String, run: &Run<'_>, record: &RunRecord) {
    let cpu = record.machine.cpu_model.as_deref().map_or_else(|| "unknown".to_owned(), visible);
    let _ = writeln!(out, "cpu: {cpu}\nmachine: {}", run.machine);
}

/// `BenchmarkSlot-search/policy=kernel/slots=1-2`. The number at the end is how many threads ran, as Go puts
/// it there; without it benchstat would take any `-4` at an id's end for it.
fn benchmark(name: &str, cell: &Cell<'_>) -> String {
    let mut characters = name.chars();
    // Go's own names go on with a capital, and what begins otherwise is no benchmark to some readers.
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let first = if first.starts_with(char::is_uppercase) { first } else { format!("X{first}") };
    let name = WORD.name(&format!("{first}{}", characters.as_str().replace(',', "/")));
    let threads = cell.first().parameters.get("threads").and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    format!("Benchmark{name}-{threads}")
}

/// Operations; 1 where they were not counted, since the form wants a number.
fn iterations(record: &RunRecord) -> u64 {
    let ops = record.counts.get("operations").copied().unwrap_or(1);
    i64::try_from(ops).map_or(1, |_| ops.max(1))
}

fn values<'m>(record: &RunRecord, metrics: &'m [String]) -> Vec<(&'m String, f64)> {
    let number =
        |metric: &'m String| Some((metric, metric::of(record, metric).filter(|number| number.is_finite())?));
    metrics.iter().filter_map(number).collect()
}

/// The unit says what was measured as well: no two metrics may share one. Times end in `-ns`, which
/// benchstat scales.
fn unit_of(metric: &str) -> String {
    let word = match (metric, unit(metric).as_str()) {
        (_, unit) if unit.contains('/') => unit.to_owned(),
        (_, "ns") => format!("{}-ns", metric.strip_suffix("_ns").unwrap_or(metric)),
        (metric, _) => metric.to_owned(),
    };
    WORD.name(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::{CELL, export, launch, run, six, text as of, timed};

    #[test]
    fn a_line_is_a_launch() {
        let mut launches = six();
        launches.truncate(2);
        launches[0].parameters.insert("threads".to_owned(), "2".to_owned());
        launches[0].counts.insert("operations".to_owned(), 1_000);
        launches[1].metrics.insert("ops_per_s".to_owned(), 2e6);
        let arm = [launch("s/x=1", Some("B"), 0, 97.25)];
        let found = of(text(&export(vec![run("night", &[&launches, &arm])], &[])));
        let expected = "\
Unit jain better=higher
Unit ops/s better=higher
cpu: AMD EPYC 7B13
machine: 0123456789abcdef
BenchmarkSlot-search/policy=kernel/slots=1/threads=2-2 1000 1 jain 100 ns/op
BenchmarkSlot-search/policy=kernel/slots=1/threads=2-2 1 1 jain 101 ns/op 2000000 ops/s
BenchmarkS/x=1/arm=B-1 1 1 jain 97.25 ns/op
";
        assert_eq!(found, expected);
    }

    #[test]
    fn machines_are_told_apart_and_metrics_are_chosen() {
        let launches = [timed(launch(CELL, None, 0, 1e-7), 50)];
        let mut other = run("other", &[&launches]);
        other.machine = "f".repeat(16);
        let found = of(text(&export(vec![run("one", &[&launches]), other], &["map.p50", "ns_per_op"])));
        let name = "BenchmarkSlot-search/policy=kernel/slots=1/threads=2";
        let expected = format!(
            "cpu: AMD EPYC 7B13\nmachine: 0123456789abcdef\n{name}/run=one-1 1 549 map.p50-ns 0.0000001 ns/op\n\
             cpu: AMD EPYC 7B13\nmachine: ffffffffffffffff\n{name}/run=other-1 1 549 map.p50-ns 0.0000001 ns/op\n"
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_is_one_word_and_a_launch_without_numbers_is_told() {
        let mut empty = launch("a b\nBenchmarkX 1 1 ns/op", None, 0, 1.0);
        empty.metrics.remove("jain");
        let bare = [empty.clone(), RunRecord { metrics: [].into(), ..empty }];
        let exported = text(&export(vec![run("r", &[&bare])], &[]));
        assert_eq!(exported.notes, ["1 launches left out: they have none of the metrics"]);
        let text = of(exported);
        assert_eq!(text.lines().filter(|line| line.starts_with("Benchmark")).count(), 1, "{text}");
        assert!(text.contains("BenchmarkA_b_BenchmarkX_1_1_ns/op-"), "{text}");
        let digits = [launch("4k/x", None, 0, 1.0)];
        assert!(of(text_of(&digits)).contains("BenchmarkX4k/x-1 "));
    }

    fn text_of(launches: &[RunRecord]) -> Exported {
        text(&export(vec![run("r", &[launches])], &["ns_per_op"]))
    }
}
