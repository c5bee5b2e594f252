//! From a trace to distributions, and back: how far a plan is from what was recorded.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `sample.rs` | weighted samples, Kolmogorov-Smirnov and Wasserstein distance |
//! | `profile.rs` | a trace's mappings by device, and the bursts that they come in |
//! | `curve.rs` | occupancy over time, and the departure of one curve from another |
//! | `distance.rs` | a plan against its trace, distribution by distribution |

mod curve;
mod distance;
mod profile;
mod sample;

pub use curve::{Curve, Departure, Live, slots};
pub use distance::{DeviceDistance, Distances};
pub use profile::{BurstRule, DeviceProfile, Observed, Profile, bursts};
pub use sample::{Distance, Sample};
