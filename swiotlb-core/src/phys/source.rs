//! Where pools get their memory: the seam that every page source implements, and what it hands out.
//!
//! Invariant: every [`PoolMemory`] goes back to where it came from, as its [`Origin`] says and never its
//! address.

use super::atomic_pool::AtomicPool;
use super::block::{Block, PageBlocks};
use super::decrypt::Decrypt;
use super::lent::Lease;
use super::memory::PhysMemory;
use super::pool_pages::PoolPages;
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::PAGE_SIZE;

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
    /// A lender outside the made-up memory: the process's allocator, or a mapping of its own.
    Lent,
    /// Set aside early, before there was a page source: never freed to one.
    Reserved,
}

/// Memory for one pool, decrypted where that matters. Not necessarily zero.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "memory that is dropped is lost: give it to `PageSource::free`"]
pub struct PoolMemory {
    /// First address, a page's start.
    pub base: PhysAddr,
    /// Bytes that are there to use, at least those asked for; what it was taken from may be larger.
    pub bytes: u64,
    origin: Origin,
    /// The right to give lent memory back.
    lease: Option<Lease>,
}

impl PoolMemory {
    /// Memory of a given origin: for other implementations of [`PageSource`]. [`Origin::Lent`] has nothing
    /// behind it then.
    pub const fn new(base: PhysAddr, bytes: u64, origin: Origin) -> Self {
        Self { base, bytes, origin, lease: None }
    }

    /// The first `bytes` bytes of lent memory.
    pub(super) const fn lent(lease: Lease, bytes: u64) -> Self {
        Self { base: lease.base(), bytes, origin: Origin::Lent, lease: Some(lease) }
    }

    /// The lease, if this is lent memory.
    pub(super) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    /// Where it came from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
}

/// Who gives pools their memory (`swiotlb_alloc_tlb`, `swiotlb_free_tlb`).
pub trait PageSource: Send + Sync {
    /// The kind of source that this is, whatever blocks and decryption model it is made of.
    type Source: Source;
    /// Whether [`PageSource::free`] may block, but for memory of the atomic pool.
    const FREE_MAY_BLOCK: bool;

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

    /// Gives back all memory that is kept ready, for as long as nothing more is freed. May block. The
    /// allocator calls it when it goes.
    fn drain(&self, _memory: &PhysMemory) {}

    /// Bytes leaked on purpose, because they could not be encrypted again. Whole pages and blocks.
    fn leaked_bytes(&self) -> u64;
}

/// A source that is made of page blocks, a decryption model and an atomic pool for those who may not block.
pub trait FromParts<B, D>: PageSource + Sized {
    /// The source of these parts.
    fn from_parts(blocks: B, decrypt: D, atomic: Option<AtomicPool>) -> Self;

    /// The parts, for whoever prepares or inspects them.
    fn parts(&self) -> &PoolPages<B, D>;
}

/// A kind of page source: what a policy names, for whichever blocks and model it is used with.
pub trait Source: Send + Sync + 'static {
    /// The source with these parts.
    type Of<B: PageBlocks + 'static, D: Decrypt + 'static>: PageSource<Source = Self>
        + FromParts<B, D>
        + 'static;
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether pools lie where Linux would put them, given the same blocks.
    const KEEPS_PLACEMENT: bool;
}

/// `bytes` rounded up to whole pages, one at least.
pub(super) fn whole_pages(bytes: u64) -> u64 {
    bytes.max(1).div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE)
}
