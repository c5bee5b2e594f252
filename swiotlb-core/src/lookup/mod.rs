//! `find_pool`: which pool holds an address. Readers take no lock and never block, but in
//! `RwLockArray` and `MutexArray`.
//!
//! | lookup | when it wins |
//! |---|---|
//! | [`RcuList`] | Linux's: few pools; an insertion is one store |
//! | [`SortedArray`] | many pools that seldom change: a binary search, paid for by copying at each change |
//! | [`ArcSwapArray`] | the same where read sections are long: an old array goes when the last lookup in it ends |
//! | [`LeftRight`] | the same where pools change too often to copy all of them; writers wait for lookups |
//! | [`GranuleHash`] | one pool to very many: the list's cost for the newest, then a line of a hash table; little memory |
//! | [`RwLockArray`], [`MutexArray`] | the price of a lock on the read side; simplest to get right |
//! | [`SkipList`] | many pools that come and go on many threads |
//! | [`PageDirectory`] | very many pools: three loads however many there are, paid for per page at insertion |
//!
//! An index holds pools that somebody else owns. `T` is generic so that tests can index something small.

mod arc_swap_array;
mod granule_hash;
mod indexed;
mod left_right;
mod locked_array;
mod page_directory;
mod ranges;
mod rcu_list;
mod skip_list;
mod sorted_array;
#[cfg(test)]
mod tests;

pub use arc_swap_array::ArcSwapArray;
pub use granule_hash::GranuleHash;
pub use indexed::{AddressIndex, Indexed};
pub use left_right::LeftRight;
pub use locked_array::{MutexArray, RwLockArray};
pub use page_directory::PageDirectory;
pub use rcu_list::RcuList;
pub use skip_list::SkipList;
pub use sorted_array::SortedArray;

use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::AtomicPtr;
use core::ptr::NonNull;

/// What an index needs to know of a pool.
pub trait PoolRange: Send + Sync + Sized + 'static {
    /// First byte.
    fn start(&self) -> PhysAddr;
    /// The byte after the last.
    fn end(&self) -> PhysAddr;
    /// The link that a list may use; each pool is in one index at a time.
    fn link(&self) -> &AtomicPtr<Self>;
}

/// A strategy: a family of indices.
pub trait PoolLookup: Send + Sync + 'static {
    /// The index of pools `T` whose readers `R` waits for.
    type Index<T: PoolRange, R: Reclaim>: PoolIndex<T, R>;
    /// The name in policy labels.
    const NAME: &'static str;
}

/// A set of pools that can be searched while it changes.
///
/// Publication: what happened before `insert` happens before what a reader does with the pool that it
/// then finds. Whether a reader *must* already find it is settled by the caller's barriers
/// ([`crate::publish`]).
pub trait PoolIndex<T: PoolRange, R: Reclaim>: Default + Send + Sync {
    /// Adds a pool; it becomes the newest.
    ///
    /// # Safety
    /// `pool` must be valid until it was removed and every guard that existed at that time has gone, or
    /// until the index is dropped; and it may be in no other index. Every guard that is ever given to this
    /// index must be of the one collector whose grace period the pool is kept for.
    unsafe fn insert(&self, guard: &R::Guard<'_>, pool: NonNull<T>);

    /// Takes a pool out; later readers do not find it. `false` if it was not in.
    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool;

    /// The pool whose `[start, end)` holds `addr`.
    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T>;

    /// Every pool, newest first.
    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T>;

    /// Memory that the index takes, in bytes: itself and what it holds. Pools are not counted, nor what waits for
    /// readers. An estimate where an outside container does not say.
    fn bytes(&self) -> usize;
}
