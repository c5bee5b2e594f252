//! One set of cases for every search, against a table of booleans that is obviously right.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;
use crate::probe::Counters;
use crate::rules::{IO_TLB_SEGSIZE, segment_end};
use crate::slot::{EachSlot, FirstSlot};
use proptest::prelude::*;

/// Free slots from `index` on, counted.
fn slow_run(free: &[bool], index: u32) -> u32 {
    let end = segment_end(index, u32::try_from(free.len()).unwrap());
    let run = free[index as usize..end as usize].iter().take_while(|&&f| f).count();
    u32::try_from(run).unwrap()
}

/// One of several kinds of request for `nslots` slots: page aligned or more, bits kept, both, neither; for
/// an original somewhere or at 0.
pub(super) fn request(nslots: u32, kind: u32) -> SlotRequest {
    let mask = |bits: u32| (1_u64 << bits) - 1;
    let alloc_align_mask = [0x7ff, 0xfff, 0x3fff, mask(20)][(kind % 4) as usize];
    let min_align_mask = [0, 0x7ff, 0xfff, 0xffff, mask(19)][(kind / 4 % 5) as usize];
    let orig = PhysAddr(u64::from(kind / 20 % 3) * 0x1_2345_7800);
    let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
    SlotRequest::new(&limits, orig, u64::from(nslots) * IO_TLB_SIZE, alloc_align_mask, 0)
}

/// Whether slot `first` may serve `req`, asked slot by slot.
fn legal(free: &[bool], at: InWindow, req: &SlotRequest, first: u32) -> bool {
    slow_run(free, first) >= req.nslots && req.aligned(at, first) && !req.crosses(at, first)
}

/// Checks one answer: the slow walk's, if the search keeps placement; else a legal one, and one at least
/// wherever the walk has one.
fn check<S: SlotSearch>(
    free: &[bool],
    at: InWindow,
    req: &SlotRequest,
    found: Option<u32>,
    slow: Option<u32>,
) {
    if S::KEEPS_PLACEMENT {
        assert_eq!(found, slow, "{}", S::NAME);
        return;
    }
    match found {
        Some(first) => assert!(legal(free, at, req, first), "{} {first} {req:?}", S::NAME),
        None => assert_eq!(slow, None, "{} {req:?}", S::NAME),
    }
}

/// Random claims and releases: every run length and every answer equal the slow ones.
fn agrees<S: SlotSearch>(nslabs: u32, start: u64, steps: &[(u32, u32, bool)]) {
    let slots = S::Table::new(nslabs);
    let area = AreaRange { first: 0, len: nslabs };
    let search = S::new(&slots, area);
    let at = InWindow { base: start, shift: start / IO_TLB_SIZE };
    let mut free = vec![true; nslabs as usize];
    let mut live: Vec<(u32, u32)> = Vec::new();
    for &(from, n, release) in steps {
        if release && !live.is_empty() {
            let (first, n) = live.swap_remove(from as usize % live.len());
            search.give(&slots, first, n);
            free[first as usize..(first + n) as usize].fill(true);
        } else {
            let req = request(n % IO_TLB_SEGSIZE + 1, n >> 8);
            let from = from % nslabs;
            let found = search.find(&slots, area, at, &req, from, &());
            let slow = stepped_walk(area, at, &req, from, &(), |i, n| slow_run(&free, i) >= n);
            check::<S>(&free, at, &req, found, slow);
            if let Some(first) = found {
                // One in two as an area does it, the other as replay does.
                if n & 1 << 7 == 0 {
                    assert_eq!(search.claim(&slots, area, at, &req, from, &()), found, "{}", S::NAME);
                } else {
                    search.take(&slots, first, &req);
                }
                free[first as usize..(first + req.nslots) as usize].fill(false);
                live.push((first, req.nslots));
            }
        }
        for i in 0..nslabs {
            assert_eq!(search.run(&slots, i), slow_run(&free, i), "{} slot {i}", S::NAME);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_search_agrees_with_a_table_of_booleans(
        nslabs in 1_u32..400,
        start in 0_u64..40,
        steps in prop::collection::vec((any::<u32>(), any::<u32>(), any::<bool>()), 1..60),
    ) {
        agrees::<FreeRunList>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Bitmap>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Bitmap<FirstSlot>>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Summary>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Summary<FirstSlot>>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Warm>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Warm<FirstSlot>>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Lifo>(nslabs, start * PAGE_SIZE, &steps);
        agrees::<Offset>(nslabs, start * PAGE_SIZE, &steps);
    }
}

#[test]
fn the_walk_stops_after_as_many_slots_as_the_area_has() {
    let area = AreaRange { first: 0, len: 128 };
    for from in 0..128 {
        let looked = core::cell::Cell::new(0);
        let req = request(2, 1);
        let found = stepped_walk(area, InWindow { base: 0, shift: 0 }, &req, from, &(), |_, _| {
            looked.set(looked.get() + 1);
            false
        });
        assert_eq!(found, None);
        assert!(looked.get() <= 64, "{} candidates from {from}", looked.get());
    }
}

#[test]
fn a_boundary_is_never_crossed() {
    let limits = DeviceLimits { seg_boundary_mask: 0xffff, ..DeviceLimits::default() };
    let req = SlotRequest::new(&limits, PhysAddr(0), 24 * IO_TLB_SIZE, 0x7ff, 0);
    let start = PhysAddr(0x1_0000 * 7 + 0x3000);
    let area = AreaRange { first: 0, len: 256 };
    for from in 0..256 {
        let at = req.in_window(start);
        let index = stepped_walk(area, at, &req, from, &(), |_, _| true).unwrap();
        let first = start.0 + u64::from(index) * IO_TLB_SIZE;
        assert_eq!(first >> 16, (first + 24 * IO_TLB_SIZE - 1) >> 16);
    }
}

/// A request for `nslots` slots without alignment.
pub(super) fn plain(nslots: u32) -> SlotRequest {
    request(nslots, 0)
}

pub(super) const AT: InWindow = InWindow { base: 0, shift: 0 };

#[test]
fn warm_hands_out_what_was_freed_last() {
    let area = AreaRange { first: 0, len: 512 };
    let slots = FirstSlot::new(512);
    let search = Warm::<FirstSlot>::new(&slots, area);
    let find = |n, from| search.find(&slots, area, AT, &plain(n), from, &()).unwrap();
    for (n, firsts) in [(4, [16, 200, 90]), (1, [3, 5, 4])] {
        firsts.iter().for_each(|&first| _ = search.take(&slots, first, &plain(n)));
        firsts.iter().for_each(|&first| _ = search.give(&slots, first, n));
        for &first in firsts.iter().rev() {
            assert_eq!(find(n, 300), first);
            search.take(&slots, first, &plain(n));
        }
        assert_eq!(find(n, 300), 300, "nothing warm is left");
    }
}

#[test]
fn a_slot_freed_last_heads_the_list() {
    let area = AreaRange { first: 128, len: 256 };
    let slots = EachSlot::new(384);
    let search = Lifo::<EachSlot>::new(&slots, area);
    let find = |n| search.find(&slots, area, AT, &plain(n), 0, &());
    assert_eq!(find(1), Some(128));
    search.take(&slots, 128, &plain(128));
    search.take(&slots, 300, &plain(3));
    search.give(&slots, 300, 3);
    assert_eq!((find(1), find(3), find(128)), (Some(300), Some(300), Some(256)));
}

#[test]
fn a_full_area_is_passed_by_one_comparison() {
    let area = AreaRange { first: 0, len: 1024 };
    let slots = FirstSlot::new(1024);
    let search = Summary::<FirstSlot>::new(&slots, area);
    (0..1024).step_by(4).for_each(|first| _ = search.take(&slots, first, &plain(1)));
    let looked = |n| {
        let counters = Counters::default();
        let found = search.find(&slots, area, AT, &plain(n), 500, &counters);
        (found, counters.get().slots_scanned)
    };
    assert_eq!(looked(5), (None, 8), "each segment once");
    assert_eq!(looked(4), (None, 8));
    assert_eq!((looked(4), looked(5)), ((None, 0), (None, 0)));
    assert_eq!(looked(3), (Some(501), 1));
    search.give(&slots, 8, 1);
    assert_eq!(looked(8), (None, 0));
    assert_eq!(looked(7), (Some(5), 2), "where the walk starts, and where the run is");
}

/// Entries written by: the claim of 8 slots from the 60th of a segment on, that of 4 from the 20th on; their releases.
fn written<S: SlotSearch>() -> [u32; 4] {
    let area = AreaRange { first: 128, len: 256 };
    let slots = S::Table::new(384);
    let search = S::new(&slots, area);
    let claims = [(188, 8), (148, 4)].map(|(first, n)| search.take(&slots, first, &plain(n)));
    let releases = [(148, 4), (188, 8)].map(|(first, n)| search.give(&slots, first, n));
    [claims[0], claims[1], releases[0], releases[1]]
}

#[test]
fn what_a_claim_and_a_release_write_is_counted() {
    assert_eq!(written::<FreeRunList>(), [68, 24, 24, 68], "counts to the segment's start");
    assert_eq!(written::<Bitmap>(), [2, 1, 1, 2], "words");
    assert_eq!(written::<Summary>(), [2, 1, 2, 2], "words, and at a release a look at the summary");
    assert_eq!(written::<Warm>(), [2, 1, 2, 2]);
    assert_eq!(written::<Lifo>(), [10, 5, 5, 10], "a link for each slot, and words");
    assert_eq!(written::<Offset>(), [2, 1, 1, 2]);
}

#[test]
fn a_release_of_old_slots_raises_the_summary() {
    let area = AreaRange { first: 128, len: 128 };
    let slots = FirstSlot::new(256);
    let search = Summary::<FirstSlot>::new(&slots, area);
    let _ = [(128, 64), (192, 1), (193, 63)].map(|(first, n)| search.take(&slots, first, &plain(n)));
    assert_eq!(search.find(&slots, area, AT, &plain(1), 0, &()), None);
    assert_eq!(search.give(&slots, 128, 32), 6, "a longer run than any");
    assert_eq!(search.give(&slots, 192, 1), 4, "a shorter one");
    assert_eq!(search.find(&slots, area, AT, &plain(33), 0, &()), None);
    search.take(&slots, 128, &plain(32));
    assert_eq!(search.give(&slots, 128, 32), 2, "slots that are not old");
}

#[test]
fn the_list_is_walked_from_its_head() {
    let area = AreaRange { first: 128, len: 256 };
    let slots = FirstSlot::new(384);
    let search = Lifo::<FirstSlot>::new(&slots, area);
    let looked = |n| {
        let counters = Counters::default();
        let found = search.find(&slots, area, AT, &plain(n), 0, &counters);
        (found, counters.get().slots_scanned)
    };
    search.take(&slots, 128, &plain(100));
    assert_eq!((looked(1), looked(29)), ((Some(228), 1), (Some(256), 29)));
    search.take(&slots, 256, &plain(128));
    assert_eq!(looked(29), (None, 28));
}

#[test]
fn a_request_for_more_than_can_be_counted_asks_for_the_most_there_is() {
    let nslots = |bytes| SlotRequest::new(&DeviceLimits::default(), PhysAddr(0), bytes, 0, 0).nslots;
    assert_eq!((nslots(u64::MAX), nslots(256 << 10)), (u32::MAX, 128));
}
