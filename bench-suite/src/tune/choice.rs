//! Which candidate is the advice.
//!
//! The smallest that delays nobody and leaves head-room above what the load wants: a quarter of its slots where the
//! recording shows the whole demand, half of them where its high-water mark is only a lower bound. It is the
//! kernel's policy without growth, which every kernel has. Of one size the areas are as many as CPUs, the kernel's
//! default, if these delay nobody either, because each further area is a lock less to wait for. Whoever delays as
//! little with as much memory ties with the choice, and is named.

use super::candidates::Candidate;
use super::sweep::Tried;

/// Of the slots, one in so many is head-room where the whole demand was seen.
const FREE: u64 = 4;
/// The same where the high-water mark is a lower bound.
const FREE_UNSURE: u64 = 2;

/// The choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What to boot with, an index into what was tried.
    pub chosen: usize,
    /// Whether it has no delays and all the head-room; the largest that was tried otherwise.
    pub enough: bool,
    /// The same with half the slots, an index; `None` if it was not tried because areas would be too small.
    pub smaller: Option<usize>,
    /// Who ties with it: indices.
    pub ties: Vec<usize>,
    /// The smallest that grows and delays nobody, an index.
    pub growing: Option<usize>,
}

/// Slots that a pool needs for `wanted` slots at once and head-room.
#[must_use]
pub const fn needed(wanted: u64, unsure: bool) -> u64 {
    let free = if unsure { FREE_UNSURE } else { FREE };
    (wanted * free).div_ceil(free - 1)
}

/// Chooses among what was tried; `None` if nothing was that could be booted with.
#[must_use]
pub fn choose(tried: &[Tried], wanted: u64, unsure: bool, cpus: u32) -> Option<Choice> {
    let plain = |i: &usize| tried[*i].candidate.policy == "kernel" && !tried[*i].candidate.grow;
    let quiet = |i: &usize| tried[*i].result.delayed() == 0;
    let all: Vec<usize> = (0..tried.len()).collect();
    let good = |i: &&usize| plain(i) && quiet(i) && tried[**i].candidate.nslabs >= needed(wanted, unsure);
    let best = all.iter().filter(good).min_by_key(|&&i| order(&tried[i].candidate, cpus));
    let largest = all.iter().filter(|i| plain(i)).max_by_key(|&&i| {
        let candidate = &tried[i].candidate;
        (candidate.nslabs, candidate.nareas == cpus.next_power_of_two())
    });
    let chosen = *best.or(largest)?;
    let one = &tried[chosen];
    let smaller = one.candidate.one_smaller();
    let ties = |i: &&usize| {
        let other = &tried[**i];
        **i != chosen
            && other.candidate.nslabs == one.candidate.nslabs
            && (other.result.delayed(), other.result.memory) == (one.result.delayed(), one.result.memory)
    };
    let growing =
        |i: &&usize| tried[**i].candidate.policy == "kernel" && tried[**i].candidate.grow && quiet(i);
    Some(Choice {
        chosen,
        enough: best.is_some(),
        smaller: smaller.and_then(|wanted| tried.iter().position(|other| other.candidate == wanted)),
        ties: all.iter().filter(ties).copied().collect(),
        growing: all.iter().filter(growing).copied().min_by_key(|&i| order(&tried[i].candidate, cpus)),
    })
}

/// Smaller first; of one size those with as many areas as CPUs first, then those with more areas.
fn order(candidate: &Candidate, cpus: u32) -> (u64, bool, std::cmp::Reverse<u32>) {
    let default = candidate.nareas == cpus.next_power_of_two();
    (candidate.nslabs, !default, std::cmp::Reverse(candidate.nareas))
}
