//! What pools are made from by default: page blocks, a decryption model and an atomic pool, put together.
//!
//! Invariant: no page goes back to the blocks unless it is known to be encrypted again. What cannot be
//! encrypted is leaked on purpose and counted.

use super::atomic_pool::AtomicPool;
use super::block::PageBlocks;
use super::decrypt::Decrypt;
use super::memory::PhysMemory;
use super::source::{Context, FromParts, Origin, PageSource, PoolMemory, Source, whole_pages};
use super::zoned::ZonedPages;
use crate::addr::PhysAddr;
use crate::error::{AttributeError, PageError};
use crate::rules::PAGE_SIZE;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Page blocks under the zone rule, a decryption model, and an atomic pool for callers that may not block.
#[derive(Debug)]
pub struct PoolPages<B, D> {
    zoned: ZonedPages<B>,
    decrypt: D,
    atomic: Option<AtomicPool>,
    /// Whether the atomic pool was decrypted. Release in `prepare` pairs with Acquire there: whoever sees
    /// true sees the windows and the protection that were set up before.
    prepared: AtomicBool,
    /// Relaxed: a count, publishes nothing.
    leaked: AtomicU64,
}

impl<B: PageBlocks, D: Decrypt> PoolPages<B, D> {
    /// A source from its parts. Without encryption it never uses the atomic pool.
    #[must_use]
    pub const fn new(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self {
        let (prepared, leaked) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { zoned: ZonedPages::new(blocks), decrypt, atomic, prepared, leaked }
    }

    /// The page blocks.
    #[must_use]
    pub const fn blocks(&self) -> &B {
        self.zoned.blocks()
    }

    /// The decryption model.
    #[must_use]
    pub const fn decrypt_model(&self) -> &D {
        &self.decrypt
    }

    /// The atomic pool, if there is one.
    #[must_use]
    pub const fn atomic_pool(&self) -> Option<&AtomicPool> {
        self.atomic.as_ref()
    }

    /// Puts windows behind the atomic pool and decrypts it, once; nothing without such a pool. Call it at
    /// set-up: the first request that it serves does it otherwise, and blocks as it should not.
    ///
    /// # Errors
    /// If its windows or its decryption fail. The next call tries again.
    pub fn prepare(&self, memory: &PhysMemory) -> Result<(), PageError> {
        let Some(pool) = &self.atomic else { return Ok(()) };
        // Acquire: see the field. Two threads may both get past this: decrypting twice changes nothing.
        if self.prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        memory.ensure(pool.base(), pool.bytes())?;
        if D::ENCRYPTED {
            self.decrypt.decrypt(memory, pool.base(), pool.bytes())?;
        }
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Early memory at a place of the caller's choosing, decrypted where that matters. No source knows of
    /// it: the caller sees to it that the blocks do not hand out the same addresses.
    ///
    /// # Errors
    /// If its windows or its decryption fail; what was decrypted is encrypted again, or else counted as
    /// leaked.
    pub fn reserve(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<PoolMemory, PageError> {
        memory.ensure(base, bytes)?;
        self.visible(memory, PoolMemory::new(base, bytes, Origin::Reserved))
    }

    /// Decrypts `pages`, or gives them back.
    fn visible(&self, memory: &PhysMemory, pages: PoolMemory) -> Result<PoolMemory, PageError> {
        match self.show(memory, &pages) {
            Ok(()) => Ok(pages),
            Err(error) => {
                // Some pages may have changed: only encrypting all of them makes them safe to give back.
                self.free(memory, pages);
                Err(error.into())
            }
        }
    }

    /// Decrypts `pages`.
    pub(super) fn show(&self, memory: &PhysMemory, pages: &PoolMemory) -> Result<(), AttributeError> {
        if !D::ENCRYPTED {
            return Ok(());
        }
        self.decrypt.decrypt(memory, pages.base, whole_pages(pages.bytes))
    }

    /// Memory of the atomic pool.
    ///
    /// # Errors
    /// [`PageError::AtomicPoolEmpty`] if it has none left, or there is no such pool.
    pub(super) fn alloc_atomic(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
    ) -> Result<PoolMemory, PageError> {
        let pool = self.atomic.as_ref();
        let pool = pool.ok_or(PageError::AtomicPoolEmpty { pages: whole_pages(bytes) / PAGE_SIZE })?;
        self.prepare(memory)?;
        let base = pool.alloc(bytes)?;
        let last = base.wrapping_add(bytes.saturating_sub(1));
        if last > limit {
            // First fit gave the lowest there is, so nothing else in the pool would do.
            pool.free(base, bytes);
            return Err(PageError::AboveLimit { limit });
        }
        Ok(PoolMemory::new(base, bytes, Origin::AtomicPool))
    }

    /// Encrypts `pages` again; `false`, and `whole` bytes counted as leaked, if that fails.
    pub(super) fn hide(&self, memory: &PhysMemory, pages: &PoolMemory, whole: u64) -> bool {
        let hidden: Result<(), AttributeError> = if D::ENCRYPTED {
            self.decrypt.encrypt(memory, pages.base, whole_pages(pages.bytes))
        } else {
            Ok(())
        };
        if hidden.is_err() {
            self.leak(whole);
        }
        hidden.is_ok()
    }

    /// Counts `bytes` bytes as leaked.
    pub(super) fn leak(&self, bytes: u64) {
        self.leaked.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Page blocks under the zone rule: the kernel's source.
#[derive(Clone, Copy, Debug)]
pub struct Zoned;

impl Source for Zoned {
    type Of<B: PageBlocks + 'static, D: Decrypt + 'static> = PoolPages<B, D>;
    const NAME: &'static str = "zoned";
    const KEEPS_PLACEMENT: bool = true;
}

impl<B: PageBlocks, D: Decrypt> FromParts<B, D> for PoolPages<B, D> {
    fn from_parts(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self {
        Self::new(blocks, decrypt, atomic)
    }

    fn parts(&self) -> &Self {
        self
    }
}

impl<B: PageBlocks, D: Decrypt> PageSource for PoolPages<B, D> {
    type Source = Zoned;
    const FREE_MAY_BLOCK: bool = D::ENCRYPTED;

    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError> {
        if D::ENCRYPTED && context == Context::Atomic {
            return self.alloc_atomic(memory, bytes, limit);
        }
        let block = self.zoned.alloc(bytes, limit)?;
        if let Err(error) = memory.ensure(block.base, bytes) {
            self.zoned.free(block);
            return Err(error);
        }
        self.visible(memory, PoolMemory::new(block.base, bytes, Origin::Blocks(block)))
    }

    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        match pages.origin() {
            Origin::Blocks(block) => {
                if self.hide(memory, &pages, block.bytes()) {
                    self.zoned.free(block);
                }
            }
            Origin::AtomicPool => {
                debug_assert!(self.atomic.is_some(), "{pages:?} came from another source");
                if let Some(pool) = &self.atomic {
                    pool.free(pages.base, pages.bytes);
                }
            }
            Origin::Lent => debug_assert!(false, "{pages:?} came from another source"),
            Origin::Reserved => {
                self.hide(memory, &pages, whole_pages(pages.bytes));
            }
        }
    }

    fn leaked_bytes(&self) -> u64 {
        self.leaked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "pool_pages_tests.rs"]
mod tests;
