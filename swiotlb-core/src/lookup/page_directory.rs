//! A directory over pages: three dependent loads, however many pools there are.
//!
//! The made-up address space of 2^40 bytes is cut into 1,024 regions of 1 GiB, each into 512 blocks of
//! 2 MiB, each into 512 pages. An entry is only a candidate: two pools never share a page (pools start on
//! one), but a pool may end inside its last page, so the range is compared as well; and whose pool it is
//! follows from whose directory is asked.
//!
//! Invariant: a table that was linked stays until the directory is dropped, so a reader may walk through it
//! at any time. An entry is null or a pool that is in the directory, or was when the reader came.
//!
//! What it costs: an insertion writes an entry per page, and a table of 4 KiB per 2 MiB and per 1 GiB that
//! holds a pool; the top table of 8 KiB comes with the first pool.

use super::indexed::{AddressIndex, Indexed};
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::rules::{PAGE_SHIFT, PAGE_SIZE};
use crate::sync::{AtomicPtr, Ordering};
use core::ptr::{self, NonNull};

/// The page directory.
pub struct PageDirectory;

impl PoolLookup for PageDirectory {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Directory<T>>;
    const NAME: &'static str = "page-directory";
}

/// Entries of the lower tables, and of the top one; a few under the model checker, which tracks each.
const FANOUT: usize = if cfg!(loom) { 2 } else { 512 };
const TOP: usize = if cfg!(loom) { 2 } else { 1024 };
const BLOCK_SHIFT: u32 = PAGE_SHIFT + FANOUT.ilog2();
const REGION_SHIFT: u32 = BLOCK_SHIFT + FANOUT.ilog2();

/// The pages of one block.
struct Pages<T>([AtomicPtr<T>; FANOUT]);
/// The blocks of one region.
struct Blocks<T>([AtomicPtr<Pages<T>>; FANOUT]);
/// The regions of the address space.
struct Regions<T>([AtomicPtr<Blocks<T>>; TOP]);

/// A table whose entries are all null.
trait Table {
    fn empty() -> Self;
}

impl<T> Table for Pages<T> {
    fn empty() -> Self {
        Self(core::array::from_fn(|_| AtomicPtr::default()))
    }
}

impl<T> Table for Blocks<T> {
    fn empty() -> Self {
        Self(core::array::from_fn(|_| AtomicPtr::default()))
    }
}

impl<T> Table for Regions<T> {
    fn empty() -> Self {
        Self(core::array::from_fn(|_| AtomicPtr::default()))
    }
}

/// The table behind `link`, if there is one.
#[inline]
fn table<U>(link: &AtomicPtr<U>) -> Option<&U> {
    // Acquire: pairs with the Release exchange in `table_or_new`.
    let table = link.load(Ordering::Acquire);
    // SAFETY: null, or a table that lives as long as the directory that `link` is part of.
    unsafe { table.as_ref() }
}

/// The table behind `link`, made if there is none.
fn table_or_new<U: Table>(link: &AtomicPtr<U>) -> &U {
    if let Some(table) = table(link) {
        return table;
    }
    let new = Box::into_raw(Box::new(U::empty()));
    // AcqRel on success: Release publishes the empty table. Acquire on failure: another writer's table.
    match link.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made, and kept until the directory is dropped.
        Ok(_) => unsafe { &*new },
        Err(theirs) => {
            // SAFETY: ours was never linked.
            drop(unsafe { Box::from_raw(new) });
            // SAFETY: as in `table`; it is not null, since the exchange failed.
            unsafe { &*theirs }
        }
    }
}

/// Frees the table behind `link`.
fn free<U>(link: &mut AtomicPtr<U>) -> Option<Box<U>> {
    // Relaxed: `&mut` orders every other access before this one.
    let table = link.load(Ordering::Relaxed);
    // SAFETY: made by `Box::into_raw` in `table_or_new`, and `&mut` says that nobody reads.
    if table.is_null() { None } else { Some(unsafe { Box::from_raw(table) }) }
}

/// The directory of one allocator or device.
pub struct Directory<T> {
    top: AtomicPtr<Regions<T>>,
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self { top: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T> Drop for Directory<T> {
    fn drop(&mut self) {
        let Some(mut top) = free(&mut self.top) else { return };
        for mut blocks in top.0.iter_mut().filter_map(free) {
            blocks.0.iter_mut().for_each(|pages| drop(free(pages)));
        }
    }
}

/// The number of the entry for `addr` in a table whose entries span 2^`shift` bytes.
#[inline]
fn entry(addr: PhysAddr, shift: u32, entries: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "masked to the table's size")]
    let number = (addr.0 >> shift) as usize;
    number & (entries - 1)
}

impl<T: PoolRange> Directory<T> {
    /// Sets the entry of every page of `pool` to `value`.
    fn set(&self, pool: &T, value: *mut T) {
        let top = table_or_new(&self.top);
        let mut page = pool.start();
        while page < pool.end() {
            let blocks = table_or_new(&top.0[entry(page, REGION_SHIFT, TOP)]);
            let pages = table_or_new(&blocks.0[entry(page, BLOCK_SHIFT, FANOUT)]);
            // Release: a reader that gets `pool` from here sees it initialised.
            pages.0[entry(page, PAGE_SHIFT, FANOUT)].store(value, Ordering::Release);
            page = page.wrapping_add(PAGE_SIZE);
        }
    }

    #[inline]
    fn candidate(&self, addr: PhysAddr) -> *mut T {
        let none = ptr::null_mut();
        if addr.0 >> REGION_SHIFT >= TOP as u64 {
            return none;
        }
        let Some(top) = table(&self.top) else { return none };
        let Some(blocks) = table(&top.0[entry(addr, REGION_SHIFT, TOP)]) else { return none };
        let Some(pages) = table(&blocks.0[entry(addr, BLOCK_SHIFT, FANOUT)]) else { return none };
        // Acquire: pairs with the Release store in `set`.
        pages.0[entry(addr, PAGE_SHIFT, FANOUT)].load(Ordering::Acquire)
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Directory<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        self.set(unsafe { pool.as_ref() }, pool.as_ptr());
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: it was added, and its owner frees it after this removal only.
        self.set(unsafe { pool.as_ref() }, ptr::null_mut());
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        // SAFETY: null, or a pool that is valid for as long as the guard (`PoolIndex::insert`).
        let pool = unsafe { self.candidate(addr).as_ref() }?;
        probe.pools_visited(1);
        if pool.start() <= addr && addr < pool.end() { Some(pool) } else { None }
    }
    fn bytes(&self) -> usize {
        let Some(top) = table(&self.top) else { return 0 };
        let blocks: Vec<&Blocks<T>> = top.0.iter().filter_map(table).collect();
        let pages = blocks.iter().flat_map(|blocks| &blocks.0).filter_map(table).count();
        size_of::<Regions<T>>() + blocks.len() * size_of::<Blocks<T>>() + pages * size_of::<Pages<T>>()
    }
}
