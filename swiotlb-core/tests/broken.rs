//! Strategies that are broken on purpose, each caught by the suites that every strategy goes through
//! (`for_every_policy!`): a suite that lets one pass would let a real fault pass.
//!
//! | broken strategy | suite | check that catches it |
//! |---|---|---|
//! | [`Racy`] bitmap without a lock: loads, then stores | `sharing` | one owner of a slot |
//! | [`AfterWrap`]: does not look whether slots are free where its walk wraps | `crowd`, one thread | no overlap |
//! | [`Blind`] to the device's boundary | `crowd`, one thread | no boundary crossed |
//! | [`Blind`] to the address bits that a device keeps | `crowd`, one thread | address bits kept |
//! | [`LeakyPadding`]: an unmap frees from the buffer's first slot on | `crowd`, one thread | every segment one free run again |
//! | [`Torn`] list that publishes a pool before it has linked it | `lifetime`, storm | live address known in a storm |
//! | [`Torn`] list that unlinks a pool before it publishes the next | `lifetime`, storm | live address known in a storm |
//! | [`Bent`] lookup that misses transient pools | `lifetime` | live address known |
//! | [`Bent`] lookup that finds a pool at its end | `lifetime` | no pool at a pool's end |
//! | [`Forgetful`] statistics: transient slots are never subtracted | `lifetime` | transient slots counted no more |
//! | [`AtOnce`]: no grace period | `lifetime` | a reader that was there keeps the memory |
//!
//! Faults that need two threads at one place make them meet there, so each is caught at every run, not at some.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

/// The strategies.
mod broken {
    pub mod at_once;
    pub mod bent;
    pub mod forgetful;
    pub mod leaky;
    pub mod searches;
    pub mod torn;
}

use broken::at_once::AtOnce;
use broken::bent::{Bent, MissesSmall, PastEnd};
use broken::forgetful::Forgetful;
use broken::leaky::LeakyPadding;
use broken::searches::{AfterWrap, Blind, Boundary, KeptBits, NoLock, Racy};
use broken::torn::{IN_ORDER, PUBLISHES_FIRST, Torn, UNLINKS_FIRST};
use common::Tested;
use common::crowd::one_thread_keeps_every_rule;
use common::lifetime::{lives_from_map_to_grace_period, readers_survive_a_storm};
use common::sharing::two_cpus_get_every_slot_once;
use common::violation::{Verdict, settle};
use swiotlb_core::area::Locked;
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::policy::{Kernel, With};

type WithArea<A> = Tested<<Kernel as With>::Area<A>>;
type WithSearch<S> = WithArea<Locked<QueuedSpin, S>>;
type WithLookup<L> = Tested<<Kernel as With>::Lookup<L>>;

/// Runs of each suite: a fault that is caught now and then is not caught.
const RUNS: u32 = 50;

/// The suite fails at every run, and by that check.
fn is_caught(suite: fn() -> Verdict, by: &str) {
    for run in 0..RUNS {
        match suite() {
            Err(violation) => assert_eq!(violation.check, by, "run {run}: {violation}"),
            Ok(()) => panic!("run {run}: the suite let it pass"),
        }
    }
}

#[test]
fn a_bitmap_that_loads_and_then_stores_is_caught() {
    is_caught(two_cpus_get_every_slot_once::<WithArea<Locked<NoLock, Racy>>>, "one owner of a slot");
}

#[test]
fn a_search_that_overlaps_after_wrapping_is_caught() {
    is_caught(one_thread_keeps_every_rule::<WithSearch<AfterWrap>>, "no overlap");
}

#[test]
fn a_search_that_ignores_the_boundary_is_caught() {
    is_caught(one_thread_keeps_every_rule::<WithSearch<Blind<Boundary>>>, "no boundary crossed");
}

#[test]
fn a_search_that_ignores_kept_bits_is_caught() {
    is_caught(one_thread_keeps_every_rule::<WithSearch<Blind<KeptBits>>>, "address bits kept");
}

#[test]
fn an_area_that_leaks_padding_is_caught() {
    is_caught(one_thread_keeps_every_rule::<WithArea<LeakyPadding>>, "every segment one free run again");
}

#[test]
fn a_list_that_publishes_before_it_links_is_caught() {
    let by = "live address known in a storm";
    is_caught(readers_survive_a_storm::<WithLookup<Torn<PUBLISHES_FIRST>>>, by);
}

#[test]
fn a_list_that_unlinks_before_it_publishes_is_caught() {
    let by = "live address known in a storm";
    is_caught(readers_survive_a_storm::<WithLookup<Torn<UNLINKS_FIRST>>>, by);
}

/// The twin of the two above: that readers and a writer meet is not what breaks them.
#[test]
fn the_same_list_in_the_right_order_passes() {
    (0..RUNS).for_each(|_| settle(readers_survive_a_storm::<WithLookup<Torn<IN_ORDER>>>()));
}

#[test]
fn a_lookup_that_misses_transient_pools_is_caught() {
    let by = "live address known";
    is_caught(lives_from_map_to_grace_period::<WithLookup<Bent<MissesSmall>>>, by);
}

#[test]
fn a_lookup_that_finds_a_pool_s_end_is_caught() {
    let by = "no pool at a pool's end";
    is_caught(lives_from_map_to_grace_period::<WithLookup<Bent<PastEnd>>>, by);
}

#[test]
fn statistics_that_forget_to_subtract_are_caught() {
    type P = Tested<<Kernel as With>::Stats<Forgetful>>;
    is_caught(lives_from_map_to_grace_period::<P>, "transient slots counted no more");
}

#[test]
fn a_reclaimer_without_a_grace_period_is_caught() {
    type P = Tested<<Kernel as With>::Reclaim<AtOnce>>;
    is_caught(lives_from_map_to_grace_period::<P>, "a reader that was there keeps the memory");
}
