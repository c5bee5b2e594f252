//! What the outside allocator is asked and told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::offset::slack;
use super::tests::{AT, plain};
use super::*;
use crate::probe::Counters;
use crate::slot::FirstSlot;

/// Where the search of an outside allocator found `req` for claims, and blocks that it looked at.
fn served(search: &Offset<FirstSlot>, slots: &FirstSlot, area: AreaRange, req: &SlotRequest) -> (u32, u64) {
    let counters = Counters::default();
    let ahead = search.find(slots, area, AT, req, 100, &counters);
    let looked = counters.get().slots_scanned;
    let first = search.claim(slots, area, AT, req, 100, &counters);
    assert_eq!((first, counters.get().slots_scanned), (ahead, 2 * looked));
    (first.unwrap(), looked)
}

#[test]
fn the_peer_is_asked_first_and_told_of_releases() {
    let area = AreaRange { first: 128, len: 512 };
    let slots = FirstSlot::new(640);
    let search = Offset::<FirstSlot>::new(&slots, area);
    for _ in 0..2 {
        let mut firsts: Vec<u32> = (0..128)
            .map(|_| {
                let (first, looked) = served(&search, &slots, area, &plain(4));
                assert_eq!(looked, 1, "a block of the peer's");
                first
            })
            .collect();
        assert_eq!(search.find(&slots, area, AT, &plain(1), 0, &()), None);
        firsts.sort_unstable();
        assert!(firsts.iter().copied().eq((128..640).step_by(4)), "nothing is wasted");
        firsts.iter().for_each(|&first| _ = search.give(&slots, first, 4));
    }
}

#[test]
fn the_peer_is_asked_for_a_block_that_is_large_enough_to_be_aligned_in() {
    let area = AreaRange { first: 128, len: 512 };
    for (align, n, first) in [(0x7ff, 128, 256), (0x3fff, 4, 136), (0x7_ffff, 1, 256)] {
        let slots = FirstSlot::new(640);
        let search = Offset::<FirstSlot>::new(&slots, area);
        assert_eq!(served(&search, &slots, area, &plain(1)), (128, 1));
        let limits = DeviceLimits::default();
        let req = SlotRequest::new(&limits, PhysAddr(0), u64::from(n) * IO_TLB_SIZE, align, 0);
        assert_eq!(served(&search, &slots, area, &req), (first, 2), "{align:#x}");
        // Other slots of the block are lost, to the peer only, until this claim ends.
        search.give(&slots, first, n);
        assert_eq!(served(&search, &slots, area, &plain(64)).1, 1);
    }
}

#[test]
fn a_block_has_as_many_slots_more_as_an_alignment_or_a_segment_s_end_may_cost() {
    let slack_of = |min_align_mask, align| {
        let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
        slack(&SlotRequest::new(&limits, PhysAddr(0x7f_f800), IO_TLB_SIZE, align, 0))
    };
    assert_eq!([0, 0xffff, 0x3_ffff].map(|align| slack_of(0, align)), [127; 3]);
    assert_eq!([0x7_ffff, 0xff_ffff].map(|align| slack_of(0, align)), [255; 2]);
    assert_eq!((slack_of(0xffff, 0), slack_of(0x7f_ffff, 0)), (127, 255), "bits of the original's are kept");
}
