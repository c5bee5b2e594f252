//! Models against what theory says of them: declared size mixes, Little's law, Erlang's loss formula.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use workloads::arena::Placement;
use workloads::fit::Curve;
use workloads::model::{Common, Depth, Ends, Model, SizeMix, storage};
use workloads::op::{Action, Plan};

fn sizes(plan: &Plan) -> BTreeMap<u32, f64> {
    let mut shares = BTreeMap::new();
    for op in plan.threads.iter().flat_map(|thread| &thread.ops) {
        if let Action::Map { size, .. } = op.action {
            *shares.entry(size).or_insert(0.0) += 1.0 / f64::from(plan.handles);
        }
    }
    shares
}

#[test]
fn sizes_come_in_the_declared_mix() {
    let common = Common { ops_per_thread: Some(100_000), ..Common::default() };
    for parameters in [storage::Parameters::default(), storage::Parameters::large()] {
        let mix = parameters.sizes.clone();
        let total: f64 = mix.0.iter().map(|share| share.weight).sum();
        let found = sizes(&Model::Storage(parameters).plan(&common, 77).unwrap());
        assert_eq!(found.len(), mix.0.len());
        for (size, share) in found {
            let of_size = mix.0.iter().filter(|share| share.bytes == size);
            let expected = of_size.map(|share| share.weight).sum::<f64>() / total;
            let deviation = (expected * (1.0 - expected) / 1e5).sqrt();
            assert!((share - expected).abs() < 4.0 * deviation, "{size}: {share} {expected}");
        }
    }
}

#[test]
fn directions_come_in_the_declared_share() {
    let common = Common {
        ops_per_thread: Some(100_000),
        read_share: Some(0.25),
        bidirectional_share: Some(0.2),
        ..Common::default()
    };
    let plan = Model::by_name("nvme").unwrap().plan(&common, 3).unwrap();
    let mut counts = [0.0_f64; 3];
    for op in &plan.threads[0].ops {
        if let Action::Map { dir, .. } = op.action {
            counts[dir as usize] += 1e-5;
        }
    }
    for (found, expected) in counts.iter().zip([0.2, 0.6, 0.2]) {
        assert!((found - expected).abs() < 0.006, "{counts:?}");
    }
}

/// One-slot requests, Poisson arrivals, exponential lifetimes, no bound on the queue.
fn offered(erlangs: f64, maps: u64, seed: u64) -> Plan {
    let parameters = storage::Parameters {
        sizes: SizeMix::new(&[(2048, 1.0)]),
        placement: Placement::Page,
        ..Default::default()
    };
    let common = Common {
        threads: 2,
        ops_per_thread: Some(maps),
        rate_per_s: Some(500_000.0),
        depth: Some(Depth::UNBOUNDED),
        ends: Some(Ends::Exponential { mean_ns: erlangs * 1_000.0 }),
        ..Common::default()
    };
    Model::Storage(parameters).plan(&common, seed).unwrap()
}

#[test]
fn littles_law() {
    let plan = offered(100.0, 150_000, 5);
    plan.check().unwrap();
    let curve = Curve::of_plan(&plan);
    // Past the first 10 mean lifetimes and before the last arrivals.
    let (from, to) = (1_000_000, 290_000_000);
    let steps: Vec<_> = curve.steps().iter().filter(|step| (from..to).contains(&step.0)).collect();
    let area: u64 = steps.windows(2).map(|pair| pair[0].1.maps * (pair[1].0 - pair[0].0)).sum();
    let mean = area as f64 / (steps.last().unwrap().0 - steps[0].0) as f64;
    assert!((mean / 100.0 - 1.0).abs() < 0.02, "{mean} live, 100 expected");
}

/// Erlang's loss formula: the share of requests lost by `servers` at an offered load of `erlangs`.
fn erlang_b(servers: u32, erlangs: f64) -> f64 {
    (1..=servers).fold(1.0, |lost, n| erlangs * lost / (f64::from(n) + erlangs * lost))
}

#[test]
fn a_loss_system_of_128_slots_loses_what_erlang_says() {
    for erlangs in [110.0, 128.0, 160.0] {
        let plan = offered(erlangs, 200_000, 6);
        let (mut held, mut busy, mut lost) = (vec![false; plan.handles as usize], 0, 0_u32);
        for placed in plan.in_time_order() {
            match placed.op.action {
                Action::Map { .. } if busy == 128 => lost += 1,
                Action::Map { handle, .. } => (held[handle.0 as usize], busy) = (true, busy + 1),
                Action::Unmap { handle, .. } => busy -= u32::from(held[handle.0 as usize]),
                _ => {}
            }
        }
        let share = f64::from(lost) / f64::from(plan.handles);
        let expected = erlang_b(128, erlangs);
        assert!((share / expected - 1.0).abs() < 0.08, "{erlangs} E: {share} lost, {expected} expected");
    }
}
