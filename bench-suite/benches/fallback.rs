//! A map that finds the pool full, against one that finds slots.

mod common;

use bench_suite::policies::{KERNEL, LOOKUP_SORTED};
use bench_suite::scenario::{Fallback, FallbackPart, NSLABS, Occupancy, Scenario, SlotSearch};
use criterion::Criterion;

fn benches(criterion: &mut Criterion) {
    let mut group = common::group(criterion, "fallback");
    for entry in [KERNEL, LOOKUP_SORTED] {
        for slots in [2, 128] {
            let hit =
                SlotSearch { nslabs: NSLABS, occupancy: Occupancy::Empty, slots, copy: true, fails: false };
            let cells = [
                ("slots found", Scenario::SlotSearch(hit)),
                ("transient pool", Scenario::Fallback(Fallback::new(slots, FallbackPart::RoundTrip))),
                ("its reclaim", Scenario::Fallback(Fallback::new(slots, FallbackPart::Reclaim))),
            ];
            for (what, scenario) in cells {
                common::bench(&mut group, &format!("{slots} slots, {what}"), &entry, &scenario);
            }
        }
    }
    group.finish();
}

fn main() {
    common::run("fallback", benches);
}
