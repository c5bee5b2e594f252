//! Plans on real threads: everything is done, everything is given back, the oracle agrees. No times.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, made here")]

mod run_support;

use bench_suite::policies::{ALL, KERNEL};
use bench_suite::run::{Oracle, Outcome, Pace, Settings, at_rate, counting, real};
use run_support::{Maker, handed_over, round_trips};
use swiotlb_core::device::Direction;
use swiotlb_core::policy::Kernel;
use workloads::op::{Action, DeviceTouch, Plan, Role, ThreadPlan};

fn small(oracle: Oracle) -> Settings {
    Settings { nslabs: 2_048, oracle, ..Settings::default() }
}

fn sums(outcome: &Outcome) -> (u64, u64, u64, u64) {
    let sum = |of: fn(&bench_suite::run::ThreadOutcome) -> u64| outcome.threads.iter().map(of).sum();
    (sum(|t| t.maps), sum(|t| t.unmaps), sum(|t| t.syncs), sum(|t| t.lookups))
}

fn run(plan: &Plan, settings: &Settings) -> Outcome {
    let outcome = real::<Kernel>(plan, settings).unwrap();
    assert_eq!(outcome.oracle.violations, Vec::<String>::new());
    assert!(outcome.oracle.total_violations == 0 && !outcome.cut_short);
    outcome
}

#[test]
fn a_closed_loop_does_all_that_the_plan_says() {
    let plan = round_trips(2, 1_000, 20, 100);
    for (oracle, batch, repeat) in [(Oracle::Full, 1, 1), (Oracle::Sampled(7), 16, 3), (Oracle::Off, 4, 2)] {
        let settings = Settings { batch, repeat, warmup_share: 0.0, ..small(oracle) };
        let outcome = run(&plan, &settings);
        let passes = u64::from(repeat);
        assert_eq!(sums(&outcome), (2_000 * passes, 2_000 * passes, 800 * passes, 400 * passes));
        let bytes: u64 = outcome.threads.iter().map(|thread| thread.bytes).sum();
        assert!(bytes > 2_000 * 512 * passes && outcome.wall_ns > 0);
        assert_eq!(outcome.stats.used, 0);
        assert_eq!(
            (oracle == Oracle::Full) as u64 * 2_000,
            if repeat == 1 { outcome.oracle.checked } else { 0 }
        );
    }
}

#[test]
fn every_policy_does_what_the_plan_says_and_the_oracle_agrees() {
    let plans = [round_trips(2, 300, 20, 100), handed_over(200)];
    for (entry, plan) in ALL.iter().flat_map(|entry| plans.iter().map(move |plan| (entry, plan))) {
        for can_grow in [false, true] {
            // Not all fits into the first pool, so that it grows, and falls back, where it may.
            let settings = Settings { nslabs: 256, can_grow, warmup_share: 0.0, ..small(Oracle::Full) };
            let outcome = entry.runs.measure(true, plan, &settings).unwrap();
            assert_eq!(outcome.oracle.violations, Vec::<String>::new(), "{}", entry.name);
            let (maps, ..) = sums(&outcome);
            assert_eq!(maps, u64::from(plan.handles), "{}", entry.name);
            assert!(!outcome.cut_short, "{}", entry.name);
            assert_eq!((outcome.oracle.total_violations, outcome.stats.used), (0, 0), "{}", entry.name);
        }
    }
}

#[test]
fn the_warm_up_is_counted_apart() {
    let plan = round_trips(2, 500, 10, 100);
    for (repeat, share) in [(1, 0.5), (4, 0.6), (2, 0.5)] {
        let settings = Settings { repeat, warmup_share: share, ..small(Oracle::Full) };
        let outcome = run(&plan, &settings);
        for thread in &outcome.threads {
            let all = u64::from(repeat) * 1_300;
            assert_eq!(thread.ops + thread.warmup_ops, all);
            assert!(thread.warmup_ops.abs_diff((all as f64 * share) as u64) <= 1, "{}", thread.warmup_ops);
        }
    }
}

#[test]
fn an_open_loop_has_service_and_response_times() {
    let plan = round_trips(1, 1_000, 10, 2_000);
    for batch in [1, 8] {
        let settings = Settings { pace: Pace::Open, batch, warmup_share: 0.2, ..small(Oracle::Sampled(3)) };
        let outcome = run(&plan, &settings);
        let thread = &outcome.threads[0];
        for kind in ["map", "unmap", "sync", "lookup"] {
            assert_eq!(thread.service[kind].samples(), thread.response[kind].samples());
        }
        assert_eq!(thread.service["map"].samples(), thread.maps);
        assert!(outcome.intended_rate.unwrap() > 0.0 && outcome.achieved_rate.unwrap() > 0.0);
        assert!(outcome.empty_loop.unwrap().samples() > 0);
    }
}

#[test]
fn what_one_thread_maps_another_ends() {
    for (pace, repeat) in [(Pace::Closed, 1), (Pace::Closed, 3), (Pace::Open, 1)] {
        let plan = handed_over(500);
        let settings = Settings { pace, repeat, warmup_share: 0.3, ..small(Oracle::Full) };
        let outcome = run(&plan, &settings);
        let done: u64 = outcome.threads.iter().map(|thread| thread.ops + thread.warmup_ops).sum();
        assert_eq!(done, 2_000 * u64::from(repeat));
        assert_eq!(outcome.threads.iter().map(|thread| thread.skipped).sum::<u64>(), 0);
    }
}

#[test]
fn a_plan_at_another_rate_keeps_its_order() {
    let plan = handed_over(300);
    for rate in [1e3, 1e6, 1e9, 1e12] {
        let scaled = at_rate(&plan, rate).unwrap();
        assert_eq!(scaled.check().err(), None, "{rate}");
        let got = scaled.ops() as f64 * 1e9 / scaled.end_ns() as f64;
        assert!(rate >= 1e8 || (got / rate - 1.0).abs() < 0.01, "{rate}: {got}");
    }
}

#[test]
fn threads_stay_within_the_skew() {
    let mut plan = round_trips(2, 400, 5, 100);
    plan.bounds.skew_ns = Some(1_000);
    let outcome = run(&plan, &Settings { repeat: 2, ..small(Oracle::Full) });
    assert!(outcome.threads.iter().all(|thread| thread.ops > 0));
}

#[test]
fn failures_say_why_and_what_names_them_is_left_out() {
    let mut maker = Maker::new(1);
    let handles: Vec<_> = (0..200).map(|i| maker.map(0, i, 256 << 10, Direction::ToDevice)).collect();
    for (i, handle) in (200..).zip(handles) {
        maker.unmap(0, i, handle);
    }
    let outcome = run(&maker.done(), &Settings { warmup_share: 0.0, ..small(Oracle::Full) });
    let thread = &outcome.threads[0];
    // 2,048 slots hold 16 buffers of 128.
    assert_eq!(thread.failures.get("capacity"), Some(&184));
    assert_eq!((thread.maps, thread.unmaps, thread.skipped), (200, 16, 184));
}

#[test]
fn what_is_left_live_is_ended_between_passes() {
    let mut maker = Maker::new(2);
    for i in 0..300 {
        maker.map((i % 2) as usize, i, 4_096, Direction::Bidirectional);
    }
    let settings = Settings { repeat: 5, warmup_share: 0.0, ..small(Oracle::Full) };
    let outcome = run(&maker.done(), &settings);
    assert_eq!(sums(&outcome).0, 1_500);
    assert!(outcome.threads.iter().all(|thread| thread.failures.is_empty()));
    assert_eq!(outcome.stats.used, 600, "the last pass's are live when the statistics are taken");
}

#[test]
fn a_pool_grows_with_a_worker_of_its_own_and_with_one_in_the_plan() {
    for in_plan in [false, true] {
        let mut maker = Maker::new(1);
        let handles: Vec<_> = (0..100).map(|i| maker.map(0, i, 64 << 10, Direction::ToDevice)).collect();
        handles.iter().zip(100..).for_each(|(&handle, at)| maker.unmap(0, at, handle));
        let mut plan = maker.done();
        if in_plan {
            plan.threads.push(ThreadPlan { role: Role::Grower, cpu: 1, ops: Vec::new() });
        }
        let settings = Settings { can_grow: true, nslabs: 512, nareas: 1, repeat: 8, ..small(Oracle::Full) };
        let outcome = run(&plan, &settings);
        assert_eq!(outcome.threads.len(), 1 + usize::from(in_plan));
        assert_eq!(outcome.pools_added as usize, outcome.growth.iter().filter(|g| g.nslabs > 0).count());
        assert!(outcome.growth.iter().all(|event| event.grown_at_ns >= event.failed_at_ns));
    }
}

#[test]
fn steps_are_counted_where_the_probe_counts() {
    let plan = round_trips(1, 300, 10, 100);
    let settings = Settings { warmup_share: 0.0, ..small(Oracle::Off) };
    let counted = counting(KERNEL.build, &plan, &settings).unwrap();
    let counts = counted.threads[0].counts.unwrap();
    assert!(counts.locks_taken >= 600 && counts.bytes_copied > 0);
    assert_eq!(run(&plan, &settings).threads[0].counts, None);
}

#[test]
fn a_device_works_on_every_buffer() {
    for how in [DeviceTouch::Flush, DeviceTouch::OtherCore] {
        let mut plan = round_trips(1, 300, 10, 100);
        plan.touch = how;
        let outcome = run(&plan, &small(Oracle::Off));
        assert_eq!((outcome.touch.how, outcome.touch.touched), (how, 300));
        let mut plan = handed_over(200);
        plan.touch = how;
        assert_eq!(run(&plan, &Settings { repeat: 2, ..small(Oracle::Sampled(2)) }).touch.touched, 400);
    }
}

#[test]
fn the_time_limit_ends_a_run_and_gives_everything_back() {
    let plan = round_trips(1, 50_000, 10, 100);
    let settings = Settings { time_limit_ns: 1, ..small(Oracle::Full) };
    let outcome = real::<Kernel>(&plan, &settings).unwrap();
    assert!(outcome.cut_short);
    assert_eq!(outcome.oracle.total_violations, 0);
}

#[test]
fn the_time_ends_passes_without_end_where_every_call_is_timed() {
    let plan = round_trips(2, 400, 1, 100);
    let settings = Settings {
        time_limit_ns: 50_000_000,
        repeat: u32::MAX,
        warmup_share: 0.0,
        transfer_ns: Some(0),
        ..small(Oracle::Sampled(3))
    };
    let outcome = real::<Kernel>(&plan, &settings).unwrap();
    assert!(outcome.cut_short && outcome.oracle.violations.is_empty(), "{:?}", outcome.oracle);
    for thread in &outcome.threads {
        assert_eq!(thread.batches, 0);
        let timed: u64 = thread.service.values().map(reports::latency::Latency::samples).sum();
        assert_eq!(timed, thread.ops);
    }
}

#[test]
fn a_plan_that_cannot_be_run_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = round_trips(2, 10, 2, 100);
        change(&mut plan);
        real::<Kernel>(&plan, &small(Oracle::Off)).err().unwrap().to_string()
    };
    assert!(refused(|plan| plan.handles = 3).contains("handle"));
    assert!(refused(|plan| plan.devices.clear()).contains("device"));
    assert!(refused(|plan| plan.devices[0].limits.min_align_mask = 5).contains("min_align_mask"));
    assert!(
        refused(|plan| plan.threads[0].ops.retain(|op| !matches!(op.action, Action::Map { .. })))
            .contains("never mapped")
    );
    let plan = round_trips(1, 10, 2, 100);
    let settings = Settings { nslabs: u64::MAX, ..small(Oracle::Off) };
    assert!(real::<Kernel>(&plan, &settings).is_err());
    let settings = Settings { base: plan.arena.0, ..small(Oracle::Off) };
    assert!(real::<Kernel>(&plan, &settings).err().unwrap().to_string().contains("overlap"));
}
