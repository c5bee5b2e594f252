//! Change points of series whose answers are known.

use super::*;
use crate::stats::normal;
use proptest::prelude::*;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

fn indices(series: &[f64], options: &Options) -> Vec<usize> {
    change_points(series, options).into_iter().map(|point| point.index).collect()
}

/// The yearly flow of the Nile at Aswan, 1871 to 1970, in 10^8 cubic metres: it falls in 1899, after the
/// dam was begun (G. Cobb, "The Problem of the Nile", 1978). R: `Nile`.
const NILE: [f64; 100] = [
    1120.0, 1160.0, 963.0, 1210.0, 1160.0, 1160.0, 813.0, 1230.0, 1370.0, 1140.0, 995.0, 935.0, 1110.0,
    994.0, 1020.0, 960.0, 1180.0, 799.0, 958.0, 1140.0, 1100.0, 1210.0, 1150.0, 1250.0, 1260.0, 1220.0,
    1030.0, 1100.0, 774.0, 840.0, 874.0, 694.0, 940.0, 833.0, 701.0, 916.0, 692.0, 1020.0, 1050.0, 969.0,
    831.0, 726.0, 456.0, 824.0, 702.0, 1120.0, 1100.0, 832.0, 764.0, 821.0, 768.0, 845.0, 864.0, 862.0,
    698.0, 845.0, 744.0, 796.0, 1040.0, 759.0, 781.0, 865.0, 845.0, 944.0, 984.0, 897.0, 822.0, 1010.0,
    771.0, 676.0, 649.0, 846.0, 812.0, 742.0, 801.0, 1040.0, 860.0, 874.0, 848.0, 890.0, 744.0, 749.0, 838.0,
    1050.0, 918.0, 986.0, 797.0, 923.0, 975.0, 815.0, 1020.0, 906.0, 901.0, 1170.0, 912.0, 746.0, 919.0,
    718.0, 714.0, 740.0,
];

#[test]
fn the_nile_falls_in_1899() {
    for window in [50, 100] {
        let found = change_points(&NILE, &Options { window, ..Options::default() });
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(1871 + found[0].index, 1899);
        assert!((found[0].before - 1097.75).abs() < 1e-9 && (found[0].after - 849.972_222).abs() < 1e-5);
        assert!(found[0].p < 1e-10 && (found[0].change() + 0.2257).abs() < 1e-4);
    }
}

/// The series of Otava's own test: it halves at the tenth value, at a probability of 0.0001.
#[test]
fn otavas_series() {
    let series = [
        1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96, 0.50, 0.51, 0.48, 0.48, 0.55, 0.50, 0.49,
        0.51, 0.50, 0.49,
    ];
    assert_eq!(indices(&series, &Options { window: 10, p: 0.0001, change: 0.0 }), [10]);
    assert_eq!(indices(&series, &Options { p: 0.0001, ..Options::default() }), [10]);
}

/// Nights around 100 that spread by 1, from a seed.
fn still(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..n).map(|_| 100.0 + normal::quantile(rng.random_range(0.0..1.0))).collect()
}

/// A t-test at the best of all splits is wrong more often than its probability says: this is an alert.
#[test]
fn still_series_seldom_alert() {
    let alerts = |p: f64| {
        let options = Options { p, ..Options::default() };
        (0..100).filter(|&seed| !indices(&still(100, seed), &options).is_empty()).count()
    };
    assert_eq!((alerts(0.001), alerts(0.0001)), (2, 0));
}

#[test]
fn several_shifts_and_none() {
    let level = |i: usize| match i {
        0..40 => 100.0,
        40..75 => 103.0,
        75..130 => 97.0,
        _ => 110.0,
    };
    let series: Vec<f64> = still(200, 1).into_iter().enumerate().map(|(i, x)| x - 100.0 + level(i)).collect();
    assert_eq!(indices(&series, &Options::default()), [40, 75, 130]);
    // A floor of 5 % keeps what is larger: 103 to 97 is 6 %, 97 to 110 13 %, 100 to 103 goes.
    let large = indices(&series, &Options { change: 0.05, ..Options::default() });
    assert_eq!(large.last(), Some(&130));
    assert!(!large.contains(&40), "{large:?}");
}

#[test]
fn one_outlier_is_no_shift() {
    let mut series = still(60, 2);
    series[30] = 140.0;
    assert!(indices(&series, &Options::default()).is_empty());
}

#[test]
fn short_and_flat_series() {
    for series in [vec![], vec![1.0], vec![1.0, 2.0], vec![5.0; 80]] {
        assert!(indices(&series, &Options::default()).is_empty(), "{series:?}");
    }
    let step: Vec<f64> = (0..80).map(|i| if i < 33 { 5.0 } else { 6.0 }).collect();
    assert_eq!(indices(&step, &Options::default()), [33]);
}

/// The largest energy distance in words: all splits, all ends, all pairs.
fn best_split_naive(values: &[f64]) -> f64 {
    let mean_distance = |a: &[f64], b: &[f64], pairs: f64| {
        a.iter().flat_map(|x| b.iter().map(move |y| (x - y).abs())).sum::<f64>() / pairs
    };
    let mut best = f64::NEG_INFINITY;
    for at in 1..values.len() {
        for end in at + 1..=values.len() {
            let (left, right) = (&values[..at], &values[at..end]);
            let (n, m) = (left.len() as f64, right.len() as f64);
            // Each pair within a side is met twice, and each value once with itself at distance 0.
            let within = |side: &[f64], n: f64| mean_distance(side, side, (n * (n - 1.0)).max(1.0));
            let distance = 2.0 * mean_distance(left, right, n * m) - within(left, n) - within(right, m);
            best = best.max(n * m / (n + m) * distance);
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_best_split_is_the_best_of_all(whole in proptest::collection::vec(0_u32..1_000, 2..14)) {
        let values: Vec<f64> = whole.iter().map(|x| f64::from(*x)).collect();
        let naive = best_split_naive(&values);
        match best_split(&values) {
            Some((at, q)) => prop_assert!((q - naive).abs() < 1e-9 && at > 0 && at < values.len()),
            None => prop_assert!(naive <= 1e-9),
        }
    }
}
