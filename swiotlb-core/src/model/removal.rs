//! Removal: a reader that finds a pool may read it until its section ends, whatever is inserted and removed
//! meanwhile; and a pool that stays is found throughout.

use super::harness::{fails, holds, preemptions};
use super::twin_reclaim::Hasty;
use crate::addr::PhysAddr;
use crate::lookup::{PageDirectory, PoolIndex, PoolLookup, PoolRange, RcuList, SortedArray};
use crate::reclaim::{Quiescent, Reclaim};
use crate::sync::AtomicPtr;
use core::ptr::NonNull;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

const RACE: &str = "Causality violation";
const STAYS: PhysAddr = PhysAddr(0x1000);
const GOES: PhysAddr = PhysAddr(0x2000);

/// A pool of one page, whose bytes loom watches.
struct Page {
    start: PhysAddr,
    link: AtomicPtr<Page>,
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom checks every access of the cell.
unsafe impl Sync for Page {}

impl PoolRange for Page {
    fn start(&self) -> PhysAddr {
        self.start
    }
    fn end(&self) -> PhysAddr {
        PhysAddr(self.start.0 + 0x1000)
    }
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

impl Page {
    /// Leaked, so that a fault of a twin is a failed execution and not a use after free.
    fn leaked(start: PhysAddr) -> &'static Self {
        Box::leak(Box::new(Self { start, link: AtomicPtr::default(), bytes: UnsafeCell::new(7) }))
    }

    fn read(&self) {
        // SAFETY: not overwritten under this section, or loom fails the execution.
        self.bytes.with(|bytes| assert_eq!(unsafe { *bytes }, 7));
    }

    fn overwrite(&self) {
        // SAFETY: as in `read`.
        self.bytes.with_mut(|bytes| unsafe { *bytes = 0 });
    }
}

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
