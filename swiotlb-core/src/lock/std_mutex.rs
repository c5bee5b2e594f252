//! The standard library's mutex: a futex word and a poison flag.

use super::AreaLock;
use crate::probe::Probe;
#[cfg(shuttle)]
use shuttle::sync::Mutex;
#[cfg(not(shuttle))]
use std::sync::Mutex;
use std::sync::{PoisonError, TryLockError};

/// `std::sync::Mutex`. Poison is ignored: what it guards has no invariant that a panic could break
/// halfway, because sections do not panic.
#[derive(Default)]
pub struct StdMutex(Mutex<()>);

impl AreaLock for StdMutex {
    const NAME: &'static str = "std";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        let _held = match self.0.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                probe.lock_contended();
                self.0.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        section()
    }
}
