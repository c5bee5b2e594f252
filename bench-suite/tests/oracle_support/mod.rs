//! Scripts that the oracle answered, run on a policy; and what is said of one that differs.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by test binaries; a test fails by panicking")]

pub mod asks;
pub mod machines;

use bench_suite::subject::Build;
use bench_suite::verify::{Ground, run_script};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use swiotlb_core::policy::Reproduces;
use workloads::oracle::{Ask, Script, Setting, written};

/// A machine, and what is asked of it.
pub type Case = (Setting, Vec<Ask>);

/// Cases without `PROPTEST_CASES`: all policies are through them in some seconds.
const CASES: u32 = 60;

/// A case of up to so many asks.
pub fn cases(asks: usize) -> impl Strategy<Value = Case> {
    (machines::setting(), prop::collection::vec(asks::ask(), 1..asks))
}

/// A policy's name, what makes it, what it declares.
pub type Subject<'a> = (&'a str, Build, Reproduces);

/// Where a script is kept that differs.
fn kept(policy: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{policy}.jsonl"))
}

/// Runs a script on a policy: what differs from the oracle, or which rule is broken.
pub fn differs((_, build, declared): Subject<'_>, ground: &mut Ground, script: &Script) -> Option<String> {
    let path = Path::new("script");
    let ran = catch_unwind(AssertUnwindSafe(|| run_script(build, declared, ground, path, script)));
    match ran {
        Ok(result) => result.unwrap().mismatch.map(|mismatch| mismatch.to_string()),
        Err(panic) => {
            *ground = Ground::default();
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("panicked: {}", words.unwrap_or("without words")))
        }
    }
}

/// Runs cases on policies until one differs; that one is made as short as can be. What it says is then a script
/// and the command that runs it, and the script is kept.
pub fn first_difference(
    subjects: &[Subject<'_>],
    config: ProptestConfig,
    asks: usize,
) -> Option<(String, Script)> {
    let mut runner = TestRunner::new(config);
    let ground = std::cell::RefCell::new(Ground::default());
    let outcome = runner.run(&cases(asks), |(setting, asks)| {
        let script = written(&setting, &asks);
        for subject in subjects {
            if let Some(words) = differs(*subject, &mut ground.borrow_mut(), &script) {
                let path = kept(subject.0);
                fs::write(&path, script.text()).unwrap();
                let again = format!("swiotlb-bench verify --policy {} {}", subject.0, path.display());
                return Err(TestCaseError::fail(format!("{}: {words}\nto see it again: {again}", subject.0)));
            }
        }
        Ok(())
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(words, (setting, asks))) => Some((words.to_string(), written(&setting, &asks))),
        Err(TestError::Abort(words)) => panic!("{words}"),
    }
}

/// Cases as the environment has them, or as many as an ordinary run has time for, the same each time.
pub fn config() -> ProptestConfig {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config
    } else {
        ProptestConfig { cases: CASES, rng_seed: RngSeed::Fixed(1), ..config }
    }
}
