//! Models made from recordings: how far a fit is from its trace, and what a parallel replay keeps.
//!
//! The traces in this crate always; those of the folder that `SWIOTLB_SHARED` names, if it is set.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use workloads::fit::Curve;
use workloads::model::fitted::{self, Draw};
use workloads::model::{Common, parallel_replay};
use workloads::op::{Action, Op, Plan};
use workloads::trace::{PairedAction, Trace, TraceOptions, pair};

fn open(path: &Path) -> Trace {
    Trace::open(path, &TraceOptions::default()).unwrap()
}

fn threads(threads: u32) -> Common {
    Common { threads, ..Common::default() }
}

#[test]
fn a_fit_is_near_its_trace() {
    for path in common::traces(".jsonl.gz") {
        let trace = open(&path);
        for draw in [Draw::Shuffled, Draw::Independent] {
            let parameters = fitted::Parameters { draw, ..fitted::Parameters::new(&path) };
            let plan = parameters.plan_from(&trace, &threads(2), 1).unwrap();
            plan.check().unwrap();
            let distances = parameters.distances(&trace, &plan);
            let [size, lifetime, gap, burst] = [
                distances.mean_ks(|d| d.size),
                distances.mean_ks(|d| d.lifetime),
                distances.mean_ks(|d| d.gap),
                distances.mean_ks(|d| d.burst),
            ];
            println!(
                "{} {draw:?}: size {size:.3} lifetime {lifetime:.3} gap {gap:.3} burst {burst:.3}",
                trace.name
            );
            println!("{distances}");
            let shuffled = draw == Draw::Shuffled;
            // Stated for the traces in this crate; others may press harder on their queues.
            let bundled = path.starts_with(env!("CARGO_MANIFEST_DIR"));
            let bound = match (shuffled, bundled) {
                (true, true) => [0.001, 0.001, 0.02, 0.08],
                (false, true) => [0.05, 0.05, 0.08, 0.2],
                (true, false) => [0.001, 0.001, 0.2, 0.3],
                (false, false) => [0.05, 0.05, 0.5, 0.6],
            };
            let near = [size, lifetime, gap, burst].iter().zip(bound).all(|(ks, bound)| *ks < bound);
            assert!(near, "{}: {distances}", trace.name);
            let occupancy = distances.occupancy;
            if shuffled && bundled {
                let mean = occupancy.mean_second / occupancy.mean_first;
                assert!((0.6..1.7).contains(&mean), "{}: {distances}", trace.name);
            }
        }
    }
}

#[test]
fn a_fit_can_be_longer_faster_and_reproduces() {
    let path = common::folders("traces")[0].join("boot_probe.jsonl.gz");
    let trace = open(&path);
    let parameters = fitted::Parameters { speed: 10.0, ..fitted::Parameters::new(&path) };
    let common = Common { threads: 3, ops_per_thread: Some(5_000), ..Common::default() };
    let plan = parameters.plan_from(&trace, &common, 4).unwrap();
    plan.check().unwrap();
    assert!((15_000..15_010).contains(&plan.handles), "{}", plan.handles);
    assert_eq!(plan, parameters.plan(&common, 4).unwrap());
    assert_ne!(plan.threads, parameters.plan_from(&trace, &common, 5).unwrap().threads);
}

/// FNV-1a over everything that a plan says.
fn hash(plan: &Plan) -> u64 {
    let text = format!("{plan:?}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn plans_from_traces_reproduce_to_the_bit() {
    let path = common::folders("traces")[0].join("boot_probe.jsonl.gz");
    let trace = open(&path);
    let fit = |draw| fitted::Parameters { draw, ..fitted::Parameters::new(&path) };
    let fitted = |draw| hash(&fit(draw).plan_from(&trace, &threads(2), 1).unwrap());
    let replay = parallel_replay::Parameters::new(&path).plan_from(&trace, &threads(4), 1).unwrap();
    let found = [fitted(Draw::Shuffled), fitted(Draw::Independent), hash(&replay.0)];
    assert_eq!(found, [0xece11448273ec852, 0xd5393f8dd67eb61a, 0xe80e70819aea56ca]);
}

/// Maps and ends of each recorded CPU's records, in order.
fn recorded_order(trace: &Trace, threads: u32) -> Vec<Vec<(bool, u32)>> {
    let mut order = vec![Vec::new(); threads as usize];
    let mut handles = std::collections::BTreeMap::new();
    for op in &pair(trace).ops {
        let record = &trace.records[op.record as usize];
        let own = &mut order[(record.cpu % threads) as usize];
        let Some(map) = op.map else { continue };
        match (op.action, record.event.name()) {
            (PairedAction::Call, "map") => {
                let handle = u32::try_from(handles.len()).unwrap();
                handles.insert(map, handle);
                own.push((true, handle));
            }
            (PairedAction::Call, "unmap") | (PairedAction::End, _) => own.push((false, handles[&map])),
            _ => {}
        }
    }
    order
}

fn planned_order(plan: &Plan) -> Vec<Vec<(bool, u32)>> {
    let short = |op: &Op| match op.action {
        Action::Map { handle, .. } => Some((true, handle.0)),
        Action::Unmap { handle, .. } => Some((false, handle.0)),
        _ => None,
    };
    plan.threads.iter().map(|thread| thread.ops.iter().filter_map(short).collect()).collect()
}

#[test]
fn a_replay_keeps_each_cpus_order_and_the_recorded_occupancy() {
    for path in common::traces(".jsonl.gz") {
        let trace = open(&path);
        for count in [1, 2, 4] {
            let parameters = parallel_replay::Parameters::new(&path);
            let (plan, notes) = parameters.plan_from(&trace, &threads(count), 0).unwrap();
            plan.check().unwrap();
            assert_eq!(planned_order(&plan), recorded_order(&trace, count), "{}", trace.name);
            let departure = Curve::of_trace(&trace).departure(&Curve::of_plan(&plan));
            println!("{} on {count}: {notes:?} {departure:?}", trace.name);
            assert!(departure.relative() < 0.001, "{}: {departure:?}", trace.name);
            assert_eq!(departure.most_slots.0, departure.most_slots.1);
        }
    }
}

/// Carries a plan out on simulated threads that run in any order that the plan's rules allow.
fn run(plan: &Plan, seed: u64) -> Vec<&Op> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut next = vec![0; plan.threads.len()];
    let (mut mapped, mut ended) = (vec![false; plan.handles as usize], vec![false; plan.handles as usize]);
    let mut order = Vec::new();
    let mut favourite = 0;
    while order.len() < plan.ops() {
        let head = |thread: usize| plan.threads[thread].ops.get(next[thread]);
        let epochs = (0..next.len()).filter_map(head).map(|op| plan.epoch(op.at_ns));
        let least = epochs.min().unwrap();
        let may_run = |thread: &usize| {
            head(*thread).is_some_and(|op| {
                let waits = match op.action {
                    Action::Map { .. } | Action::LookupForeign { .. } => false,
                    Action::AwaitUnmap { handle } => !ended[handle.0 as usize],
                    _ => !mapped[op.action.handle().unwrap().0 as usize],
                };
                !waits && plan.epoch(op.at_ns) <= least + 1
            })
        };
        let able: Vec<usize> = (0..next.len()).filter(may_run).collect();
        assert!(!able.is_empty(), "locked up after {} ops", order.len());
        // One thread runs on as long as it may, so that it gets as far ahead as the bound allows.
        if !able.contains(&favourite) || rng.random_bool(0.01) {
            favourite = able[usize::try_from(rng.random_range(0..able.len() as u64)).unwrap()];
        }
        let op = head(favourite).unwrap();
        match op.action {
            Action::Map { handle, .. } => mapped[handle.0 as usize] = true,
            Action::Unmap { handle, .. } => ended[handle.0 as usize] = true,
            _ => {}
        }
        order.push(op);
        next[favourite] += 1;
    }
    order
}

#[test]
fn no_schedule_locks_up_and_the_skew_bounds_the_departure() {
    for path in common::traces(".jsonl.gz") {
        let trace = open(&path);
        let recorded = Curve::of_trace(&trace);
        let mut before = 0.0;
        for skew_ns in [2, 10_000, 1_000_000, 100_000_000] {
            let parameters =
                parallel_replay::Parameters { skew_ns, ..parallel_replay::Parameters::new(&path) };
            let (plan, _) = parameters.plan_from(&trace, &threads(4), 0).unwrap();
            plan.check().unwrap();
            let departure = recorded.departure(&Curve::of_order(&plan, run(&plan, 9)));
            println!("{} skew {skew_ns} ns: {:.4} {departure:?}", trace.name, departure.relative());
            assert!(departure.relative() >= before * 0.8, "{departure:?}");
            before = departure.relative();
            if skew_ns == 2 {
                assert!(departure.relative() < 0.001, "{departure:?}");
            }
        }
    }
}

#[test]
fn other_models_lock_up_in_no_schedule() {
    use workloads::model::Model;
    let common = Common { threads: 4, ops_per_thread: Some(2_000), ..Common::default() };
    for seed in 0..3 {
        let plan = Model::by_name("cross_cpu").unwrap().plan(&common, seed).unwrap();
        assert_eq!(run(&plan, seed).len(), plan.ops());
    }
}

#[test]
fn failed_maps_can_be_tried_again() {
    for path in common::traces(".jsonl.gz") {
        let trace = open(&path);
        let parameters =
            parallel_replay::Parameters { try_failed: true, ..parallel_replay::Parameters::new(&path) };
        let (plan, notes) = parameters.plan_from(&trace, &threads(4), 0).unwrap();
        plan.check().unwrap();
        let failed: u64 = trace.devices.iter().map(|device| device.map_fails).sum();
        assert_eq!(notes.failed_tried + notes.failed_left_out, failed, "{}", trace.name);
    }
}
