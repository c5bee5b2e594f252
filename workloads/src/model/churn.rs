//! The loop that most models share: requests arrive, old mappings end, new ones begin.
//!
//! How `at_ns` is made. A map's time is its arrival. Where the depth is held, each map that finds the
//! queue full follows exactly one end: of the mapping that [`Ends`](super::live::Ends) says, at the time
//! its lifetime is up or at the arrival, whichever is earlier; a mapping never outlives the arrival that
//! takes its place, so the arrival process rules and the offered load is met. Where the depth is
//! unbounded, each mapping ends when its lifetime is up, merged with the arrivals in time order. After the
//! last map everything ends: by lifetimes where they are drawn, else at further arrivals.

use super::arrivals::Arrivals;
use super::builder::{Mapping, ThreadBuilder};
use super::common::{Depth, Settings};
use super::live::LiveSet;
use super::random::{Purpose, stream};

/// What is live and can end: a mapping, or several together.
pub(super) trait Live {
    /// Ends it.
    fn end(self, thread: &mut ThreadBuilder<'_>, at_ns: u64);
}

impl Live for Mapping {
    fn end(self, thread: &mut ThreadBuilder<'_>, at_ns: u64) {
        thread.unmap(at_ns, self);
    }
}

impl Live for Vec<Mapping> {
    fn end(self, thread: &mut ThreadBuilder<'_>, at_ns: u64) {
        self.into_iter().for_each(|mapping| thread.unmap(at_ns, mapping));
    }
}

/// Arrivals and live mappings of one thread.
#[derive(Debug)]
pub(super) struct Churn<T> {
    arrivals: Arrivals,
    live: LiveSet<T>,
    depth: Depth,
}

impl<T: Live> Churn<T> {
    pub(super) fn new(settings: &Settings, seed: u64, thread: u32) -> Self {
        let arrivals = settings.rate.arrivals(seed, thread, settings.threads);
        let live = LiveSet::new(settings.ends, stream(seed, thread, Purpose::Ends));
        Self { arrivals, live, depth: settings.depth }
    }

    /// The next arrival, ns, with room made for it at the settings' depth.
    pub(super) fn arrive(&mut self, thread: &mut ThreadBuilder<'_>) -> u64 {
        let at_ns = self.arrivals.next_ns();
        self.make_room(thread, at_ns);
        at_ns
    }

    /// The arrival of `maps` maps at once that count as one live thing.
    pub(super) fn arrive_many(&mut self, thread: &mut ThreadBuilder<'_>, maps: usize) -> u64 {
        let at_ns = self.arrivals.skip_to_ns(maps);
        self.make_room(thread, at_ns);
        at_ns
    }

    /// The next arrival, ns, with room made for one more among `depth`.
    pub(super) fn arrive_below(&mut self, thread: &mut ThreadBuilder<'_>, depth: u32) -> u64 {
        let at_ns = self.arrivals.next_ns();
        self.end_above(thread, at_ns, depth.saturating_sub(1));
        at_ns
    }

    /// The next arrival, ns, and nothing else.
    pub(super) fn tick(&mut self) -> u64 {
        self.arrivals.next_ns()
    }

    fn make_room(&mut self, thread: &mut ThreadBuilder<'_>, at_ns: u64) {
        match self.depth {
            Depth::Held(depth) => self.end_above(thread, at_ns, depth.saturating_sub(1)),
            Depth::Unbounded(_) => {
                while self.live.next_deadline().is_some_and(|deadline| deadline <= at_ns) {
                    self.end_one(thread, at_ns);
                }
            }
        }
    }

    fn end_above(&mut self, thread: &mut ThreadBuilder<'_>, at_ns: u64, left: u32) {
        while self.live.len() > left as usize && self.end_one(thread, at_ns) {}
    }

    /// Ends the next one at its deadline, or at `at_ns` if that is earlier or there is none.
    fn end_one(&mut self, thread: &mut ThreadBuilder<'_>, at_ns: u64) -> bool {
        let Some((deadline, what)) = self.live.take() else { return false };
        what.end(thread, deadline.map_or(at_ns, |deadline| deadline.min(at_ns)));
        true
    }

    /// Adds what was mapped at `at_ns`.
    pub(super) fn hold(&mut self, at_ns: u64, what: T) {
        self.live.add(at_ns, what);
    }

    /// Ends everything.
    pub(super) fn drain(&mut self, thread: &mut ThreadBuilder<'_>) {
        while let Some((deadline, what)) = self.live.take() {
            let at_ns = deadline.unwrap_or_else(|| self.arrivals.next_ns());
            what.end(thread, at_ns);
        }
    }
}
