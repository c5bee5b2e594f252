//! `find_pool` by the number of pools: the list against the sorted array.

mod common;

use bench_suite::policies::{KERNEL, LOOKUP_SORTED};
use bench_suite::scenario::{Address, FindPool, Scenario, Section};
use criterion::Criterion;

/// Pools, address, read section, and the cell's name.
const CELLS: [(u32, Address, Section, &str); 6] = [
    (1, Address::Tail, Section::PerBatch, "last of 1"),
    (1, Address::Tail, Section::PerLookup, "last of 1, a section each"),
    (16, Address::Tail, Section::PerBatch, "last of 16"),
    (256, Address::Tail, Section::PerBatch, "last of 256"),
    (256, Address::Random, Section::PerBatch, "a random one of 256"),
    (256, Address::Miss, Section::PerBatch, "none of 256"),
];

fn benches(criterion: &mut Criterion) {
    let mut group = common::group(criterion, "find_pool");
    for (pools, address, section, name) in CELLS {
        let scenario = Scenario::FindPool(FindPool { pools, address, section });
        for entry in [KERNEL, LOOKUP_SORTED] {
            common::bench(&mut group, name, &entry, &scenario);
        }
    }
    group.finish();
}

fn main() {
    common::run("find_pool", benches);
}
