//! `tune`: from a trace to what to boot with.
//!
//! The demand of a trace ([`workloads::demand`]) is played against candidates in virtual time; what is cheapest
//! among those that delay nobody is the advice, with what speaks against it.
//!
//! | file | what it is |
//! | --- | --- |
//! | `candidates.rs` | sizes, areas, growth and policies to try |
//! | `simulate.rs` | a candidate in virtual time |
//! | `sweep.rs` | all candidates, on all CPUs |

pub mod candidates;
pub mod simulate;
pub mod sweep;
