//! Golden vectors that are run: whatever they ask for, it is run or refused, within the bounds of
//! `bench-suite/src/verify/limits.rs`.
#![no_main]

use bench_suite::policies::{self, Entry};
use bench_suite::verify::{FileError, Ground, run_script};
use fuzz::{NAME, lines, says_where};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use workloads::golden::GoldenFile;
use workloads::oracle::Script;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = GoldenFile::from_lines(lines(data)) else { return };
    let header = file.header().clone();
    // Up to the first step that cannot be read.
    let script = Script { header, steps: file.map_while(Result::ok).collect() };
    let other = &policies::ALL[data.len() % policies::ALL.len()];
    run(&policies::ALL[0], &script, data);
    run(other, &script, data);
});

fn run(entry: &Entry, script: &Script, data: &[u8]) {
    // New ground each time: what one input does must not depend on those before.
    let mut ground = Ground::default();
    match run_script(entry.build, entry.reproduces, &mut ground, Path::new(NAME), script) {
        Ok(result) => {
            assert!(result.operations <= script.steps.len() as u64);
            if let Some(mismatch) = result.mismatch {
                says_where(&mismatch.to_string(), data);
                let said = mismatch.broken.is_some() || !mismatch.differences.is_empty();
                assert!(said, "a mismatch in nothing: {mismatch}");
            }
        }
        Err(FileError::Arena { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
