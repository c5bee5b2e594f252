//! A decryption model that fails on demand: for tests and for failure injection.
//!
//! Invariant: a call that is made to fail never reaches the model behind it, and only calls that succeed are
//! counted.

use super::Decrypt;
use crate::addr::PhysAddr;
use crate::error::AttributeError;
use crate::phys::PhysMemory;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `model`, with failures on demand.
///
/// Every counter is Relaxed: each is exact by itself and publishes nothing. Read them when no call runs.
#[derive(Debug, Default)]
pub struct FailingDecrypt<D> {
    model: D,
    fail_decrypts: AtomicU64,
    fail_encrypts: AtomicU64,
    decrypts: AtomicU64,
    encrypts: AtomicU64,
}

impl<D: Decrypt> FailingDecrypt<D> {
    /// `model`, failing nothing yet.
    #[must_use]
    pub const fn new(model: D) -> Self {
        Self {
            model,
            fail_decrypts: AtomicU64::new(0),
            fail_encrypts: AtomicU64::new(0),
            decrypts: AtomicU64::new(0),
            encrypts: AtomicU64::new(0),
        }
    }

    /// The model behind it.
    #[must_use]
    pub const fn inner(&self) -> &D {
        &self.model
    }

    /// Makes the next `count` decrypts fail. Sets the number, does not add to it.
    pub fn fail_next_decrypts(&self, count: u64) {
        self.fail_decrypts.store(count, Relaxed);
    }

    /// Makes the next `count` encrypts fail. Sets the number, does not add to it.
    pub fn fail_next_encrypts(&self, count: u64) {
        self.fail_encrypts.store(count, Relaxed);
    }

    /// Decrypts that succeeded.
    #[must_use]
    pub fn decrypts(&self) -> u64 {
        self.decrypts.load(Relaxed)
    }

    /// Encrypts that succeeded.
    #[must_use]
    pub fn encrypts(&self) -> u64 {
        self.encrypts.load(Relaxed)
    }
}

/// Fails if a failure is left in `left`; otherwise runs `change` and counts it in `done` if it succeeds.
fn inject(
    left: &AtomicU64,
    done: &AtomicU64,
    change: impl FnOnce() -> Result<(), AttributeError>,
) -> Result<(), AttributeError> {
    if left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        return Err(AttributeError::Injected);
    }
    change()?;
    done.fetch_add(1, Relaxed);
    Ok(())
}

impl<D: Decrypt> Decrypt for FailingDecrypt<D> {
    const ENCRYPTED: bool = D::ENCRYPTED;

    fn decrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        inject(&self.fail_decrypts, &self.decrypts, || self.model.decrypt(memory, base, bytes))
    }

    fn encrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        inject(&self.fail_encrypts, &self.encrypts, || self.model.encrypt(memory, base, bytes))
    }

    fn forget(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        self.model.forget(memory, base, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phys::CostModel;

    #[test]
    fn each_direction_fails_on_its_own() {
        let model = FailingDecrypt::new(CostModel::default());
        let memory = PhysMemory::new();
        model.fail_next_decrypts(1);
        assert_eq!(model.encrypt(&memory, PhysAddr(0), 1), Ok(()));
        assert_eq!(model.decrypt(&memory, PhysAddr(0), 1), Err(AttributeError::Injected));
        assert_eq!(model.decrypt(&memory, PhysAddr(0), 1), Ok(()));
        model.fail_next_encrypts(1);
        assert_eq!(model.encrypt(&memory, PhysAddr(0), 1), Err(AttributeError::Injected));
        assert_eq!((model.decrypts(), model.encrypts()), (1, 1));
        assert_eq!(memory.mapped_windows(), 0);
    }
}
