//! Models: what loom explores in full, within the bounds that each states. `ci/loom.sh` runs them.
//!
//! Every model has a twin with one fault (an ordering made Relaxed, a barrier taken out, a grace period
//! skipped), which must fail: a model that no fault can break shows nothing. A twin is a copy of the few lines
//! it is about, so that the product has no switches; where the copy is long, the same copy without the fault is
//! explored as well.
//!
//! Addresses travel between threads by Relaxed atomics only. A join, a channel or a lock on the way would
//! synchronize by itself and hide what is missing.
//!
//! The thread that spawns the others is the one that writes: loom runs it first, and from a reader that came first it may
//! not find its way back to the order in which the write did (docs/ORDERING.md).

mod by_area;
mod counts;
mod free_bits;
mod granule_hash;
mod growth;
mod handed_over;
mod harness;
mod insertion;
mod left_right;
mod locks;
mod page;
mod publication;
mod ready;
mod reclamation;
mod removal;
mod retirement;
mod ticks;
mod twin_bits;
mod twin_locks;
mod twin_reclaim;
mod twin_sides;
mod twin_table;
