//! The harness's own cost, printed: `cargo test --profile ci -p bench-suite --test run_overhead -- --ignored
//! --nocapture --test-threads 1`, best under `chrt -f 10` on a machine with company. No time is asserted.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, made here")]

mod run_support;

use bench_suite::run::clock::HostClock;
use bench_suite::run::{
    Bound, Dummy, HostPages, Oracle, Pace, Range, Settings, at_rate, control, dummy, overhead, pacing_limit,
    real,
};
use reports::latency::Latency;
use reports::quantile::Quantile;
use run_support::{Maker, Random, round_trips};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::bounce::NoCopy;
use swiotlb_core::policy::{Kernel, With};
use workloads::op::{Action, DeviceIndex};

type NotCopied = <<Kernel as With>::Bounce<NoCopy> as With>::Pages<HostPages>;

#[test]
#[ignore = "prints what this machine takes"]
fn the_harness_s_own_cost() {
    println!("clock: {:?}", HostClock::get().facts());
    println!("control: {:?}", control());
    println!("overhead: {:?}", overhead());
    for (quantile, at_most_ns) in [(Quantile::P50, 100), (Quantile::P99, 100), (Quantile::P99_9, 1_000)] {
        let bound = Bound { quantile, at_most_ns, achieved: 0.99 };
        let range = Range { low: 1e7, high: 5e7, within: 1.02, runs: 400, tries: 20 };
        let searched = pacing_limit(&bound, &range);
        println!(
            "{quantile} <= {at_most_ns} ns: highest rate {:?}, crossed {}",
            searched.highest, searched.crossed
        );
        for row in &searched.tried {
            println!("  {:>12.0}/s achieved {:>12.0}/s  {} {}", row.rate, row.achieved, row.value, row.held);
        }
    }
}

#[test]
#[ignore = "prints what this machine takes"]
fn m_d_1_on_the_real_clock() {
    const D: u64 = 2_000;
    println!("| load | mean wait, theory (ns) | median of 31 runs (ns) | least | most | achieved/intended |");
    for load in [0.3, 0.5, 0.7, 0.8, 0.9] {
        let mut waits = Vec::new();
        let (mut theory, mut kept) = (0.0, 0.0);
        for seed in 0..31 {
            let (mut maker, mut random, mut at) = (Maker::new(1), Random(seed), 0.0);
            for _ in 0..10_000 {
                at += random.exponential(D as f64 / load);
                let addr = PhysAddr(run_support::ARENA);
                maker.op(0, at as u64, Action::LookupForeign { device: DeviceIndex(0), addr });
            }
            let settings =
                Settings { pace: Pace::Open, oracle: Oracle::Off, pin: false, ..Settings::default() };
            let run = dummy(&maker.done(), &settings, Dummy { service_ns: D, stall: None }).unwrap();
            let mean = |latency: &Latency| latency.histogram().mean();
            let service = run.threads[0].service["lookup"].histogram().value_at_quantile(0.5) as f64;
            waits.push(mean(&run.threads[0].response["lookup"]) - service);
            theory += load / D as f64 * service * service / (2.0 * (1.0 - load * service / D as f64)) / 31.0;
            kept += run.achieved_rate.unwrap() / run.intended_rate.unwrap() / 31.0;
        }
        waits.sort_by(f64::total_cmp);
        let (least, middle, most) = (waits[0], waits[15], waits[30]);
        println!("| {load} | {theory:.0} | {middle:.0} | {least:.0} | {most:.0} | {kept:.4} |");
    }
}

#[test]
#[ignore = "prints what this machine takes"]
fn the_kernel_s_policy() {
    for threads in [1, 2] {
        let plan = round_trips(threads, 20_000, 32, 1_000);
        let settings = Settings { repeat: 10, oracle: Oracle::Sampled(64), ..Settings::default() };
        let closed = real::<NotCopied>(&plan, &settings).unwrap();
        let open = Settings { pace: Pace::Open, repeat: 1, ..settings };
        let paced = real::<NotCopied>(&at_rate(&plan, 1e6).unwrap(), &open).unwrap();
        for (name, run) in [("closed", closed), ("open, 1,000,000/s", paced)] {
            println!("{threads} threads, {name}: faults {}, oracle {:?}", run.page_faults_inside, run.oracle);
            println!("  noise {:?}, jain {:.3}, overlap {:.3}", run.noise, run.fairness.jain, run.overlap);
            println!("  empty loop: {}", run.empty_loop.unwrap().quantiles());
            for thread in &run.threads {
                println!("  batch mean {:.1} ns of {}", thread.batch_mean_ns, thread.batches);
                for (kind, latency) in thread.service.iter().chain(&thread.response) {
                    println!("  {kind}: {}", latency.quantiles());
                }
            }
        }
    }
}
