//! A platform that does not encrypt memory.
//!
//! Invariant: nothing is done and nothing fails; [`Decrypt::ENCRYPTED`] removes the calls at compile time.

use super::Decrypt;
use crate::addr::PhysAddr;
use crate::error::AttributeError;
use crate::phys::PhysMemory;

/// No encryption: pages are usable by devices as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoEncryption;

impl Decrypt for NoEncryption {
    const ENCRYPTED: bool = false;

    #[inline]
    fn decrypt(&self, _memory: &PhysMemory, _base: PhysAddr, _bytes: u64) -> Result<(), AttributeError> {
        Ok(())
    }

    #[inline]
    fn encrypt(&self, _memory: &PhysMemory, _base: PhysAddr, _bytes: u64) -> Result<(), AttributeError> {
        Ok(())
    }
}
