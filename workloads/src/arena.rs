//! Where a plan's originals lie: made-up addresses, handed out so that no two live originals overlap.
//!
//! Extents are whole pages, so that an original may lie anywhere in its first page. What is given back is
//! handed out again last in, first out, to the next original of as many pages: the order in which a page
//! allocator's per-CPU lists reuse pages, and the one that keeps an original's lines hot.
//!
//! Invariant: an extent is either handed out or on exactly one free list.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::rules::PAGE_SIZE;

/// Where arenas begin: the upper half of the made-up address space, above everything that a page source
/// of a usual size hands out. A multiple of any alignment that a device asks for.
pub const ARENA_BASE: PhysAddr = PhysAddr(1 << 39);
/// Most bytes that a plan's originals may take: 64 GiB of address space.
pub const MAX_ARENA: u64 = 64 << 30;
/// Bytes at an arena's start that belong to no original: what foreign lookups ask for.
pub const FOREIGN_BYTES: u64 = 1 << 20;

const PAGE: u32 = 4096;
const SECTOR: u32 = 512;

/// Where in its page an original begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// At the page's start, as block layers' page buffers do.
    #[default]
    Page,
    /// At a random multiple of 512 bytes, as direct I/O from a user's buffer may.
    Sector,
    /// At a random multiple of 4 bytes, as network headers do.
    Word,
}

impl Placement {
    /// Bytes from the page's start.
    pub fn offset(self, rng: &mut Xoshiro256PlusPlus) -> u32 {
        match self {
            Self::Page => 0,
            Self::Sector => SECTOR * rng.random_range(0..PAGE / SECTOR),
            Self::Word => 4 * rng.random_range(0..PAGE / 4),
        }
    }
}

/// The arena has no room for another original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "originals would take more than {max} bytes of address space; use fewer live mappings or smaller ones"
)]
pub struct ArenaFull {
    /// The limit in bytes.
    pub max: u64,
}

/// An original that was handed out.
#[derive(Debug, PartialEq, Eq)]
pub struct Extent {
    orig: PhysAddr,
    /// Bytes from the arena's start.
    start: u64,
    class: Class,
}

/// Extents of one class fit each other's originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    align: u64,
    bytes: u64,
}

impl Class {
    /// The class for `size` bytes that begin `offset` bytes behind a multiple of `align`.
    #[must_use]
    pub const fn of(size: u32, offset: u32, align: u64) -> Self {
        let align = if align > PAGE_SIZE { align } else { PAGE_SIZE };
        let size = if size > 0 { size as u64 } else { 1 };
        let bytes = ((offset as u64 & (align - 1)) + size).next_multiple_of(PAGE_SIZE);
        Self { align, bytes }
    }
}

impl Extent {
    /// The class that it belongs to.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Where the original begins.
    #[must_use]
    pub const fn orig(&self) -> PhysAddr {
        self.orig
    }
}

/// Hands out originals.
#[derive(Debug)]
pub struct Arena {
    next: u64,
    limit: u64,
    free: BTreeMap<Class, Vec<u64>>,
}

impl Arena {
    /// An arena of at most `limit` bytes from [`ARENA_BASE`], its first [`FOREIGN_BYTES`] left out.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { next: FOREIGN_BYTES, limit: limit.min(MAX_ARENA), free: BTreeMap::new() }
    }

    /// Hands out `size` bytes that begin `offset` bytes behind a multiple of `align` (a power of two; a
    /// page at least).
    ///
    /// # Errors
    /// [`ArenaFull`].
    pub fn take(&mut self, size: u32, offset: u32, align: u64) -> Result<Extent, ArenaFull> {
        let class = Class::of(size, offset, align);
        let offset = u64::from(offset) & (class.align - 1);
        let start = match self.free.get_mut(&class).and_then(Vec::pop) {
            Some(start) => start,
            None => self.fresh(class)?,
        };
        Ok(Extent { orig: ARENA_BASE.wrapping_add(start + offset), start, class })
    }

    fn fresh(&mut self, class: Class) -> Result<u64, ArenaFull> {
        let start = self.next.next_multiple_of(class.align);
        let end = start + class.bytes;
        if end > self.limit {
            return Err(ArenaFull { max: self.limit });
        }
        self.next = end;
        Ok(start)
    }

    /// Takes an original back.
    pub fn give(&mut self, extent: Extent) {
        self.free.entry(extent.class).or_default().push(extent.start);
    }

    /// Forgets what was given back, so that it is never handed out again: between two threads of a plan,
    /// whose ops are in no order.
    pub fn forget_free(&mut self) {
        self.free.clear();
    }

    /// Start and bytes.
    #[must_use]
    pub const fn span(&self) -> (PhysAddr, u64) {
        (ARENA_BASE, self.next)
    }
}

/// A random address, a multiple of 8, that no original ever has.
pub fn foreign(rng: &mut Xoshiro256PlusPlus) -> PhysAddr {
    ARENA_BASE.wrapping_add(rng.random_range(0..FOREIGN_BYTES / 8) * 8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn live_extents_are_disjoint_and_reused() {
        let mut arena = Arena::new(1 << 30);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut live: Vec<(Extent, u32)> = Vec::new();
        for _ in 0..4_000 {
            if live.len() > 40 {
                let (extent, _) = live.swap_remove(rng.random_range(0_u32..40) as usize);
                arena.give(extent);
            }
            let size = rng.random_range(1..=20_000);
            let offset = Placement::Sector.offset(&mut rng);
            let extent = arena.take(size, offset, 0).unwrap();
            assert_eq!(extent.orig().0 % PAGE_SIZE, u64::from(offset));
            for (other, bytes) in &live {
                let (a, b) = (extent.orig().0, other.orig().0);
                assert!(a + u64::from(size) <= b || b + u64::from(*bytes) <= a);
            }
            live.push((extent, size));
        }
        assert!(arena.span().1 < FOREIGN_BYTES + 6 * 41 * 24_576, "pages are used again");
    }

    #[test]
    fn wide_alignments_keep_their_offset() {
        let mut arena = Arena::new(MAX_ARENA);
        arena.take(1, 0, 0).unwrap();
        let extent = arena.take(100, 0x1_2345, 0x2_0000).unwrap();
        assert_eq!(extent.orig().0 % 0x2_0000, 0x1_2345);
    }

    #[test]
    fn a_full_arena_says_so() {
        let mut arena = Arena::new(FOREIGN_BYTES + 8192);
        let first = arena.take(8192, 0, 0).unwrap();
        assert_eq!(arena.take(1, 0, 0), Err(ArenaFull { max: FOREIGN_BYTES + 8192 }));
        arena.give(first);
        let again = arena.take(5000, 0, 0).unwrap();
        arena.give(again);
        arena.forget_free();
        assert!(arena.take(8192, 0, 0).is_err());
    }

    #[test]
    fn foreign_addresses_are_nobodys() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let extent = Arena::new(MAX_ARENA).take(1, 0, 0).unwrap();
        for _ in 0..1_000 {
            let addr = foreign(&mut rng);
            assert!(addr >= ARENA_BASE && addr < extent.orig());
        }
    }
}
