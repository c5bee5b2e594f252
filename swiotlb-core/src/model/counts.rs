//! Counts of callers: the sum of lines loses nothing when a caller goes, and the global high-water mark is the most that was
//! in use at once.

use super::harness::{fails, holds};
use crate::stats::{Global, Sharded, Stats};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;

const WRONG: &str = "a sum that was never in use";
const MISSED: &str = "the mark missed what was in use";

/// What the models ask of lines.
trait Lines: Default + Send + Sync + 'static {
    type Line: Send;
    fn line(&self) -> Self::Line;
    fn add(&self, line: &Self::Line, slots: u64);
    /// The caller goes.
    fn leave(&self, line: Self::Line);
    fn sum(&self) -> u64;
}

impl Lines for Sharded {
    type Line = <Self as Stats>::Shard;

    fn line(&self) -> Self::Line {
        self.shard()
    }

    fn add(&self, line: &Self::Line, slots: u64) {
        self.add_used(line, slots);
    }

    fn leave(&self, line: Self::Line) {
        drop(line);
    }

    fn sum(&self) -> u64 {
        self.used(|| 0)
    }
}

/// A copy; `SETTLES`: who goes adds its count to the settled ones before anybody can add up without it.
#[derive(Default)]
struct Twin<const SETTLES: bool> {
    live: Mutex<Vec<Arc<AtomicU64>>>,
    settled: AtomicU64,
}

impl<const SETTLES: bool> Lines for Twin<SETTLES> {
    type Line = Arc<AtomicU64>;

    fn line(&self) -> Self::Line {
        let line = Arc::<AtomicU64>::default();
        self.live.lock().push(Arc::clone(&line));
        line
    }

    fn add(&self, line: &Self::Line, slots: u64) {
        line.store(line.load(Relaxed).wrapping_add(slots), Relaxed);
    }

    fn leave(&self, line: Self::Line) {
        let mut live = self.live.lock();
        live.retain(|other| !Arc::ptr_eq(other, &line));
        if !SETTLES {
            drop(live);
        }
        self.settled.fetch_add(line.load(Relaxed), Relaxed);
    }

    fn sum(&self) -> u64 {
        let live = self.live.lock();
        let settled = self.settled.load(Relaxed);
        live.iter().fold(settled, |sum, line| sum.wrapping_add(line.load(Relaxed)))
    }
}

/// A caller that has one slot in use goes while a thread adds up.
fn goes<L: Lines>() {
    let lines = Arc::new(L::default());
    let line = lines.line();
    lines.add(&line, 1);
    let theirs = Arc::clone(&lines);
    let other = thread::spawn(move || assert_eq!(theirs.sum(), 1, "{WRONG}"));
    lines.leave(line);
    other.join().expect("it adds up");
    assert_eq!(lines.sum(), 1, "{WRONG}");
}

/// Two callers map two slots each, and one unmaps what the other mapped; the first goes.
fn rests<L: Lines>() {
    let lines = Arc::new(L::default());
    let theirs = Arc::clone(&lines);
    let other = thread::spawn(move || {
        let line = theirs.line();
        theirs.add(&line, 2);
        theirs.leave(line);
    });
    let line = lines.line();
    lines.add(&line, 2);
    other.join().expect("it counts");
    lines.add(&line, 3_u64.wrapping_neg());
    assert_eq!(lines.sum(), 1, "{WRONG}");
}

#[test]
fn a_sum_of_lines_survives_who_goes() {
    holds("sharded, a caller goes", None, goes::<Sharded>);
    holds("sharded, 2 callers, at rest", None, rests::<Sharded>);
    holds("sharded, the twin without a fault", None, goes::<Twin<true>>);
    fails("sharded, settled after the lock", None, WRONG, goes::<Twin<false>>);
}

/// A line is read, its slot is unmapped and another one is mapped on a line that is read later: the sum counts both. So the mark
/// of [`Sharded`] is no bound in either direction while callers are under way, and [`Stats::EXACT`] is false.
fn overtakes() {
    let stats = Arc::new(Sharded::default());
    let (first, second) = (stats.shard(), stats.shard());
    stats.add_used(&first, 1);
    let theirs = Arc::clone(&stats);
    let other = thread::spawn(move || assert!(theirs.used_hiwater() <= 1, "{WRONG}"));
    stats.sub_used(&first, 1);
    stats.add_used(&second, 1);
    other.join().expect("it adds up");
}

#[test]
fn a_sum_may_overtake_itself() {
    fails("sharded, a mark above what was in use", None, WRONG, overtakes);
}

/// Two threads map a slot each and keep it.
fn marks(add: impl Fn(&Global) + Copy + Send + Sync + 'static) {
    let stats = Arc::new(Global::default());
    let theirs = Arc::clone(&stats);
    let other = thread::spawn(move || add(&theirs));
    add(&stats);
    other.join().expect("it counts");
    assert_eq!((stats.used(|| 0), stats.used_hiwater()), (2, 2), "{MISSED}");
}

#[test]
fn the_global_mark_is_exact() {
    holds("global, 2 maps", None, || marks(|stats| stats.add_used(&(), 1)));
}

/// [`Global::add_used`] that stores its mark.
fn marks_by_store() {
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let add = |(used, mark): &(AtomicU64, AtomicU64)| {
        let now = used.fetch_add(1, Relaxed) + 1;
        if now > mark.load(Relaxed) {
            mark.store(now, Relaxed);
        }
    };
    let theirs = Arc::clone(&counts);
    let other = thread::spawn(move || add(&theirs));
    add(&counts);
    other.join().expect("it counts");
    assert_eq!(counts.1.load(Relaxed), 2, "{MISSED}");
}

#[test]
fn a_mark_that_is_stored_misses_one() {
    fails("global, a mark that is stored", None, MISSED, marks_by_store);
}
