//! Files of records: what is read and written again reads the same, and every form that shows records takes it.
#![no_main]

use fuzz::NAME;
use libfuzzer_sys::fuzz_target;
use reports::compare::effect::Better;
use reports::export::{Cell, Export, Run};
use reports::export::{bencher, criterion, github, go, hdr, long};
use reports::record::RunRecord;
use reports::store::load_from;
use reports::{csv, fingerprint, markdown, summary, terminal};
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    let loaded = load_from(data, Path::new(NAME)).expect("bytes in memory can be read");
    let lines = data.split(|byte| *byte == b'\n').count() as u64;
    for bad in &loaded.bad {
        assert!(bad.line >= 1 && bad.line <= lines && !bad.why.is_empty(), "{bad}");
        assert!(!bad.cut || bad.line == lines, "{bad}");
    }
    loaded.records.iter().for_each(again);
    loaded.records.iter().for_each(shown);
    exported(&loaded.records);
});

fn again(record: &RunRecord) {
    let line = serde_json::to_vec(record).expect("plain data is written");
    let read: RunRecord =
        serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error} in {record:?}"));
    assert_eq!(*record, read);
}

fn shown(record: &RunRecord) {
    for table in summary::tables(record) {
        // A name is data: it makes no row of its own.
        let rows = markdown::render(&table).lines().filter(|line| line.starts_with('|')).count();
        assert_eq!(rows, table.rows().len() + 2);
        let text = terminal::render(&table);
        assert!(!text.contains('\u{1b}'), "an escape reaches the terminal: {text:?}");
        _ = csv::render(&table);
    }
}

fn exported(records: &[RunRecord]) {
    let cells = records.iter().filter_map(|record| Cell::new(std::slice::from_ref(record)));
    let machine = records.first().map(|record| fingerprint::of(&record.machine)).unwrap_or_default();
    let run = Run { label: "run".to_owned(), machine, cells: cells.collect() };
    let export = Export { runs: vec![run], metrics: Vec::new() };
    _ = (go::text(&export), long::text(&export), bencher::text(&export));
    _ = (github::text(&export, Better::Lower), github::text(&export, Better::Higher));
    _ = (hdr::log(&export), hdr::percentiles(&export), criterion::files(&export));
}
