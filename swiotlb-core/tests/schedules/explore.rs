//! Runs a scenario under schedules and says how many: lines `schedules NAME: ...`, which `ci/shuttle.sh` collects.

use crate::common::violation::{Verdict, settle};
use shuttle::rand::{RngCore, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// PCT's schedules take the turn away from a thread that could go on at one place fewer than this.
const DEPTH: usize = 3;
/// Schedules of each kind within which a fault must be found, by one kind at least.
const PATIENCE: usize = 5_000;

/// What runs under one schedule, with a number that is drawn with it.
pub type Scenario = fn(u64) -> Verdict;

/// The number in an environment variable.
fn number(variable: &str, otherwise: usize) -> usize {
    let number = |text: String| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}"));
    env::var(variable).map_or(otherwise, number)
}

/// What all is drawn from: the same at every run, unless `SCHEDULES_SEED` says otherwise.
fn seed() -> u64 {
    number("SCHEDULES_SEED", 1) as u64
}

fn config() -> Config {
    let mut config = Config::new();
    // A map of a debug build takes more than the 60 KiB that are usual.
    config.stack_size = 1 << 18;
    // That orderings are not looked at is known here.
    config.silence_warnings = true;
    config
}

/// Runs `scenario` under all schedules of `scheduler`, counting them.
fn run(scheduler: impl Scheduler + 'static, scenario: Scenario, begun: &Arc<AtomicUsize>) {
    let begun = Arc::clone(begun);
    Runner::new(scheduler, config()).run(move || {
        begun.fetch_add(1, Relaxed);
        settle(scenario(thread_rng().next_u64()));
    });
}

/// Runs `scenario` under schedules of both kinds, `SCHEDULES` of each or 20; panics if one fails. With `SCHEDULE`, under that
/// one, as a failure has printed it.
pub fn holds(name: &str, scenario: Scenario) {
    if env::var("SCHEDULES_OF").is_ok_and(|only| only != name) {
        return;
    }
    println!("{name}");
    if let Ok(schedule) = env::var("SCHEDULE") {
        return shuttle::replay(move || settle(scenario(thread_rng().next_u64())), &schedule);
    }
    let (each, begun, began) = (number("SCHEDULES", 20), Arc::default(), Instant::now());
    run(RandomScheduler::new_from_seed(seed(), each), scenario, &begun);
    run(PctScheduler::new_from_seed(seed(), DEPTH, each), scenario, &begun);
    let seconds = began.elapsed().as_secs_f64();
    println!("schedules {name}: holds, {} schedules, {seconds:.2} s", begun.load(Relaxed));
}

/// How many schedules it took until `scenario` failed with `text` in its message; none if it did not.
fn until_it_fails(
    name: &str,
    text: &str,
    scenario: Scenario,
    scheduler: impl Scheduler + 'static,
) -> Option<usize> {
    let begun = Arc::default();
    let failure = catch_unwind(AssertUnwindSafe(|| run(scheduler, scenario, &begun)));
    let failure = failure.err()?;
    let message = failure.downcast_ref::<String>().cloned();
    let message = message.or_else(|| failure.downcast_ref::<&str>().map(|&text| text.to_owned()));
    let message = message.unwrap_or_default();
    assert!(message.contains(text), "{name} failed for another reason: {message}");
    Some(begun.load(Relaxed))
}

/// Runs `scenario` until it fails with `text` in its message, under either kind of schedule; panics if it fails under neither.
pub fn fails(name: &str, text: &str, scenario: Scenario) {
    let random = RandomScheduler::new_from_seed(seed(), PATIENCE);
    let random = until_it_fails(name, text, scenario, random);
    let pct = until_it_fails(name, text, scenario, PctScheduler::new_from_seed(seed(), DEPTH, PATIENCE));
    assert!(random.or(pct).is_some(), "{name}: the fault went unnoticed");
    let at = |found: Option<usize>| found.map_or("at none".to_owned(), |nth| format!("at {nth}"));
    println!("schedules {name}: fails as it must: of {PATIENCE} random {}, of PCT's {}", at(random), at(pct));
}
