//! One set of cases for every reclamation.

use super::*;
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

/// Nothing is freed while a section lives that was there, and everything soon after it has gone.
fn waits_for_readers<R: Reclaim>() {
    let reclaim = R::default();
    let (reader, writer) = (reclaim.register(), reclaim.register());
    let freed = Arc::new(AtomicU64::new(0));
    let section = R::enter(&reader);
    for _ in 0..5 {
        let count = Arc::clone(&freed);
        let guard = R::enter(&writer);
        // SAFETY: the closure owns what it captures.
        unsafe {
            R::defer(&guard, move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    }
    for _ in 0..100 {
        R::advance(&writer);
    }
    assert_eq!(freed.load(Ordering::Relaxed), 0, "{} freed under a reader", R::NAME);
    drop(section);
    drop(reader);
    for _ in 0..1000 {
        R::expedite(&writer);
    }
    assert_eq!(freed.load(Ordering::Relaxed), if R::FREES { 5 } else { 0 }, "{}", R::NAME);
}

/// Sections nest: the inner one's end ends nothing.
fn sections_nest<R: Reclaim>() {
    let reclaim = R::default();
    let (reader, writer) = (reclaim.register(), reclaim.register());
    let freed = Arc::new(AtomicBool::new(false));
    let outer = R::enter(&reader);
    drop(R::enter(&reader));
    let flag = Arc::clone(&freed);
    {
        let guard = R::enter(&writer);
        // SAFETY: the closure owns what it captures.
        unsafe { R::defer(&guard, move || flag.store(true, Ordering::Relaxed)) };
    }
    for _ in 0..100 {
        R::advance(&writer);
    }
    assert!(!freed.load(Ordering::Relaxed), "{}", R::NAME);
    drop(outer);
}

/// A writer replaces a number again and again and overwrites the old one when it may; readers must never
/// see an overwritten one.
fn no_reader_sees_what_was_freed<R: Reclaim>() {
    const GONE: u64 = u64::MAX;
    // First, so that it goes last, if an assertion ends the test too.
    let cells: Vec<AtomicU64> = (0..4_000).map(AtomicU64::new).collect();
    let reclaim = R::default();
    let current = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let local = reclaim.register();
                while !done.load(Ordering::Relaxed) {
                    let section = R::enter(&local);
                    #[expect(clippy::cast_possible_truncation, reason = "an index below 4,000")]
                    let cell = &cells[current.load(Ordering::Acquire) as usize];
                    for _ in 0..10 {
                        assert_ne!(cell.load(Ordering::Relaxed), GONE, "{}", R::NAME);
                    }
                    drop(section);
                }
            });
        }
        let local = reclaim.register();
        for pair in cells.windows(2) {
            let [old, new] = pair else { continue };
            let guard = R::enter(&local);
            current.store(new.load(Ordering::Relaxed), Ordering::Release);
            // SAFETY: `cells` is declared before `reclaim` and so outlives it, however the test ends; what was not
            // run by then is run or dropped with it.
            unsafe { R::defer(&guard, move || old.store(GONE, Ordering::Relaxed)) };
            drop(guard);
            reclaim.set_now_ms(new.load(Ordering::Relaxed));
            R::advance(&local);
        }
        done.store(true, Ordering::Relaxed);
        for _ in 0..100 {
            R::advance(&local);
        }
    });
    drop(reclaim);
}

macro_rules! for_every_reclamation {
    ($($test:ident)*) => { $(
        mod $test {
            use super::super::{Delayed, Epoch, Leak, Quiescent, RefCounted, RwLocked};
            #[test]
            fn epoch() { super::$test::<Epoch>(); }
            #[test]
            fn quiescent() { super::$test::<Quiescent>(); }
            #[test]
            fn ref_counted() { super::$test::<RefCounted>(); }
            #[test]
            fn rw_locked() { super::$test::<RwLocked>(); }
            #[test]
            fn delayed() { super::$test::<Delayed<Epoch, 10>>(); }
            #[test]
            fn delayed_quiescent() { super::$test::<Delayed<Quiescent, 50>>(); }
            #[test]
            fn leak() { super::$test::<Leak>(); }
        }
    )* };
}

for_every_reclamation! { waits_for_readers sections_nest no_reader_sees_what_was_freed }
