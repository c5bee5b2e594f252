//! The atomic pool for every caller that may not block, encrypted platform or not.
//!
//! Linux takes transient pools from it on encrypted platforms only. Here it is a source like any other: memory
//! set aside beforehand, decrypted where that matters, always touched.
//!
//! Invariant: as of [`PoolPages`]. On a platform that does not encrypt, blocks serve when the pool is empty.

use super::atomic_pool::AtomicPool;
use super::block::PageBlocks;
use super::decrypt::Decrypt;
use super::memory::PhysMemory;
use super::pool_pages::PoolPages;
use super::source::{Context, FromParts, PageSource, PoolMemory, Source};
use crate::addr::PhysAddr;
use crate::error::PageError;

/// [`PoolPages`] with the atomic pool first.
#[derive(Debug)]
pub struct AtomicPages<B, D> {
    pages: PoolPages<B, D>,
}

/// The atomic pool first.
#[derive(Clone, Copy, Debug)]
pub struct Atomic;

impl Source for Atomic {
    type Of<B: PageBlocks + 'static, D: Decrypt + 'static> = AtomicPages<B, D>;
    const NAME: &'static str = "atomic";
    const KEEPS_PLACEMENT: bool = false;
}

impl<B: PageBlocks, D: Decrypt> FromParts<B, D> for AtomicPages<B, D> {
    fn from_parts(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self {
        Self { pages: PoolPages::new(blocks, decrypt, atomic) }
    }

    fn parts(&self) -> &PoolPages<B, D> {
        &self.pages
    }
}

impl<B: PageBlocks, D: Decrypt> PageSource for AtomicPages<B, D> {
    type Source = Atomic;
    const FREE_MAY_BLOCK: bool = D::ENCRYPTED;

    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError> {
        if !D::ENCRYPTED
            && context == Context::Atomic
            && let Ok(pages) = self.pages.alloc_atomic(memory, bytes, limit)
        {
            return Ok(pages);
        }
        self.pages.alloc(memory, bytes, limit, context)
    }

    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        self.pages.free(memory, pages);
    }

    fn leaked_bytes(&self) -> u64 {
        self.pages.leaked_bytes()
    }
}
