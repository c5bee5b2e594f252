//! Runs a model and says how much was explored: lines `model NAME: ...`, which `ci/loom.sh` collects.

use loom::model::Builder;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What loom says when two accesses of a cell are not ordered.
pub(super) const RACE: &str = "Causality violation";

/// How many preemptions of a running thread an execution may have. `None`: any number.
pub(super) type Bound = Option<usize>;

/// A model with its bounds and a count of executions.
struct Run {
    name: &'static str,
    bound: Bound,
    explored: Arc<AtomicU64>,
    began: Instant,
}

impl Run {
    fn new(name: &'static str, bound: Bound) -> Self {
        Self { name, bound, explored: Arc::default(), began: Instant::now() }
    }

    fn check(&self, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = Builder::new();
        builder.preemption_bound = self.bound;
        let explored = Arc::clone(&self.explored);
        builder.check(move || {
            explored.fetch_add(1, Relaxed);
            model();
        });
    }

    fn report(&self, outcome: &str) {
        let bound = self.bound.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let explored = self.explored.load(Relaxed);
        let seconds = self.began.elapsed().as_secs_f64();
        println!(
            "model {}: {outcome}, {explored} interleavings, preemptions {bound}, {seconds:.2} s",
            self.name
        );
    }
}

/// `bound` as it stands for a change; with `LOOM_LONG` set, what the nightly run can afford more.
pub(super) fn preemptions(bound: usize) -> Bound {
    Some(if env::var_os("LOOM_LONG").is_some() { bound + 1 } else { bound })
}

/// Explores `model`; panics if an execution fails.
pub(super) fn holds(name: &'static str, bound: Bound, model: impl Fn() + Send + Sync + 'static) {
    let run = Run::new(name, bound);
    run.check(model);
    run.report("holds");
}

/// Explores `model`, of which an execution must fail with `text` in its message.
pub(super) fn fails(name: &'static str, bound: Bound, text: &str, model: impl Fn() + Send + Sync + 'static) {
    let run = Run::new(name, bound);
    let failure = catch_unwind(AssertUnwindSafe(|| run.check(model))).expect_err("the fault went unnoticed");
    let message = failure.downcast_ref::<String>().cloned();
    let message = message.or_else(|| failure.downcast_ref::<&str>().map(|&text| text.to_owned()));
    let message = message.unwrap_or_default();
    assert!(message.contains(text), "{name} failed for another reason: {message}");
    run.report("fails as it must");
}
