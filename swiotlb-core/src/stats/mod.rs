//! Statistics: slots in use, their high-water mark, slots in transient pools.
//!
//! | statistics | when it wins |
//! |---|---|
//! | [`Global`] | Linux's: exact at any moment; every map and unmap writes one shared line |
//! | [`ByArea`] | as exact: the areas' own counts added up when asked; a map only compares |
//! | [`Sharded`] | a line per caller: nothing shared is written, a reader adds up |
//! | [`Off`] | nothing is counted: the difference to it is what statistics cost |

mod by_area;
mod global;
mod off;
mod sharded;

pub use by_area::ByArea;
pub use global::Global;

pub use off::Off;
pub use sharded::{Shard, Sharded};

use crate::area::AreaSlots;

/// Counts of an allocator. `Shard` is what one caller holds of them.
pub trait Stats: Default + Send + Sync + 'static {
    /// One caller's share.
    type Shard;
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether used slots and high-water mark equal Linux's.
    const EXACT: bool;
    /// Whether used slots are what the areas say: these must be metered, and who passes an allowance settles.
    const BY_AREA: bool = false;

    /// A share for one more caller.
    fn shard(&self) -> Self::Shard;
    /// `slots` more are in use.
    fn add_used(&self, shard: &Self::Shard, slots: u64);
    /// `slots` fewer are in use.
    fn sub_used(&self, shard: &Self::Shard, slots: u64);
    /// `slots` more are in transient pools.
    fn add_transient(&self, slots: u64);
    /// `slots` fewer are in transient pools.
    fn sub_transient(&self, slots: u64);
    /// Slots in use, transient ones included (`io_tlb_used`). `in_areas` adds up what the areas of the allocator's
    /// pools have in use, for those who do not count it.
    fn used(&self, in_areas: impl FnOnce() -> u64) -> u64;
    /// The most that were in use at once (`io_tlb_used_hiwater`).
    fn used_hiwater(&self) -> u64;
    /// Sets the high-water mark back to 0. `areas` are those of the allocator's pools.
    fn reset_hiwater<'a, A: AreaSlots + 'a>(&self, areas: &mut dyn Iterator<Item = &'a A>);
    /// Slots in transient pools (`io_tlb_transient_nslabs`).
    fn transient_nslabs(&self) -> u64;

    /// After a map that passed its area's allowance or made a transient pool: brings the high-water mark up to date.
    /// `areas` are those of the allocator's pools.
    fn settle<'a, A: AreaSlots + 'a>(&self, areas: &mut dyn Iterator<Item = &'a A>) {
        let _ = areas;
    }
}
