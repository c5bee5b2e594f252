//! Reclamation: what was unlinked is overwritten only after every section that could hold it.
//!
//! loom watches each access of the cell that stands for a pool, so a read that is not ordered before the
//! overwriting fails the model even where the read came first.

use super::harness::{RACE, fails, holds, preemptions};
use super::twin_reclaim::{Counted, Hasty, Passed, Shut};
use crate::reclaim::{Delayed, Quiescent, Reclaim, RefCounted, RwLocked};
use crate::sync::{AtomicBool, Ordering};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// A pool and the one link to it.
struct Linked {
    unlinked: AtomicBool,
    pool: UnsafeCell<u32>,
}

// SAFETY: loom checks every access of the cell.
unsafe impl Sync for Linked {}

/// One section that looks at the pool if it is still linked.
fn read<R: Reclaim>(reclaim: &R, linked: &Linked) {
    let local = reclaim.register();
    let section = R::enter(&local);
    // Acquire, as the indices load their links.
    if !linked.unlinked.load(Ordering::Acquire) {
        // SAFETY: not freed under this section, or loom fails the execution.
        linked.pool.with(|pool| assert_eq!(unsafe { *pool }, 7));
    }
    drop(section);
}

/// Unlinks the pool, and overwrites it when that is due.
fn unlink<R: Reclaim>(reclaim: &R, linked: &Arc<Linked>, freed: &Arc<AtomicU64>) {
    let local = reclaim.register();
    let section = R::enter(&local);
    linked.unlinked.store(true, Ordering::Release);
    let (linked, freed) = (Arc::clone(linked), Arc::clone(freed));
    let free = move || {
        freed.fetch_add(1, Relaxed);
        // SAFETY: as in `read`.
        linked.pool.with_mut(|pool| unsafe { *pool = 0 });
    };
    // SAFETY: the closure owns what it captures.
    unsafe { R::defer(&section, free) };
    drop(section);
    R::advance(&local);
    // The tick that a reclaimer with delay waits for.
    reclaim.set_now_ms(10);
    R::advance(&local);
}

/// `readers` threads read once each while this one unlinks; `freed` counts the executions that freed.
fn grace<R: Reclaim>(readers: usize, freed: &Arc<AtomicU64>) {
    let reclaim = Arc::new(R::default());
    let linked = Arc::new(Linked { unlinked: AtomicBool::new(false), pool: UnsafeCell::new(7) });
    let readers: Vec<_> = (0..readers)
        .map(|_| {
            let (reclaim, linked) = (Arc::clone(&reclaim), Arc::clone(&linked));
            thread::spawn(move || read(&*reclaim, &linked))
        })
        .collect();
    unlink(&*reclaim, &linked, freed);
    for reader in readers {
        reader.join().expect("a reader reads");
    }
}

fn waits<R: Reclaim>(one: &'static str, two: &'static str) {
    let freed = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&freed);
    holds(one, preemptions(3), move || grace::<R>(1, &counted));
    let counted = Arc::clone(&freed);
    holds(two, preemptions(2), move || grace::<R>(2, &counted));
    assert_ne!(freed.load(Relaxed), 0, "{} freed in no execution: the model shows nothing", R::NAME);
}

fn breaks<R: Reclaim>(name: &'static str) {
    fails(name, preemptions(3), RACE, || grace::<R>(1, &Arc::default()));
}

#[test]
fn quiescent() {
    waits::<Quiescent>("quiescent, 1 reader", "quiescent, 2 readers");
    holds("quiescent, the twin without a fault", preemptions(3), || {
        grace::<Passed<false>>(1, &Arc::default())
    });
    breaks::<Passed<true>>("quiescent, Relaxed announcement");
}

#[test]
fn ref_counted() {
    waits::<RefCounted>("refcount, 1 reader", "refcount, 2 readers");
    holds("refcount, the twin without a fault", preemptions(3), || {
        grace::<Counted<true>>(1, &Arc::default())
    });
    breaks::<Counted<false>>("refcount, no fence in the reader");
}

#[test]
fn rw_locked() {
    // One reader: two that back off hand loom's turn to each other for ever.
    let freed = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&freed);
    holds("rwlock, 1 reader", None, move || grace::<RwLocked>(1, &counted));
    assert_ne!(freed.load(Relaxed), 0, "freed in no execution: the model shows nothing");
    holds("rwlock, the twin without a fault", preemptions(3), || {
        grace::<Shut<true>>(1, &Arc::default());
    });
    breaks::<Shut<false>>("rwlock, a writer that gets in Relaxed");
}

#[test]
fn delayed() {
    waits::<Delayed<RefCounted, 10>>("delayed, 1 reader", "delayed, 2 readers");
    breaks::<Delayed<Hasty, 10>>("delayed, nobody asks the readers");
}

#[test]
fn a_grace_period_that_is_skipped_frees_under_a_reader() {
    breaks::<Hasty>("reclamation, grace period skipped");
}
