//! A load overlaid at random: what many machines' worth of devices want together depends on who meets whom.
//!
//! Each draw begins every further copy somewhere else in the recording, from a seeded generator: the same seed gives
//! the same draws. All copies at the highest peak that one of them has, wherever it begins, bound what any draw can want.

use super::candidates::Candidate;
use super::sweep::{SweepError, Tried, one};
use rand::{RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use workloads::demand::{Demand, Load, Occupancy, Scale, unbounded};

/// How many draws there are.
pub const DRAWS: usize = 50;

/// Where the copies of each draw begin, ns into the recording.
#[must_use]
pub fn shifts(demand: &Demand, scale: Scale, seed: u64) -> Vec<Vec<u64>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let draws = if scale.devices > 1 { DRAWS } else { 1 };
    let span = demand.span_ns.max(1);
    (0..draws).map(|_| (1..scale.devices).map(|_| random.random_range(0..span)).collect()).collect()
}

/// What each draw wants, in their order.
#[must_use]
pub fn wanted(demand: &Demand, scale: Scale, shifts: &[Vec<u64>]) -> Vec<Occupancy> {
    shifts.par_iter().map(|shifts| unbounded(&Load::new(demand, scale, shifts))).collect()
}

/// The most slots that one copy wants, begun with the recording or wherever a draw begins one.
#[must_use]
pub fn peak(demand: &Demand, scale: Scale, shifts: &[Vec<u64>]) -> u64 {
    let all: Vec<u64> = shifts.iter().flatten().copied().chain([0]).collect();
    let marks = all.par_iter().map(|shift| unbounded(&Load::begun_at(demand, scale, *shift)).high_water);
    marks.max().unwrap_or(0)
}

/// A distribution over draws: its least, its middle and its most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Spread {
    /// The least.
    pub least: u64,
    /// Half of the draws are at it or below.
    pub median: u64,
    /// Nine of ten are.
    pub p90: u64,
    /// The most.
    pub most: u64,
}

impl Spread {
    /// The spread of some numbers; all 0 for none.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let at = |share: usize| {
            let rank = (sorted.len() * share).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or(0)
        };
        Self { least: at(0), median: at(50), p90: at(90), most: at(100) }
    }
}

/// What all draws made of one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Drawn {
    /// The boot parameter.
    pub boot: String,
    /// Draws.
    pub draws: usize,
    /// Draws in which a request was delayed.
    pub draws_with_delay: usize,
    /// Requests that were delayed.
    pub delayed: Spread,
    /// The longest wait of each draw, ns; 0 where none waited.
    pub longest_wait_ns: Spread,
}

/// Plays all draws against a candidate.
///
/// # Errors
/// [`SweepError`]
pub fn play_all(
    candidate: &Candidate,
    demand: &Demand,
    scale: Scale,
    shifts: &[Vec<u64>],
) -> Result<Drawn, SweepError> {
    let all: Vec<_> =
        shifts.par_iter().map(|shifts| one(candidate, &Load::new(demand, scale, shifts))).collect();
    let all: Vec<Tried> = all.into_iter().collect::<Result<_, _>>()?;
    Ok(Drawn {
        boot: candidate.boot(),
        draws: all.len(),
        draws_with_delay: all.iter().filter(|tried| tried.result.delayed() > 0).count(),
        delayed: Spread::of(all.iter().map(|tried| tried.result.delayed())),
        longest_wait_ns: Spread::of(
            all.iter().map(|tried| tried.result.flow.waits_ns().last().copied().unwrap_or(0)),
        ),
    })
}
