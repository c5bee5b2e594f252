//! A measured number, which never goes without its interval and its count.
//!
//! The unit of replication is a process launch (or a block of launches): `n` counts those, never the
//! operations inside one. Where there are too few for an interval there is none, and a figure says so.

use reports::stats::sign_test::Estimate;

use crate::PlotError;

/// The largest number that a figure takes, either sign.
const LARGEST: f64 = 1e18;

/// A number with its interval and the count that it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Lower and upper end of its interval, around the value; nothing where samples are too few for one.
    pub interval: Option<(f64, f64)>,
    /// How many launches or blocks.
    pub n: u64,
}

impl Measured {
    /// A count that every one of `n` launches agrees on.
    #[must_use]
    pub fn exact(value: f64, n: u64) -> Self {
        Self { value, interval: Some((value, value)), n }
    }

    /// The median and the exact interval of a comparison or of launches.
    #[must_use]
    pub fn of(estimate: Estimate) -> Self {
        let interval = estimate.interval.map(|(low, high, _)| (low, high));
        Self { value: estimate.median, interval, n: u64::try_from(estimate.n).unwrap_or(u64::MAX) }
    }

    /// Lower end, or the value where there is no interval.
    #[must_use]
    pub fn low(self) -> f64 {
        self.interval.map_or(self.value, |(low, _)| low)
    }

    /// Upper end, or the value where there is no interval.
    #[must_use]
    pub fn high(self) -> f64 {
        self.interval.map_or(self.value, |(_, high)| high)
    }

    /// Whether the intervals do not overlap and this one is the lower.
    #[must_use]
    pub fn surely_below(self, other: Self) -> bool {
        self.high() < other.low()
    }

    /// Refuses what cannot be drawn.
    ///
    /// # Errors
    /// [`PlotError::Number`] for what is not finite or too large; [`PlotError::Interval`] where the interval
    /// does not enclose the value.
    pub fn check(self, what: &str) -> Result<Self, PlotError> {
        for number in [self.value, self.low(), self.high()] {
            check_number(number, what)?;
        }
        if self.low() > self.value || self.high() < self.value {
            return Err(PlotError::Interval { what: crate::svg::short(what) });
        }
        Ok(self)
    }

    /// As [`Measured::check`], for a log axis: the value lies above zero.
    ///
    /// # Errors
    /// As [`Measured::check`], and [`PlotError::Number`] for a value that is not above zero.
    pub fn check_positive(self, what: &str) -> Result<Self, PlotError> {
        check_positive(self.value, what)?;
        self.check(what)
    }
}

/// Refuses what is not finite or above 1e18 in size.
///
/// # Errors
/// [`PlotError::Number`].
pub fn check_number(number: f64, what: &str) -> Result<f64, PlotError> {
    if number.is_finite() && number.abs() <= LARGEST {
        return Ok(number);
    }
    Err(PlotError::Number {
        what: crate::svg::short(what),
        number: number.to_string(),
        wanted: "up to 1e18 in size",
    })
}

/// Refuses what is not above zero, too.
///
/// # Errors
/// [`PlotError::Number`].
pub fn check_positive(number: f64, what: &str) -> Result<f64, PlotError> {
    if number > 0.0 {
        return check_number(number, what);
    }
    Err(PlotError::Number { what: crate::svg::short(what), number: number.to_string(), wanted: "above zero" })
}

/// The lowest and the highest end of all intervals; nothing of nothing.
#[must_use]
pub fn extent<'a>(all: impl IntoIterator<Item = &'a Measured>) -> Option<(f64, f64)> {
    all.into_iter().fold(None, |ends: Option<(f64, f64)>, m| {
        let (least, most) = ends.unwrap_or((m.low(), m.high()));
        Some((least.min(m.low()), most.max(m.high())))
    })
}

/// As [`extent`] for a log axis: a lower end that is not above zero does not count.
#[must_use]
pub fn extent_above_zero<'a>(all: impl IntoIterator<Item = &'a Measured>) -> Option<(f64, f64)> {
    all.into_iter().fold(None, |ends: Option<(f64, f64)>, m| {
        let low = if m.low() > 0.0 { m.low() } else { m.value };
        let (least, most) = ends.unwrap_or((low, m.high()));
        Some((least.min(low), most.max(m.high())))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn of(value: f64, low: f64, high: f64) -> Measured {
        Measured { value, interval: Some((low, high)), n: 12 }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_the_reason() {
        assert_eq!(of(2.0, 1.0, 3.0).check("x"), Ok(of(2.0, 1.0, 3.0)));
        for bad in [of(f64::NAN, 1.0, 3.0), of(2.0, f64::NEG_INFINITY, 3.0), of(2.0, 1.0, 1e19)] {
            assert!(matches!(bad.check("x"), Err(PlotError::Number { .. })), "{bad:?}");
        }
        assert_eq!(of(4.0, 1.0, 3.0).check("x"), Err(PlotError::Interval { what: "x".to_owned() }));
        let zero = Measured::exact(0.0, 1).check_positive("a\n").unwrap_err().to_string();
        assert_eq!(zero, "a\\n: 0 cannot be drawn, a number above zero is wanted");
    }

    #[test]
    fn extents_hold_the_intervals() {
        let all = [of(2.0, -1.0, 3.0), of(5.0, 4.0, 9.0), Measured { value: 10.0, interval: None, n: 1 }];
        assert_eq!(extent(&all), Some((-1.0, 10.0)));
        assert_eq!(extent_above_zero(&all), Some((2.0, 10.0)));
        assert_eq!(extent([]), None);
    }

    #[test]
    fn an_estimate_keeps_its_interval_and_count() {
        let few = reports::stats::sign_test::estimate(&[1.0, 2.0], 0.05).map(Measured::of);
        assert_eq!(few, Some(Measured { value: 1.5, interval: None, n: 2 }));
    }
}
