//! A soak: for as many operations as are wanted, threads map, sync, look up and unmap each other's buffers, on one
//! allocator after another, through growth, storms of transient pools and page requests that are refused.
//!
//! Invariant: an operation is one call of the allocator that was made and whose answer was held to what it must be. What
//! cannot be seen while others work is looked at when nobody does, several times in each allocator's life; in the end
//! of that nothing is in use and all memory is where it came from.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `buffer.rs` | an original, the mapping that it has, and what both sides hold |
//! | `thread.rs` | what a thread does, step by step |
//! | `life.rs` | one allocator from its set-up to its end |
//! | `stock.rs` | what must be true when nobody works |
//! | `tally.rs` | counts and high-water marks |

mod buffer;
mod life;
mod stock;
mod tally;
mod thread;

pub use tally::Tally;

use crate::policies::Entry;
use crate::scenario::seed::Seeded;
use life::Life;
use std::sync::atomic::{AtomicBool, Ordering};

/// A rule that was broken, in words.
pub type Broken = String;

/// What to soak.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Operations at least.
    pub operations: u64,
    /// Threads.
    pub threads: u32,
    /// Decides everything but how threads interleave.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub tally: Tally,
    /// The first rule that was broken; what follows it was not run.
    pub broken: Option<Broken>,
}

/// Soaks a policy until the operations are done, a rule is broken or `stop` is set. `said` is told after every phase.
pub fn run(entry: &Entry, settings: &Settings, stop: &AtomicBool, said: &mut dyn FnMut(&Tally)) -> Outcome {
    let mut tally = Tally::default();
    let mut seeds = Seeded::new(settings.seed);
    let mut broken = None;
    // Relaxed: it orders nothing; the phase that sees it late is one more.
    while broken.is_none() && tally.operations() < settings.operations && !stop.load(Ordering::Relaxed) {
        broken =
            Life::new(entry, settings, &mut seeds).and_then(|life| life.run(&mut tally, stop, said)).err();
    }
    Outcome { tally, broken }
}
