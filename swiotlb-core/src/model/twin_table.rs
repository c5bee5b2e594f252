//! A copy of the hash of granules that a fault can be put into: every key points to the first entry.

use super::page::Page;
use crate::sync::Ordering::{self, Acquire, Relaxed, Release};
use crate::sync::{AtomicPtr, AtomicU64};
use core::ptr;

/// What can be wrong.
#[derive(Clone, Copy)]
pub(super) struct Faults {
    /// How the pool is stored into its entry.
    pub(super) pool: Ordering,
    /// How a new table is linked.
    pub(super) table: Ordering,
    /// Whether an entry that others lie behind keeps its key when its pool goes.
    pub(super) keeps_key: bool,
    /// Whether a new table is filled before it is linked.
    pub(super) fills_first: bool,
}

/// Nothing is wrong.
pub(super) const SOUND: Faults = Faults { pool: Release, table: Release, keeps_key: true, fills_first: true };

const EMPTY: u64 = 0;
/// Two entries in use, and an empty one.
const ENTRIES: usize = 3;

#[derive(Default)]
struct Entry {
    key: AtomicU64,
    pool: AtomicPtr<Page>,
}

type Table = [Entry; ENTRIES];

/// `lookup/granule_hash.rs`, with one writer and without the list.
pub(super) struct TwinTable {
    table: AtomicPtr<Table>,
    faults: Faults,
}

impl TwinTable {
    pub(super) fn new(faults: Faults) -> Self {
        Self { table: AtomicPtr::new(Box::leak(Box::default())), faults }
    }

    fn table(&self) -> &Table {
        // SAFETY: every table was leaked.
        unsafe { &*self.table.load(Acquire) }
    }

    fn put_into(&self, table: &Table, key: u64, pool: *mut Page) {
        let gone = |entry: &&Entry| entry.pool.load(Relaxed).is_null();
        let entry = table.iter().find(gone).expect("the models put in no more than there is room for");
        entry.pool.store(pool, self.faults.pool);
        entry.key.store(key, Release);
    }

    pub(super) fn put(&self, key: u64, pool: &'static Page) {
        self.put_into(self.table(), key, ptr::from_ref(pool).cast_mut());
    }

    /// Takes the pool out from under `key`, which has others behind it.
    pub(super) fn take(&self, key: u64) {
        let entry = self.table().iter().find(|entry| entry.key.load(Relaxed) == key).expect("it is in");
        entry.pool.store(ptr::null_mut(), Relaxed);
        if !self.faults.keeps_key {
            entry.key.store(EMPTY, Relaxed);
        }
    }

    /// Makes another table with the same entries.
    pub(super) fn replace(&self) {
        let (old, new) = (self.table(), Box::leak(Box::<Table>::default()));
        let link = |new: &Table| self.table.store(ptr::from_ref(new).cast_mut(), self.faults.table);
        if !self.faults.fills_first {
            link(new);
        }
        for entry in old.iter().filter(|entry| !entry.pool.load(Relaxed).is_null()) {
            self.put_into(new, entry.key.load(Relaxed), entry.pool.load(Relaxed));
        }
        if self.faults.fills_first {
            link(new);
        }
    }

    pub(super) fn find(&self, key: u64) -> Option<&'static Page> {
        for entry in self.table() {
            let found = entry.key.load(Acquire);
            if found == key {
                // SAFETY: null, or a page that was leaked.
                if let Some(pool) = unsafe { entry.pool.load(Acquire).as_ref() } {
                    return Some(pool);
                }
            } else if found == EMPTY {
                return None;
            }
        }
        None
    }
}
