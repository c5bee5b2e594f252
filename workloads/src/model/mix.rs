//! Weighted mixes: sizes and directions, drawn by alias tables.

use rand_distr::Distribution;
use rand_distr::weighted::WeightedAliasIndex;
use serde::{Deserialize, Serialize};
use swiotlb_core::device::Direction;
use swiotlb_core::rules;

use super::error::{self, ModelError};
use super::random::Stream;

/// A size and how often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeShare {
    /// Bytes.
    pub bytes: u32,
    /// Weight against the others'; any finite number from 0.
    pub weight: f64,
}

/// Sizes with weights: `[{ bytes = 4096, weight = 40 }, ...]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SizeMix(pub Vec<SizeShare>);

impl SizeMix {
    /// A mix of `(bytes, weight)`.
    #[must_use]
    pub fn new(shares: &[(u32, f64)]) -> Self {
        Self(shares.iter().map(|&(bytes, weight)| SizeShare { bytes, weight }).collect())
    }

    /// Expected size in bytes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|s| f64::from(s.bytes) * s.weight).sum::<f64>() / self.total()
    }

    /// Expected slots, padding left out.
    #[must_use]
    pub fn mean_slots(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "slots of 32 bits' worth of bytes")]
        let slots = |s: &SizeShare| rules::nr_slots(u64::from(s.bytes)) as f64 * s.weight;
        self.0.iter().map(slots).sum::<f64>() / self.total()
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|s| s.weight).sum()
    }

    /// A table to draw from, once every size is found to be from 1 to `max`.
    pub(super) fn table(&self, field: &'static str, max: u64) -> Result<Table<u32>, ModelError> {
        self.table_from(field, 1, max)
    }

    /// A table to draw from, once every size is found to be from `min` to `max`.
    pub(super) fn table_from(
        &self,
        field: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Table<u32>, ModelError> {
        for &SizeShare { bytes, .. } in &self.0 {
            if !(min..=max).contains(&u64::from(bytes)) {
                return Err(ModelError::BadSize { field, bytes: bytes.into(), max });
            }
        }
        Table::new(field, self.0.iter().map(|s| (s.bytes, s.weight)))
    }
}

/// How often each direction comes: of all requests a share goes both ways, and of the others a share are
/// reads, which the device writes to memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Directions {
    pub read_share: f64,
    pub bidirectional_share: f64,
}

impl Directions {
    /// A disk's.
    pub(super) const fn reads(read_share: f64) -> Self {
        Self { read_share, bidirectional_share: 0.0 }
    }

    pub(super) fn table(&self) -> Result<Table<Direction>, ModelError> {
        let reads = error::share("read_share", self.read_share)?;
        let both = error::share("bidirectional_share", self.bidirectional_share)?;
        let shares = [
            (Direction::ToDevice, (1.0 - both) * (1.0 - reads)),
            (Direction::FromDevice, (1.0 - both) * reads),
            (Direction::Bidirectional, both),
        ];
        Table::new("read_share", shares)
    }
}

/// Values to draw from by weight.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    values: Vec<T>,
    index: WeightedAliasIndex<f64>,
}

impl<T: Copy> Table<T> {
    pub(super) fn new(
        field: &'static str,
        shares: impl IntoIterator<Item = (T, f64)>,
    ) -> Result<Self, ModelError> {
        let (values, weights): (Vec<T>, Vec<f64>) = shares.into_iter().unzip();
        let index = WeightedAliasIndex::new(weights).map_err(|_| ModelError::BadWeights { field })?;
        Ok(Self { values, index })
    }

    pub(super) fn draw(&self, rng: &mut Stream) -> T {
        self.values[self.index.sample(rng)]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::random::{Purpose, stream};

    #[test]
    fn shares_are_kept() {
        let mix = SizeMix::new(&[(512, 1.0), (4096, 2.0), (512, 1.0), (65_536, 0.0)]);
        assert!((mix.mean() - 2304.0).abs() < 1e-9);
        let table = mix.table("sizes", 65_536).unwrap();
        let mut rng = stream(1, 0, Purpose::Requests);
        let small = (0..100_000).filter(|_| table.draw(&mut rng) == 512).count();
        assert!((49_200..50_800).contains(&small), "{small}");
    }

    #[test]
    fn weights_that_are_none() {
        for weights in [&[][..], &[0.0, 0.0], &[-1.0, 2.0], &[f64::NAN], &[f64::INFINITY]] {
            let mix = SizeMix(weights.iter().map(|&weight| SizeShare { bytes: 1, weight }).collect());
            let error = mix.table("sizes", 10).unwrap_err();
            assert!(matches!(error, ModelError::BadWeights { field: "sizes" }), "{weights:?}");
        }
        let error = SizeMix::new(&[(11, 1.0)]).table("sizes", 10).unwrap_err();
        assert!(matches!(error, ModelError::BadSize { bytes: 11, max: 10, .. }));
    }
}
