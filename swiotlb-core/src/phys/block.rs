//! A page block, and the seam below which blocks come from.
//!
//! Invariant: a [`Block`] is a run of `2^order` pages that starts at a multiple of its own size. Whoever was
//! given one by [`PageBlocks::alloc`] has it alone, until the one [`PageBlocks::free`] of it.

use super::Zone;
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::PAGE_SHIFT;
use std::sync::Arc;

/// A run of `2^order` pages, aligned to its own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// First address.
    pub base: PhysAddr,
    /// log2 of its pages.
    pub order: u32,
}

impl Block {
    /// Its size in bytes; `u64::MAX` for an order that does not fit (52 or more).
    #[inline]
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        if self.order < u64::BITS - PAGE_SHIFT { 1 << (self.order + PAGE_SHIFT) } else { u64::MAX }
    }
}

/// Who hands out page blocks (`alloc_pages`, `__free_pages`). It answers one request at a time and never
/// looks at an address limit: that is for [`super::ZonedPages`], one layer up.
///
/// An implementation takes `&self` and is called by many threads at once.
pub trait PageBlocks: Send + Sync {
    /// A block of `2^order` pages from `zone` or, if it is exhausted, from a lower one.
    ///
    /// # Errors
    /// [`PageError::OutOfPages`] if none of these zones has such a block.
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError>;

    /// Takes back a block that [`PageBlocks::alloc`] of the same source gave, once.
    fn free(&self, block: Block);
}

impl<B: PageBlocks + ?Sized> PageBlocks for &B {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        (**self).alloc(order, zone)
    }

    fn free(&self, block: Block) {
        (**self).free(block);
    }
}

impl<B: PageBlocks + ?Sized> PageBlocks for Arc<B> {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        (**self).alloc(order, zone)
    }

    fn free(&self, block: Block) {
        (**self).free(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_double_with_the_order() {
        let of = |order| Block { base: PhysAddr(0), order }.bytes();
        assert_eq!((of(0), of(1), of(10), of(51)), (4096, 8192, 4 << 20, 1 << 63));
        assert_eq!((of(52), of(u32::MAX)), (u64::MAX, u64::MAX));
    }
}
