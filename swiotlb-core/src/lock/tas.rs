//! Test-and-set: what a guest without paravirtual help spins on, and the same with a look before each try.

use super::AreaLock;
use crate::probe::Probe;
use crate::sync::{AtomicU32, Ordering, Spin, test_and_set};
use core::hint;

/// Test-and-set: every try is an exchange, so waiters pull the line away from the holder.
#[derive(Default)]
pub struct TestAndSet {
    locked: AtomicU32,
}

/// Test-and-test-and-set with exponential back-off: waiters read until the lock looks free, and after a
/// lost race pause longer each time.
#[derive(Default)]
pub struct Backoff {
    locked: AtomicU32,
}

/// Clears the word when dropped.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire exchange of the next holder.
        self.0.store(0, Ordering::Release);
    }
}

#[inline]
fn try_lock(word: &AtomicU32) -> bool {
    // Acquire: pairs with the Release store in `Held::drop`.
    test_and_set(word)
}

impl AreaLock for TestAndSet {
    const NAME: &'static str = "tas";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        if !try_lock(&self.locked) {
            probe.lock_contended();
            self.lock_slow();
        }
        let _held = Held(&self.locked);
        section()
    }
}

impl TestAndSet {
    #[cold]
    fn lock_slow(&self) {
        let mut spin = Spin::default();
        while !try_lock(&self.locked) {
            spin.wait();
        }
    }
}

impl AreaLock for Backoff {
    const NAME: &'static str = "ttas-backoff";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        if !try_lock(&self.locked) {
            probe.lock_contended();
            self.lock_slow();
        }
        let _held = Held(&self.locked);
        section()
    }
}

impl Backoff {
    /// Longest pause after a lost race, in pauses of the core.
    const LONGEST: u32 = 256;

    #[cold]
    fn lock_slow(&self) {
        let mut pauses = 4;
        loop {
            let mut spin = Spin::default();
            while self.locked.load(Ordering::Relaxed) != 0 {
                spin.wait();
            }
            if try_lock(&self.locked) {
                return;
            }
            (0..pauses).for_each(|_| hint::spin_loop());
            pauses = (pauses * 2).min(Self::LONGEST);
        }
    }
}
