//! Plans of runs: one that is read can be written, read again and worked through.
#![no_main]

use bench_suite::measure::plan::{RunPlan, key_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let plan = match RunPlan::parse(data) {
        Ok(plan) => plan,
        Err(why) => return assert!(!why.is_empty()),
    };
    let text = serde_json::to_vec(&plan).expect("plain data is written");
    assert_eq!(RunPlan::parse(&text).as_ref(), Ok(&plan));
    for step in &plan.steps {
        let spec = plan.spec(step).expect("a step names a cell that is there");
        assert_eq!(key_of(&spec).2, step.launch);
    }
    _ = (plan.contended(), plan.only_advises(), plan.read_suites());
    let left = plan.clone().without(plan.left_out.clone());
    assert!(left.steps.len() <= plan.steps.len());
});
