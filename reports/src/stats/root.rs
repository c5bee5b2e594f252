//! Where a rising function crosses zero, by halving: slow, and never astray.

/// The crossing of `f` between `low` and `high`, to the last bit that halving reaches. Where `f` does not
/// cross there, the end that is nearer to a crossing.
pub(super) fn rising(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_and_ends() {
        assert!((rising(0.0, 2.0, |x| x * x - 2.0) - 2_f64.sqrt()).abs() < 1e-15);
        assert!((rising(0.0, 2.0, |_| -1.0) - 2.0).abs() < 1e-15);
        assert!(rising(0.0, 2.0, |_| 1.0).abs() < 1e-300);
    }
}
