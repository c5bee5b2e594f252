//! Where pools get their memory: page blocks, a decryption model and an atomic pool, put together.
//!
//! Invariant: every [`PoolMemory`] goes back to where it came from, as its [`Origin`] says and never its
//! address; and no page goes back to the blocks unless it is known to be encrypted again. What cannot be
//! encrypted is leaked on purpose and counted.

use super::atomic_pool::AtomicPool;
use super::block::{Block, PageBlocks};
use super::decrypt::Decrypt;
use super::memory::PhysMemory;
use super::zoned::ZonedPages;
use crate::addr::PhysAddr;
use crate::error::{AttributeError, PageError};
use crate::rules::PAGE_SIZE;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whether the caller may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Process context: set-up, or the growth worker.
    MayBlock,
    /// A caller that may not block: the transient path of a map.
    Atomic,
}

/// Where a pool's memory came from, and so where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A page block.
    Blocks(Block),
    /// The atomic pool, at the memory's base.
    AtomicPool,
    /// Set aside early, before there was a page source: never freed to one.
    Reserved,
}

/// Memory for one pool, decrypted where that matters. Not necessarily zero.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "memory that is dropped is lost: give it to `PageSource::free`"]
pub struct PoolMemory {
    /// First address, a page's start.
    pub base: PhysAddr,
    /// Bytes that were asked for; what it was taken from may be larger.
    pub bytes: u64,
    origin: Origin,
}

impl PoolMemory {
    /// Memory of a given origin: for other implementations of [`PageSource`].
    pub const fn new(base: PhysAddr, bytes: u64, origin: Origin) -> Self {
        Self { base, bytes, origin }
    }

    /// Where it came from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
}

/// Who gives pools their memory (`swiotlb_alloc_tlb`, `swiotlb_free_tlb`).
pub trait PageSource: Send + Sync {
    /// `bytes` bytes at or below `limit`, the last address allowed, with windows of `memory` behind them,
    /// and visible to devices.
    ///
    /// # Errors
    /// Says what was short. Nothing is kept, unless pages had to be leaked: see
    /// [`PageSource::leaked_bytes`].
    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError>;

    /// Takes the memory back to where it came from. May block: call it once the grace period is over, and
    /// under no guard.
    fn free(&self, memory: &PhysMemory, pages: PoolMemory);

    /// Bytes leaked on purpose, because they could not be encrypted again. Whole pages and blocks.
    fn leaked_bytes(&self) -> u64;
}

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
    /// A source from its parts. Without encryption the atomic pool is never used.
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

    /// Decrypts the atomic pool, once; nothing without encryption or without such a pool. Call it at set-up:
    /// the first [`Context::Atomic`] request does it otherwise, and blocks as it should not.
    ///
    /// # Errors
    /// If its windows or its decryption fail. The next call tries again.
    pub fn prepare(&self, memory: &PhysMemory) -> Result<(), PageError> {
        let Some(pool) = &self.atomic else { return Ok(()) };
        // Acquire: see the field. Two threads may both get past this: decrypting twice changes nothing.
        if !D::ENCRYPTED || self.prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        memory.ensure(pool.base(), pool.bytes())?;
        self.decrypt.decrypt(memory, pool.base(), pool.bytes())?;
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
        let pages = PoolMemory::new(base, bytes, Origin::Reserved);
        self.make_visible(memory, pages)
    }

    /// Decrypts `pages`, or gives them back.
    fn make_visible(&self, memory: &PhysMemory, pages: PoolMemory) -> Result<PoolMemory, PageError> {
        if !D::ENCRYPTED {
            return Ok(pages);
        }
        match self.decrypt.decrypt(memory, pages.base, whole_pages(pages.bytes)) {
            Ok(()) => Ok(pages),
            Err(error) => {
                // Some pages may have changed: only encrypting all of them makes them safe to give back.
                self.free(memory, pages);
                Err(error.into())
            }
        }
    }

    fn alloc_atomic(
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

    /// Encrypts `pages` again; `false`, and counted as leaked, if that fails.
    fn hide(&self, memory: &PhysMemory, pages: &PoolMemory, whole: u64) -> bool {
        let hidden: Result<(), AttributeError> = if D::ENCRYPTED {
            self.decrypt.encrypt(memory, pages.base, whole_pages(pages.bytes))
        } else {
            Ok(())
        };
        if hidden.is_err() {
            self.leaked.fetch_add(whole, Ordering::Relaxed);
        }
        hidden.is_ok()
    }
}

/// `bytes` rounded up to whole pages, one at least.
fn whole_pages(bytes: u64) -> u64 {
    bytes.max(1).div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE)
}

impl<B: PageBlocks, D: Decrypt> PageSource for PoolPages<B, D> {
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
        self.make_visible(memory, PoolMemory::new(block.base, bytes, Origin::Blocks(block)))
    }

    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        match pages.origin {
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
#[path = "source_tests.rs"]
mod tests;
