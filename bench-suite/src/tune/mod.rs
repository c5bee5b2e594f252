//! `tune`: from a trace to what to boot with.
//!
//! The demand of a trace ([`workloads::demand`]) is played against candidates in virtual time; the smallest that
//! delays nobody and has head-room is the advice, with what speaks against it. docs/TUNE.md has the model and its
//! bias. Invariant: but for the timed replays, the same trace and flags give the same advice on every machine.
//!
//! | file | what it is |
//! | --- | --- |
//! | `recording.rs` | what the recording can tell, what to record next |
//! | `candidates.rs` | sizes, areas, growth and policies to try |
//! | `simulate.rs` | a candidate in virtual time |
//! | `sweep.rs`, `row.rs` | all candidates on all CPUs; one as a row of numbers |
//! | `draws.rs` | copies overlaid at random |
//! | `choice.rs` | which candidate is the advice |
//! | `timed.rs` | the best few, replayed against the clock |
//! | `job.rs` | all of this in order |
//! | `words.rs`, `tables.rs`, `figure.rs` | the advice in sentences, tables and a figure |

pub mod candidates;
pub mod choice;
pub mod draws;
mod figure;
pub mod job;
pub mod recording;
pub mod row;
pub mod simulate;
pub mod sweep;
mod tables;
pub mod timed;
mod words;

pub use figure::pareto;
pub use job::{Job, TuneError, Tuned, tune};
