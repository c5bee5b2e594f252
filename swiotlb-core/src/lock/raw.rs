//! Any lock that speaks `lock_api` 0.5's `RawMutex`, parking_lot's first of all.
//!
//! `lock_api` gives locks no name, and both the trait and the mutex may be of other crates: so the name that policy
//! labels call it by is a type beside it.

use super::AreaLock;
use crate::probe::Probe;
use crate::sync::turn;
use core::marker::PhantomData;
use lock_api::RawMutex;

/// What a lock from outside is called.
pub trait LockName: Send + Sync + 'static {
    /// The name in policy labels; no two locks share one.
    const NAME: &'static str;
}

/// The lock `M` from outside, called `N`.
pub struct RawLock<M, N>(M, PhantomData<fn() -> N>);

/// parking_lot's one-byte mutex: spins briefly, then parks.
pub type ParkingLot = RawLock<parking_lot::RawMutex, ParkingLotName>;

/// What [`ParkingLot`] is called.
pub struct ParkingLotName;

impl LockName for ParkingLotName {
    const NAME: &'static str = "parking_lot";
}

impl<M: RawMutex, N> Default for RawLock<M, N> {
    fn default() -> Self {
        Self(M::INIT, PhantomData)
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

/// Takes a lock that another thread had.
#[cfg(not(shuttle))]
#[inline(always)]
fn wait_for<M: RawMutex>(mutex: &M) -> M::Guard {
    mutex.lock()
}

/// The same where shuttle runs all threads on one, which would wait for itself: asks again after each turn of the others.
#[cfg(shuttle)]
fn wait_for<M: RawMutex>(mutex: &M) -> M::Guard {
    let mut spin = crate::sync::Spin::default();
    loop {
        match mutex.try_lock() {
            Some(guard) => return guard,
            None => spin.wait(),
        }
    }
}

impl<M: RawMutex + Send + Sync + 'static, N: LockName> AreaLock for RawLock<M, N> {
    const NAME: &'static str = N::NAME;

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        turn();
        let guard = match self.0.try_lock() {
            Some(guard) => guard,
            None => {
                probe.lock_contended();
                wait_for(&self.0)
            }
        };
        let _held = Held { mutex: &self.0, guard: Some(guard) };
        section()
    }
}
