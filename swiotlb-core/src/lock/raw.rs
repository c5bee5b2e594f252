//! Any lock that speaks `lock_api` 0.5's `RawMutex`, parking_lot's first of all.

use super::AreaLock;
use crate::probe::Probe;
use lock_api::RawMutex;

/// A lock from outside.
pub struct RawLock<M>(M);

/// parking_lot's one-byte mutex: spins briefly, then parks.
pub type ParkingLot = RawLock<parking_lot::RawMutex>;

impl<M: RawMutex> Default for RawLock<M> {
    fn default() -> Self {
        Self(M::INIT)
    }
}

/// Unlocks when dropped, so that a section that panics does not keep the lock.
struct Held<'a, M: RawMutex> {
    mutex: &'a M,
    guard: Option<M::Guard>,
}

impl<M: RawMutex> Drop for Held<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            // SAFETY: `guard` is what `lock` or `try_lock` of this very mutex returned, it is used once
            // (`take`), and this value never leaves the thread that locked.
            unsafe { self.mutex.unlock(guard) };
        }
    }
}

impl<M: RawMutex + Send + Sync + 'static> AreaLock for RawLock<M> {
    const NAME: &'static str = "parking_lot";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        let guard = match self.0.try_lock() {
            Some(guard) => guard,
            None => {
                probe.lock_contended();
                self.0.lock()
            }
        };
        let _held = Held { mutex: &self.0, guard: Some(guard) };
        section()
    }
}
