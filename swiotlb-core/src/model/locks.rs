//! Every lock of our own excludes, and what a section wrote is there for the next.

use super::harness::{Bound, RACE, fails, holds, preemptions};
use super::twin_locks::{self as twin, Enter};
use crate::lock::{AreaLock, Backoff, Mcs, QueuedSpin, TestAndSet, Ticket, renew};
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// A lock and what it guards.
struct Guarded<L> {
    lock: L,
    count: UnsafeCell<u32>,
}

// SAFETY: the cell is accessed under the lock; that this suffices is what the model shows, since loom checks every
// access of the cell.
unsafe impl<L: Sync> Sync for Guarded<L> {}

impl<L: Enter> Guarded<L> {
    fn count_up(&self) {
        self.lock.enter(|| {
            self.count.with_mut(|count| {
                // SAFETY: nobody else accesses the cell now, or loom fails the execution before we get here.
                unsafe { *count += 1 };
            });
        });
    }
}

/// `threads` threads pass through one section each.
fn sections<L: Enter>(lock: L, threads: usize) {
    rounds(lock, threads, 1);
}

/// `threads` threads pass through `each` sections each.
fn rounds<L: Enter>(lock: L, threads: usize, each: usize) {
    renew();
    let guarded = Arc::new(Guarded { lock, count: UnsafeCell::new(0) });
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || (0..each).for_each(|_| guarded.count_up()))
        })
        .collect();
    (0..each).for_each(|_| guarded.count_up());
    for other in others {
        other.join().expect("a section does not panic");
    }
    guarded.count.with(|count| {
        // SAFETY: all other threads were joined.
        assert_eq!(unsafe { *count } as usize, threads * each);
    });
}

/// Three threads where waiters spin on words of their own. Two that spin on one word hand loom's turn to each
/// other for ever, while the holder waits for its own: with a preemption more that happens here, too.
fn excludes<L: AreaLock>(two: &'static str, three: &'static str, bound: Bound) {
    holds(two, None, || sections(L::default(), 2));
    holds(three, bound, || sections(L::default(), 3));
}

/// Two threads, and two that come again.
fn excludes_two<L: AreaLock>(once: &'static str, twice: &'static str) {
    holds(once, None, || sections(L::default(), 2));
    holds(twice, preemptions(3), || rounds(L::default(), 2, 2));
}

#[test]
fn test_and_set() {
    excludes_two::<TestAndSet>("tas, 2 threads", "tas, 2 threads twice");
    fails("tas, Relaxed exchange", None, RACE, || sections(twin::Tas::new(Relaxed, Release), 2));
    fails("tas, Relaxed unlock", None, RACE, || sections(twin::Tas::new(Acquire, Relaxed), 2));
}

#[test]
fn backoff() {
    excludes_two::<Backoff>("ttas-backoff, 2 threads", "ttas-backoff, 2 threads twice");
    fails("ttas-backoff, looks without exchanging", None, RACE, || sections(twin::Look::default(), 2));
}

#[test]
fn ticket() {
    excludes_two::<Ticket>("ticket, 2 threads", "ticket, 2 threads twice");
    holds("ticket, the twin without a fault", None, || sections(twin::Ticket::new(Acquire, Release), 2));
    fails("ticket, Relaxed wait", None, RACE, || sections(twin::Ticket::new(Relaxed, Release), 2));
    fails("ticket, Relaxed unlock", None, RACE, || sections(twin::Ticket::new(Acquire, Relaxed), 2));
}

#[test]
fn mcs() {
    excludes::<Mcs>("mcs, 2 threads", "mcs, 3 threads", Some(2));
    let sound = twin::McsOrders { swap: AcqRel, wait: Acquire, free: Release };
    holds("mcs, the twin without a fault", None, move || sections(twin::Mcs::new(sound), 2));
    let wait = twin::McsOrders { wait: Relaxed, ..sound };
    fails("mcs, Relaxed hand-over", None, RACE, move || sections(twin::Mcs::new(wait), 2));
    let swap = twin::McsOrders { swap: Release, ..sound };
    fails("mcs, an exchange without Acquire", None, RACE, move || sections(twin::Mcs::new(swap), 2));
    let free = twin::McsOrders { free: Relaxed, ..sound };
    fails("mcs, Relaxed unlock", None, RACE, move || sections(twin::Mcs::new(free), 2));
}

#[test]
fn queued() {
    excludes::<QueuedSpin>("queued, 2 threads", "queued, 3 threads", Some(2));
    holds("queued, the twin without a fault", None, || sections(twin::Pending::new(Acquire, false), 2));
    fails("queued, Relaxed lock", None, RACE, || sections(twin::Pending::new(Relaxed, false), 2));
    fails("queued, the spinner stores instead of swapping", preemptions(2), RACE, || {
        sections(twin::Pending::new(Acquire, true), 3);
    });
}
