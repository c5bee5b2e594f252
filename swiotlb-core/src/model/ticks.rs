//! Delay: no item runs before the tick that follows its parking, whoever parked another and told the time meanwhile.

use super::harness::{fails, holds};
use super::twin_reclaim::Hasty;
use crate::reclaim::{Delayed, Reclaim};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};
use core::sync::atomic::AtomicU32;
use loom::thread;
use std::collections::VecDeque;
use std::sync::Arc;

const EARLY: &str = "an item ran before its tick";
const LATE: &str = "an item did not run at its tick";
/// Milliseconds between ticks.
const MS: u64 = 10;

/// What the models ask of it. Items are counted when they run.
trait Ticks: Default + Send + Sync + 'static {
    fn park(&self, ran: &Arc<AtomicU32>);
    fn tell(&self, now_ms: u64);
    fn run_due(&self);
}

/// Nobody reads, so that what is deferred is parked at once.
impl Ticks for Delayed<Hasty, MS> {
    fn park(&self, ran: &Arc<AtomicU32>) {
        let (local, ran) = (self.register(), Arc::clone(ran));
        let count = move || {
            ran.fetch_add(1, Relaxed);
        };
        // SAFETY: the closure owns what it captures.
        unsafe { Self::defer(&Self::enter(&local), count) };
    }

    fn tell(&self, now_ms: u64) {
        self.set_now_ms(now_ms);
    }

    fn run_due(&self) {
        Self::advance(&self.register());
    }
}

/// A copy; `LOCKED`: the tick is read under the queue's lock.
#[derive(Default)]
struct Twin<const LOCKED: bool> {
    now_ms: AtomicU64,
    waiting: Mutex<VecDeque<(u64, Arc<AtomicU32>)>>,
}

impl<const LOCKED: bool> Ticks for Twin<LOCKED> {
    fn park(&self, ran: &Arc<AtomicU32>) {
        let before = self.now_ms.load(Relaxed) / MS;
        let mut waiting = self.waiting.lock();
        let tick = if LOCKED { self.now_ms.load(Relaxed) / MS } else { before };
        waiting.push_back((tick, Arc::clone(ran)));
    }

    fn tell(&self, now_ms: u64) {
        self.now_ms.fetch_max(now_ms, Relaxed);
    }

    fn run_due(&self) {
        let mut waiting = self.waiting.lock();
        let tick = self.now_ms.load(Relaxed) / MS;
        let due = waiting.partition_point(|&(parked, _)| parked < tick);
        waiting.drain(..due).for_each(|(_, ran)| {
            ran.fetch_add(1, Relaxed);
        });
    }
}

/// One thread parks an item at some time; this one tells that a tick has passed, and parks another.
fn in_order<T: Ticks>() {
    let ticks = Arc::new(T::default());
    let (some, later) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (theirs, item) = (Arc::clone(&ticks), Arc::clone(&some));
    let other = thread::spawn(move || theirs.park(&item));
    ticks.tell(MS);
    ticks.park(&later);
    other.join().expect("it parks");
    ticks.run_due();
    assert_eq!(later.load(Relaxed), 0, "{EARLY}");
    ticks.tell(2 * MS);
    ticks.run_due();
    assert_eq!((some.load(Relaxed), later.load(Relaxed)), (1, 1), "{LATE}");
}

#[test]
fn items_run_at_the_tick_after_they_were_parked() {
    holds("delayed, ticks in order", None, in_order::<Delayed<Hasty, MS>>);
    holds("delayed, the twin without a fault", None, in_order::<Twin<true>>);
    fails("delayed, the tick read before the lock", None, EARLY, in_order::<Twin<false>>);
}
