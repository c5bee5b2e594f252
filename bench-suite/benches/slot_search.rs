//! One map and its unmap: locks and searches, by occupancy and size.

mod common;

use bench_suite::policies::{Entry, KERNEL, LOCK_PARKING, LOCK_STD, LOCK_TICKET, SEARCH_BITMAP};
use bench_suite::scenario::{NSLABS, Occupancy, Scenario, SlotSearch};
use criterion::Criterion;

/// The strategies of the two axes that a slot search consists of.
const POLICIES: [Entry; 5] = [KERNEL, LOCK_TICKET, LOCK_STD, LOCK_PARKING, SEARCH_BITMAP];
/// Those of one axis alone.
const SEARCHES: [Entry; 2] = [KERNEL, SEARCH_BITMAP];

/// Occupancy, slots, and the policies that differ there.
const CELLS: [(Occupancy, u32, &[Entry]); 4] = [
    (Occupancy::Empty, 2, &POLICIES),
    (Occupancy::Empty, 128, &SEARCHES),
    (Occupancy::Taken(90), 32, &SEARCHES),
    (Occupancy::Fragmented(90), 2, &SEARCHES),
];

fn benches(criterion: &mut Criterion) {
    let mut group = common::group(criterion, "slot_search");
    for (occupancy, slots, policies) in CELLS {
        let scenario =
            Scenario::SlotSearch(SlotSearch { nslabs: NSLABS, occupancy, slots, copy: false, fails: false });
        for entry in policies {
            common::bench(&mut group, &format!("{slots} slots, {occupancy}"), entry, &scenario);
        }
    }
    group.finish();
}

fn main() {
    common::run("slot_search", benches);
}
