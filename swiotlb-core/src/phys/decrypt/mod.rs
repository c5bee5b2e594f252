//! What it takes to make pages visible to a device where memory is encrypted, as exchangeable models.
//!
//! Contract: after [`Decrypt::decrypt`] said yes, the device and the CPU may use the range; after
//! [`Decrypt::encrypt`] said yes, it is ordinary memory again. After a no, the range may be in either state,
//! in part or in whole: whoever asked must try to encrypt it, and must leak it if that fails.
//!
//! | strategy | when it wins |
//! | --- | --- |
//! | [`NoEncryption`] | the machine does not encrypt: pools need no such step, and none is paid for |
//! | [`PageAttribute`] | the real thing is wanted: a change of protection, its faults and its limits |
//! | [`CostModel`] | only the time counts: a fixed and a per-page part, both freely chosen |
//! | [`FailingDecrypt`] | a test wants one of the above to fail |

mod attribute;
mod cost;
mod failing;
mod none;

pub use attribute::PageAttribute;
pub use cost::CostModel;
pub use failing::FailingDecrypt;
pub use none::NoEncryption;

use super::memory::PhysMemory;
use crate::addr::PhysAddr;
use crate::error::AttributeError;
use std::sync::Arc;

/// A model of memory encryption (`set_memory_decrypted`, `set_memory_encrypted`). Both may block.
pub trait Decrypt: Send + Sync {
    /// Whether the platform encrypts at all. If not, nobody calls the other two, and callers that may not
    /// block need no atomic pool.
    const ENCRYPTED: bool;

    /// Makes `bytes` bytes from `base`, a page's start, visible to devices; whole pages change.
    ///
    /// # Errors
    /// Says why the attributes could not be changed. Some of the pages may have been.
    fn decrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError>;

    /// Makes `bytes` bytes from `base`, a page's start, ordinary memory again; whole pages change.
    ///
    /// # Errors
    /// Says why the attributes could not be changed. Some of the pages may have been: none of them may be
    /// used as ordinary memory.
    fn encrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError>;

    /// Undoes whatever stands for encryption here in `bytes` bytes from `base`, which were encrypted again and
    /// leave the made-up memory for good.
    ///
    /// # Errors
    /// Says why not; the range must not leave then.
    fn forget(&self, _memory: &PhysMemory, _base: PhysAddr, _bytes: u64) -> Result<(), AttributeError> {
        Ok(())
    }
}

impl<D: Decrypt> Decrypt for Arc<D> {
    const ENCRYPTED: bool = D::ENCRYPTED;

    fn decrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        (**self).decrypt(memory, base, bytes)
    }

    fn encrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        (**self).encrypt(memory, base, bytes)
    }

    fn forget(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        (**self).forget(memory, base, bytes)
    }
}
