//! Every policy and the oracle, asked the same: what keeps the kernel's placement gives the same answers, operation by
//! operation; what does not keeps every rule that has nothing to do with placement. A case that differs is made as
//! short as can be and printed as vectors, which `swiotlb-bench verify` runs.
//!
//! `PROPTEST_CASES` sets how many cases are tried.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod oracle_support;

use bench_suite::policies;
use oracle_support::{Subject, config, first_difference};

/// Most asks of a case.
const ASKS: usize = 80;

#[test]
fn every_policy_answers_as_the_oracle_or_keeps_the_rules() {
    let subjects: Vec<Subject<'_>> =
        policies::ALL.iter().map(|entry| (entry.name, entry.build, entry.reproduces)).collect();
    if let Some((words, script)) = first_difference(&subjects, config(), ASKS) {
        panic!("{words}\nthe script:\n{}", script.text());
    }
}
