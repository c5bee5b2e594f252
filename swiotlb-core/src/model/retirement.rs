//! Retirement: a worker that goes to sleep because all was settled is woken by whoever retires the next pool.

use super::harness::{fails, holds};
use crate::retired::Counts;
use crate::sync::AtomicU64;
use crate::sync::Ordering::{AcqRel, Acquire};
use loom::thread;
use std::sync::Arc;

const ASLEEP: &str = "the worker sleeps and nobody wakes it";

/// What the worker and a map share.
trait Handshake: Default + Send + Sync + 'static {
    fn retire(&self) -> bool;
    fn expire(&self);
    fn settled(&self) -> bool;
}

impl Handshake for Counts {
    fn retire(&self) -> bool {
        Counts::retire(self).1
    }
    fn expire(&self) {
        Counts::expire(self);
    }
    fn settled(&self) -> bool {
        Counts::settled(self)
    }
}

/// The same without the one order of SeqCst.
#[derive(Default)]
struct Weak {
    retired: AtomicU64,
    past_grace: AtomicU64,
}

impl Handshake for Weak {
    fn retire(&self) -> bool {
        let number = self.retired.fetch_add(1, AcqRel);
        self.past_grace.load(Acquire) == number
    }
    fn expire(&self) {
        self.past_grace.fetch_add(1, AcqRel);
    }
    fn settled(&self) -> bool {
        self.past_grace.load(Acquire) == self.retired.load(Acquire)
    }
}

/// One pool waits; the worker lets it expire and asks whether that was all, while another is retired.
fn wakes<H: Handshake>() {
    let counts = Arc::new(H::default());
    // A first pool, so that loom has SeqCst stores to compare: it takes the initial value for none.
    counts.retire();
    counts.expire();
    counts.retire();
    let theirs = Arc::clone(&counts);
    let worker = thread::spawn(move || {
        theirs.expire();
        theirs.settled()
    });
    let woken = counts.retire();
    let sleeps = worker.join().expect("the worker asks");
    assert!(woken || !sleeps, "{ASLEEP}");
}

#[test]
fn the_worker_is_woken() {
    holds("retired, retire against settled", None, wakes::<Counts>);
    fails("retired, Acquire and Release for SeqCst", None, ASLEEP, wakes::<Weak>);
}
