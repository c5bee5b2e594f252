//! A hash of address granules in front of the list: the newest pool is compared first, and then one or two cache
//! lines lead to any other, however many there are.
//!
//! A pool is entered once for each granule that it touches. Granules come in four sizes, 4 KiB, 256 KiB, 16 MiB and
//! 1 GiB; a pool uses the smallest of which 64 cover its size, so an insertion writes 65 entries at most below
//! 64 GiB. A lookup asks once for each size in use, most often one. The table is open: entries of one key and of others lie
//! in a row from where the key's hash points, up to the first empty one. An entry is only a candidate: a granule
//! may hold several pools, or be theirs in part, so the pool's own range decides.
//!
//! Invariants: a live entry is reached from its key's place without passing an empty one, at every moment: entries
//! are never moved within a table, and one is emptied only if the next is empty. At least half of a table is
//! empty. A table that is replaced is freed after a grace period. The list holds the same pools, newest first.
//!
//! What it costs: 16 bytes per entry, two to six times over, and a copy of the table when it is half full. A removal
//! finds the pool's predecessor in the list by walking, as the list alone does.

#[cfg(test)]
mod tests;

use super::rcu_list::List;
use super::{PoolIndex, PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::rules::PAGE_SHIFT;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Mutex, Ordering};
use core::ops::ControlFlow;
use core::ptr::{self, NonNull};

/// The hash of granules.
pub struct GranuleHash;

impl PoolLookup for GranuleHash {
    type Index<T: PoolRange, R: Reclaim> = Hash<T, R>;
    const NAME: &'static str = "granule-hash";
}

/// Sizes of granules.
const LEVELS: u32 = 4;
/// Granules of the next size in one of this.
const LEVEL_BITS: u32 = 6;
/// Entries of the first table; fewer under the model checker, so that it is soon replaced.
const LEAST: usize = if cfg!(any(loom, shuttle)) { 4 } else { 16 };

/// Granule `addr >> shift` of a level, as a word that is never [`EMPTY`].
#[inline]
const fn key(addr: PhysAddr, level: u32) -> u64 {
    let granule = addr.0 >> (PAGE_SHIFT + level * LEVEL_BITS);
    granule * LEVELS as u64 + level as u64 + 1
}

const EMPTY: u64 = 0;

/// The level of a key.
const fn level_of(key: u64) -> u64 {
    (key - 1) % LEVELS as u64
}

/// The keys that `pool` is entered under.
fn keys<T: PoolRange>(pool: &T) -> impl Iterator<Item = u64> {
    let last = PhysAddr(pool.end().0.saturating_sub(1).max(pool.start().0));
    let pages = (last.0 - pool.start().0) >> PAGE_SHIFT;
    let fits = |level: &u32| pages >> (level * LEVEL_BITS) < 1 << LEVEL_BITS;
    let level = (0..LEVELS).find(fits).unwrap_or(LEVELS - 1);
    (key(pool.start(), level)..=key(last, level)).step_by(LEVELS as usize)
}

/// One granule of one pool. Empty: no key. Gone: a key and no pool; whoever passes goes on.
#[repr(align(16))]
struct Entry<T> {
    key: AtomicU64,
    pool: AtomicPtr<T>,
}

/// A table of one size.
struct Table<T> {
    /// A power of two of them.
    entries: Box<[Entry<T>]>,
    /// Bits of a key's hash that do not matter.
    shift: u32,
    /// A bit for each level that entries were made of. Relaxed: who must find a pool was told of it after its
    /// insertion had set the bit, and sees it; others may miss the pool.
    levels: AtomicU32,
}

impl<T: PoolRange> Table<T> {
    /// An empty table for `entries` entries and half as many again, at most a third full.
    fn for_entries(entries: usize) -> Self {
        let size = (entries * 3).next_power_of_two().max(LEAST);
        let empty = || Entry { key: AtomicU64::new(EMPTY), pool: AtomicPtr::new(ptr::null_mut()) };
        let entries = core::iter::repeat_with(empty).take(size).collect();
        Self { entries, shift: u64::BITS - size.ilog2(), levels: AtomicU32::new(0) }
    }

    /// The place of a key. Multiplication spreads neighbours; what it mixes best are the top bits.
    #[inline]
    fn place(&self, key: u64) -> usize {
        /// 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "less than the number of entries")]
        let place = (key.wrapping_mul(SPREAD) >> self.shift) as usize;
        place
    }

    /// The entry `at`, wrapped around.
    #[inline]
    fn entry(&self, at: usize) -> &Entry<T> {
        &self.entries[at & (self.entries.len() - 1)]
    }

    /// Under the writer's lock: enters `pool` under `key`; whether an empty entry was used.
    fn put(&self, key: u64, pool: *mut T) -> bool {
        let mut at = self.place(key);
        // Relaxed, here and in `drop_key`: only writers write, under the lock.
        while !self.entry(at).pool.load(Ordering::Relaxed).is_null() {
            at += 1;
        }
        let entry = self.entry(at);
        let was_empty = entry.key.load(Ordering::Relaxed) == EMPTY;
        // Release: a reader that gets `pool` from here sees it initialised, also one that read the key before.
        entry.pool.store(pool, Ordering::Release);
        // Release: a reader that sees the key sees the pool.
        entry.key.store(key, Ordering::Release);
        // Relaxed: see the field.
        self.levels.fetch_or(1 << level_of(key), Ordering::Relaxed);
        was_empty
    }

    /// Under the writer's lock: takes `pool` out from under `key`; how many entries are empty again.
    fn drop_key(&self, key: u64, pool: *mut T) -> usize {
        let mut at = self.place(key);
        while self.entry(at).pool.load(Ordering::Relaxed) != pool
            || self.entry(at).key.load(Ordering::Relaxed) != key
        {
            if self.entry(at).key.load(Ordering::Relaxed) == EMPTY {
                debug_assert!(false, "a pool that is in the list has all its entries");
                return 0;
            }
            at += 1;
        }
        // Relaxed, and for the key below: nothing is published. A reader that still sees the pool had come before.
        self.entry(at).pool.store(ptr::null_mut(), Ordering::Relaxed);
        let mut emptied = 0;
        let gone = |at: usize| self.entry(at).pool.load(Ordering::Relaxed).is_null();
        let empty = |at: usize| self.entry(at).key.load(Ordering::Relaxed) == EMPTY;
        // Nobody who looks for a live entry passes one whose next is empty, so it can be empty as well.
        while empty(at + 1) && gone(at) && !empty(at) {
            self.entry(at).key.store(EMPTY, Ordering::Relaxed);
            emptied += 1;
            at = at.wrapping_add(self.entries.len() - 1);
        }
        emptied
    }

    /// Goes through the candidates for `addr` until `try_pool` takes one.
    #[inline]
    fn candidates<O>(
        &self,
        addr: PhysAddr,
        mut try_pool: impl FnMut(NonNull<T>) -> ControlFlow<O>,
    ) -> Option<O> {
        let mut levels = self.levels.load(Ordering::Relaxed);
        while levels != 0 {
            let key = key(addr, levels.trailing_zeros());
            levels &= levels - 1;
            let mut at = self.place(key);
            loop {
                let entry = self.entry(at);
                // Acquire: pairs with the Release store in `put`; so we see the pool that came with the key, or a
                // later one, or none.
                let found = entry.key.load(Ordering::Acquire);
                if found == key {
                    // Acquire: pairs with the Release store of the pool in `put`.
                    let pool = NonNull::new(entry.pool.load(Ordering::Acquire));
                    if let Some(ControlFlow::Break(taken)) = pool.map(&mut try_pool) {
                        return Some(taken);
                    }
                } else if found == EMPTY {
                    break;
                }
                at += 1;
            }
        }
        None
    }
}

/// What writers know of the table.
#[derive(Default)]
struct Counts {
    /// Entries with a pool.
    live: usize,
    /// Entries that are not empty.
    used: usize,
}

/// The hash and the list of one allocator or device.
pub struct Hash<T, R> {
    list: List<T, R>,
    /// Null before the first pool.
    table: AtomicPtr<Table<T>>,
    writer: Mutex<Counts>,
}

impl<T, R> Default for Hash<T, R> {
    fn default() -> Self {
        Self { list: List::default(), table: AtomicPtr::new(ptr::null_mut()), writer: Mutex::default() }
    }
}

impl<T, R> Drop for Hash<T, R> {
    fn drop(&mut self) {
        // Relaxed: `&mut` orders every other access before this one.
        let last = self.table.load(Ordering::Relaxed);
        if !last.is_null() {
            // SAFETY: made by `Box::into_raw` in `with_room`, and nobody reads through `&mut self`.
            drop(unsafe { Box::from_raw(last) });
        }
    }
}

impl<T: PoolRange, R: Reclaim> Hash<T, R> {
    #[inline]
    fn table<'g>(&self, _guard: &'g R::Guard<'_>) -> Option<&'g Table<T>> {
        // Acquire: pairs with the Release swap in `with_room`.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: null, or a table that is freed only after this guard has gone (`with_room`).
        unsafe { table.as_ref() }
    }

    /// Under the writer's lock: the table, with room for `more` entries.
    fn with_room<'g>(&self, guard: &'g R::Guard<'_>, counts: &mut Counts, more: usize) -> &'g Table<T> {
        let old = self.table(guard);
        if let Some(old) = old.filter(|old| (counts.used + more) * 2 <= old.entries.len()) {
            return old;
        }
        let new = Table::for_entries(counts.live + more);
        for entry in old.iter().flat_map(|old| &old.entries) {
            let pool = entry.pool.load(Ordering::Relaxed);
            if !pool.is_null() {
                new.put(entry.key.load(Ordering::Relaxed), pool);
            }
        }
        counts.used = counts.live;
        let new = Box::into_raw(Box::new(new));
        // Release: publishes the table; a reader that gets it sees its entries.
        let old = self.table.swap(new, Ordering::AcqRel);
        if let Some(old) = NonNull::new(old) {
            // SAFETY: made by `Box::into_raw` above, unreachable for readers who come from now on.
            let old = unsafe { Box::from_raw(old.as_ptr()) };
            // SAFETY: the box owns all that the closure needs.
            unsafe { R::defer(guard, move || drop(old)) };
        }
        // SAFETY: replaced under the lock only, and then freed after this guard has gone.
        unsafe { &*new }
    }

    /// [`PoolIndex::find`] past the newest pool.
    // A call of its own, so that the look at the newest pool stays as small as the list's.
    #[inline(never)]
    fn find_older<'g, C: Probe>(
        &'g self,
        guard: &'g R::Guard<'_>,
        addr: PhysAddr,
        probe: &C,
    ) -> Option<&'g T> {
        let mut visited = 1;
        let found = self.table(guard)?.candidates(addr, |pool| {
            visited += 1;
            // SAFETY: a pool in the table is valid for as long as the guard (`insert`).
            let pool: &'g T = unsafe { pool.as_ref() };
            if holds(pool, addr) { ControlFlow::Break(pool) } else { ControlFlow::Continue(()) }
        });
        probe.pools_visited(visited);
        found
    }

    fn enter(&self, guard: &R::Guard<'_>, pool: NonNull<T>, range: &T) {
        let mut counts = self.writer.lock();
        let table = self.with_room(guard, &mut counts, keys(range).count());
        for key in keys(range) {
            counts.live += 1;
            counts.used += usize::from(table.put(key, pool.as_ptr()));
        }
    }
}

/// Whether `pool` holds `addr`.
#[inline]
fn holds<T: PoolRange>(pool: &T, addr: PhysAddr) -> bool {
    pool.start() <= addr && addr < pool.end()
}

impl<T: PoolRange, R: Reclaim> PoolIndex<T, R> for Hash<T, R> {
    unsafe fn insert(&self, guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        self.enter(guard, pool, unsafe { pool.as_ref() });
        // Last, so that no map can use a pool whose addresses are not known yet.
        // SAFETY: the caller's promise is handed on.
        unsafe { self.list.insert(guard, pool) };
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        if !self.list.remove(guard, pool) {
            return false;
        }
        let mut counts = self.writer.lock();
        if let Some(table) = self.table(guard) {
            // SAFETY: it was in, and its owner frees it after this removal only.
            for key in keys(unsafe { pool.as_ref() }) {
                counts.live -= 1;
                counts.used -= table.drop_key(key, pool.as_ptr());
            }
        }
        true
    }

    #[inline]
    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        let newest = self.list.iter(guard).next()?;
        if holds(newest, addr) {
            probe.pools_visited(1);
            return Some(newest);
        }
        // The walk along the list would end here, too (Acquire as there).
        if newest.link().load(Ordering::Acquire).is_null() {
            probe.pools_visited(1);
            return None;
        }
        self.find_older(guard, addr, probe)
    }

    #[inline]
    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.list.iter(guard)
    }

    fn bytes(&self) -> usize {
        let _writer = self.writer.lock();
        let table = self.table.load(Ordering::Relaxed);
        // SAFETY: null, or the table that readers see now; it is replaced under the lock only.
        let held =
            unsafe { table.as_ref() }.map_or(0, |now| size_of::<Table<T>>() + size_of_val(&*now.entries));
        size_of::<Self>() + held
    }
}
