//! An array sorted by address behind the crate arc-swap: each change replaces the whole array, and an array is
//! freed by whoever gives up the last share of it.
//!
//! How it differs from [`super::SortedArray`], which holds the same array: there the old arrays wait for the
//! policy's reclaimer together with the pools, readers do nothing but an Acquire load, and an array lives as
//! long as any session that might have seen it. Here each lookup takes and gives back a share of the array (a
//! slot of the thread's own in arc-swap's list of debts: one swap and a second load to confirm it), so an old
//! array goes as soon as the last lookup in it ends, whatever sessions stay open; and that may be a reader, who
//! then pays for the free. It wins where sessions are long and pools come and go: the reclaimer is asked to keep
//! the pools only, and not an array of all of them for each change.
//!
//! Invariant: `current` is empty (no pool was ever added) or an array that nobody changes any more.
//!
//! Why a pool outlives the array that it was found in: the share is given back inside `find`, but the pool was
//! never kept by it. A reader enters its section first and loads the array after. If the pool was removed and its
//! grace period ended before the section began, that end happens before the load, which then cannot give an array
//! older than the removal's. Otherwise the section is one that the grace period waits for, and the pool stays until
//! the section ends, on which array ever it was found.

use super::indexed::{AddressIndex, Indexed};
use super::ranges::Ranges;
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::{Mutex, turn};
use arc_swap::ArcSwapOption;
use core::ptr::NonNull;
use std::sync::Arc;

/// The sorted array behind arc-swap.
pub struct ArcSwapArray;

impl PoolLookup for ArcSwapArray {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Swapped<T>>;
    const NAME: &'static str = "arc-swap-array";
}

/// The array of one allocator or device. The walk goes along the list beside it, and takes no share.
pub struct Swapped<T> {
    current: ArcSwapOption<Ranges<T>>,
    writer: Mutex<()>,
}

impl<T> Default for Swapped<T> {
    fn default() -> Self {
        Self { current: ArcSwapOption::empty(), writer: Mutex::new(()) }
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Swapped<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock();
        let old = self.current.load_full().unwrap_or_default();
        // SAFETY: the caller keeps `pool` valid.
        let next = unsafe { old.with(pool) };
        // The crate's swap is SeqCst: Release, so that a reader that gets the array sees it and its pools
        // initialised.
        turn();
        self.current.store(Some(Arc::new(next)));
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        let _writer = self.writer.lock();
        if let Some(old) = self.current.load_full() {
            // SAFETY: it was added, and its owner frees it after this removal only.
            let next = unsafe { old.without(pool) };
            turn();
            self.current.store(Some(Arc::new(next)));
        }
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        turn();
        let current = self.current.load();
        turn();
        let ranges = current.as_deref()?;
        probe.pools_visited(ranges.steps());
        let pool = ranges.at(addr)?;
        // SAFETY: valid for as long as the guard (`PoolIndex::insert`), which is older than the load above: see
        // the head of this file.
        Some(unsafe { pool.as_ref() })
    }

    fn bytes(&self) -> usize {
        /// The two counts in front of what an `Arc` holds.
        const COUNTS: usize = 2 * size_of::<usize>();
        let current = self.current.load();
        current.as_deref().map_or(0, |ranges| COUNTS + size_of::<Ranges<T>>() + ranges.bytes())
    }
}
