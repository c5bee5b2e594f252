//! Linux's walk against one that is spelled in bytes; and the summary of many segments, which leads past most of them.

use super::tests::{AT, plain, request};
use super::*;
use crate::slot::FirstSlot;

/// [`stepped_walk`] spelled in bytes, with what is asked of an address asked bit by bit; of an address within the
/// device's window, as in Linux.
fn slow_walk(
    area: AreaRange,
    start: u64,
    limits: &DeviceLimits,
    req: &SlotRequest,
    from: u32,
) -> Option<u32> {
    let (mut within, mut stepped) = (from, 0_u64);
    while stepped < area.len.into() {
        let addr = (start & limits.seg_boundary_mask) + u64::from(area.first + within) * IO_TLB_SIZE;
        let right = (0..64).map(|bit| 1 << bit).all(|bit: u64| match (req.align & bit, req.keep & bit) {
            (0, 0) => true,
            (0, _) => addr & bit == req.kept & bit,
            _ => addr & bit == 0,
        });
        let last = addr + u64::from(req.nslots) * IO_TLB_SIZE - 1;
        let crosses = addr | limits.seg_boundary_mask != last | limits.seg_boundary_mask;
        if right && !crosses {
            return Some(area.first + within);
        }
        let step = if right { req.stride } else { 1 };
        within = within.saturating_add(step);
        within = if within < area.len { within } else { 0 };
        stepped += u64::from(step);
    }
    None
}

#[test]
fn the_walk_is_the_one_that_is_spelled_in_bytes() {
    let area = AreaRange { first: 64, len: 192 };
    for kind in 0..60 {
        for boundary in [u64::MAX, 0x7f_ffff, 0xffff, 0x3fff, 0x7ff] {
            for nslots in [1, 2, 7, 8, 24, 32, 100] {
                let limits = DeviceLimits { seg_boundary_mask: boundary, ..DeviceLimits::default() };
                let (window, boundary_mask) = (boundary_slots(boundary), boundary);
                let req = SlotRequest { window, boundary_mask, ..request(nslots, kind) };
                for (start, from) in [(0x1_2345_6000, 0), (0x10_0000, 90), (0x7_f000, 191)] {
                    let at = req.in_window(PhysAddr(start));
                    let found = stepped_walk(area, at, &req, from, &(), |_, _| true);
                    assert_eq!(
                        found,
                        slow_walk(area, start, &limits, &req, from),
                        "{req:?} {start:#x} {from}"
                    );
                    let alone = AreaRange { first: found.unwrap_or(64), len: 1 };
                    let right = slow_walk(alone, start, &limits, &req, 0).is_some();
                    assert_eq!(req.aligned(at, alone.first) && !req.crosses(at, alone.first), right);
                }
            }
        }
    }
}

#[test]
fn a_summary_of_many_segments_leads_to_the_one_that_has_room() {
    const SEGMENTS: u32 = 20;
    let area = AreaRange { first: 128, len: SEGMENTS * 128 };
    for with_room in 0..SEGMENTS {
        let slots = FirstSlot::new(area.first + area.len);
        let search = Summary::<FirstSlot>::new(&slots, area);
        for segment in (0..SEGMENTS).filter(|&segment| segment != with_room) {
            search.take(&slots, area.first + segment * 128, &plain(128));
        }
        // Twice, because the first time makes the summary say what it may.
        for from in [0, 0, 7 * 128 + 3, 8 * 128, 19 * 128 + 127, with_room * 128, with_room * 128 + 100] {
            let found = search.find(&slots, area, AT, &plain(60), from, &());
            let here = from / 128 == with_room && from % 128 <= 68;
            let first = if here { from } else { with_room * 128 };
            assert_eq!(found, Some(area.first + first), "segment {with_room}, from {from}");
        }
        assert_eq!(search.find(&slots, area, AT, &plain(128), 5, &()), Some(area.first + with_room * 128));
    }
}
