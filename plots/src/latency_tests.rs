//! Tests of [`super::by_quantile`]: curves end where the rule ends, and names stay names.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

fn of(samples: impl IntoIterator<Item = u64>) -> Latency {
    let mut l = Latency::new();
    samples.into_iter().for_each(|s| l.record(s));
    l
}

/// Samples with a long tail: about one in each power of ten is ten times as long.
fn tailed(n: u64, base: u64) -> Latency {
    of((0..n).map(|i| base * n / (i % n + n / 1_000 + 1) + i % base))
}

#[test]
fn a_curve_ends_where_ten_samples_lie_beyond() {
    for n in [20, 99, 100, 1_000, 12_345, 100_000] {
        let curve = Curve::of(&of(1..=n));
        assert_eq!(curve.furthest(), Quantile::furthest(n), "{n}");
        assert!(curve.0.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{n}");
        let marked: Vec<_> = curve.markers().map(|(q, _)| *q).collect();
        let allowed: Vec<_> = Quantile::TABLE.into_iter().filter(|q| q.allowed(n)).collect();
        assert_eq!(marked, allowed, "{n}");
    }
    assert!(Curve::of(&of(1..NEEDED)).0.is_empty());
    assert_eq!(Curve::of(&of(1..=NEEDED)).furthest(), Some(Quantile::P50));
}

#[test]
fn a_curve_ends_before_samples_that_were_too_long() {
    let long = of((0..1_000).map(|i| if i < 600 { 5 } else { MAX_NS + 1 }));
    assert_eq!(Curve::of(&long).furthest(), Quantile::from_ppm(600_000));
    assert!(Curve::of(&of(vec![MAX_NS + 1; 50])).0.is_empty());
}

#[test]
fn without_any_curve_there_is_an_error() {
    let few = of(1..5);
    let series = [Series { name: "map", latency: &few }];
    assert_eq!(by_quantile("t", &series), Err(PlotError::TooFew { series: 1, needed: 20 }));
    assert_eq!(by_quantile("t", &[]), Err(PlotError::TooFew { series: 0, needed: 20 }));
}

#[test]
fn the_figure_has_its_axes_units_and_counts() {
    let (map, few) = (tailed(20_000, 90), of(1..5));
    let series = [Series { name: "map", latency: &map }, Series { name: "sync", latency: &few }];
    let svg = by_quantile("nvme under kernel", &series).unwrap();
    tags(&svg);
    let axes = ["percentile (%)", "latency, log scale, N 4 to 20,000", "99.9", "500 ns"];
    assert_says(&svg, &axes);
    assert_says(
        &svg,
        &["nvme under kernel", "map: N 20,000, max ", "sync: N 4, max 4 ns, too few for a curve"],
    );
    assert_says(&svg, &["No band: how far launches lie apart is not known."]);
    assert!(!svg.contains("99.99\n"), "20,000 samples have no p99.99");
}

#[test]
fn hostile_names_are_text() {
    let map = tailed(2_000, 90);
    let long = "long ".repeat(1_000);
    let names = HOSTILE.into_iter().chain([long.as_str()]);
    let series: Vec<_> = names.clone().map(|name| Series { name, latency: &map }).collect();
    for name in names {
        let svg = by_quantile(name, &series).unwrap();
        assert_harmless(&svg);
        assert!(svg.len() < 400_000);
    }
}

#[test]
fn one_time_for_all_samples_and_zero_are_drawn() {
    for ns in [0, 1, 97, MAX_NS] {
        let flat = of(vec![ns; 100]);
        tags(&by_quantile("flat", &[Series { name: "map", latency: &flat }]).unwrap());
    }
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let map = tailed(5_000, 90);
    let draw = || by_quantile("t", &[Series { name: "map", latency: &map }]).unwrap();
    assert_eq!(draw(), draw());
}

#[test]
fn a_band_goes_from_the_lowest_to_the_highest_launch() {
    let launches: Vec<_> = [100, 200, 150].map(|base| of((0..1_000).map(|i| base + i / 10))).into();
    let band = band(&launches);
    assert!(band.iter().all(|(_, low, high)| high - low == 100 || high - low == 101), "{band:?}");
    assert_eq!(band.last().map(|(q, ..)| *q), Quantile::furthest(1_000));
    let svg =
        by_quantile_of_launches("t", &[Launches { name: "map, response", launches: &launches, idle: None }])
            .unwrap();
    assert_says(&svg, &["map, response: N 3,000 in 3 launches, max 299 ns", "Band: from the lowest"]);
    assert_eq!(tags(&svg).iter().filter(|tag| *tag == "polygon").count(), 1);
}

#[test]
fn one_launch_and_too_few_samples_have_no_band() {
    assert_eq!(band(&[of(1..1_000)]), []);
    assert_eq!(band(&[of(1..1_000), of(1..10)]), []);
    assert_eq!(band(&[]), []);
    let none = by_quantile_of_launches("t", &[Launches { name: "map", launches: &[], idle: None }]);
    assert_eq!(none, Err(PlotError::TooFew { series: 1, needed: 20 }));
}

#[test]
fn a_tail_that_is_the_machines_is_marked() {
    let curve = Curve::of(&of((1..=1_000).map(|i| if i > 950 { 1_000 } else { 100 })));
    let idle = of((1..=1_000).map(|i| if i > 950 { 600 } else { 40 }));
    assert_eq!(curve.of_machine(&idle).iter().map(|(q, _)| *q).collect::<Vec<_>>(), [Quantile::P99]);
    assert_eq!(curve.of_machine(&Latency::new()), []);
    let launches = [of((1..=1_000).map(|i| if i > 950 { 1_000 } else { 100 }))];
    let series = [Launches { name: "map", launches: &launches, idle: Some(&idle) }];
    let texts = crate::markup::texts(&by_quantile_of_launches("t", &series).unwrap());
    assert_eq!(texts.iter().filter(|text| *text == "m").count(), 1);
    assert!(texts.iter().any(|text| text.starts_with("m: over half")));
}
