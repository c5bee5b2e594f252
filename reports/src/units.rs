//! Numbers as people read them: counts with separators, times with a fitting unit.
//!
//! There is one form of a time everywhere: nanoseconds in full up to 9,999 ns, above that three significant
//! digits in us, ms or s. Everything is integer arithmetic, so that a figure never depends on how a float
//! was rounded.

/// A count with a comma between thousands: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `what`, with an s (after ch, es) unless there is one.
#[must_use]
pub fn plural(n: u64, what: &str) -> String {
    let ending = match n {
        1 => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{what}{ending}")
}

/// How long something is going to take, given in seconds: `50 s`, `2.4 min`.
#[must_use]
pub fn minutes(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// A time given in nanoseconds: `9,999 ns`, `12.3 us`, `1.00 ms`, `60.0 s`.
#[must_use]
pub fn time(ns: u64) -> String {
    if ns <= 9_999 {
        return format!("{} ns", count(ns));
    }
    for (unit, scale) in [("us", 1_000), ("ms", 1_000_000)] {
        if let Some(number) = three_digits(ns, scale) {
            return format!("{number} {unit}");
        }
    }
    let scale = 1_000_000_000;
    match three_digits(ns, scale) {
        Some(number) => format!("{number} s"),
        None => format!("{} s", count(rounded(ns, scale))),
    }
}

/// `ns / scale` to three significant digits, or nothing where that rounds to 1,000 or more.
fn three_digits(ns: u64, scale: u64) -> Option<String> {
    for (below, decimals, step) in [(1_000, 2, scale / 100), (1_000, 1, scale / 10), (1_000, 0, scale)] {
        let steps = rounded(ns, step);
        if steps < below {
            return Some(decimal(steps, decimals));
        }
    }
    None
}

/// `n / step`, half rounded up.
fn rounded(n: u64, step: u64) -> u64 {
    n / step + u64::from(n % step >= step.div_ceil(2))
}

/// `steps` with its last `decimals` (0, 1 or 2) digits behind the point.
fn decimal(steps: u64, decimals: usize) -> String {
    match decimals {
        0 => steps.to_string(),
        1 => format!("{}.{}", steps / 10, steps % 10),
        _ => format!("{}.{:02}", steps / 100, steps % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let cases =
            [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn one_has_no_plural() {
        let all = [(0, "launch"), (1, "launch"), (2, "launch"), (1, "record"), (2, "record")];
        let words = all.map(|(n, what)| plural(n, what));
        assert_eq!(words, ["launches", "launch", "launches", "record", "records"]);
    }

    #[test]
    fn times_change_their_unit_without_a_gap() {
        let cases = [
            (0, "0 ns"),
            (1_234, "1,234 ns"),
            (9_999, "9,999 ns"),
            (10_000, "10.0 us"),
            (12_345, "12.3 us"),
            (99_949, "99.9 us"),
            (99_950, "100 us"),
            (999_499, "999 us"),
            (999_500, "1.00 ms"),
            (1_005_000, "1.01 ms"),
            (9_995_000, "10.0 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (60_000_000_000, "60.0 s"),
            (999_499_999_999, "999 s"),
            (999_500_000_000, "1,000 s"),
            (u64::MAX, "18,446,744,074 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(time(ns), text, "{ns}");
        }
    }

    #[test]
    fn every_time_above_9999_ns_has_three_digits() {
        let mut ns = 10_000_u64;
        while ns < 999_000_000_000 {
            let digits = time(ns).chars().filter(char::is_ascii_digit).count();
            assert_eq!(digits, 3, "{ns}: {}", time(ns));
            ns += ns / 997 + 1;
        }
    }
}
