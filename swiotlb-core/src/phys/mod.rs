//! Physical memory that is made up: addresses, windows, zones, page sources, decryption models.
//!
//! From the bottom up; each layer knows only those before it:
//!
//! | file | what it is |
//! | --- | --- |
//! | [`memory`], `space`, `window`, `bytes`, `copy`, `pointer` | the bytes behind made-up addresses, mapped window by window on first use |
//! | [`block`] | the seam: who hands out power-of-two page blocks |
//! | [`buddy`], `extent` | such a one: a buddy allocator over zones |
//! | [`fault`] | another: fails on demand, keeps the balance |
//! | [`zoned`] | the zone rule above any of them: start high, give back what lies too high, go lower |
//! | [`atomic_pool`] | decrypted memory kept ready for callers that may not block |
//! | [`decrypt`] | the seam for memory encryption, and its models |
//! | `lent`, [`lender`] | memory of the process behind made-up addresses, for a time |
//! | [`source`] | the seam: who gives pools their memory |
//!
//! Page sources, from the seam's one side to the other:
//!
//! | source | when it wins |
//! | --- | --- |
//! | [`Zoned`] ([`PoolPages`]) | the kernel's: any address limit, any size, decrypted and encrypted again each time |
//! | [`Atomic`] ([`AtomicPages`]) | no caller may block, and the storm fits into what was set aside |
//! | [`System`] ([`SystemPages`]) | devices reach all addresses, and the process's allocator has warm pages of the size |
//! | [`Mapping`] ([`MappedPages`]) | pools are large and rare: nothing is kept, each page costs a fault |
//! | [`Cached`] ([`CachedPages`]) | storms: memory freed last comes back decrypted, touched and warm, without the zones |
//!
//! Invariant: an address carries no right to memory. Pages belong to whoever [`source::PageSource::alloc`]
//! gave them to, until that value goes back to [`source::PageSource::free`].

pub mod atomic_pages;
pub mod atomic_pool;
pub mod block;
pub mod buddy;
mod bytes;
pub mod cached;
#[cfg(test)]
mod child;
mod copy;
pub mod decrypt;
mod extent;
pub mod fault;
mod flush;
pub mod lender;
mod lent;
pub mod lent_pages;
pub mod memory;
mod pointer;
pub mod pool_pages;
pub(crate) mod ready;
pub mod source;
#[cfg(test)]
mod sources_tests;
mod space;
mod window;
pub mod zoned;

pub use atomic_pages::{Atomic, AtomicPages};
pub use atomic_pool::AtomicPool;
pub use block::{Block, PageBlocks};
pub use buddy::BuddyZones;
pub use cached::{Cached, CachedPages};
pub use decrypt::{CostModel, Decrypt, FailingDecrypt, NoEncryption, PageAttribute};
pub use fault::FailingBlocks;
pub use lender::{Lender, Mapping, System};
pub use lent_pages::{LentPages, MappedPages, SystemPages};
pub use memory::PhysMemory;
pub use pool_pages::{PoolPages, Zoned};
pub use source::{Context, FromParts, Origin, PageSource, PoolMemory, Source};
pub use space::{SPACE, WINDOW};
pub use window::HugePages;
pub use zoned::{ZonedPages, first_zone};

use core::fmt;

/// A zone of physical memory (`enum zone_type`), lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// Below 16 MiB (`ZONE_DMA`).
    Dma,
    /// From 16 MiB to below 4 GiB (`ZONE_DMA32`).
    Dma32,
    /// 4 GiB and above (`ZONE_NORMAL`).
    Normal,
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dma => "dma",
            Self::Dma32 => "dma32",
            Self::Normal => "normal",
        })
    }
}
