//! The table from within: how its keys spread, how full it gets, and what a removal empties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::super::tests::Range;
use super::*;
use crate::reclaim::Epoch;
use std::collections::BTreeSet;

#[test]
fn a_key_says_granule_and_level() {
    let mut seen = BTreeSet::new();
    for level in 0..LEVELS {
        let bytes = 1_u64 << (12 + 6 * level);
        for granule in 0..300 {
            let first = key(PhysAddr(granule * bytes), level);
            assert_eq!(first, key(PhysAddr(granule * bytes + bytes - 1), level));
            assert_eq!(level_of(first), u64::from(level));
            assert!(first != EMPTY && seen.insert(first), "{granule} of level {level}");
        }
    }
}

#[test]
fn keys_of_neighbours_lie_apart() {
    let table = Table::<Range>::for_entries(100);
    assert_eq!((table.entries.len(), Table::<Range>::for_entries(1).entries.len()), (512, 16));
    let places: BTreeSet<_> = (0..300).map(|i| table.place(key(PhysAddr(i << 12), 0))).collect();
    assert!(places.iter().all(|&place| place < 512) && places.len() > 250, "{} places", places.len());
}

#[test]
fn what_is_gone_is_empty_once_nobody_passes_it() {
    let table = Table::<Range>::for_entries(1);
    let pools = [0, 1, 2].map(|i| Range::new(i << 12, 0x1000));
    let [a, b, c] = pools.each_ref().map(|pool| NonNull::from(&**pool).as_ptr());
    // Three entries in a row, which begins at the table's last.
    let key = (0..).map(|i| key(PhysAddr(i << 12), 0)).find(|&key| table.place(key) == 15).unwrap();
    assert_eq!([a, b, c].map(|pool| table.put(key, pool)), [true; 3]);
    assert_eq!(table.drop_key(key, b), 0, "c lies behind it");
    assert!(!table.put(key, b), "its entry was gone, not empty");
    assert_eq!([table.drop_key(key, a), table.drop_key(key, b), table.drop_key(key, c)], [0, 0, 3]);
    assert!(table.entries.iter().all(|entry| entry.key.load(Ordering::Relaxed) == EMPTY));
}

#[test]
fn a_table_is_never_more_than_half_full_and_counts_what_it_holds() {
    let epoch = Epoch::default();
    let local = epoch.register();
    let guard = Epoch::enter(&local);
    let index = Hash::<Range, Epoch>::default();
    // 60 granules each, so that the first table must be a large one; then one each.
    let bytes = |i: u64| if i < 3 { 60 << 12 } else { 1 << 12 };
    let pools: Vec<_> = (0..100).map(|i| Range::new(i << 20, bytes(i))).collect();
    let check = |pools: &[Box<Range>]| {
        let counts = index.writer.lock();
        let entries = &index.table(&guard).unwrap().entries;
        let of = |what: &dyn Fn(&Entry<Range>) -> bool| entries.iter().filter(|entry| what(entry)).count();
        assert_eq!(counts.live, pools.iter().map(|pool| keys(&**pool).count()).sum::<usize>());
        assert_eq!(counts.live, of(&|entry| !entry.pool.load(Ordering::Relaxed).is_null()));
        assert_eq!(counts.used, of(&|entry| entry.key.load(Ordering::Relaxed) != EMPTY));
        assert!(counts.used * 2 <= entries.len(), "{} of {}", counts.used, entries.len());
        assert!(entries.len() <= 8 * counts.used.max(60), "{} of {}", counts.used, entries.len());
    };
    for i in 0..100 {
        // SAFETY: `pools` outlives `index`.
        unsafe { index.insert(&guard, NonNull::from(&*pools[i])) };
        check(&pools[..=i]);
    }
    for i in (3..100).rev() {
        assert!(index.remove(&guard, NonNull::from(&*pools[i])));
        check(&pools[..i]);
    }
}

#[test]
fn a_lookup_compares_few_pools() {
    let epoch = Epoch::default();
    let local = epoch.register();
    let guard = Epoch::enter(&local);
    let index = Hash::<Range, Epoch>::default();
    let pools: Vec<_> = (0..200).map(|i| Range::new(i << 12, 0x1000)).collect();
    // SAFETY: `pools` outlives `index`.
    pools.iter().for_each(|pool| unsafe { index.insert(&guard, NonNull::from(&**pool)) });
    for pool in &pools[..199] {
        let counters = crate::probe::Counters::default();
        assert!(index.find(&guard, pool.start(), &counters).is_some());
        assert_eq!(counters.get().pools_visited, 2, "the newest, and its own granule's");
    }
}

#[test]
fn a_pool_may_have_more_granules_than_the_table_has_entries() {
    let epoch = Epoch::default();
    let local = epoch.register();
    let guard = Epoch::enter(&local);
    let index = Hash::<Range, Epoch>::default();
    let (first, newest) = (Range::new(0x800, 64 << PAGE_SHIFT), Range::new(1 << 30, 0x1000));
    assert!(keys(&*first).count() > LEAST);
    // A table of the least size, empty again.
    // SAFETY: `newest` outlives `index`.
    unsafe { index.insert(&guard, NonNull::from(&*newest)) };
    assert!(index.remove(&guard, NonNull::from(&*newest)));
    for pool in [&first, &newest] {
        // SAFETY: both outlive `index`.
        unsafe { index.insert(&guard, NonNull::from(&**pool)) };
    }
    for at in (0x800..0x800 + (64 << PAGE_SHIFT)).step_by(0x800) {
        let found = index.find(&guard, PhysAddr(at), &()).map(PoolRange::start);
        assert_eq!(found, Some(PhysAddr(0x800)), "{at:#x}");
    }
}

/// A level's granule is 64 times the one below; of the smallest that takes 64 of them at most.
#[test]
fn a_pool_is_cut_into_at_most_64_granules_or_one_more_where_it_begins_inside_one() {
    let cut = |pages: u64, start: u64| {
        let all: Vec<u64> = keys(&*Range::new(start, pages << PAGE_SHIFT)).collect();
        (level_of(all[0]), all.len())
    };
    for (pages, level, count) in [
        (1, 0, 1),
        (64, 0, 64),
        (65, 1, 2),
        (4_096, 1, 64),
        (4_097, 2, 2),
        (1 << 18, 2, 64),
        (1 << 24, 3, 64),
    ] {
        assert_eq!(cut(pages, 1 << 42), (level, count), "{pages} pages");
    }
    assert_eq!(
        (cut(64, 0x800), cut(1 << 28, 0)),
        ((0, 65), (3, 1_024)),
        "inside a granule; beyond all levels"
    );
}
