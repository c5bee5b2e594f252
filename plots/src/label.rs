//! Numbers as figures write them.
//!
//! Every label comes from here, so that one value looks the same on an axis, at a point and in a legend. No
//! function panics on any number; what is not finite is written `n/a`.

use reports::units;

use crate::measured::Measured;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Pieces.
    Count,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// `value` with its unit.
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Time => time(value),
            Self::Count => number(value),
            Self::Bytes => bytes(value),
        }
    }

    /// `value` in ns, pieces or bytes, however large, with so many decimals: for values that differ little.
    #[must_use]
    pub fn write_in_full(self, value: f64, decimals: usize) -> String {
        let unit = match self {
            Self::Time => " ns",
            Self::Count => "",
            Self::Bytes => " B",
        };
        let text = format!("{value:.decimals$}");
        let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), units::count);
        format!("{whole}{fraction}{unit}")
    }

    /// `value [low, high]`, and a question mark where there is no interval.
    #[must_use]
    pub fn write_measured(self, measured: Measured) -> String {
        let value = self.write(measured.value);
        match measured.interval {
            Some((low, high)) if low == high => value,
            Some((low, high)) => format!("{value} [{}, {}]", self.write(low), self.write(high)),
            None => format!("{value} (?)"),
        }
    }
}

/// Three significant digits, thousands with a comma, no trailing zeros: `1,250,000`, `12.5`, `0.001`.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    if !(1e-6..1e15).contains(&size) {
        return format!("{sign}{size:.2e}");
    }
    if size >= 999.5 {
        return format!("{sign}{}", units::count(whole(size)));
    }
    let decimals = (1..=8).find(|d| size * 10_f64.powi(*d) >= 99.95).unwrap_or(8);
    let decimals = if size >= 99.95 { 0 } else { usize::try_from(decimals).unwrap_or(0) };
    let text = format!("{size:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{sign}{text}")
}

/// A time given in nanoseconds; below 100 ns with its fraction.
#[must_use]
pub fn time(ns: f64) -> String {
    match ns {
        ns if !ns.is_finite() => "n/a".to_owned(),
        ns if ns < 99.95 => format!("{} ns", number(ns)),
        ns => units::time(whole(ns)),
    }
}

/// A size given in bytes: `512 B`, `4 KiB`, `1.5 MiB`.
#[must_use]
pub fn bytes(size: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = size;
    let mut unit = 0;
    while size >= 1_024.0 && unit + 1 < units.len() {
        (size, unit) = (size / 1_024.0, unit + 1);
    }
    format!("{} {}", number(size), units[unit])
}

/// A change in percent, with its sign: `+2.5 %`.
#[must_use]
pub fn change(percent: f64) -> String {
    let sign = if percent > 0.0 && percent.is_finite() { "+" } else { "" };
    format!("{sign}{} %", number(percent))
}

/// `N 12` where all counts are equal, else `N 6 to 12`; `N 0` of nothing.
#[must_use]
pub fn samples(counts: impl IntoIterator<Item = u64>) -> String {
    let ends = counts.into_iter().fold(None, |ends, n| match ends {
        None => Some((n, n)),
        Some((least, most)) => Some((n.min(least), n.max(most))),
    });
    match ends {
        None => "N 0".to_owned(),
        Some((least, most)) if least == most => format!("N {}", units::count(least)),
        Some((least, most)) => format!("N {} to {}", units::count(least), units::count(most)),
    }
}

/// `value` without its fraction; what is too large ends at the largest.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, and that is wanted
pub fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// `text` in lines of at most `columns` characters, broken at spaces, but not between `N` and its number; a
/// longer word keeps a line of its own.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let word = match word {
            "N" => format!("N {}", words.next().unwrap_or_default()),
            word => word.to_owned(),
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_no_idle_zeros() {
        let cases = [
            (0.0, "0"),
            (0.001, "0.001"),
            (0.25, "0.25"),
            (2.5, "2.5"),
            (12.34, "12.3"),
            (99.96, "100"),
            (250.0, "250"),
            (999.7, "1,000"),
            (1_250_000.4, "1,250,000"),
            (-2.345_6, "-2.35"),
            (1e18, "1.00e18"),
            (1e-9, "1.00e-9"),
            (f64::NAN, "n/a"),
            (f64::NEG_INFINITY, "n/a"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_sizes_and_changes_have_their_units() {
        assert_eq!(
            (time(0.5), time(97.26), time(12_345.0)),
            ("0.5 ns".into(), "97.3 ns".into(), "12.3 us".into())
        );
        assert_eq!((bytes(512.0), bytes(4_096.0)), ("512 B".into(), "4 KiB".into()));
        assert_eq!((bytes(1_572_864.0), bytes(2_f64.powi(60))), ("1.5 MiB".into(), "1,024 PiB".into()));
        assert_eq!(
            (change(2.5), change(-2.5), change(0.0)),
            ("+2.5 %".into(), "-2.5 %".into(), "0 %".into())
        );
        assert_eq!(time(f64::NAN), "n/a");
    }

    #[test]
    fn intervals_are_written_where_there_are_some() {
        let of = |interval| Unit::Time.write_measured(Measured { value: 97.0, interval, n: 12 });
        assert_eq!(of(Some((95.0, 1e4))), "97 ns [95 ns, 10.0 us]");
        assert_eq!((of(Some((97.0, 97.0))), of(None)), ("97 ns".into(), "97 ns (?)".into()));
        assert_eq!((Unit::Count.write(5e3), Unit::Bytes.write(2048.0)), ("5,000".into(), "2 KiB".into()));
    }

    #[test]
    fn counts_of_samples_show_their_ends() {
        assert_eq!((samples([12, 12]), samples([12, 6, 9])), ("N 12".into(), "N 6 to 12".into()));
        assert_eq!(samples([]), "N 0");
    }

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible a", 4), ["incomprehensible", "a"]);
        assert_eq!(wrap("log, N 12", 6), ["log,", "N 12"]);
        assert_eq!(wrap("  ", 4), [] as [&str; 0]);
    }
}
