//! Insertion: who finds a pool sees what was written before it was inserted, and what was in before is found throughout,
//! with no fence and no lock on the reader's side.

use super::harness::{RACE, fails, holds, preemptions};
use super::page::Page;
use crate::addr::PhysAddr;
use crate::lookup::{
    GranuleHash, LeftRight, PageDirectory, PoolIndex, PoolLookup, PoolRange, RcuList, SortedArray,
};
use crate::reclaim::{Quiescent, Reclaim};
use crate::sync::AtomicPtr;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

const STAYS: PhysAddr = PhysAddr(0x1000);
const COMES: PhysAddr = PhysAddr(0x2000);

/// One thread looks for both pools while this one inserts one. `before` are in already.
pub(super) fn insertion<L: PoolLookup>(before: &[PhysAddr]) {
    let model = Arc::new((<L::Index<Page, Quiescent>>::default(), Quiescent::default()));
    let insert = |(index, reclaim): &(L::Index<Page, Quiescent>, Quiescent), start| {
        let local = reclaim.register();
        // SAFETY: leaked, and in this index only.
        unsafe { index.insert(&Quiescent::enter(&local), NonNull::from(Page::leaked(start))) };
        Quiescent::advance(&local);
    };
    before.iter().for_each(|&start| insert(&model, start));
    let theirs = Arc::clone(&model);
    let reader = thread::spawn(move || {
        let (index, local) = (&theirs.0, theirs.1.register());
        let section = Quiescent::enter(&local);
        if let Some(page) = index.find(&section, COMES, &()) {
            assert_eq!(page.start(), COMES, "another pool's address");
            page.read();
        }
        index.find(&section, STAYS, &()).expect("what was in is found").read();
    });
    insert(&model, COMES);
    reader.join().expect("it looks");
}

#[test]
fn who_finds_a_pool_sees_it_whole() {
    let bound = preemptions(2);
    holds("rcu-list, insertion", bound, || insertion::<RcuList>(&[STAYS]));
    holds("sorted-array, insertion", bound, || insertion::<SortedArray>(&[STAYS]));
    holds("page-directory, insertion", bound, || insertion::<PageDirectory>(&[STAYS]));
    holds("left-right, insertion", bound, || insertion::<LeftRight>(&[STAYS]));
    holds("granule-hash, insertion", bound, || insertion::<GranuleHash>(&[STAYS]));
}

/// What a list's head, an array's pointer and a directory's entry are to a reader: one word that leads to the pool.
fn one_word(publishes: crate::sync::Ordering) {
    let word = Arc::new(AtomicPtr::<Page>::default());
    let theirs = Arc::clone(&word);
    let reader = thread::spawn(move || {
        // SAFETY: null, or a page that was leaked.
        if let Some(page) = unsafe { theirs.load(Acquire).as_ref() } {
            page.read();
        }
    });
    word.store(core::ptr::from_ref(Page::leaked(COMES)).cast_mut(), publishes);
    reader.join().expect("it looks");
}

#[test]
fn a_word_that_is_stored_relaxed_shows_a_pool_too_soon() {
    holds("insertion, one word, the twin without a fault", None, || one_word(Release));
    fails("insertion, one word, Relaxed store", None, RACE, || one_word(Relaxed));
}
