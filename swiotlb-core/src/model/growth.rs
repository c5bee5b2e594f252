//! Growth: a request is acted on after what led to it, none is lost, and a worker that sleeps is woken, from its first
//! moment on.

use super::harness::{fails, holds};
use crate::grow::Growth;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use loom::thread::{self, Thread};
use std::sync::Arc;

const UNSEEN: &str = "a request is gone, and what led to it was not seen";
/// What loom says when everybody sleeps.
const ASLEEP: &str = "deadlock";

/// What the models ask of it.
trait Requests: Default + Send + Sync + 'static {
    fn schedule(&self);
    fn adopt(&self, worker: &Thread);
    /// One run of the worker, which calls `act` if it was asked.
    fn run(&self, act: impl FnOnce()) -> bool;
}

impl Requests for Growth {
    fn schedule(&self) {
        Growth::schedule(self);
    }

    fn adopt(&self, worker: &Thread) {
        Growth::adopt(self, worker);
    }

    fn run(&self, act: impl FnOnce()) -> bool {
        let asked = self.take_request();
        if asked {
            act();
        }
        asked
    }
}

const SOUND: u8 = 0;
const RELAXED: u8 = 1;
const CLEARS_AFTERWARDS: u8 = 2;
const NO_FIRST_WAKE: u8 = 3;

/// [`Growth`] with one fault.
#[derive(Default)]
struct Twin<const FAULT: u8> {
    queued: AtomicBool,
    has_worker: AtomicBool,
    worker: Mutex<Option<Thread>>,
}

impl<const FAULT: u8> Twin<FAULT> {
    const SWAP: Ordering = if FAULT == RELAXED { Relaxed } else { AcqRel };
}

impl<const FAULT: u8> Requests for Twin<FAULT> {
    fn schedule(&self) {
        if !self.queued.swap(true, Self::SWAP)
            && self.has_worker.load(Acquire)
            && let Some(worker) = &*self.worker.lock()
        {
            worker.unpark();
        }
    }

    fn adopt(&self, worker: &Thread) {
        *self.worker.lock() = Some(worker.clone());
        self.has_worker.store(true, Release);
        if FAULT != NO_FIRST_WAKE {
            worker.unpark();
        }
    }

    fn run(&self, act: impl FnOnce()) -> bool {
        if FAULT == CLEARS_AFTERWARDS {
            let asked = self.queued.load(Acquire);
            if asked {
                act();
                self.queued.store(false, Release);
            }
            return asked;
        }
        let asked = self.queued.swap(false, Self::SWAP);
        if asked {
            act();
        }
        asked
    }
}

/// Two maps ask, each for a reason of its own; the worker runs once meanwhile, and again afterwards.
fn none_is_lost<R: Requests>() {
    let shared = Arc::new((R::default(), [AtomicU64::new(0), AtomicU64::new(0)]));
    let seen = Arc::new(AtomicU64::new(0));
    let asking: Vec<_> = (0..2)
        .map(|which| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1[which].store(1, Relaxed);
                shared.0.schedule();
            })
        })
        .collect();
    let act = || {
        let sum = shared.1.iter().map(|reason| reason.load(Relaxed)).sum();
        seen.store(sum, Relaxed);
    };
    shared.0.run(act);
    asking.into_iter().for_each(|map| map.join().expect("it asks"));
    // Its threads were joined, so an action now would see both.
    if !shared.0.run(|| ()) {
        assert_eq!(seen.load(Relaxed), 2, "{UNSEEN}");
    }
}

/// One map asks while the worker starts; the worker sleeps whenever nothing was asked, and must come to act.
fn is_woken<R: Requests>() {
    let requests = Arc::new(R::default());
    let (theirs, asking) = (Arc::clone(&requests), Arc::clone(&requests));
    let worker = thread::spawn(move || {
        while !theirs.run(|| ()) {
            thread::park();
        }
    });
    let map = thread::spawn(move || asking.schedule());
    requests.adopt(worker.thread());
    map.join().expect("it asks");
    worker.join().expect("it acts");
}

#[test]
fn no_request_is_lost() {
    holds("growth, 2 requests", None, none_is_lost::<Growth>);
    holds("growth, the twin without a fault", None, none_is_lost::<Twin<SOUND>>);
    fails("growth, Relaxed request", None, UNSEEN, none_is_lost::<Twin<RELAXED>>);
    fails(
        "growth, a request cleared after it was acted on",
        None,
        UNSEEN,
        none_is_lost::<Twin<CLEARS_AFTERWARDS>>,
    );
}

#[test]
fn a_worker_that_sleeps_is_woken() {
    holds("growth, a worker starts", None, is_woken::<Growth>);
    holds("growth, a worker starts, the twin without a fault", None, is_woken::<Twin<SOUND>>);
    fails("growth, no wake-up at the start", None, ASLEEP, is_woken::<Twin<NO_FIRST_WAKE>>);
    fails("growth, a worker starts, Relaxed request", None, ASLEEP, is_woken::<Twin<RELAXED>>);
}
