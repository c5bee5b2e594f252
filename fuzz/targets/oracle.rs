//! Any operations on any machine: a policy answers as the oracle does, or keeps the rules that have nothing to do with
//! placement; and the script that says so is one that `swiotlb-bench verify` reads.
#![no_main]

use arbitrary::Unstructured;
use bench_suite::policies;
use bench_suite::verify::{Ground, run_script};
use fuzz::{NAME, case, lines};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::path::Path;
use workloads::golden::{GoldenFile, Step};
use workloads::oracle::{Oracle, Script, written};

thread_local! {
    static GROUND: RefCell<Ground> = RefCell::default();
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok((policy, setting, asks)) = case::take(&mut bytes, policies::ALL.len()) else { return };
    let entry = &policies::ALL[policy];
    let script = written(&setting, &asks);
    let ran = GROUND.with_borrow_mut(|ground| {
        run_script(entry.build, entry.reproduces, ground, Path::new(NAME), &script)
    });
    if let Some(mismatch) = ran.expect("the oracle's arena can be run").mismatch {
        panic!("{}: {mismatch}\nthe script:\n{}", entry.name, script.text());
    }
    reads_again(&script);
    answers_again(&script);
});

/// As text it is the same.
fn reads_again(script: &Script) {
    let text = script.text();
    let file = GoldenFile::from_lines(lines(text.as_bytes())).expect("a script's header can be read");
    let steps: Vec<Step> = file.map(|step| step.unwrap_or_else(|error| panic!("{error}"))).collect();
    assert_eq!(steps, script.steps);
}

/// An oracle that is given the pages of the first gives its answers.
fn answers_again(script: &Script) {
    let mut oracle = Oracle::recorded();
    for step in &script.steps {
        oracle.recall(&step.out.pages);
        assert_eq!(oracle.run(&step.op).as_ref(), Ok(&step.out), "line {}", step.line);
    }
}
