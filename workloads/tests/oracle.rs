//! The oracle held to what Linux did: every vector, every field of every operation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use workloads::golden::{GoldenFile, Out, find_files};
use workloads::oracle::Oracle;

#[test]
fn the_oracle_answers_as_linux_did() {
    let mut operations = 0;
    for path in find_files(&common::folders("golden")).unwrap() {
        let mut oracle = Oracle::recorded();
        for step in GoldenFile::open(&path).unwrap() {
            let step = step.unwrap();
            oracle.recall(&step.out.pages);
            let got = oracle.run(&step.op).unwrap();
            // More words than the kernel has.
            let got = Out { cause: None, ..got };
            assert_eq!(got, step.out, "{}:{}: {:?}", path.display(), step.line, step.op);
            operations += 1;
        }
    }
    assert!(operations >= 45_990, "{operations} operations");
}
