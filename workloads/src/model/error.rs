//! Why a model cannot make a plan: each error names the field, its value and the limit.

use crate::arena::ArenaFull;
use crate::trace::TraceError;

/// Why a model cannot make a plan.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A number outside its range.
    #[error("{field} = {value}: must be from {min} to {max}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// Its value.
        value: f64,
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// More ops than a plan may have.
    #[error(
        "about {ops} ops in all: at most {max} (32 bytes of memory each); lower threads, ops_per_thread or what stands between map and unmap"
    )]
    TooManyOps {
        /// Estimate.
        ops: u64,
        /// The limit.
        max: u64,
    },
    /// A plan that would go on for longer than its clock counts.
    #[error(
        "the last arrival would be after {seconds} s: at most {max} s; raise rate_per_s or lower ops_per_thread"
    )]
    TooLong {
        /// Estimate, seconds.
        seconds: f64,
        /// The limit, seconds.
        max: f64,
    },
    /// A size that no mapping can have.
    #[error("{field}: {bytes} bytes: must be from 1 to {max}, the largest mapping for the device")]
    BadSize {
        /// The field.
        field: &'static str,
        /// The size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A mask that is none, or too wide.
    #[error("{field} = {mask:#x}: must be 0 or a mask of low bits (0x1ff, 0xfff, ...) up to 0xffff")]
    BadMask {
        /// The field.
        field: &'static str,
        /// Its value.
        mask: u32,
    },
    /// Weights that are no distribution: none at all, one that is negative or not finite, all zero.
    #[error("{field}: weights must be finite, not negative and not all 0, and there must be one at least")]
    BadWeights {
        /// The field.
        field: &'static str,
    },
    /// A common field that this model does not use.
    #[error("{field} is set, and model {model} does not use it: {why}")]
    Unused {
        /// The model.
        model: &'static str,
        /// The field.
        field: &'static str,
        /// What it uses instead.
        why: &'static str,
    },
    /// Live mappings are unbounded and nothing says when they end.
    #[error(
        "depth = \"unbounded\" needs ends of kind exponential, lognormal or constant: nothing else says when a mapping ends"
    )]
    NeedsLifetimes,
    /// A model that needs a queue depth.
    #[error("depth = \"unbounded\": model {model} needs a number")]
    NeedsDepth {
        /// The model.
        model: &'static str,
    },
    /// Too few maps for the model to reach what it is about.
    #[error("{maps} maps per thread: model {model} needs at least {needed} to {purpose}")]
    TooFewMaps {
        /// The model.
        model: &'static str,
        /// What was asked for.
        maps: u64,
        /// What is needed.
        needed: u64,
        /// What for.
        purpose: &'static str,
    },
    /// Originals would not fit.
    #[error(transparent)]
    Arena(#[from] ArenaFull),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] Box<TraceError>),
    /// The trace has nothing that this model could take from it.
    #[error("trace {trace}: {what}")]
    UnfitTrace {
        /// The trace.
        trace: String,
        /// What is missing.
        what: &'static str,
    },
}

impl From<TraceError> for ModelError {
    fn from(error: TraceError) -> Self {
        Self::Trace(Box::new(error))
    }
}

/// `value` if it is from `min` to `max`.
pub(super) fn within<T: Copy + PartialOrd + Into<f64>>(
    field: &'static str,
    value: T,
    min: T,
    max: T,
) -> Result<T, ModelError> {
    if value >= min && value <= max {
        Ok(value)
    } else {
        Err(ModelError::OutOfRange { field, value: value.into(), min: min.into(), max: max.into() })
    }
}

/// `value` if it is a share, from 0 to 1.
pub(super) fn share(field: &'static str, value: f64) -> Result<f64, ModelError> {
    within(field, value, 0.0, 1.0)
}

/// `bytes` if a mapping can have that size.
pub(super) fn size(field: &'static str, bytes: u32, max: u64) -> Result<u32, ModelError> {
    if (1..=max).contains(&u64::from(bytes)) {
        Ok(bytes)
    } else {
        Err(ModelError::BadSize { field, bytes: bytes.into(), max })
    }
}
