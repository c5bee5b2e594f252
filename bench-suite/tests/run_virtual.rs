//! Virtual time: the same answers whenever rerun, the order of events, growth, transient pools, occupancy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, made here")]

mod run_support;

use bench_suite::policies::{ALL, Entry, KERNEL};
use bench_suite::run::{Settings, VirtualOutcome, virtual_time};
use run_support::{Maker, handed_over, round_trips};
use swiotlb_core::device::Direction;
use workloads::op::Plan;

fn run(plan: &Plan, settings: &Settings) -> VirtualOutcome {
    let outcome = virtual_time(KERNEL.build, plan, settings).unwrap();
    assert_eq!(outcome.oracle.violations, Vec::<String>::new());
    outcome
}

fn small() -> Settings {
    Settings { nslabs: 512, nareas: 1, ..Settings::default() }
}

#[test]
fn the_same_plan_gives_the_same_answers() {
    for plan in [round_trips(3, 500, 40, 100), handed_over(300)] {
        let settings = Settings { can_grow: true, growth_delay_ns: 7_000, ..small() };
        let first = run(&plan, &settings);
        assert_eq!(first, run(&plan, &settings));
        assert_eq!(first.maps, u64::from(plan.handles));
        assert_eq!(first.unmaps + first.failed(), first.maps);
    }
}

#[test]
fn every_policy_gives_the_same_answers_again() {
    let plan = round_trips(3, 300, 40, 100);
    let settings = Settings { can_grow: true, growth_delay_ns: 7_000, ..small() };
    let check = |entry: &Entry| {
        let answers = || virtual_time(entry.build, &plan, &settings).unwrap();
        let first = answers();
        assert_eq!(first.oracle.violations, Vec::<String>::new(), "{}", entry.name);
        assert_eq!(first, answers(), "{}", entry.name);
        assert_eq!((first.maps, first.stats.used), (u64::from(plan.handles), 0), "{}", entry.name);
    };
    // No time is taken: two at once.
    let (some, others) = ALL.split_at(ALL.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| some.iter().for_each(check));
        others.iter().for_each(check);
    });
}

#[test]
fn an_unmap_at_the_time_of_a_later_map_frees_its_slots_first() {
    // A segment's worth at a time, four segments: the fifth map comes when the first is just ended.
    let mut maker = Maker::new(1);
    let handles: Vec<_> = (0..4).map(|i| maker.map(0, i, 256 << 10, Direction::ToDevice)).collect();
    maker.unmap(0, 10, handles[0]);
    maker.map(0, 10, 256 << 10, Direction::ToDevice);
    maker.map(0, 11, 256 << 10, Direction::ToDevice);
    let outcome = run(&maker.done(), &small());
    assert_eq!((outcome.maps, outcome.failed()), (6, 1));
    assert_eq!(outcome.failures["capacity"], 1);
    assert_eq!((outcome.stats.used, outcome.stats.used_hiwater), (512, 512));
}

#[test]
fn the_worker_runs_when_its_delay_is_over_and_transient_pools_fill_the_gap() {
    let mut maker = Maker::new(1);
    for i in 0..20 {
        maker.map(0, i * 1_000, 256 << 10, Direction::ToDevice);
    }
    let settings = Settings { can_grow: true, growth_delay_ns: 4_500, ..small() };
    let outcome = run(&maker.done(), &settings);
    // Full at 4,000; maps at 4,000 to 8,000 are transient; a pool of 512 slots comes at 8,500.
    let first = outcome.growth[0];
    assert_eq!((first.failed_at_ns, first.grown_at_ns, first.nslabs), (4_000, 8_500, 512));
    assert_eq!(outcome.failed(), 0);
    // Two more rounds: 9,000 to 12,000 from the new pool, then five transient, and again.
    assert_eq!(outcome.growth.len(), 2);
    assert_eq!((outcome.transient, outcome.pools_added), (5 + 5, 2 + 1 - 1));
    assert_eq!(outcome.counts.transient_made, outcome.transient);
}

#[test]
fn a_longer_delay_means_more_transient_pools() {
    let mut maker = Maker::new(1);
    for i in 0..100 {
        let handle = maker.map(0, i * 1_000, 128 << 10, Direction::ToDevice);
        maker.unmap(0, i * 1_000 + 50_000, handle);
    }
    let plan = maker.done();
    let transient =
        |growth_delay_ns| run(&plan, &Settings { can_grow: true, growth_delay_ns, ..small() }).transient;
    let made: Vec<_> = [0, 1_000, 10_000, 100_000, 10_000_000].map(transient).into();
    assert!(made.is_sorted() && made[0] < made[4], "{made:?}");
}

#[test]
fn maps_that_their_own_area_cannot_serve_spill_over() {
    let mut maker = Maker::new(2);
    for i in 0..10 {
        maker.map(0, i, 256 << 10, Direction::ToDevice);
    }
    // 16 segments in two areas of 8: two of ten maps from one CPU go to its neighbour.
    let outcome = run(&maker.done(), &Settings { nslabs: 2_048, nareas: 2, ..Settings::default() });
    assert_eq!((outcome.spilled, outcome.failed()), (2, 0));
}

#[test]
fn occupancy_is_averaged_over_time() {
    let outcome = run(&round_trips(2, 4_000, 30, 100), &Settings { nslabs: 4_096, ..small() });
    assert_eq!((outcome.stats.used, outcome.transient_high_water), (0, 0));
    let high = outcome.stats.used_hiwater as f64;
    assert!(outcome.mean_used_slots > 0.0 && outcome.mean_used_slots < high, "{}", outcome.mean_used_slots);
}
