//! Reference counting, as sleepable RCU does it: two counters of readers, one for those who come now and
//! one for those who came before the last flip.
//!
//! Invariant: readers count in `active[flip % 2]` as they saw it when they entered. A batch is freed after
//! the counter of the other side was 0, then the flip, then the counter of the side left behind was 0. The
//! first wait is for readers who had read the flip before the last one and counted late.

use super::Reclaim;
use super::deferred::Deferred;
use crate::sync::{AtomicU64, Mutex, Ordering, fence};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Reclamation by counting readers.
#[derive(Default)]
pub struct RefCounted(Arc<Shared>);

#[derive(Default)]
struct Shared {
    flip: AtomicU64,
    active: [CachePadded<AtomicU64>; 2],
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    /// Unlinked since the running grace period began.
    next: Vec<Deferred>,
    /// Waiting for the running grace period.
    batch: Vec<Deferred>,
    /// Whether the running grace period has flipped already.
    flipped: bool,
}

/// One thread's access to the counters.
pub struct Reader(Arc<Shared>);

/// A read section; counts in one of the two.
pub struct Section<'a> {
    shared: &'a Shared,
    side: usize,
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: our reads come before whoever frees after having seen the count fall (Acquire or
        // stronger, in `Shared::idle`).
        self.shared.active[self.side].fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    const fn side(flip: u64) -> usize {
        (flip % 2) as usize
    }

    fn idle(&self, side: usize) -> bool {
        // Acquire: pairs with the Release decrement of the sections that have gone.
        self.active[side].load(Ordering::Acquire) == 0
    }

    /// Moves the running grace period on, as far as it goes without waiting.
    fn advance(&self) -> Vec<Deferred> {
        let mut work = self.work.lock();
        if work.batch.is_empty() {
            work.batch = core::mem::take(&mut work.next);
            work.flipped = false;
        }
        if work.batch.is_empty() {
            return Vec::new();
        }
        // SeqCst, paired with the fence in `enter`: the batch was unlinked before the counters are read.
        fence(Ordering::SeqCst);
        // Relaxed: only this function writes `flip`, under the mutex.
        let flip = self.flip.load(Ordering::Relaxed);
        if !work.flipped && self.idle(Self::side(flip + 1)) {
            self.flip.store(flip + 1, Ordering::Relaxed);
            work.flipped = true;
            // SeqCst: readers who enter from here on count on the new side, or were seen by the loads below.
            fence(Ordering::SeqCst);
        }
        let flip = self.flip.load(Ordering::Relaxed);
        if work.flipped && self.idle(Self::side(flip + 1)) {
            return core::mem::take(&mut work.batch);
        }
        Vec::new()
    }
}

impl Reclaim for RefCounted {
    type Local = Reader;
    type Guard<'a> = Section<'a>;
    const NAME: &'static str = "refcount";
    const FREES: bool = true;

    fn register(&self) -> Reader {
        Reader(Arc::clone(&self.0))
    }

    #[inline]
    fn enter(local: &Reader) -> Section<'_> {
        let shared = &*local.0;
        let side = Shared::side(shared.flip.load(Ordering::Relaxed));
        shared.active[side].fetch_add(1, Ordering::Relaxed);
        // SeqCst, paired with the fence in `advance`: either the collector's load of the counter sees us, or
        // our later reads see what it had unlinked before.
        fence(Ordering::SeqCst);
        Section { shared, side }
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Section<'_>, free: F) {
        // SAFETY: the caller promises that the captures stay valid until it has run.
        let item = unsafe { Deferred::new(free) };
        // The mutex orders the unlinking before the collector that takes the item into its batch.
        guard.shared.work.lock().next.push(item);
    }

    fn advance(local: &Reader) {
        local.0.advance().into_iter().for_each(Deferred::run);
    }
}
