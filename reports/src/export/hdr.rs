//! Whole histograms: HdrHistogram's interval log (`.hlog`) and its percentile text (`.hgrm`).
//!
//! The log holds an interval for each launch and operation, tagged with the cell's name and the operation, as the Java
//! tools and their ports read it: compressed V2 histograms, starts in seconds since 1970. The percentile text is a file for
//! each cell and operation, of all launches together: for a plot of the shape, not for comparing. Values are ns
//! in both.

use super::cells::{Cell, Export};
use super::names::{FILE, WORD};
use super::{Exported, Form, left_out};
use crate::latency::Latency;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// What Java's writer names the version that it writes, and the columns.
const HEAD: &str = "[Histogram log format version 1.3]";
const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";

/// Lines for each halving of what is left above, as Java's tools take them.
const TICKS: u32 = 5;

/// The runs as an interval log, in the order of their starts.
///
/// # Errors
/// In words: a histogram that cannot be written, which a record cannot hold either.
pub fn log(export: &Export<'_>) -> Result<Exported, String> {
    let mut intervals: Vec<(u64, String, &Latency)> = Vec::new();
    let mut without = 0;
    for (_, cell, name) in export.cells() {
        without += usize::from(operations(cell).is_empty());
        for record in cell.launches {
            let latencies = record.latencies.iter().filter(|(_, latency)| latency.samples() > 0);
            intervals.extend(latencies.map(|(operation, l)| (record.started, tag(&name, operation), l)));
        }
    }
    intervals.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let text = written(&intervals).map_err(|error| format!("the interval log: {error}"))?;
    let (entries, notes) = (intervals.len(), notes(without, overflows(export)));
    Ok(Exported { form: Form::Text(text), entries, notes })
}

/// No comma, no space: the id's own commas become semicolons.
fn tag(name: &str, operation: &str) -> String {
    WORD.name(&format!("{name};{operation}").replace(',', ";"))
}

fn written(intervals: &[(u64, String, &Latency)]) -> Result<String, String> {
    let mut serializer = V2DeflateSerializer::new();
    let mut bytes = Vec::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(HEAD)
        .add_comment("values are ns; an interval is one process launch, whose length the records do not hold")
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| error.to_string())?;
    for (started, tag, latency) in intervals {
        let start = Duration::from_secs(*started);
        let histogram = latency.histogram();
        log.write_histogram(histogram, start, Duration::ZERO, Tag::new(tag)).map_err(|e| e.to_string())?;
    }
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    // Java's tools skip the line that names the columns; the crate's writer has none.
    let at = text.find("\n#values").map_or(0, |at| at + 1);
    let (head, rest) = text.split_at(at);
    let (comment, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    Ok(format!("{head}{comment}\n{LEGEND}\n{rest}"))
}

/// The runs as percentile texts, a file for each cell and operation.
///
/// # Errors
/// In words: two cells whose names are one, which the names' rule rules out.
pub fn percentiles(export: &Export<'_>) -> Result<Exported, String> {
    let (mut files, mut taken, mut without) = (Vec::new(), BTreeSet::new(), 0);
    for (_, cell, name) in export.cells() {
        let operations = operations(cell);
        without += usize::from(operations.is_empty());
        for (operation, latency) in operations {
            let path = file(&name, operation);
            if !taken.insert(path.clone()) {
                return Err(format!("two histograms would be {}", path.display()));
            }
            files.push((path, percentile_text(&latency)));
        }
    }
    let (entries, notes) = (files.len(), notes(without, overflows(export)));
    Ok(Exported { form: Form::Files(files), entries, notes })
}

/// A folder for the suite, and in it a file for the rest of the name.
fn file(name: &str, operation: &str) -> PathBuf {
    let (suite, rest) = name.split_once('/').unwrap_or(("", name));
    let file = PathBuf::from(format!("{}.hgrm", FILE.name(&format!("{rest},{operation}"))));
    if suite.is_empty() { file } else { PathBuf::from(FILE.name(suite)).join(file) }
}

/// Every operation of a cell that has samples, all launches together.
fn operations<'a>(cell: &Cell<'a>) -> BTreeMap<&'a str, Latency> {
    let mut operations: BTreeMap<&str, Latency> = BTreeMap::new();
    for (operation, latency) in cell.launches.iter().flat_map(|record| &record.latencies) {
        if latency.samples() > 0 {
            operations.entry(operation).or_default().merge(latency);
        }
    }
    operations
}

fn overflows(export: &Export<'_>) -> u64 {
    let cells = export.cells().flat_map(|(_, cell, _)| cell.launches);
    cells.flat_map(|record| record.latencies.values()).map(Latency::overflow).sum()
}

fn notes(without: usize, overflows: u64) -> Vec<String> {
    let cells = left_out(without, "cells", "they have no histogram");
    let samples =
        left_out(usize::try_from(overflows).unwrap_or(usize::MAX), "samples", "they are above 60 s");
    cells.into_iter().chain(samples).collect()
}

/// The text of `outputPercentileDistribution` of the Java implementation, for a ratio of 1.
fn percentile_text(latency: &Latency) -> String {
    let histogram = latency.histogram();
    let mut out =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to(), step.quantile_iterated_to());
        let _ = write!(out, "{:>12} {quantile:.12} {total:>10}", format!("{value}.000"));
        if quantile < 1.0 {
            let _ = write!(out, " {:>14.2}", 1.0 / (1.0 - quantile));
        }
        out.push('\n');
    }
    let (mean, deviation) = (histogram.mean(), histogram.stdev());
    let _ = writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let max = format!("{}.000", if histogram.is_empty() { 0 } else { histogram.max() });
    let _ = writeln!(out, "#[Max     = {max:>12}, Total count    = {:>12}]", histogram.len());
    let _ = writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        buckets(histogram).0,
        buckets(histogram).1
    );
    if latency.overflow() > 0 {
        let _ = writeln!(out, "#[Above 60 s and not in here: {}]", latency.overflow());
    }
    out
}

/// How many buckets of how many sub-buckets: what three digits up to the highest value need.
fn buckets(histogram: &Histogram<u64>) -> (u32, u64) {
    let digits = 2 * 10_u64.pow(u32::from(histogram.sigfig()));
    let sub_buckets = digits.next_power_of_two();
    let mut count = 1;
    let mut reach = sub_buckets;
    while reach <= histogram.high() {
        reach = reach.saturating_mul(2);
        count += 1;
        if reach == u64::MAX {
            break;
        }
    }
    (count, sub_buckets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::export::tests::{CELL, export, launch, run, text, timed};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_comes_back_whole_through_the_crate_s_reader() {
        let two = [timed(launch(CELL, None, 1, 1.0), 50), timed(launch(CELL, None, 0, 1.0), 90)];
        let arm = [timed(launch("s/x=1", Some("B"), 0, 1.0), 7_000_000_000)];
        let log = text(log(&export(vec![run("r", &[&two, &arm])], &[])).unwrap());
        let head = format!(
            "#{HEAD}\n#values are ns; an interval is one process launch, whose length the records do not hold\n{LEGEND}\nTag="
        );
        assert!(log.starts_with(&head), "{log}");
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            let LogEntry::Interval(interval) = entry.unwrap() else { panic!("not an interval") };
            let bytes = BASE64.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let tag = interval.tag().unwrap().as_str().to_owned();
            found.push((interval.start_timestamp().as_secs(), tag, histogram));
        }
        let cell = "slot-search/policy=kernel;slots=1;threads=2;map";
        let starts: Vec<(u64, &str)> = found.iter().map(|(start, tag, _)| (*start, tag.as_str())).collect();
        let expected = [(1_700_000_000, "s/x=1;arm=B;map"), (1_700_000_000, cell), (1_700_000_001, cell)];
        assert_eq!(starts, expected);
        for (histogram, record) in [&found[0], &found[1], &found[2]].iter().zip([&arm[0], &two[1], &two[0]]) {
            assert_eq!(&histogram.2, record.latencies["map"].histogram());
        }
    }

    #[test]
    fn percentile_text_has_java_s_form() {
        let mut latency = Latency::new();
        [100, 200, 300, 400].into_iter().for_each(|ns| latency.record(ns));
        let expected = "       Value     Percentile TotalCount 1/(1-Percentile)

     100.000 0.000000000000          1           1.00
     100.000 0.100000000000          1           1.11
     100.000 0.200000000000          1           1.25
     200.000 0.300000000000          2           1.43
     200.000 0.400000000000          2           1.67
     200.000 0.500000000000          2           2.00
     300.000 0.550000000000          3           2.22
     300.000 0.600000000000          3           2.50
     300.000 0.650000000000          3           2.86
     300.000 0.700000000000          3           3.33
     400.000 0.750000000000          4           4.00
     400.000 1.000000000000          4
#[Mean    =      250.000, StdDeviation   =      111.803]
#[Max     =      400.000, Total count    =            4]
#[Buckets =           26, SubBuckets     =         2048]
";
        assert_eq!(percentile_text(&latency), expected);
    }

    #[test]
    fn launches_are_put_together_and_what_is_missing_is_told() {
        let mut two = [timed(launch(CELL, None, 0, 1.0), 50), timed(launch(CELL, None, 1, 1.0), 90)];
        two[1].latencies.get_mut("map").unwrap().record(crate::latency::MAX_NS + 1);
        let bare = [launch("s/x=1", None, 0, 1.0)];
        let made = percentiles(&export(vec![run("r", &[&two, &bare])], &[])).unwrap();
        let Form::Files(files) = made.form else { panic!("no files") };
        let [(path, text)] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(path.to_str(), Some("slot-search/policy=kernel,slots=1,threads=2,map.hgrm"));
        assert!(
            text.contains("Total count    =         2000]") && text.contains("not in here: 1]"),
            "{text}"
        );
        assert_eq!(
            made.notes,
            ["1 cells left out: they have no histogram", "1 samples left out: they are above 60 s"]
        );
    }
}
