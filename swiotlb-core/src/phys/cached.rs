//! A cache of ready memory in front of another source: what pools gave back last, decrypted, touched and warm.
//!
//! A hit costs neither the search for pages nor their decryption nor a first touch. A miss costs a load more
//! than the source behind, and memory above the budget goes straight back to it: so a storm that outruns
//! reclamation, whose every request misses, is served as without the cache.
//!
//! Invariant: memory in the cache is visible to devices and belongs to nobody; at most the budget is kept. When
//! the source behind has nothing left, what is kept goes back to it before a request fails, as far as the
//! caller may wait for that.

use super::atomic_pool::AtomicPool;
use super::block::PageBlocks;
use super::decrypt::Decrypt;
use super::memory::PhysMemory;
use super::pool_pages::PoolPages;
use super::ready::{MAX_PAGES, Ready};
use super::source::{Context, FromParts, Origin, PageSource, PoolMemory, Source};
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::PAGE_SHIFT;

/// What a cache keeps unless told otherwise: 16 MiB, a quarter of the default pool; 64 of the largest transient
/// pools.
pub const BUDGET: u64 = (64 * MAX_PAGES) << PAGE_SHIFT;

/// A source with a cache in front.
#[derive(Debug)]
pub struct CachedPages<S> {
    inner: S,
    ready: Ready,
}

impl<S: PageSource> CachedPages<S> {
    /// An empty cache of at most `budget` bytes before `inner`.
    #[must_use]
    pub fn new(inner: S, budget: u64) -> Self {
        Self { inner, ready: Ready::new(budget) }
    }

    /// The source behind.
    #[must_use]
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The source behind had nothing: once more, with what is kept given back. Only once: others may take
    /// meanwhile what is given back here.
    #[cold]
    fn alloc_slow(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
        error: PageError,
    ) -> Result<PoolMemory, PageError> {
        if self.give_back(memory, context) {
            self.inner.alloc(memory, bytes, limit, context)
        } else {
            Err(error)
        }
    }

    /// Gives back what is kept, as far as a caller in `context` can; whether that was anything.
    fn give_back(&self, memory: &PhysMemory, context: Context) -> bool {
        let waits = context == Context::MayBlock || !S::FREE_MAY_BLOCK;
        let can = |pages: &PoolMemory| waits || pages.origin() == Origin::AtomicPool;
        let mut any = false;
        while let Some(pages) = self.ready.take_any(can) {
            self.inner.free(memory, pages);
            any = true;
        }
        any
    }
}

/// A cache of ready memory before the kernel's source.
#[derive(Clone, Copy, Debug)]
pub struct Cached;

impl Source for Cached {
    type Of<B: PageBlocks + 'static, D: Decrypt + 'static> = CachedPages<PoolPages<B, D>>;
    const NAME: &'static str = "cached";
    const KEEPS_PLACEMENT: bool = false;
}

impl<B: PageBlocks, D: Decrypt> FromParts<B, D> for CachedPages<PoolPages<B, D>> {
    fn from_parts(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self {
        Self::new(PoolPages::new(blocks, decrypt, atomic), BUDGET)
    }

    fn parts(&self) -> &PoolPages<B, D> {
        &self.inner
    }
}

impl<S: PageSource> PageSource for CachedPages<S> {
    type Source = Cached;
    const FREE_MAY_BLOCK: bool = S::FREE_MAY_BLOCK;

    #[inline]
    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError> {
        if let Some(pages) = self.ready.take(bytes, limit) {
            return Ok(pages);
        }
        match self.inner.alloc(memory, bytes, limit, context) {
            Err(error) => self.alloc_slow(memory, bytes, limit, context, error),
            pages => pages,
        }
    }

    #[inline]
    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        // Reserved memory lies where its user wanted it, and serves nobody else.
        let kept = if pages.origin() == Origin::Reserved { Err(pages) } else { self.ready.keep(pages) };
        if let Err(pages) = kept {
            self.inner.free(memory, pages);
        }
    }

    fn drain(&self, memory: &PhysMemory) {
        self.give_back(memory, Context::MayBlock);
        self.inner.drain(memory);
    }

    fn leaked_bytes(&self) -> u64 {
        self.inner.leaked_bytes()
    }
}

#[cfg(test)]
#[path = "cached_tests.rs"]
mod tests;
