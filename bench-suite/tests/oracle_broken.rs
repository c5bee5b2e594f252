//! The oracle's test catches what is broken on purpose, and says it in few steps. Broken are strategies of
//! `swiotlb-core/tests/broken`, as far as one thread can see that they are, and strategies that are right in
//! themselves and have another placement than the kernel, when they are said to have the kernel's. A soak, which knows
//! nothing of placement, finds those that are broken too.
//!
//! | broken strategy | what is said of it |
//! |---|---|
//! | [`AfterWrap`]: does not look whether slots are free where its walk wraps | slots belong to a live mapping |
//! | [`Blind`] to the device's boundary | crosses a boundary |
//! | [`Blind`] to the address bits that a device keeps | does not lie as asked for |
//! | [`LeakyPadding`]: an unmap frees from the buffer's first slot on | the area's count |
//! | [`Bent`] lookup that misses transient pools | a live mapping is not found |
//! | [`Bent`] lookup that finds a pool at its end | find_pool |
//! | [`Forgetful`] statistics: transient slots are never subtracted | slots in transient pools |
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../swiotlb-core/tests/broken/bent.rs"]
mod bent;
#[path = "../../swiotlb-core/tests/broken/forgetful.rs"]
mod forgetful;
#[path = "../../swiotlb-core/tests/broken/leaky.rs"]
mod leaky;
mod oracle_support;
#[path = "../../swiotlb-core/tests/broken/searches.rs"]
#[allow(dead_code, reason = "a lock and a search that only two threads tell from right ones")]
mod searches;

use bench_suite::policies::{self, Entry};
use bench_suite::soak::{self, Settings};
use bench_suite::subject::build;
use bent::{Bent, MissesSmall, PastEnd};
use forgetful::Forgetful;
use leaky::LeakyPadding;
use oracle_support::{Subject, first_difference};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use searches::{AfterWrap, Blind, Boundary, KeptBits};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use swiotlb_core::area::Locked;
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::policy::{Kernel, Reproduces, Warm, With, reproduces};
use swiotlb_core::search::{Lifo, Offset};
use swiotlb_core::walk::{HomeOnly, PoolMajor};

type Area<A> = <Kernel as With>::Area<A>;
type Search<S> = Area<Locked<QueuedSpin, S>>;
type Lookup<L> = <Kernel as With>::Lookup<L>;

/// Cases enough to catch any of these.
const CASES: u32 = 2_000;

/// The policy differs, in words that have these in them, after at most so many steps.
fn is_caught(subject: Subject<'_>, words: &[&str], steps: usize) {
    // One seed, so that how far a case shrinks does not differ from run to run.
    let rng_seed = RngSeed::Fixed(1);
    let config =
        ProptestConfig { cases: CASES, failure_persistence: None, rng_seed, ..ProptestConfig::default() };
    let (said, script) = first_difference(&[subject], config, 60).expect("the cases let it pass");
    assert!(words.iter().any(|words| said.contains(words)), "{said}");
    assert!(script.steps.len() <= steps, "{said}\n{}", script.text());
}

/// By the rules that every policy keeps.
fn breaks_a_rule<P: With>(name: &str, words: &[&str], steps: usize) {
    is_caught((name, build::<P>(), Reproduces { placement: false, ..reproduces::<P>() }), words, steps);
}

/// By another answer than the oracle's, from what is said to keep the kernel's placement.
fn answers_otherwise<P: With>(name: &str) {
    is_caught((name, build::<P>(), Reproduces::ALL), &["expected "], 40);
}

#[test]
fn a_search_that_overlaps_after_wrapping_is_caught() {
    breaks_a_rule::<Search<AfterWrap>>("after-wrap", &["belong to a live mapping", "no room"], 40);
}

#[test]
fn a_search_that_ignores_the_boundary_is_caught() {
    breaks_a_rule::<Search<Blind<Boundary>>>("blind-boundary", &["cross"], 20);
}

#[test]
fn a_search_that_ignores_kept_bits_is_caught() {
    breaks_a_rule::<Search<Blind<KeptBits>>>("blind-kept-bits", &["does not lie"], 20);
}

#[test]
fn an_area_that_leaks_padding_is_caught() {
    breaks_a_rule::<Area<LeakyPadding>>("leaky-padding", &["in use", "free run"], 20);
}

#[test]
fn a_lookup_that_misses_transient_pools_is_caught() {
    breaks_a_rule::<Lookup<Bent<MissesSmall>>>("misses-small", &["not know a live mapping", "find_pool"], 40);
}

#[test]
fn a_lookup_that_finds_a_pool_s_end_is_caught() {
    // Or the allocator itself stops.
    breaks_a_rule::<Lookup<Bent<PastEnd>>>("past-end", &["find_pool", "assertion failed: slot <"], 40);
}

#[test]
fn statistics_that_forget_to_subtract_are_caught() {
    breaks_a_rule::<<Kernel as With>::Stats<Forgetful>>("forgetful", &["slots in transient pools"], 40);
}

#[test]
fn another_order_of_areas_is_caught() {
    answers_otherwise::<<Kernel as With>::Walk<PoolMajor>>("pool-major");
    answers_otherwise::<<Kernel as With>::Walk<HomeOnly>>("home-only");
}

#[test]
fn another_order_of_slots_is_caught() {
    answers_otherwise::<Search<Lifo>>("lifo");
    answers_otherwise::<Search<Offset>>("offset");
    answers_otherwise::<Warm>("warm");
}

/// A soak finds the policy broken, or the allocator itself stops.
fn soak_finds<P: With>(words: &[&str]) {
    let kernel = policies::by_name("kernel").unwrap();
    let (name, changes, build, reproduces) = ("broken", "", build::<P>(), reproduces::<P>());
    let entry = Entry { name, changes, reproduces, build, runs: kernel.runs };
    let settings = Settings { operations: 4_000_000, threads: 2, seed: 1 };
    let soak = || soak::run(&entry, &settings, &AtomicBool::new(false), &mut |_| {});
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(soak)) else { return };
    let said = outcome.broken.expect("it was let pass");
    assert!(words.iter().any(|words| said.contains(words)), "{said}");
}

#[test]
fn a_soak_finds_what_is_broken() {
    soak_finds::<Search<AfterWrap>>(&["two owners", "are not what was written", "free run"]);
    soak_finds::<Search<Blind<Boundary>>>(&["cross a boundary"]);
    soak_finds::<Area<LeakyPadding>>(&["free run"]);
    soak_finds::<Lookup<Bent<MissesSmall>>>(&["for a live mapping"]);
    soak_finds::<<Kernel as With>::Stats<Forgetful>>(&["are counted"]);
}
