//! Whole allocators under schedules that shuttle draws, and strategies that are broken on purpose, each of which some
//! schedule breaks. `ci/shuttle.sh` runs them; an ordinary build has nothing of this.
//!
//! shuttle runs all threads on one and decides at every access of an atomic whose turn it is, so a failure comes with a
//! schedule that brings it again. It is sequentially consistent: orderings are loom's to check. Of crossbeam-epoch,
//! crossbeam-skiplist, arc-swap and parking_lot it sees nothing: there, a turn is given before a call (`sync::turn`).
//!
//! | broken strategy | scenario | check that catches it |
//! |---|---|---|
//! | [`LooksFirst`]: a lock that looks, and then takes | crowd | one of those of the crowd |
//! | [`AtOnce`]: no grace period | reader | a reader that was there keeps the memory |
//! | [`Torn`] list that publishes a pool before it has linked it | storm | live address known in a storm |
//! | [`Torn`] list that unlinks a pool before it publishes the next | storm | live address known in a storm |
//! | [`Flickers`]: a map clears the device's flag before it sets it | storm | live address known in a storm |
//! | [`Torn`] in the right order, the twin without a fault | storm | none |
#![cfg(shuttle)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "broken/at_once.rs"]
mod at_once;
mod common;

/// Schedules, what runs under them, and what is broken.
mod schedules {
    pub mod explore;
    pub mod faulty;
    pub mod scenarios;
}

use at_once::AtOnce;
use common::Tested;
use common::crowd::few_steps_in_little_room;
use common::policies::{Each, with_every_lookup, with_every_policy, with_every_reclamation};
use schedules::explore::{fails, holds};
use schedules::faulty::{Flickers, IN_ORDER, LooksFirst, PUBLISHES_FIRST, Torn, UNLINKS_FIRST};
use schedules::scenarios::{a_reader_keeps_its_pool, growth_comes, readers_in_a_storm};
use swiotlb_core::area::Locked;
use swiotlb_core::phys::Cached;
use swiotlb_core::policy::{Fast, Kernel, PagesFrom, Policy, With, label};
use swiotlb_core::publish::{NoFlag, ReleaseFence};
use swiotlb_core::reclaim::Quiescent;
use swiotlb_core::search::FreeRunList;

type Lookup<L> = Tested<<Kernel as With>::Lookup<L>>;

/// What differs from the kernel's policy.
fn name<P: Policy>(scenario: &str) -> String {
    let kernel = label::<Kernel>();
    let (own, kernel) = (label::<P>(), kernel.split(' '));
    let differs: Vec<_> = own.split(' ').zip(kernel).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
    if differs.is_empty() {
        format!("{scenario}, kernel")
    } else {
        format!("{scenario}, {}", differs.join(" "))
    }
}

/// The crowd.
struct Crowds;

impl Each for Crowds {
    fn each<P: With>(&mut self) {
        holds(&name::<P>("crowd"), few_steps_in_little_room::<Tested<P>>);
    }
}

#[test]
fn a_crowd_loses_nothing_under_any_policy() {
    with_every_policy(&mut Crowds);
}

/// Readers while pools come and go.
struct Storms;

impl Each for Storms {
    fn each<P: With>(&mut self) {
        holds(&name::<P>("storm"), readers_in_a_storm::<Tested<P>>);
        holds(&name::<P>("reader"), a_reader_keeps_its_pool::<Tested<P>>);
    }
}

#[test]
fn readers_find_what_is_live_and_keep_what_they_found() {
    Storms.each::<Kernel>();
    Storms.each::<Fast>();
    Storms.each::<<Kernel as With>::Publish<ReleaseFence>>();
    Storms.each::<<Kernel as With>::Publish<NoFlag>>();
    Storms.each::<<Kernel as With>::Pages<PagesFrom<Cached>>>();
    with_every_lookup(&mut Storms);
    with_every_reclamation(&mut Storms);
}

/// The worker.
struct Growth;

impl Each for Growth {
    fn each<P: With>(&mut self) {
        holds(&name::<P>("growth"), growth_comes::<Tested<P>>);
    }
}

#[test]
fn a_worker_serves_every_request() {
    Growth.each::<Kernel>();
    Growth.each::<Fast>();
    Growth.each::<<Kernel as With>::Pages<PagesFrom<Cached>>>();
    Growth.each::<<Kernel as With>::Reclaim<Quiescent>>();
}

#[test]
fn a_lock_that_looks_and_then_takes_is_caught() {
    type P = Tested<<Kernel as With>::Area<Locked<LooksFirst, FreeRunList>>>;
    fails("crowd, a lock that looks and then takes", "", few_steps_in_little_room::<P>);
}

#[test]
fn a_reclaimer_without_a_grace_period_is_caught() {
    type P = Tested<<Kernel as With>::Reclaim<AtOnce>>;
    fails(
        "reader, no grace period",
        "a reader that was there keeps the memory",
        a_reader_keeps_its_pool::<P>,
    );
}

#[test]
fn a_list_that_is_changed_in_the_wrong_order_is_caught() {
    let by = "live address known in a storm";
    fails("storm, published before it is linked", by, readers_in_a_storm::<Lookup<Torn<PUBLISHES_FIRST>>>);
    fails(
        "storm, unlinked before the next is published",
        by,
        readers_in_a_storm::<Lookup<Torn<UNLINKS_FIRST>>>,
    );
    let twin = readers_in_a_storm::<Lookup<Torn<IN_ORDER>>>;
    holds("storm, the twin without a fault", twin);
}

#[test]
fn a_flag_that_is_down_for_a_moment_is_caught() {
    type P = Tested<<Kernel as With>::Publish<Flickers>>;
    fails("storm, a flag that flickers", "live address known in a storm", readers_in_a_storm::<P>);
}
