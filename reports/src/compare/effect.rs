//! Effects: logarithms of ratios, and what they mean for whoever reads them.

use serde::{Deserialize, Serialize};

/// ln(1 + `percent` / 100): an effect from a change in percent, above -100.
#[must_use]
pub fn from_percent(percent: f64) -> f64 {
    (percent / 100.0).ln_1p()
}

/// The change in percent of an effect.
#[must_use]
pub fn percent(effect: f64) -> f64 {
    100.0 * effect.exp_m1()
}

/// Which direction of a metric is the better one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Time, memory, steps.
    #[default]
    Lower,
    /// Throughput, rate.
    Higher,
}

impl Better {
    /// The better direction of a metric, by its name: rates and fairness are better high.
    #[must_use]
    pub fn of(metric: &str) -> Self {
        if metric.ends_with("_per_s") || metric == "jain" { Self::Higher } else { Self::Lower }
    }

    /// Whether B is worse than A by this effect.
    #[must_use]
    pub fn is_worse(self, effect: f64) -> bool {
        match self {
            Self::Lower => effect > 0.0,
            Self::Higher => effect < 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_go_there_and_back() {
        for change in [-50.0, -3.0, 0.0, 1.5, 3.0, 100.0] {
            assert!((percent(from_percent(change)) - change).abs() < 1e-12);
        }
        assert!((from_percent(100.0) - 2_f64.ln()).abs() < 1e-15);
        assert!(Better::Lower.is_worse(0.1) && !Better::Lower.is_worse(-0.1) && !Better::Lower.is_worse(0.0));
        assert!(Better::Higher.is_worse(-0.1) && !Better::Higher.is_worse(0.1));
    }
}
