//! A against B: what may be said, and how sure it is. Numbers in, verdicts out; no record, no file.
//!
//! Effects are logarithms of ratios, ln(B / A): 0 is no change, 0.03 is 3 % more. Layers, bottom to top:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `effect.rs` | percent and logarithm, and which direction is better |
//! | `floor.rs` | how large a median has to be before it counts, and what that was learned from |
//! | `rules.rs` | what is declared beforehand: alpha, looks, correction; what these can find |
//! | `verdict.rs` | one cell's four states, with all numbers behind it |
//! | `judge.rs` | a family of cells over the declared looks: paired blocks only |
//! | `calibration.rs` | how often the judge was wrong where the answer is known |
//! | `cmp.rs` | stored launches that are not paired: never a verdict |

pub mod calibration;
pub mod cmp;
pub mod effect;
pub mod floor;
pub mod judge;
pub mod rules;
pub mod verdict;
