//! Tests of [`super::by_quantile`]: curves end where the rule ends, and names stay names.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;

fn of(samples: impl IntoIterator<Item = u64>) -> Latency {
    let mut l = Latency::new();
    samples.into_iter().for_each(|s| l.record(s));
    l
}

/// Samples with a long tail: about one in each power of ten is ten times as long.
fn tailed(n: u64, base: u64) -> Latency {
    of((0..n).map(|i| base * n / (i % n + n / 1_000 + 1) + i % base))
}

/// The tags' names in order, `/` before those that close; every tag closed and text without markup.
fn tags(svg: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains(['"', '\'']), "{text}");
        let name = tag.split([' ', '\n']).next().unwrap().trim_end_matches('/');
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name.to_owned())),
            None if tag.ends_with('/') => {}
            None => open.push(name.to_owned()),
        }
        all.push(name.to_owned());
    }
    assert_eq!(open, [] as [String; 0]);
    all
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
    for text in [
        "percentile (%)",
        "latency, log scale",
        "99.9\n",
        "500 ns\n",
        "map: N 20,000, max ",
        "nvme under kernel",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.contains("sync: N 4, max 4 ns, too few for a curve"));
    assert!(!svg.contains("99.99\n"), "20,000 samples have no p99.99");
}

#[test]
fn hostile_names_are_text() {
    let map = tailed(2_000, 90);
    let names = [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "\u{202e}gnp.exe\u{2066}\u{0}\u{ffff}",
        "]]>&amp;<!-- \r\n",
        &"long ".repeat(1_000),
        "漢字 ünï",
        "",
    ];
    let series: Vec<_> = names.iter().map(|name| Series { name, latency: &map }).collect();
    for name in names {
        let svg = by_quantile(name, &series).unwrap();
        let tags = tags(&svg);
        assert!(tags.iter().all(|t| !["script", "img", "!--"].contains(&t.as_str())));
        assert!(
            !svg.chars()
                .any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{ffff}'))
        );
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
