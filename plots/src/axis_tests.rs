//! Tests of [`super::Axis`]: marks are few and round, and hold both ends.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;

fn labels(axis: &Axis) -> Vec<&str> {
    axis.marks().iter().map(|(_, label)| label.as_str()).collect()
}

#[test]
fn percentiles_stand_a_decade_apart() {
    let ppm = |ppm| place_of_quantile(Quantile::from_ppm(ppm).unwrap());
    assert!(
        (ppm(0)).abs() < 1e-12 && (ppm(900_000) - 1.0).abs() < 1e-12 && (ppm(999_990) - 5.0).abs() < 1e-12
    );
    assert_eq!(labels(&Axis::percentiles(Quantile::P50)), ["0", "50", "90"]);
    let upto = labels(&Axis::percentiles(Quantile::P99_99)).join(" ");
    assert_eq!(upto, "0 50 90 99 99.9 99.99");
}

#[test]
fn times_are_enclosed_by_marks() {
    assert_eq!(labels(&Axis::times(97, 480)), ["50 ns", "100 ns", "200 ns", "500 ns"]);
    assert_eq!(labels(&Axis::times(0, 0)), ["1 ns", "2 ns"]);
    let wide = labels(&Axis::times(3, 9_000_000)).join(" ");
    assert_eq!(wide, "1 ns 10 ns 100 ns 1,000 ns 10.0 us 100 us 1.00 ms 10.0 ms");
}

#[test]
fn linear_marks_are_round_numbers_around_the_data() {
    assert_eq!(labels(&Axis::linear(0.0, 97.0, 5, label::number)), ["0", "20", "40", "60", "80", "100"]);
    assert_eq!(labels(&Axis::linear(-2.2, 3.1, 5, label::number)), ["-4", "-2", "0", "2", "4"]);
    assert_eq!(labels(&Axis::between(0.0, 95.0, 5, label::number)), ["0", "20", "40", "60", "80"]);
    assert_eq!(labels(&Axis::linear(3.0, 3.0, 5, label::number)), ["3", "4", "5", "6"]);
}

#[test]
fn powers_of_two_are_thinned_out() {
    let marks = |least, most| labels(&Axis::powers_of_two(least, most, 5, label::number)).join(" ");
    assert_eq!(marks(1.0, 8.0), "1 2 4 8");
    assert_eq!(marks(1.0, 1_024.0), "1 8 64 512");
    assert_eq!(marks(1.0, 1.0), "1 2");
}

#[test]
fn any_range_has_few_marks_and_holds_both_ends() {
    let ends = [
        0.0,
        1e-30,
        1.0,
        2.0,
        9.0,
        99.0,
        12_345.0,
        1e9,
        1e19,
        1.8e19,
        1e300,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
        -5.0,
    ];
    for (least, most) in ends.iter().flat_map(|a| ends.iter().map(move |b| (*a, *b))) {
        let plain = |v: f64| label::number(v);
        let axes = [
            Axis::log(least, most, plain),
            Axis::linear(least, most, MANY, plain),
            Axis::between(least, most, MANY, plain),
            Axis::powers_of_two(least, most, MANY, plain),
            Axis::times(label::whole(least), label::whole(most)),
        ];
        for axis in axes {
            assert!((1..=21).contains(&axis.marks().len()), "{least} {most} {axis:?}");
            assert!(axis.range.start < axis.range.end, "{least} {most} {axis:?}");
            let places: Vec<_> = axis.marks().iter().map(|(at, _)| axis.place(*at, (0, 1_000))).collect();
            assert!(places.is_sorted() && places.iter().all(|p| (0..=1_000).contains(p)), "{axis:?}");
        }
    }
}

#[test]
fn the_ends_map_to_the_ends() {
    let axis = Axis::times(1, 100);
    assert_eq!(
        (axis.place(1.0, (0, 200)), axis.place(10.0, (0, 200)), axis.place(100.0, (200, 0))),
        (0, 100, 0)
    );
    assert_eq!(
        (axis.place(f64::INFINITY, (0, 100)), axis.place(f64::NAN, (0, 100)), axis.place(-1.0, (0, 100))),
        (100, 0, 0)
    );
}
