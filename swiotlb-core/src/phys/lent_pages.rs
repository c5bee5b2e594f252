//! Pools from memory that the process is lent: from its allocator, or a mapping for each.
//!
//! Lent memory lies beyond the made-up space ([`SPACE`]), so it is only for devices that reach it, which in
//! practice are those with 64-bit addresses; for any other the answer is [`PageError::AboveLimit`], as from the
//! zones. Only set-up and growth, which make pools for all devices, then take blocks instead. Callers that may
//! not block on a platform that encrypts get the atomic pool's memory, as from [`PoolPages`]: lent memory would
//! have to be decrypted first.
//!
//! Invariant: a loan goes back to its lender once, encrypted again and writable. If it cannot be, it is leaked
//! and counted.

use super::atomic_pool::AtomicPool;
use super::block::PageBlocks;
use super::decrypt::Decrypt;
use super::lender::{Lender, Mapping, System};
use super::memory::PhysMemory;
use super::pool_pages::PoolPages;
use super::source::{Context, FromParts, Origin, PageSource, PoolMemory, Source, whole_pages};
use super::space::SPACE;
use crate::addr::PhysAddr;
use crate::error::PageError;
use core::marker::PhantomData;

/// Memory from a lender.
#[derive(Debug)]
pub struct LentPages<L, B, D> {
    /// For the decryption model, the atomic pool, and memory that was reserved. Its blocks serve where lent memory lies too high.
    pages: PoolPages<B, D>,
    lender: PhantomData<L>,
}

impl<L: Lender, B: PageBlocks, D: Decrypt> LentPages<L, B, D> {
    /// Borrows `bytes` bytes at or below `limit`.
    fn borrow(memory: &PhysMemory, bytes: u64, limit: PhysAddr) -> Result<PoolMemory, PageError> {
        let too_high = PageError::AboveLimit { limit };
        let last = |base: PhysAddr| base.wrapping_add(bytes.saturating_sub(1));
        if last(PhysAddr(SPACE)) > limit {
            return Err(too_high);
        }
        let pages = PoolMemory::lent(memory.borrow::<L>(whole_pages(bytes))?, bytes);
        if last(pages.base) > limit {
            repay(memory, pages);
            return Err(too_high);
        }
        Ok(pages)
    }
}

/// Gives a loan back. What is not lent by `memory` is left alone.
fn repay(memory: &PhysMemory, pages: PoolMemory) {
    let repaid = pages.into_lease().is_some_and(|lease| memory.repay(lease));
    debug_assert!(repaid, "memory that is not lent here");
}

impl<L: Lender> Source for L {
    type Of<B: PageBlocks + 'static, D: Decrypt + 'static> = LentPages<L, B, D>;
    const NAME: &'static str = <L as Lender>::NAME;
    const KEEPS_PLACEMENT: bool = false;
}

/// Pools from the process's allocator.
pub type SystemPages<B, D> = LentPages<System, B, D>;
/// A mapping for each pool.
pub type MappedPages<B, D> = LentPages<Mapping, B, D>;

impl<L: Lender, B: PageBlocks, D: Decrypt> FromParts<B, D> for LentPages<L, B, D> {
    fn from_parts(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self {
        Self { pages: PoolPages::new(blocks, decrypt, atomic), lender: PhantomData }
    }

    fn parts(&self) -> &PoolPages<B, D> {
        &self.pages
    }
}

impl<L: Lender, B: PageBlocks, D: Decrypt> PageSource for LentPages<L, B, D> {
    type Source = L;
    const FREE_MAY_BLOCK: bool = true;

    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError> {
        if D::ENCRYPTED && context == Context::Atomic {
            return self.pages.alloc_atomic(memory, bytes, limit);
        }
        let pages = match Self::borrow(memory, bytes, limit) {
            Err(PageError::AboveLimit { .. }) if context == Context::MayBlock => {
                return self.pages.alloc(memory, bytes, limit, context);
            }
            borrowed => borrowed?,
        };
        match self.pages.show(memory, &pages) {
            Ok(()) => Ok(pages),
            Err(error) => {
                // Some pages may have changed.
                self.free(memory, pages);
                Err(error.into())
            }
        }
    }

    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        if pages.origin() != Origin::Lent {
            self.pages.free(memory, pages);
            return;
        }
        let whole = whole_pages(pages.bytes);
        if !self.pages.hide(memory, &pages, whole) {
            return;
        }
        if D::ENCRYPTED && self.pages.decrypt_model().forget(memory, pages.base, whole).is_err() {
            self.pages.leak(whole);
            return;
        }
        repay(memory, pages);
    }

    fn leaked_bytes(&self) -> u64 {
        self.pages.leaked_bytes()
    }
}
