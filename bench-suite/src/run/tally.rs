//! What one thread counts and times: made before the clock starts, with every page in place.

use super::reason::{Failures, Reason};
use super::slowdown::Slowdown;
use super::steps::{Kind, Step};
use reports::latency::Latency;
use std::collections::BTreeMap;

/// How many failures a timed thread examines: a look at every slot takes as long as many operations.
const EXAMINED: u32 = 256;

/// One thread's counts and times.
#[derive(Debug, Clone)]
pub struct Tally {
    service: [Option<Latency>; 4],
    response: [Option<Latency>; 4],
    done: [u64; 4],
    service_sum_ns: u64,
    service_max_ns: u64,
    timed: u64,
    /// Mean times of whole batches, ns.
    batches: Vec<f64>,
    /// Ops left out because what they name had failed.
    pub skipped: u64,
    /// Calls refused though the plan was right.
    pub refused: u64,
    /// Failed maps.
    pub failures: Failures,
    /// Bytes mapped.
    pub bytes: u64,
    /// Failures that may still be examined.
    pub examine: u32,
    /// What batches are slowed by on purpose.
    pub slowdown: Slowdown,
}

impl Tally {
    /// Without histograms: for the warm-up.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            service: [const { None }; 4],
            response: [const { None }; 4],
            done: [0; 4],
            service_sum_ns: 0,
            service_max_ns: 0,
            timed: 0,
            batches: Vec::new(),
            skipped: 0,
            refused: 0,
            failures: Failures::default(),
            bytes: 0,
            examine: EXAMINED,
            slowdown: Slowdown::default(),
        }
    }

    /// With a histogram for each kind of call in `steps`, and room for `batches` batches. `open` adds
    /// those of response times; `counting` lets every failure be examined.
    #[must_use]
    pub fn new(steps: &[Step], batches: usize, open: bool, counting: bool) -> Self {
        let mut tally = Self::plain();
        for kind in steps.iter().filter_map(|step| step.call.kind()) {
            tally.service[kind as usize].get_or_insert_with(touched);
            if open {
                tally.response[kind as usize].get_or_insert_with(touched);
            }
        }
        tally.batches = vec![1.0; batches];
        tally.batches.clear();
        if counting {
            tally.examine = u32::MAX;
        }
        tally
    }

    /// Counts and times one call.
    #[inline]
    pub fn record(&mut self, kind: Kind, ns: u64) {
        self.timed += 1;
        self.service_sum_ns += ns;
        self.service_max_ns = self.service_max_ns.max(ns);
        if let Some(latency) = &mut self.service[kind as usize] {
            latency.record(ns);
        }
    }

    /// Times one call from its intended start.
    #[inline]
    pub fn respond(&mut self, kind: Kind, ns: u64) {
        if let Some(latency) = &mut self.response[kind as usize] {
            latency.record(ns);
        }
    }

    /// Counts one call.
    #[inline]
    pub fn count(&mut self, kind: Kind) {
        self.done[kind as usize] += 1;
    }

    /// Adds a batch of `ops` calls that took `ns` together.
    #[inline]
    pub fn batch(&mut self, ops: u64, ns: u64) {
        if ops > 0 && self.batches.len() < self.batches.capacity() {
            self.batches.push(ns as f64 / ops as f64);
        }
    }

    /// Counts a failed map. `examine` finds out why; it is called while that is affordable.
    #[cold]
    pub fn failed(&mut self, reason: impl FnOnce(bool) -> Reason) {
        let examine = self.examine > 0;
        self.examine = self.examine.saturating_sub(1);
        self.failures.add(reason(examine));
    }

    /// Calls made, of all kinds.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.done.iter().sum()
    }

    /// Calls made, of one kind.
    #[must_use]
    pub fn ops_of(&self, kind: Kind) -> u64 {
        self.done[kind as usize]
    }

    /// Mean of all timed calls, ns; NaN if there is none.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        self.service_sum_ns as f64 / self.timed as f64
    }

    /// Longest service time, ns.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.service_max_ns
    }

    /// Median of the batches' means, ns, and how many batches there are; without batches the mean of the
    /// service times, and 0.
    #[must_use]
    pub fn batch_mean_ns(&self) -> (f64, u64) {
        let mut means = self.batches.clone();
        means.sort_unstable_by(f64::total_cmp);
        let middle = means.get(means.len() / 2).copied();
        (middle.unwrap_or_else(|| self.mean_ns()), means.len() as u64)
    }

    /// The histograms: service, and response.
    #[must_use]
    pub fn into_latencies(self) -> (BTreeMap<&'static str, Latency>, BTreeMap<&'static str, Latency>) {
        (by_name(self.service), by_name(self.response))
    }
}

fn by_name(latencies: [Option<Latency>; 4]) -> BTreeMap<&'static str, Latency> {
    let all = Kind::ALL.into_iter().zip(latencies);
    all.filter_map(|(kind, latency)| Some((kind.name(), latency?))).collect()
}

/// An empty histogram whose pages are all there: a new one's are zero pages that fault at the first
/// sample, a copy has been written to.
fn touched() -> Latency {
    std::hint::black_box(Latency::new()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_mean_is_a_median_and_falls_back_to_the_mean() {
        let mut tally = Tally::new(&[], 3, false, false);
        tally.record(Kind::Map, 10);
        tally.record(Kind::Map, 20);
        assert_eq!(tally.batch_mean_ns(), (15.0, 0));
        for ns in [100, 900, 200, 7] {
            tally.batch(10, ns);
        }
        assert_eq!(tally.batch_mean_ns(), (20.0, 3), "room for three");
    }

    #[test]
    fn a_timed_thread_examines_only_so_many_failures() {
        let mut tally = Tally::plain();
        for _ in 0..EXAMINED + 5 {
            tally.failed(|examine| if examine { Reason::Capacity } else { Reason::Unexamined });
        }
        let named = tally.failures.named();
        assert_eq!((named["capacity"], named["full-unexamined"]), (u64::from(EXAMINED), 5));
    }
}
