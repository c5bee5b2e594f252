//! Grace periods by crossbeam-epoch, with a collector per allocator.

use super::Reclaim;
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
        local.pin()
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Guard, free: F) {
        // SAFETY: the caller promises that the captures outlive the call; `F` is `Send`, so it may run
        // on any thread.
        unsafe { guard.defer_unchecked(free) };
    }

    fn advance(local: &LocalHandle) {
        // `flush` hands this thread's garbage to the collector and tries to move the epoch on; it takes
        // a few rounds until an item is two epochs old.
        local.pin().flush();
    }
}
