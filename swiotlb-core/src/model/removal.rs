//! Removal: a reader that finds a pool may read it until its section ends, whatever is inserted and removed
//! meanwhile; and a pool that stays is found throughout.

use super::harness::{RACE, fails, holds, preemptions};
use super::page::Page;
use super::twin_reclaim::Hasty;
use crate::addr::PhysAddr;
use crate::lookup::{GranuleHash, LeftRight, PageDirectory, PoolIndex, PoolLookup, RcuList, SortedArray};
use crate::reclaim::{Quiescent, Reclaim};
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

const STAYS: PhysAddr = PhysAddr(0x1000);
const GOES: PhysAddr = PhysAddr(0x2000);

struct Model<L: PoolLookup, R: Reclaim> {
    index: L::Index<Page, R>,
    reclaim: R,
}

/// When the removed pool is handed to the reclaimer.
#[derive(Clone, Copy, PartialEq)]
enum Retire {
    AfterUnlinking,
    BeforeUnlinking,
}

fn reader<L: PoolLookup, R: Reclaim>(model: &Model<L, R>) {
    let local = model.reclaim.register();
    let section = R::enter(&local);
    if let Some(page) = model.index.find(&section, GOES, &()) {
        page.read();
    }
    model.index.find(&section, STAYS, &()).expect("what stays is found").read();
}

fn remover<L: PoolLookup, R: Reclaim>(model: &Model<L, R>, goes: &'static Page, order: Retire) {
    let local = model.reclaim.register();
    let retire = || {
        let section = R::enter(&local);
        // SAFETY: the page is leaked.
        unsafe { R::defer(&section, || goes.overwrite()) };
        drop(section);
        R::advance(&local);
    };
    if order == Retire::BeforeUnlinking {
        retire();
    }
    assert!(model.index.remove(&R::enter(&local), NonNull::from(goes)));
    if order == Retire::AfterUnlinking {
        retire();
    }
    R::advance(&local);
}

fn removal<L: PoolLookup, R: Reclaim>(order: Retire) {
    let model = Arc::new(Model::<L, R> { index: <L::Index<Page, R>>::default(), reclaim: R::default() });
    let goes = Page::leaked(GOES);
    {
        let local = model.reclaim.register();
        let section = R::enter(&local);
        for page in [Page::leaked(STAYS), goes] {
            // SAFETY: leaked, and in this index only.
            unsafe { model.index.insert(&section, NonNull::from(page)) };
        }
    }
    let theirs = Arc::clone(&model);
    let other = thread::spawn(move || reader(&*theirs));
    remover(&*model, goes, order);
    other.join().expect("the reader reads");
}

fn keeps<L: PoolLookup>(sound: &'static str, hasty: &'static str, swapped: &'static str) {
    let bound = preemptions(2);
    holds(sound, bound, || removal::<L, Quiescent>(Retire::AfterUnlinking));
    fails(hasty, bound, RACE, || removal::<L, Hasty>(Retire::AfterUnlinking));
    fails(swapped, bound, RACE, || removal::<L, Quiescent>(Retire::BeforeUnlinking));
}

#[test]
fn rcu_list() {
    keeps::<RcuList>(
        "rcu-list, removal",
        "rcu-list, grace period skipped",
        "rcu-list, retired before it is unlinked",
    );
}

#[test]
fn sorted_array() {
    // The array's snapshots are freed, not overwritten: without a grace period that is a use after free, so
    // the faults are put into the order of the caller only.
    let bound = preemptions(2);
    holds("sorted-array, removal", bound, || removal::<SortedArray, Quiescent>(Retire::AfterUnlinking));
    fails("sorted-array, retired before it is unlinked", bound, RACE, || {
        removal::<SortedArray, Quiescent>(Retire::BeforeUnlinking);
    });
}

#[test]
fn page_directory() {
    keeps::<PageDirectory>(
        "page-directory, removal",
        "page-directory, grace period skipped",
        "page-directory, retired before it is unlinked",
    );
}

#[test]
fn left_right() {
    keeps::<LeftRight>(
        "left-right, removal",
        "left-right, grace period skipped",
        "left-right, retired before it is unlinked",
    );
}

#[test]
fn granule_hash() {
    keeps::<GranuleHash>(
        "granule-hash, removal",
        "granule-hash, grace period skipped",
        "granule-hash, retired before it is unlinked",
    );
}
