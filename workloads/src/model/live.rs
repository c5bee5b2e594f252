//! Which live mapping ends next, and when: first in first out, at random, or by a drawn lifetime.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, LogNormal};
use serde::{Deserialize, Serialize};

use super::arrivals;
use super::error::{self, ModelError};
use super::random::Stream;

/// Longest mean lifetime, ns: a thousand seconds.
const MAX_LIFETIME_NS: f64 = 1e12;

/// The order in which mappings end, and for how long the simulated device holds them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ends {
    /// The oldest first, when its place is needed.
    Fifo,
    /// Any live one, when its place is needed.
    Random,
    /// Exponential lifetimes; the one whose time is up first ends first.
    Exponential {
        /// Mean, ns.
        mean_ns: f64,
    },
    /// Lognormal lifetimes.
    Lognormal {
        /// Median, ns.
        median_ns: f64,
        /// Standard deviation of the lifetime's natural logarithm, from 0 to 10.
        sigma: f64,
    },
    /// All lifetimes equal.
    Constant {
        /// Lifetime, ns.
        ns: f64,
    },
}

impl Ends {
    /// Refuses absurd parameters.
    pub(super) fn validate(&self) -> Result<(), ModelError> {
        match *self {
            Self::Fifo | Self::Random => Ok(()),
            Self::Exponential { mean_ns } => {
                error::within("ends.mean_ns", mean_ns, 0.0, MAX_LIFETIME_NS).map(|_| ())
            }
            Self::Lognormal { median_ns, sigma } => {
                error::within("ends.median_ns", median_ns, 0.0, MAX_LIFETIME_NS)?;
                error::within("ends.sigma", sigma, 0.0, 10.0).map(|_| ())
            }
            Self::Constant { ns } => error::within("ends.ns", ns, 0.0, MAX_LIFETIME_NS).map(|_| ()),
        }
    }

    /// Whether a lifetime is drawn.
    #[must_use]
    pub const fn has_lifetimes(&self) -> bool {
        !matches!(self, Self::Fifo | Self::Random)
    }

    /// A lifetime, ns; `None` where none is drawn.
    pub(super) fn lifetime(&self, rng: &mut Stream) -> Option<u64> {
        match *self {
            Self::Fifo | Self::Random => None,
            Self::Exponential { mean_ns } => {
                let unit: f64 = Exp1.sample(rng);
                Some(arrivals::ns(unit * mean_ns))
            }
            Self::Lognormal { median_ns, sigma } => {
                let ratio: f64 = LogNormal::new(0.0, sigma).map_or(1.0, |spread| spread.sample(rng));
                Some(arrivals::ns(median_ns * ratio))
            }
            Self::Constant { ns } => Some(arrivals::ns(ns)),
        }
    }
}

/// A live mapping, or several that end together.
#[derive(Debug)]
struct Entry<T> {
    /// The smallest ends first.
    key: u64,
    number: u64,
    deadline_ns: Option<u64>,
    what: T,
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.key, other.number).cmp(&(self.key, self.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

/// Live mappings, to be ended in the order that [`Ends`] says.
#[derive(Debug)]
pub(super) struct LiveSet<T> {
    ends: Ends,
    rng: Stream,
    count: u64,
    heap: BinaryHeap<Entry<T>>,
    /// Instead of the heap where any one may end.
    bag: Vec<Entry<T>>,
}

impl<T> LiveSet<T> {
    pub(super) fn new(ends: Ends, rng: Stream) -> Self {
        Self { ends, rng, count: 0, heap: BinaryHeap::new(), bag: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len() + self.bag.len()
    }

    /// Adds what was mapped at `at_ns`.
    pub(super) fn add(&mut self, at_ns: u64, what: T) {
        let deadline_ns = self.ends.lifetime(&mut self.rng).map(|life| at_ns.saturating_add(life));
        self.add_until(deadline_ns, what);
    }

    /// Adds what has until then to live, ns, whatever lifetimes are drawn else.
    pub(super) fn add_until(&mut self, deadline_ns: Option<u64>, what: T) {
        let number = self.count;
        self.count += 1;
        let entry = Entry { key: deadline_ns.unwrap_or(number), number, deadline_ns, what };
        match self.ends {
            Ends::Random => self.bag.push(entry),
            _ => self.heap.push(entry),
        }
    }

    /// When the next one's time is up, if lifetimes are drawn.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.heap.peek().and_then(|entry| entry.deadline_ns)
    }

    /// Takes the next one out, with the time that it was given.
    pub(super) fn take(&mut self) -> Option<(Option<u64>, T)> {
        let entry = if self.bag.is_empty() {
            self.heap.pop()?
        } else {
            let index = self.rng.random_range(0..self.bag.len() as u64);
            #[expect(clippy::cast_possible_truncation, reason = "below a length")]
            self.bag.swap_remove(index as usize)
        };
        Some((entry.deadline_ns, entry.what))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::random::{Purpose, stream};

    fn set(ends: Ends) -> LiveSet<u32> {
        LiveSet::new(ends, stream(3, 0, Purpose::Ends))
    }

    #[test]
    fn fifo_and_constant_end_the_oldest() {
        for ends in [Ends::Fifo, Ends::Constant { ns: 100.0 }] {
            let mut live = set(ends);
            (0..50).for_each(|n| live.add(u64::from(n) / 4, n));
            let order: Vec<u32> = std::iter::from_fn(|| live.take().map(|(_, n)| n)).collect();
            assert_eq!(order, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn random_ends_each_once() {
        let mut live = set(Ends::Random);
        (0..50).for_each(|n| live.add(0, n));
        let mut order: Vec<u32> = std::iter::from_fn(|| live.take().map(|(_, n)| n)).collect();
        assert_ne!(order, (0..50).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn lifetimes_have_their_mean_and_median() {
        let mut rng = stream(4, 0, Purpose::Ends);
        let ends = Ends::Exponential { mean_ns: 5_000.0 };
        let mean = (0..100_000).filter_map(|_| ends.lifetime(&mut rng)).sum::<u64>() as f64 / 1e5;
        assert!((mean / 5_000.0 - 1.0).abs() < 0.02, "{mean}");
        let ends = Ends::Lognormal { median_ns: 800.0, sigma: 1.5 };
        let below = (0..100_000).filter(|_| ends.lifetime(&mut rng).unwrap() < 800).count();
        assert!((49_000..51_000).contains(&below), "{below}");
    }

    #[test]
    fn deadlines_come_in_order() {
        let mut live = set(Ends::Exponential { mean_ns: 1e6 });
        (0..1_000).for_each(|n| live.add(0, n));
        let mut last = 0;
        while let Some(next) = live.next_deadline() {
            let (deadline, _) = live.take().unwrap();
            assert_eq!(deadline, Some(next));
            assert!(next >= last);
            last = next;
        }
        assert_eq!(live.len(), 0);
    }
}
