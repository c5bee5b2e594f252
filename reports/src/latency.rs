//! Latencies of one operation: a whole histogram, kept as it is.
//!
//! Times are nanoseconds, with three significant digits, from 1 ns to [`MAX_NS`]. No sample is saturated and
//! none is dropped: one above [`MAX_NS`] is counted in [`Latency::overflow`], and the longest sample is kept
//! exactly. In a record the histogram is HdrHistogram's V2 encoding in base64, so that quantiles can be taken
//! again later and by other tools.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::quantile::{self, Cell, Quantile, Quantiles};

/// The longest time that the histogram holds: 60 s, in ns.
pub const MAX_NS: u64 = 60_000_000_000;

/// Significant digits that the histogram keeps.
const DIGITS: u8 = 3;

/// The latencies of one operation (about 220 KiB).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Latency {
    histogram: Histogram<u64>,
    overflow: u64,
    max_ns: u64,
}

impl Latency {
    /// No samples.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_NS, DIGITS).expect("constant bounds are valid");
        Self { histogram, overflow: 0, max_ns: 0 }
    }

    /// Adds one sample of `ns` nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.max_ns = self.max_ns.max(ns);
        if ns > MAX_NS || self.histogram.record(ns).is_err() {
            self.overflow += 1;
        }
    }

    /// Adds all samples of `other`, as when threads are put together.
    pub fn merge(&mut self, other: &Self) {
        self.max_ns = self.max_ns.max(other.max_ns);
        self.overflow = self.overflow.saturating_add(other.overflow);
        if self.histogram.add(&other.histogram).is_err() {
            // Same bounds on both sides, so this does not happen; if it did, no sample may vanish.
            self.overflow = self.overflow.saturating_add(other.histogram.len());
        }
    }

    /// N: all samples, overflows included.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.histogram.len().saturating_add(self.overflow)
    }

    /// How many samples were longer than [`MAX_NS`].
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// The longest sample in ns, exactly; nothing where there is no sample.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        (self.samples() > 0).then_some(self.max_ns)
    }

    /// The samples up to [`MAX_NS`].
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// The answers to `wanted`, which is in rising order; no answer is above the longest sample.
    #[must_use]
    pub fn at(&self, wanted: &[Quantile]) -> Vec<Cell> {
        let mut cells = quantile::cells(&self.histogram, self.overflow, MAX_NS, wanted);
        for cell in &mut cells {
            if let Cell::Value(ns) = cell {
                *ns = self.max_ns.min(*ns);
            }
        }
        cells
    }

    /// The quantiles of every table.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let samples = self.samples();
        let mut cells = [Cell::TooFew(samples); Quantile::TABLE.len()];
        cells.copy_from_slice(&self.at(&Quantile::TABLE));
        Quantiles { cells, max: self.max_ns().map_or(Cell::TooFew(0), Cell::Value), samples }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// The form in the record.
#[derive(Serialize, Deserialize)]
struct Stored {
    samples: u64,
    overflow: u64,
    max_ns: u64,
    hdr_v2: String,
}

impl From<Latency> for Stored {
    fn from(l: Latency) -> Self {
        let mut bytes = Vec::new();
        // Fails only above 2^63 samples in one bucket; the record's reader then says that it is damaged.
        let _ = V2Serializer::new().serialize(&l.histogram, &mut bytes);
        let (samples, overflow, max_ns) = (l.samples(), l.overflow, l.max_ns);
        Self { samples, overflow, max_ns, hdr_v2: BASE64.encode(bytes) }
    }
}

/// Why a stored histogram was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LatencyError {
    /// Not base64 at all.
    #[error("the histogram is not base64: {0}")]
    Base64(String),
    /// Not a V2 histogram of this record's bounds (1 ns to 60 s, 3 digits).
    #[error("not a V2 histogram of 1 ns to 60 s with 3 digits: {0}")]
    Histogram(String),
    /// The figures beside the histogram do not belong to it.
    #[error(
        "the record says {said} samples, {overflow} overflows and a maximum of {max_ns} ns; the histogram holds {held} samples up to {held_max} ns"
    )]
    Disagrees {
        /// `samples` as recorded.
        said: u64,
        /// `overflow` as recorded.
        overflow: u64,
        /// `max_ns` as recorded.
        max_ns: u64,
        /// Samples in the histogram.
        held: u64,
        /// The histogram's maximum, ns.
        held_max: u64,
    },
}

impl TryFrom<Stored> for Latency {
    type Error = LatencyError;

    fn try_from(s: Stored) -> Result<Self, LatencyError> {
        let bytes = BASE64.decode(&s.hdr_v2).map_err(|e| LatencyError::Base64(e.to_string()))?;
        let refuse = |what: &str| LatencyError::Histogram(what.to_owned());
        vet(&bytes).map_err(refuse)?;
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|e| refuse(&e.to_string()))?;
        let (held, held_max) = (histogram.len(), if histogram.is_empty() { 0 } else { histogram.max() });
        let whole = held.checked_add(s.overflow) == Some(s.samples);
        let longest =
            if s.overflow > 0 { s.max_ns > MAX_NS } else { histogram.equivalent(s.max_ns, held_max) };
        if !(whole && longest) {
            let Stored { samples: said, overflow, max_ns, .. } = s;
            return Err(LatencyError::Disagrees { said, overflow, max_ns, held, held_max });
        }
        Ok(Self { histogram, overflow: s.overflow, max_ns: s.max_ns })
    }
}

/// Refuses bytes that the decoder would answer with much memory, an overflow or foreign bounds: the header
/// has to be the one that [`Latency::new`] leads to, and every number small enough to be added up.
fn vet(bytes: &[u8]) -> Result<(), &'static str> {
    const HEADER: usize = 40;
    const MOST: u64 = 1 << 53;
    let (header, mut rest) = bytes.split_at_checked(HEADER).ok_or("shorter than its header")?;
    let mut own = Vec::with_capacity(HEADER);
    own.extend(0x1c84_9313_u32.to_be_bytes());
    own.extend(u32::try_from(rest.len()).map_err(|_| "longer than 4 GiB")?.to_be_bytes());
    own.extend(0_u32.to_be_bytes());
    own.extend(u32::from(DIGITS).to_be_bytes());
    own.extend(1_u64.to_be_bytes());
    own.extend(MAX_NS.to_be_bytes());
    own.extend(1_f64.to_be_bytes());
    if header != own {
        return Err("another header");
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = varint(rest).ok_or("cut inside a number")?;
        total = total.saturating_add(number);
        if total > MOST {
            return Err("counts above 2^52");
        }
        rest = after;
    }
    Ok(())
}

/// The first number of `bytes` (7 bits a byte, low first, nine bytes at most) and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().enumerate().take(9) {
        if i == 8 || byte < 0x80 {
            return Some((value | u64::from(byte) << (7 * i), &bytes[i + 1..]));
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
    }
    None
}

#[cfg(test)]
#[path = "latency_tests.rs"]
mod tests;
