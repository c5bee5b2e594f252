//! Every family of figures with made-up numbers: `cargo run -p plots --example gallery -- DIR`.
//!
//! Writes `NAME.svg`, and `NAME.png`, `NAME-half.png` and `NAME-dark.png`, into the folder, which exists.
#![allow(clippy::unwrap_used)] // an example may stop at the first surprise

use std::path::Path;

use plots::measured::Measured;
use plots::png::picture;
use plots::shade::Shade;
use plots::{
    fallback, find_pool, forest, histogram, history, latency, locks, pareto, sensitivity, slot_search,
    throughput, timeline,
};
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};

fn main() {
    let dir = std::env::args().nth(1).expect("usage: gallery DIR");
    let figures = [
        ("latency", latencies()),
        ("find_pool", pools()),
        ("slot_search", searches()),
        ("throughput", throughputs()),
        ("locks", lock_times()),
        ("fallback", fallbacks()),
        ("timeline", time_line()),
        ("forest", comparison()),
        ("sensitivity", sensitivities()),
        ("history", nights()),
        ("pareto", candidates()),
        ("histogram", trace()),
    ];
    for (name, svg) in figures {
        let write = |suffix: &str, bytes: &[u8]| {
            std::fs::write(Path::new(&dir).join(format!("{name}{suffix}")), bytes).unwrap();
        };
        write(".svg", svg.as_bytes());
        write(".png", &picture(&svg, Shade::Light, 1.0).unwrap());
        write("-half.png", &picture(&svg, Shade::Light, 0.5).unwrap());
        write("-dark.png", &picture(&svg, Shade::Dark, 1.0).unwrap());
    }
}

/// A number that looks random, 0 to 1.
fn noise(seed: u64) -> f64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number with an interval of a few percent.
fn measured(value: f64, seed: u64) -> Measured {
    let (down, up) = (0.02 + 0.06 * noise(seed), 0.02 + 0.06 * noise(seed + 7));
    Measured { value, interval: Some((value * (1.0 - down), value * (1.0 + up))), n: 12 }
}

fn latencies() -> String {
    let launch = |base: f64, tail: f64, seed: u64| {
        let mut latency = Latency::new();
        for i in 0..30_000 {
            let beyond = 1.0 / (1.0 - noise(i + seed * 1_000_003));
            latency.record(plots::label::whole(base * beyond.powf(tail)));
        }
        latency
    };
    let of = |base, tail| (0..6).map(|i| launch(base + 4.0 * i as f64, tail, i)).collect::<Vec<_>>();
    let (service, response, idle) = (of(110.0, 0.2), of(140.0, 0.45), of(20.0, 0.4));
    let series = [("map, service", &service), ("map, response", &response), ("empty loop, machine", &idle)];
    let series = series.map(|(name, launches)| latency::Launches {
        name,
        launches,
        idle: (name != "empty loop, machine").then_some(&idle[0]),
    });
    latency::by_quantile_of_launches("Latency of map, open loop at 800,000 requests a second", &series)
        .unwrap()
}

fn pools() -> String {
    let counts = [1, 4, 16, 64, 256, 1_024];
    let list = counts.map(|n| (n, measured(1.2 + 1.66 * f64::from(n), u64::from(n))));
    let miss = counts.map(|n| (n, measured(1.5 + 2.2 * f64::from(n), u64::from(n) + 1)));
    let array = counts.map(|n| (n, measured(3.0 + 1.8 * f64::from(n).log2(), u64::from(n) + 2)));
    let pages = counts.map(|n| (n, Measured { interval: None, n: 3, ..measured(2.4, 1) }));
    let series = [
        find_pool::Series { name: "rcu list, last pool", points: &list },
        find_pool::Series { name: "rcu list, miss", points: &miss },
        find_pool::Series { name: "sorted array, last pool", points: &array },
        find_pool::Series { name: "page directory", points: &pages },
    ];
    find_pool::by_pools("find_pool against number of pools", &series).unwrap()
}

fn searches() -> String {
    let of = |base: f64, slope: f64, seed: u64| {
        [0.0, 25.0, 50.0, 75.0, 90.0].map(|f| {
            (f, measured(base * (1.0 + slope * f64::powi(f / 100.0, 3)), seed + plots::label::whole(f)))
        })
    };
    let (one, two, many, most) = (of(97.0, 0.1, 1), of(98.0, 0.2, 2), of(120.0, 1.8, 3), of(215.0, 4.0, 4));
    let series = [("1 slot", &one), ("2 slots", &two), ("32 slots", &many), ("128 slots", &most)];
    let series = series.map(|(name, points)| slot_search::Series { name, points });
    slot_search::by_occupancy("Slot search, whole segments taken", slot_search::What::RoundTrip, &series)
        .unwrap()
}

fn throughputs() -> String {
    let law = |sigma: f64, kappa: f64, seed: u64| {
        let law = plots::scaling::Law { lambda: 4e6, sigma, kappa };
        [1, 2, 3, 4, 6, 8, 12, 16].map(|n| {
            (
                n,
                measured(
                    law.at(f64::from(n)) * (0.97 + 0.06 * noise(seed * 31 + u64::from(n))),
                    seed + u64::from(n),
                ),
            )
        })
    };
    let (one, four, padded) = (law(0.6, 0.02, 1), law(0.15, 0.01, 30), law(0.04, 0.002, 60));
    let series = [("one area", &one[..]), ("four areas", &four[..]), ("four areas, padded", &padded[..4])];
    let series = series.map(|(name, points)| throughput::Series { name, points });
    throughput::by_threads("Throughput by threads, 8 CPUs", 8, &series).unwrap()
}

fn lock_times() -> String {
    let names = ["queued spin (Linux)", "ticket", "mcs", "std mutex", "parking_lot"];
    let held = [20_u64, 100, 500, 2_000].map(|hold| {
        let of = |i: u64| {
            [1, 2, 3, 4, 8].map(|n| {
                let wait =
                    (hold as f64 + 20.0 + 9.0 * i as f64) * f64::from(n) * if n > 4 { 3.0 } else { 1.0 };
                (n, measured(wait, hold + i * 17 + u64::from(n)))
            })
        };
        (hold, [0, 1, 2, 3, 4].map(of))
    });
    let series = held.each_ref().map(|(_, all)| {
        let of = |(name, points): (&&'static str, _)| locks::Series { name, points };
        names.iter().zip(all.iter().map(|points| &points[..])).map(of).collect::<Vec<_>>()
    });
    let names_of_holds =
        held.each_ref().map(|(ns, _)| format!("held for {}", plots::label::time(*ns as f64)));
    let holds: Vec<_> =
        names_of_holds.iter().zip(&series).map(|(name, series)| locks::Hold { name, series }).collect();
    locks::by_threads_and_hold("Locks by threads and hold time, 4 CPUs", 4, &holds).unwrap()
}

fn fallbacks() -> String {
    let parts =
        ["search of every area", "pages from the source", "decryption", "publication", "free and encryption"];
    let of = |ns: [f64; 5], seed| {
        let parts: Vec<_> = ns.iter().enumerate().map(|(i, ns)| measured(*ns, seed + i as u64)).collect();
        (measured(ns.iter().sum::<f64>() * 1.02, seed + 9), parts)
    };
    let all = [
        ("room in the home area", of([110.0, 0.0, 0.0, 0.0, 0.0], 1)),
        ("transient pool", of([900.0, 1_400.0, 0.0, 250.0, 700.0], 2)),
        ("transient pool, memory encrypted", of([900.0, 1_400.0, 3_100.0, 250.0, 2_600.0], 3)),
        ("growth waited for", of([900.0, 2_100.0, 3_900.0, 400.0, 0.0], 4)),
    ];
    let case =
        |(name, (total, parts)): &(&'static str, (Measured, Vec<Measured>))| (*name, *total, parts.clone());
    let cases: Vec<_> = all.iter().map(case).collect();
    let cases: Vec<_> =
        cases.iter().map(|(name, total, parts)| fallback::Case { name, total: *total, parts }).collect();
    fallback::stacked("What a fallback costs, by part", &parts, &cases).unwrap()
}

fn time_line() -> String {
    let interval = |i: u32| {
        let (at, seed) = (f64::from(i), u64::from(i));
        let busy = 45.0 + 35.0 * (at / 6.0).sin() + 8.0 * noise(seed);
        let spread =
            |mean: f64, by: f64| timeline::Spread { mean, low: (mean - by).max(0.0), high: mean + by };
        let tail = plots::label::whole(700.0 * (busy / 40.0).powi(4) + 300.0 * noise(seed + 5));
        let few = (20..23).contains(&i);
        timeline::Interval {
            end_ns: u64::from(i + 1) * 500_000_000,
            occupancy: spread(busy, 8.0 * noise(seed + 1)),
            fragmentation: spread(15.0 + 0.4 * busy, 9.0 * noise(seed + 2)),
            pools: if busy > 70.0 { spread(5.0, 2.0) } else { spread(2.0, 0.0) },
            samples: if few { 200 } else { 40_000 + u64::from(i) },
            tail: if few { Cell::TooFew(200) } else { Cell::Value(tail) },
            max_ns: Some(tail * 12),
        }
    };
    let intervals: Vec<_> = (0..48).map(interval).collect();
    timeline::over_time(&timeline::Timeline {
        title: "A growing allocator under a rising load",
        operation: "map",
        fragmentation: "free slots in runs below 128",
        quantile: Quantile::P99,
        intervals: &intervals,
    })
    .unwrap()
}

fn comparison() -> String {
    use forest::Verdict::{Equivalent, Improved, Inconclusive, Regressed};
    let rows = [
        ("map and unmap, 4 KiB, empty", 0.3, 0.4, 2.0, Equivalent),
        ("map and unmap, 64 KiB, 90 % taken", 6.1, 1.2, 2.0, Regressed),
        ("map and unmap, 256 KiB, fragmented", -9.4, 2.5, 3.1, Improved),
        ("find_pool, 1,024 pools", -3.2, 3.9, 2.0, Inconclusive),
        ("two threads on one area", 1.1, 5.2, 4.4, Inconclusive),
    ];
    let change =
        |value: f64, by: f64| Measured { value, interval: Some((value - by, value + by * 1.2)), n: 12 };
    let rows = rows.map(|(name, value, by, floor, verdict)| forest::Comparison {
        name,
        change: change(value, by),
        floor,
        verdict,
    });
    forest::plot("Padded areas (B) against the kernel's layout (A)", "time of an operation", &rows).unwrap()
}

fn sensitivities() -> String {
    let level = |label, value: f64, by: f64| sensitivity::Level {
        label,
        change: Measured { value, interval: Some((value - by, value + by)), n: 12 },
        default: value == 0.0,
    };
    let size = [
        level("32 MiB", 61.0, 8.0),
        level("64 MiB", 0.0, 0.0),
        level("128 MiB", -7.0, 3.0),
        level("256 MiB", -8.0, 3.0),
    ];
    let areas = [level("1", 35.0, 4.0), level("4", 0.0, 0.0), level("8", -2.0, 3.0)];
    let growth = [level("off", 4.0, 6.0), level("on", 0.0, 0.0)];
    let parameters = [("swiotlb size", &size[..]), ("areas", &areas[..]), ("growth", &growth[..])];
    let parameters = parameters.map(|(name, levels)| sensitivity::Parameter { name, levels });
    let measure = sensitivity::Measure { name: "p99 of requests", unit: "%", samples: "launches" };
    sensitivity::of_parameters("What each parameter does to the tail", measure, &parameters).unwrap()
}

fn nights() -> String {
    let labels: Vec<_> = (0..60).map(|i| format!("2026-{:02}-{:02}", 9 + i / 30, 1 + i % 30)).collect();
    let level = |i: u64| match i {
        0..18 => 310.0,
        18..34 => 322.0,
        34..45 => 318.0,
        _ => 268.0,
    };
    let night = |(i, label): (u64, &'static str)| {
        let value = level(i) * (0.99 + 0.02 * noise(i)) * if i == 41 { 1.09 } else { 1.0 };
        history::Night {
            label,
            machine: if i < 45 { "i7-8700, 6 cores" } else { "EPYC 7763, 8 of 64 cores" },
            value: Measured { value, interval: Some((value * 0.985, value * 1.015)), n: 12 },
            limit: (i % 45 >= 8).then(|| level(i) * 1.05),
        }
    };
    let labels: &'static [String] = labels.leak();
    let nights: Vec<_> = (0..).zip(labels.iter().map(String::as_str)).map(night).collect();
    let percent = |value: f64| Measured { value, interval: Some((value - 0.8, value + 0.7)), n: 16 };
    let changes = [
        history::Change {
            night: 18,
            percent: percent(3.9),
            accepted: Some("counters on lines of their own"),
        },
        history::Change { night: 34, percent: percent(-1.2), accepted: None },
    ];
    let quantity = "time of map and unmap, 4 KiB";
    let title = "map and unmap, night by night";
    history::by_night(&history::History {
        title,
        quantity,
        bars: "intervals",
        unit: plots::label::Unit::Time,
        nights: &nights,
        changes: &changes,
    })
    .unwrap()
}

fn candidates() -> String {
    let names: Vec<_> =
        [16, 32, 64, 128, 256].into_iter().flat_map(|mib| [1, 4, 8].map(|areas| (mib, areas))).collect();
    let names: Vec<_> = names
        .into_iter()
        .map(|(mib, areas)| (format!("swiotlb={},{areas}", mib * 512), mib, areas))
        .collect();
    let of = |(i, (name, mib, areas)): (u64, &'static (String, u32, u32))| {
        let (mib, areas) = (f64::from(*mib), f64::from(*areas));
        let tail = 900.0 + 90_000.0 / mib + if areas < 2.0 { 3_000.0 } else { 10.0 * areas };
        pareto::Candidate {
            name,
            memory: Measured::exact(mib * 1_048_576.0, 12),
            tail: measured(tail, i),
            delayed: Measured::exact((40_000.0 / (mib * mib) - 5.0).max(0.0).floor(), 12),
        }
    };
    let names: &'static [_] = names.leak();
    let all: Vec<_> = (0..).zip(names).map(of).collect();
    pareto::of_candidates("Which size and how many areas", "p99.9 of requests", &all).unwrap()
}

fn trace() -> String {
    let bin = |(i, (from, to)): (u64, (f64, f64)), scale: f64| {
        let count =
            |q: u64| plots::label::whole(scale * (0.6 + 0.8 * noise(i * 4 + q)) * noise(i * 9 + 3).powi(6));
        histogram::Bin { from, to, quarters: [0, 1, 2, 3].map(count) }
    };
    let sizes = (9..18).map(|p| (2_f64.powi(p), 2_f64.powi(p + 1)));
    let lifetimes = (8..28).map(|p| (10_f64.powf(f64::from(p) / 4.0), 10_f64.powf(f64::from(p + 1) / 4.0)));
    let sizes: Vec<_> = (0..).zip(sizes).map(|b| bin(b, 90_000.0)).collect();
    let lifetimes: Vec<_> = (20..).zip(lifetimes).map(|b| bin(b, 30_000.0)).collect();
    histogram::of_trace("nvme0 under fio, 60 s", &sizes, &lifetimes, 31).unwrap()
}
