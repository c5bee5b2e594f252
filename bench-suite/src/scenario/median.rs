//! Many batches, one number: the median of the batch means.

use super::{Prepared, ScenarioError};

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Batches before those that count.
    pub warm_up: usize,
    /// Batches that count.
    pub batches: usize,
    /// Operations of a batch.
    pub ops: u64,
}

impl Effort {
    /// The effort that spends about the same time on operations of `ns` nanoseconds each: batches of 512
    /// where an operation is short, shorter batches where it is long.
    #[must_use]
    pub fn for_op_of(self, ns: u64) -> Self {
        let ops = (self.ops * 100 / ns.max(1)).clamp(64, self.ops);
        Self { ops, ..self }
    }
}

/// What was measured. Times in ns per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The median of the batch means.
    pub median: f64,
    /// A quarter of the batch means are at or below it.
    pub lower: f64,
    /// Three quarters of the batch means are at or below it.
    pub upper: f64,
    /// Batches.
    pub batches: usize,
}

/// Measures a prepared state. The batches before those that count are thrown away.
///
/// # Errors
/// [`ScenarioError`] if an operation did not end as the scenario promises.
pub fn measure(prepared: &mut dyn Prepared, effort: Effort) -> Result<Measured, ScenarioError> {
    prepared.run(effort.warm_up, effort.ops)?;
    let times = prepared.run(effort.batches, effort.ops)?;
    let mut means: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e9 / effort.ops as f64).collect();
    means.sort_by(f64::total_cmp);
    let at = |quarter: usize| means.get((means.len() * quarter / 4).min(means.len().saturating_sub(1))).copied();
    Ok(Measured {
        median: at(2).unwrap_or(f64::NAN),
        lower: at(1).unwrap_or(f64::NAN),
        upper: at(3).unwrap_or(f64::NAN),
        batches: means.len(),
    })
}
