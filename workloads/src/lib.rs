//! What is asked of the allocator: traces, golden vectors, workload models. Plain data out.
//!
//! This crate reads requests and what was observed of them; it knows the vocabulary of
//! [`swiotlb_core`] (addresses, directions, attributes, slot arithmetic) and none of its allocators; [`oracle`]
//! is a naive one of its own.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`lines`] | bounded lines from a plain or gzip file |
//! | [`golden`] | vectors in `swiotlb-golden/1`: operations and what Linux did |
//! | [`trace`] | recordings of real kernels, as JSON Lines or as ftrace's text |
//! | [`suite`] | what to measure: suite files, their cells |
//! | [`op`] | plans: what simulated threads ask, made before any clock starts |
//! | [`merge`], [`check`] | a plan in time order; whether it keeps its promises |
//! | [`demand`] | what a trace's devices would have asked of an allocator that always had room |
//! | [`arena`] | where a plan's originals lie |
//! | [`fit`] | distributions taken from traces, distances, occupancy curves |
//! | [`model`] | what plans are made from: the workload models |
//! | [`oracle`] | a naive model of the allocator, and new vectors with its answers |
//!
//! Everything streams: memory is bounded by the longest line that is allowed and by the records kept,
//! whatever the file says. Input is never trusted: what cannot be used is an error with file and line,
//! or is counted by reason in [`trace::Skipped`].

pub mod arena;
pub mod check;
pub mod demand;
pub mod fit;
pub mod golden;
mod json;
pub mod lines;
pub mod merge;
pub mod model;
pub mod op;
pub mod oracle;
pub mod suite;
pub mod trace;
