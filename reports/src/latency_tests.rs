//! Tests of [`super::Latency`]: nothing is lost, nothing foreign is believed.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;

fn of(samples: impl IntoIterator<Item = u64>) -> Latency {
    let mut l = Latency::new();
    samples.into_iter().for_each(|s| l.record(s));
    l
}

fn json(l: &Latency) -> serde_json::Value {
    serde_json::to_value(l).unwrap()
}

fn refused(value: serde_json::Value) -> String {
    serde_json::from_value::<Latency>(value).unwrap_err().to_string()
}

#[test]
fn long_samples_are_counted_and_not_saturated() {
    let l = of([1, MAX_NS, MAX_NS + 1, u64::MAX]);
    assert_eq!((l.samples(), l.overflow(), l.max_ns()), (4, 2, Some(u64::MAX)));
    assert_eq!(l.histogram().len(), 2);
    assert_eq!(Latency::new().max_ns(), None);
}

#[test]
fn merging_is_recording_everything_in_one() {
    let (a, b): (Vec<u64>, Vec<u64>) = ((0..5_000).map(|i| i * i).collect(), vec![7, MAX_NS + 5]);
    let mut merged = of(a.clone());
    merged.merge(&of(b.clone()));
    assert_eq!(merged, of(a.into_iter().chain(b)));
}

#[test]
fn a_stored_histogram_comes_back_whole() {
    for l in [Latency::new(), of([0]), of([0, 0, 1]), of(1..20_000), of([3, MAX_NS, MAX_NS * 2])] {
        let back: Latency = serde_json::from_value(json(&l)).unwrap();
        assert_eq!((back.quantiles(), back.max_ns()), (l.quantiles(), l.max_ns()));
        assert_eq!((back.samples(), back.overflow()), (l.samples(), l.overflow()));
        assert_eq!(json(&back), json(&l));
    }
}

#[test]
fn no_quantile_is_above_the_longest_sample() {
    let l = of(vec![123_457; 200_000]);
    let q = l.quantiles();
    assert_eq!(q.cells, [Cell::Value(123_457); 5]);
    assert_eq!(q.max, Cell::Value(123_457));
    assert_eq!(Latency::new().quantiles().max, Cell::TooFew(0));
    assert_eq!(
        of([5; 120]).quantiles().to_string(),
        "p50 5 ns, p90 5 ns, p99 n/a (120), p99.9 n/a (120), p99.99 n/a (120), max 5 ns, N 120"
    );
}

#[test]
fn figures_that_do_not_belong_to_the_histogram_are_refused() {
    let good = json(&of(1..100));
    for (key, value) in [("samples", 98), ("overflow", 1), ("max_ns", 1_000), ("samples", u64::MAX)] {
        let mut bad = good.clone();
        bad[key] = value.into();
        assert!(refused(bad).contains("the histogram holds 99 samples"), "{key}");
    }
}

#[test]
fn damaged_and_hostile_bytes_are_refused() {
    let good = json(&of(1..100));
    let bytes = BASE64.decode(good["hdr_v2"].as_str().unwrap()).unwrap();
    let with = |bytes: &[u8]| {
        let mut value = good.clone();
        value["hdr_v2"] = BASE64.encode(bytes).into();
        value
    };
    for cut in 0..bytes.len() {
        refused(with(&bytes[..cut]));
    }
    let header = |payload: &[u8]| {
        let mut hostile = bytes[..40].to_vec();
        hostile[4..8].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        hostile.extend(payload);
        hostile
    };
    // A run of i64::MIN zeros, a count of i64::MAX, a number cut in the middle, more buckets than there are.
    refused(with(&header(&[0xff; 9])));
    refused(with(&header(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])));
    refused(with(&header(&[0x80])));
    refused(with(&header(&[2; 60_000])));
    let mut value = good.clone();
    value["hdr_v2"] = "%%%".into();
    assert!(refused(value).contains("not base64"));
    for i in 0..40 {
        let mut flipped = bytes.clone();
        flipped[i] ^= 1;
        refused(with(&flipped));
    }
}
