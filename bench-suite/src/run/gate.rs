//! Where threads meet: a rendezvous before the clock starts, and the bound on how far apart they may be.

use super::table::Backoff;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A rendezvous of a fixed number of threads, any number of times. Spinning, because a thread that sleeps
/// starts tens of microseconds after the others.
#[derive(Debug)]
pub struct Gate {
    threads: usize,
    /// Who has come, over all rounds.
    arrived: AtomicUsize,
    /// Set once a thread is lost: nobody waits for it.
    broken: AtomicBool,
}

impl Gate {
    /// A gate for `threads` threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads: threads.max(1), arrived: AtomicUsize::new(0), broken: AtomicBool::new(false) }
    }

    /// Waits until all threads are here. What each did before, all see afterwards.
    pub fn wait(&self) {
        // AcqRel: Release hands on what this thread did, to whoever's Acquire load below sees this
        // arrival or a later one; Acquire lets the last to arrive see all the others'.
        let before = self.arrived.fetch_add(1, Ordering::AcqRel);
        let round_ends = (before / self.threads + 1) * self.threads;
        let mut backoff = Backoff::default();
        // Acquire: pairs with the Release above; the arrivals form one release sequence.
        while self.arrived.load(Ordering::Acquire) < round_ends && !self.broken.load(Ordering::Relaxed) {
            backoff.wait();
        }
    }

    /// Lets everybody through from now on.
    pub fn break_open(&self) {
        // Relaxed: it orders nothing, waiters only have to see it at some time.
        self.broken.store(true, Ordering::Relaxed);
    }
}

/// How far each thread has come, in epochs of the plan's time: none starts epoch `e` before all that are
/// not done are at `e - 1`.
#[derive(Debug)]
pub struct Epochs(Box<[AtomicU64]>);

impl Epochs {
    /// All threads at epoch 0.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| AtomicU64::new(0)).collect())
    }

    /// Waits until `thread` may start `epoch`; `gives_up` ends the waiting.
    pub fn enter(&self, thread: usize, epoch: u64, gives_up: impl Fn(&Backoff) -> bool) {
        // Relaxed throughout: epochs bound time, they order no memory.
        self.0[thread].store(epoch, Ordering::Relaxed);
        let mut backoff = Backoff::default();
        while !gives_up(&backoff) && self.0.iter().any(|other| other.load(Ordering::Relaxed) + 1 < epoch) {
            backoff.wait();
        }
    }

    /// A thread has nothing left to do in this pass, and holds nobody up.
    pub fn leave(&self, thread: usize) {
        self.0[thread].store(u64::MAX - 1, Ordering::Relaxed);
    }

    /// A thread begins a pass. To be called between two rendezvous.
    pub fn begin(&self, thread: usize) {
        self.0[thread].store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn nobody_passes_before_all_are_there() {
        const ROUNDS: usize = 200;
        let (gate, count) = (Gate::new(3), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        count.fetch_add(1, Ordering::Relaxed);
                        gate.wait();
                        assert_eq!(count.load(Ordering::Relaxed), 3 * round);
                        gate.wait();
                    }
                });
            }
        });
    }

    #[test]
    fn a_broken_gate_holds_nobody() {
        let gate = Gate::new(2);
        gate.break_open();
        gate.wait();
    }

    #[test]
    fn a_thread_that_left_holds_nobody_up() {
        let epochs = Epochs::new(2);
        epochs.enter(0, 1, |_| false);
        epochs.leave(1);
        epochs.enter(0, 9, |_| false);
        epochs.begin(1);
        epochs.enter(0, 10, |_| true);
    }
}
