//! A reader-writer lock: readers hold it shared; what was unlinked is freed by whoever gets it alone.
//!
//! | state | meaning |
//! |---|---|
//! | 0 | free |
//! | n | held by n sections |
//! | [`ALONE`] + n | held by a writer; n sections are about to back off |
//!
//! A writer only ever tries, so a section may nest in another without a deadlock: while the outer one
//! counts, no writer gets in.

use super::Reclaim;
use super::deferred::Deferred;
use crate::sync::{AtomicU64, Mutex, Ordering, Spin};
use std::sync::Arc;

/// Reclamation by a reader-writer lock.
#[derive(Default)]
pub struct RwLocked(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: AtomicU64,
    waiting: Mutex<Vec<Deferred>>,
}

const ALONE: u64 = 1 << 63;

/// One thread's access to the lock.
pub struct Reader(Arc<Shared>);

/// A read section.
pub struct Section<'a>(&'a Shared);

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: our reads come before the writer that gets in next (Acquire in `take_due`).
        self.0.state.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    #[cold]
    fn enter_slow(&self) {
        let mut spin = Spin::default();
        loop {
            self.state.fetch_sub(1, Ordering::Relaxed);
            while self.state.load(Ordering::Relaxed) & ALONE != 0 {
                spin.wait();
            }
            // Acquire: as in `enter`.
            if self.state.fetch_add(1, Ordering::Acquire) & ALONE == 0 {
                return;
            }
        }
    }

    /// What waits, if nobody reads.
    fn take_due(&self) -> Vec<Deferred> {
        // Acquire: pairs with the Release decrement of every section that has gone.
        if self.state.compare_exchange(0, ALONE, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Vec::new();
        }
        // Alone: what waits now was unlinked before, and who comes later cannot find it.
        let due = core::mem::take(&mut *self.waiting.lock());
        // Release: pairs with the Acquire increment of the sections that come next.
        self.state.fetch_sub(ALONE, Ordering::Release);
        due
    }
}

impl Reclaim for RwLocked {
    type Local = Reader;
    type Guard<'a> = Section<'a>;
    const NAME: &'static str = "rwlock";
    const FREES: bool = true;

    fn register(&self) -> Reader {
        Reader(Arc::clone(&self.0))
    }

    #[inline]
    fn enter(local: &Reader) -> Section<'_> {
        // Acquire: pairs with the Release in `take_due`; what was freed there is unlinked for us.
        if local.0.state.fetch_add(1, Ordering::Acquire) & ALONE != 0 {
            local.0.enter_slow();
        }
        Section(&local.0)
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Section<'_>, free: F) {
        // SAFETY: the caller promises that the captures stay valid until it has run.
        let item = unsafe { Deferred::new(free) };
        guard.0.waiting.lock().push(item);
    }

    fn advance(local: &Reader) {
        local.0.take_due().into_iter().for_each(Deferred::run);
    }
}
