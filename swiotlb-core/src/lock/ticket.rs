//! A ticket lock: first come, first served, in four bytes.
//!
//! | `next - serving` | state |
//! |---|---|
//! | 0 | free |
//! | 1 | held, nobody waits |
//! | n | held, n - 1 wait in order |

use super::AreaLock;
use crate::probe::Probe;
use crate::sync::{AtomicU16, Ordering, Spin};

/// A ticket lock. At most 65,535 threads may wait.
#[derive(Default)]
pub struct Ticket {
    next: AtomicU16,
    serving: AtomicU16,
}

/// Serves the next ticket when dropped.
struct Held<'a>(&'a Ticket);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // Only the holder writes `serving`, so a plain load and store do. Release: the next holder's
        // Acquire load sees all that this section wrote.
        let serving = self.0.serving.load(Ordering::Relaxed);
        self.0.serving.store(serving.wrapping_add(1), Ordering::Release);
    }
}

impl AreaLock for Ticket {
    const NAME: &'static str = "ticket";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        // Relaxed: a ticket orders nothing, the Acquire load of `serving` does.
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        // Acquire: pairs with the Release store of the holder before us.
        if self.serving.load(Ordering::Acquire) != ticket {
            probe.lock_contended();
            self.wait_for(ticket);
        }
        let _held = Held(self);
        section()
    }
}

impl Ticket {
    #[cold]
    fn wait_for(&self, ticket: u16) {
        let mut spin = Spin::default();
        // Acquire: as in `with`.
        while self.serving.load(Ordering::Acquire) != ticket {
            spin.wait();
        }
    }
}
