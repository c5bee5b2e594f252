//! The growth worker of a run: adds a pool a while after it was asked for, and frees transient pools.
//!
//! The kernel's worker runs when the scheduler lets it; how much later is the model's to say. This one
//! looks for requests, waits the delay out on the clock, and then runs the allocator's own worker.

use super::allocator::Work;
use super::clock::{Clock, HostClock};
use super::outcome::GrowthEvent;
use super::touch::Touch;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use swiotlb_core::grow::Grown;

/// How long a worker without a core of its own sleeps between two looks: with the host's timer slack
/// about 70 us.
const NAP: Duration = Duration::from_micros(20);

/// The worker and what it has done.
pub struct Worker {
    delay_ns: u64,
    /// The clock's tick that times are counted from; set when the loops start. Relaxed: a number.
    origin: AtomicU64,
    over: AtomicBool,
    events: Mutex<Vec<GrowthEvent>>,
}

impl Worker {
    /// A worker that runs `delay_ns` after it was asked.
    #[must_use]
    pub fn new(delay_ns: u64) -> Self {
        let (origin, over, events) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::default());
        Self { delay_ns, origin, over, events }
    }

    /// Sets the tick that times are counted from.
    pub fn starts_at(&self, tick: u64) {
        self.origin.store(tick, Ordering::Relaxed);
    }

    /// Ends [`Worker::work`]. Relaxed: the flag orders nothing.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// What happened.
    #[must_use]
    pub fn events(&self) -> Vec<GrowthEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works until [`Worker::finish`]. `own_core` lets it spin instead of sleep between looks.
    pub fn work(
        &self,
        caller: &dyn Work,
        queued: &dyn Fn() -> bool,
        clock: &HostClock,
        touch: &Touch,
        own_core: bool,
    ) {
        while !self.over.load(Ordering::Relaxed) {
            if queued() {
                self.grow(caller, clock, touch);
            }
            if caller.waiting_for_readers() > 0 {
                caller.free_expired();
            }
            if own_core {
                std::hint::spin_loop();
            } else {
                thread::sleep(NAP);
            }
        }
        caller.free_expired();
    }

    fn grow(&self, caller: &dyn Work, clock: &HostClock, touch: &Touch) {
        let (asked, failed) = (clock.now(), touch.failed_maps());
        self.wait(clock, asked + clock.ticks(self.delay_ns));
        let nslabs = match caller.run_worker() {
            Grown::NotAsked => return,
            Grown::Added { nslabs } => nslabs,
            Grown::Failed(_) => 0,
        };
        let origin = self.origin.load(Ordering::Relaxed);
        let since = |tick: u64| clock.ns(tick.saturating_sub(origin));
        let event = GrowthEvent {
            failed_at_ns: since(asked),
            grown_at_ns: since(clock.now()),
            failed_meanwhile: touch.failed_maps().saturating_sub(failed),
            nslabs,
        };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Waits for a tick: asleep while it is far away, so that the loops keep their cores.
    fn wait(&self, clock: &HostClock, until: u64) {
        const NEAR_NS: u64 = 200_000;
        loop {
            let left = clock.ns(until.saturating_sub(clock.now()));
            if left == 0 || self.over.load(Ordering::Relaxed) {
                return;
            }
            if left > NEAR_NS {
                thread::sleep(Duration::from_nanos(left - NEAR_NS));
            } else {
                thread::yield_now();
            }
        }
    }
}
