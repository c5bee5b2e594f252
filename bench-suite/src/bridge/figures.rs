//! The four figures of a run: mean and standard deviation of a map and of an unmap.
//!
//! Kept in ns; printed in the tool's form, in us with one decimal. Ours come from whole histograms, whose
//! mean and deviation are within 0.1 % of the exact ones (three significant digits); samples above 60 s,
//! which no histogram holds, are counted in the record and left out here.

use core::fmt;
use reports::latency::Latency;

/// Mean and standard deviation of one call, ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean_ns: f64,
    /// Standard deviation of single calls, not of the mean.
    pub stddev_ns: f64,
}

impl Spread {
    /// Of all samples; nothing where there is none.
    #[must_use]
    pub fn of(latency: &Latency) -> Option<Self> {
        let histogram = latency.histogram();
        let some = !histogram.is_empty();
        some.then(|| Self { mean_ns: histogram.mean(), stddev_ns: histogram.stdev() })
    }
}

/// The figures of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// A map.
    pub map: Spread,
    /// An unmap.
    pub unmap: Spread,
}

impl fmt::Display for Figures {
    /// The tool's second and third line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, call, spread: Spread| {
            let (mean, deviation) = (spread.mean_ns / 1e3, spread.stddev_ns / 1e3);
            writeln!(f, "average {call} latency(us):{mean:.1} standard deviation:{deviation:.1}")
        };
        line(f, "map", self.map)?;
        line(f, "unmap", self.unmap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_are_those_of_the_samples() {
        let mut latency = Latency::new();
        assert_eq!(Spread::of(&latency), None);
        (0..100).for_each(|i| latency.record(if i % 2 == 0 { 100 } else { 300 }));
        let spread = Spread::of(&latency).unwrap_or(Spread { mean_ns: 0.0, stddev_ns: 0.0 });
        assert!((spread.mean_ns - 200.0).abs() < 0.2 && (spread.stddev_ns - 100.0).abs() < 0.2, "{spread:?}");
    }

    #[test]
    fn the_lines_are_the_tool_s() {
        let spread = |mean_ns, stddev_ns| Spread { mean_ns, stddev_ns };
        let figures = Figures { map: spread(149.0, 1_260.0), unmap: spread(12_340.0, 0.0) };
        let wanted = "average map latency(us):0.1 standard deviation:1.3\n\
                      average unmap latency(us):12.3 standard deviation:0.0\n";
        assert_eq!(figures.to_string(), wanted);
    }
}
