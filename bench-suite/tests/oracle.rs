//! Every policy and the oracle, asked the same: what keeps the kernel's placement gives the same answers, operation by
//! operation; what does not keeps every rule that has nothing to do with placement. A case that differs is made as
//! short as can be and printed as vectors, which `swiotlb-bench verify` runs.
//!
//! `PROPTEST_CASES` sets how many cases are tried.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod oracle_support;

use bench_suite::policies;
use bench_suite::verify::Ground;
use oracle_support::{Subject, config, differs, first_difference};
use std::path::Path;
use workloads::golden::{GoldenFile, find_files};
use workloads::oracle::{Oracle, Script};

/// Most asks of a case.
const ASKS: usize = 120;

#[test]
fn every_policy_answers_as_the_oracle_or_keeps_the_rules() {
    let subjects: Vec<Subject<'_>> =
        policies::ALL.iter().map(|entry| (entry.name, entry.build, entry.reproduces)).collect();
    if let Some((words, script)) = first_difference(&subjects, config(), ASKS) {
        panic!("{words}\nthe script:\n{}", script.text());
    }
}

/// Cases that differed once: vectors, as they were printed then.
#[test]
fn what_differed_once_does_not_differ_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle_regressions");
    let mut ground = Ground::default();
    for path in find_files(&[folder]).unwrap() {
        let file = GoldenFile::open(&path).unwrap();
        let script = Script { header: file.header().clone(), steps: file.map(Result::unwrap).collect() };
        let mut oracle = Oracle::recorded();
        for step in &script.steps {
            oracle.recall(&step.out.pages);
            assert_eq!(oracle.run(&step.op).unwrap(), step.out, "{}:{}", path.display(), step.line);
        }
        for entry in policies::ALL {
            let differs = differs((entry.name, entry.build, entry.reproduces), &mut ground, &script);
            assert_eq!(differs, None, "{} under {}", path.display(), entry.name);
        }
    }
}
