//! One map and its unmap: locks and searches, by occupancy and size.

mod common;

use bench_suite::scenario::{NSLABS, Occupancy, Scenario, SlotSearch};
use criterion::Criterion;

/// The strategies of the two axes that a slot search consists of.
const POLICIES: [&str; 5] = ["kernel", "lock-ticket", "lock-std", "lock-parking", "search-bitmap"];

/// Occupancy, slots, and the policies that differ there.
const CELLS: [(Occupancy, u32, &[&str]); 4] = [
    (Occupancy::Empty, 2, &POLICIES),
    (Occupancy::Empty, 128, &["kernel", "search-bitmap"]),
    (Occupancy::Taken(90), 32, &["kernel", "search-bitmap"]),
    (Occupancy::Fragmented(90), 2, &["kernel", "search-bitmap"]),
];

fn benches(criterion: &mut Criterion) {
    let mut group = common::group(criterion, "slot_search");
    for (occupancy, slots, policies) in CELLS {
        let scenario =
            Scenario::SlotSearch(SlotSearch { nslabs: NSLABS, occupancy, slots, copy: false, fails: false });
        for entry in common::named(policies) {
            common::bench(&mut group, &format!("{slots} slots, {occupancy}"), &entry, &scenario);
        }
    }
    group.finish();
}

fn main() {
    common::run("slot_search", benches);
}
