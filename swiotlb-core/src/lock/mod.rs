//! Locks of an area. A lock protects by convention, not by type: all that it guards is atomics, so a
//! wrong lock loses slots (which the conformance suite shows) but is never undefined behaviour.
//!
//! | lock | when it wins |
//! |---|---|
//! | [`QueuedSpin`] | Linux's own: one compare-and-swap in, a plain store out, waiters in order |
//! | [`Ticket`] | few threads, short sections, fairness without a queue |
//! | [`StdMutex`] | oversubscribed machines: waiters sleep |
//! | [`ParkingLot`] | the same in one byte |
//! | [`TestAndSet`] | what a guest without paravirtual help has: smallest, worst under contention |
//! | [`Backoff`] | test-and-test-and-set with exponential back-off: throughput over fairness |
//! | [`Mcs`] | many waiters, each on a line of its own, in order |
//! | [`RawLock`] | any `lock_api` 0.5 lock from outside, under a name of its own |

mod mcs;
mod nodes;
mod queued;
mod raw;
mod std_mutex;
mod tas;
mod ticket;

pub use mcs::Mcs;
#[cfg(all(test, loom))]
pub(crate) use nodes::renew;
pub use queued::QueuedSpin;
pub use raw::{LockName, ParkingLot, ParkingLotName, RawLock};
pub use std_mutex::StdMutex;
pub use tas::{Backoff, TestAndSet};
pub use ticket::Ticket;

use crate::probe::Probe;

/// Mutual exclusion for the critical sections of one area.
///
/// An implementation runs at most one `with` of a lock at a time, and what one section wrote
/// (Relaxed) is visible to the next: entering acquires, leaving releases.
pub trait AreaLock: Default + Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;

    /// Runs `section` under the lock. Tells `probe` of an entry that did not succeed at once, as far as
    /// the lock can see that.
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R;
}

/// A lock that a value can hold, so that one thread may hold any number of them, in a loop.
pub trait HoldLock: AreaLock {
    /// Enters. Leaves when the answer is dropped.
    fn hold(&self) -> impl Sized;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Ordering, Ordering::Relaxed};
    use core::sync::atomic::AtomicU32;
    use std::thread;

    /// A mutex as another crate might bring it, with a guard that is a value: the word that unlocks.
    struct OddAndEven(AtomicU32);

    // SAFETY: only who moved the word from even to odd is in, until it makes it even again.
    unsafe impl lock_api::RawMutex for OddAndEven {
        const INIT: Self = Self(AtomicU32::new(0));
        type Guard = u32;

        fn lock(&self) -> u32 {
            loop {
                match self.try_lock() {
                    Some(guard) => return guard,
                    None => thread::yield_now(),
                }
            }
        }

        fn try_lock(&self) -> Option<u32> {
            let even = self.0.load(Relaxed) & !1;
            // Acquire: pairs with the Release store of the holder before us.
            let won = self.0.compare_exchange(even, even + 1, Ordering::Acquire, Relaxed);
            won.ok().map(|_| even.wrapping_add(2))
        }

        unsafe fn unlock(&self, guard: u32) {
            self.0.store(guard, Ordering::Release);
        }

        fn is_locked(&self) -> bool {
            !self.0.load(Relaxed).is_multiple_of(2)
        }
    }

    struct OddAndEvenName;

    impl LockName for OddAndEvenName {
        const NAME: &'static str = "odd-and-even";
    }

    type Foreign = RawLock<OddAndEven, OddAndEvenName>;

    #[test]
    fn a_lock_from_outside_has_a_label_of_its_own() {
        use crate::area::Locked;
        use crate::policy::{Kernel, With, label};
        use crate::search::FreeRunList;
        fn with<L: AreaLock>() -> String {
            label::<<Kernel as With>::Area<Locked<L, FreeRunList>>>()
        }
        assert!(with::<Foreign>().starts_with("lock=odd-and-even search=list"));
        assert_ne!(with::<Foreign>(), with::<ParkingLot>());
    }

    /// Unprotected increments from four threads: any overlap of two sections loses some.
    fn counts_to_the_end<L: AreaLock>() {
        const EACH: u64 = 20_000;
        let lock = L::default();
        let count = AtomicU64::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..EACH {
                        lock.with(&(), || count.store(count.load(Relaxed) + 1, Relaxed));
                    }
                });
            }
        });
        assert_eq!(count.load(Relaxed), 4 * EACH, "{}", L::NAME);
    }

    /// A section that panics leaves the lock free.
    fn survives_a_panic<L: AreaLock>() {
        let lock = L::default();
        let section = std::panic::AssertUnwindSafe(|| lock.with(&(), || panic!("a section failed")));
        assert!(std::panic::catch_unwind(section).is_err());
        assert_eq!(lock.with(&(), || 7), 7, "{}", L::NAME);
    }

    #[test]
    fn every_lock_excludes() {
        counts_to_the_end::<QueuedSpin>();
        counts_to_the_end::<Ticket>();
        counts_to_the_end::<StdMutex>();
        counts_to_the_end::<ParkingLot>();
        counts_to_the_end::<TestAndSet>();
        counts_to_the_end::<Backoff>();
        counts_to_the_end::<Mcs>();
        counts_to_the_end::<Foreign>();
    }

    #[test]
    fn every_lock_is_free_after_a_panic() {
        survives_a_panic::<QueuedSpin>();
        survives_a_panic::<Ticket>();
        survives_a_panic::<StdMutex>();
        survives_a_panic::<ParkingLot>();
        survives_a_panic::<TestAndSet>();
        survives_a_panic::<Backoff>();
        survives_a_panic::<Mcs>();
        survives_a_panic::<Foreign>();
    }
}
