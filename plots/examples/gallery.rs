//! Every family of figures with made-up numbers: `cargo run -p plots --example gallery -- DIR`.
//!
//! Writes `NAME.svg`, and `NAME.png`, `NAME-half.png` and `NAME-dark.png`, into the folder, which exists.
#![allow(clippy::unwrap_used)] // an example may stop at the first surprise

use std::path::Path;

use plots::measured::Measured;
use plots::png::picture;
use plots::shade::Shade;
use plots::{fallback, find_pool, latency, locks, slot_search, throughput};
use reports::latency::Latency;

fn main() {
    let dir = std::env::args().nth(1).expect("usage: gallery DIR");
    let figures = [
        ("latency", latencies()),
        ("find_pool", pools()),
        ("slot_search", searches()),
        ("throughput", throughputs()),
        ("locks", lock_times()),
        ("fallback", fallbacks()),
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
    let (service, response, idle) = (of(110.0, 0.2), of(140.0, 0.45), of(20.0, 0.3));
    let series = [("map, service", &service), ("map, response", &response), ("empty loop, machine", &idle)];
    let series = series.map(|(name, launches)| latency::Launches { name, launches });
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
        [1, 2, 3, 4, 6, 8, 12, 16].map(|n| (n, measured(law.at(f64::from(n)), seed + u64::from(n))))
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
    let holds: Vec<_> =
        held.iter().zip(&series).map(|((ns, _), series)| locks::Hold { ns: *ns, series }).collect();
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
