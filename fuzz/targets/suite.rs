//! Suite files and gate files: a mistake has its place; a suite that is read has cells with ids of their own, whose
//! values are in their usual form.
#![no_main]

use bench_suite::measure::gate::file::GateFile;
use bench_suite::policies;
use fuzz::NAME;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use workloads::suite::expand::MOST_CELLS;
use workloads::suite::{Changes, Limits, Mode, Suite, SuiteError, cells, keys, read};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match read(NAME, text) {
        Ok(suite) => check(&suite),
        Err(error) => placed(&error, text),
    }
    if let Err(error) = GateFile::parse(NAME, text) {
        placed(&error, text);
    }
});

fn placed(error: &SuiteError, text: &str) {
    let (line, column) = error.place.unwrap_or_else(|| panic!("no place: {error}"));
    let there = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("no such line: {error}"));
    assert!(column >= 1 && column <= there.chars().count() + 1, "no such column: {error}");
}

fn check(suite: &Suite) {
    let names: Vec<&str> = policies::ALL.iter().map(|entry| entry.name).collect();
    for mode in [Mode::Quick, Mode::Full] {
        let changes = Changes { mode, seed: 1, ..Changes::default() };
        let Ok(all) = cells(suite, &changes, &names, Limits::default()) else { continue };
        assert!((1..=MOST_CELLS).contains(&all.len()));
        let mut ids = BTreeSet::new();
        for cell in &all {
            assert!(ids.insert(&cell.id), "{} is there twice", cell.id);
            for (key, value) in cell.values.iter().filter(|(key, _)| *key != "policy") {
                let kind = keys::kind(&suite.scenario, key).expect("a key that was read is known");
                assert_eq!(kind.normal(value).as_deref(), Ok(value.as_str()), "{key} of {}", cell.id);
            }
        }
    }
}
