//! The harness against queueing theory, in virtual time: no wall clock, fixed seeds, the same on every machine.
//! `--nocapture` prints the tables.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, made here")]

mod run_support;

use bench_suite::policies::KERNEL;
use bench_suite::run::{Dummy, Oracle, Settings, Stall, simulate, virtual_time};
use run_support::{Maker, Random};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::Direction;
use workloads::op::{Action, DeviceIndex, Plan};

/// Mean and its standard error.
fn mean(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Student's t for eight samples, 99.9 % two-sided: with the seeds fixed a failure is a change of the code.
const T: f64 = 5.41;
const SEEDS: u64 = 8;

/// Poisson arrivals of calls that take no mapping, `gap_ns` apart on average.
fn arrivals(n: u64, gap_ns: f64, seed: u64) -> Plan {
    let (mut maker, mut random, mut at) = (Maker::new(1), Random(seed), 0.0);
    for _ in 0..n {
        at += random.exponential(gap_ns);
        let addr = PhysAddr(run_support::ARENA);
        maker.op(0, at as u64, Action::LookupForeign { device: DeviceIndex(0), addr });
    }
    maker.done()
}

#[test]
fn waiting_times_of_the_open_loop_are_those_of_m_d_1() {
    const D: u64 = 1_000;
    println!("| load | mean wait, theory (ns) | measured (ns) | standard error (ns) |");
    for load in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9] {
        let theory = load / (2.0 * (1.0 - load)) * D as f64;
        let waits: Vec<f64> = (0..SEEDS)
            .map(|seed| {
                let plan = arrivals(100_000, D as f64 / load, seed);
                let run = simulate(&plan, Dummy { service_ns: D, stall: None }).unwrap();
                assert_eq!(run.service.max_ns(), Some(D), "a call takes what the dummy takes");
                run.response.histogram().mean() - D as f64
            })
            .collect();
        let (measured, error) = mean(&waits);
        println!("| {load} | {theory:.1} | {measured:.1} | {error:.1} |");
        // 0.1 % for the histogram's three digits and for arrivals in whole nanoseconds.
        assert!(
            (measured - theory).abs() < T * error + 0.001 * (theory + D as f64),
            "{load}: {measured} {theory}"
        );
    }
}

#[test]
fn a_stall_counts_against_every_request_that_it_delayed() {
    // One request each 1,000 ns, 100 ns of service, and one stall of 1 ms after the 1,000th.
    let mut maker = Maker::new(1);
    let addr = PhysAddr(run_support::ARENA);
    for i in 0..10_000 {
        maker.op(0, i * 1_000, Action::LookupForeign { device: DeviceIndex(0), addr });
    }
    let plan = maker.done();
    let stall = Stall { at_ns: 1_000_000, for_ns: 1_000_000, every_ns: 0 };
    let run = simulate(&plan, Dummy { service_ns: 100, stall: Some(stall) }).unwrap();
    // Seen from the server one call was slow. Seen from the requests 1,112 were: from 1,000,100 ns down by
    // 900 ns each, as the server catches up, to 200 ns.
    let slow = |latency: &reports::latency::Latency, above: u64| {
        latency.samples() - latency.histogram().count_between(0, above)
    };
    assert_eq!(slow(&run.service, 150), 1);
    assert_eq!(slow(&run.response, 150), 1_112);
    assert_eq!(run.response.max_ns(), Some(1_000_100));
    assert_eq!(run.end_ns, 9_999_000 + 100);
}

#[test]
fn stalls_that_repeat_take_their_share() {
    let plan = arrivals(20_000, 1_000.0, 3);
    let stall = Stall { at_ns: 0, for_ns: 20_000, every_ns: 100_000 };
    let run = simulate(&plan, Dummy { service_ns: 700, stall: Some(stall) }).unwrap();
    let free = simulate(&plan, Dummy { service_ns: 700, stall: None }).unwrap();
    assert!(run.response.histogram().mean() > 2.0 * free.response.histogram().mean());
    let stalled = run.service.samples() - run.service.histogram().count_between(0, 750);
    assert!((150..=201).contains(&stalled), "{stalled}");
}

/// Poisson arrivals of `n` maps of one slot, `gap_ns` apart, each held for an exponential time.
fn calls(n: u64, gap_ns: f64, hold_ns: f64, seed: u64) -> Plan {
    let (mut maker, mut random, mut at) = (Maker::new(1), Random(seed), 0.0);
    for _ in 0..n {
        at += random.exponential(gap_ns);
        let handle = maker.map(0, at as u64, 2_048, Direction::ToDevice);
        maker.unmap(0, (at + random.exponential(hold_ns)) as u64 + 1, handle);
    }
    maker.done()
}

/// The share of calls lost by `servers` servers at an offered load of `erlangs` (Erlang's formula B).
fn erlang_b(erlangs: f64, servers: u32) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| erlangs * blocked / (f64::from(n) + erlangs * blocked))
}

#[test]
fn blocking_in_virtual_time_is_erlang_b() {
    const N: u64 = 24_000;
    /// Until the pool is as full as it will be: more than 20 holding times.
    const FIRST: u64 = 4_000;
    assert!((erlang_b(10.0, 10) - 0.2146).abs() < 1e-4, "a value from the tables");
    let settings = Settings { nslabs: 128, nareas: 1, oracle: Oracle::Off, ..Settings::default() };
    println!("| erlangs | blocked, theory | simulated | standard error |");
    for erlangs in [112.0, 120.0, 128.0, 144.0, 192.0] {
        let lost: Vec<f64> = (0..SEEDS)
            .map(|seed| {
                let plan = calls(N, 1e6 / erlangs, 1e6, seed);
                let lost = |maps: u64| {
                    let mut part = plan.clone();
                    part.threads[0]
                        .ops
                        .retain(|op| op.action.handle().is_some_and(|h| u64::from(h.0) < maps));
                    part.handles = maps as u32;
                    let outcome = virtual_time(KERNEL.build, &part, &settings).unwrap();
                    assert_eq!(outcome.maps, maps);
                    assert_eq!(outcome.failed(), outcome.failures.get("capacity").copied().unwrap_or(0));
                    assert_eq!(outcome.oracle.violations, Vec::<String>::new());
                    assert!(outcome.stats.used_hiwater <= 128);
                    outcome.failed()
                };
                (lost(N) - lost(FIRST)) as f64 / (N - FIRST) as f64
            })
            .collect();
        let (theory, (measured, error)) = (erlang_b(erlangs, 128), mean(&lost));
        println!("| {erlangs} | {theory:.5} | {measured:.5} | {error:.5} |");
        assert!((measured - theory).abs() < T * error, "{erlangs}: {measured} {theory} {error}");
    }
}
