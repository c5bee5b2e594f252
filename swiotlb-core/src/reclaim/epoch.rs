//! Grace periods by crossbeam-epoch, with a collector per allocator.

use super::Reclaim;
use crate::sync::turn;
use crossbeam_epoch::{Collector, Guard, LocalHandle};

/// Epoch-based reclamation.
#[derive(Default)]
pub struct Epoch(Collector);

impl Reclaim for Epoch {
    type Local = LocalHandle;
    type Guard<'a> = Guard;
    const NAME: &'static str = "epoch";
    const FREES: bool = true;

    fn register(&self) -> LocalHandle {
        self.0.register()
    }

    #[inline]
    fn enter(local: &LocalHandle) -> Guard {
        turn();
        local.pin()
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Guard, free: F) {
        turn();
        // SAFETY: the caller promises that the captures outlive the call; `F` is `Send`, so it may run
        // on any thread.
        unsafe { guard.defer_unchecked(free) };
        turn();
        // Out of this thread's bag, where up to 64 closures wait for the thread's own next ones: a thread
        // that then does nothing would hold them back for ever, whoever waits for them.
        guard.flush();
    }

    fn advance(local: &LocalHandle) {
        turn();
        // `flush` hands this thread's garbage to the collector and tries to move the epoch on; it takes
        // a few rounds until an item is two epochs old.
        local.pin().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

    #[test]
    fn what_an_idle_thread_deferred_runs_all_the_same() {
        let epoch = Epoch::default();
        let (idle, other) = (epoch.register(), epoch.register());
        let ran = std::sync::Arc::new(AtomicBool::new(false));
        let theirs = ran.clone();
        // SAFETY: the closure owns what it captures.
        unsafe { Epoch::defer(&Epoch::enter(&idle), move || theirs.store(true, Relaxed)) };
        // A bound, not a wait: two epochs take a few rounds.
        (0..16).take_while(|_| !ran.load(Relaxed)).for_each(|_| Epoch::advance(&other));
        assert!(ran.load(Relaxed));
    }
}
