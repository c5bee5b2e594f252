//! Sharded statistics: each caller counts in a line of its own; whoever reads adds the shards up.
//!
//! Invariant: `settled` plus the sum of all shards, modulo 2^64, is the number of slots in use whenever no
//! operation is under way. A single shard may be "negative": what one caller mapped another may unmap.
//! The high-water mark is the highest sum that somebody saw: a caller looks whenever its shard has grown by
//! [`STRIDE`] slots since it last looked, so the mark lags by less than that per caller. A sum is not of one moment: slots
//! that one caller unmaps and another maps while it is added up may be counted twice, and the mark be too high by these.

use super::Stats;
use crate::area::AreaSlots;
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};
use core::cell::Cell;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Slots by which a shard grows before its caller looks at the sum; fewer under the model checker.
const STRIDE: u64 = if cfg!(any(loom, shuttle)) { 2 } else { 64 };

type Line = Arc<CachePadded<AtomicU64>>;

/// One line per caller: `used` is exact at rest, the high-water mark near what it was.
#[derive(Default)]
pub struct Sharded {
    lines: Arc<Lines>,
    used_hiwater: AtomicU64,
    transient_nslabs: AtomicU64,
}

/// All callers' lines, and what callers that are gone had counted.
#[derive(Default)]
struct Lines {
    live: Mutex<Vec<Line>>,
    settled: AtomicU64,
}

/// One caller's line. Only its caller writes it.
pub struct Shard {
    line: Line,
    looked_at: Cell<u64>,
    lines: Arc<Lines>,
}

impl Drop for Shard {
    fn drop(&mut self) {
        let mut live = self.lines.live.lock();
        live.retain(|line| !Arc::ptr_eq(line, &self.line));
        // Relaxed, under the mutex that every reader takes.
        self.lines.settled.fetch_add(self.line.load(Relaxed), Relaxed);
    }
}

impl Shard {
    /// A plain load and store: the caller is the only writer.
    #[inline]
    fn add(&self, slots: u64) -> u64 {
        let count = self.line.load(Relaxed).wrapping_add(slots);
        self.line.store(count, Relaxed);
        count
    }
}

impl Sharded {
    #[cold]
    fn look(&self) -> u64 {
        let used = self.sum();
        // A sum that overtakes itself (one shard read before, another after a move) may look negative.
        if used < u64::MAX / 2 {
            self.used_hiwater.fetch_max(used, Relaxed);
        }
        used
    }

    /// All lines, and what callers that are gone had counted.
    fn sum(&self) -> u64 {
        let live = self.lines.live.lock();
        let settled = self.lines.settled.load(Relaxed);
        live.iter().fold(settled, |sum, line| sum.wrapping_add(line.load(Relaxed)))
    }
}

impl Stats for Sharded {
    type Shard = Shard;
    const NAME: &'static str = "sharded";
    const EXACT: bool = false;

    fn shard(&self) -> Shard {
        let line = Line::default();
        self.lines.live.lock().push(Arc::clone(&line));
        Shard { line, looked_at: Cell::new(0), lines: Arc::clone(&self.lines) }
    }

    #[inline]
    fn add_used(&self, shard: &Shard, slots: u64) {
        let count = shard.add(slots);
        let grown = count.wrapping_sub(shard.looked_at.get());
        if (STRIDE..u64::MAX / 2).contains(&grown) {
            shard.looked_at.set(count);
            self.look();
        }
    }

    #[inline]
    fn sub_used(&self, shard: &Shard, slots: u64) {
        shard.add(slots.wrapping_neg());
    }

    fn add_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_add(slots, Relaxed);
    }

    fn sub_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_sub(slots, Relaxed);
    }

    fn used(&self, _in_areas: impl FnOnce() -> u64) -> u64 {
        self.sum()
    }

    fn used_hiwater(&self) -> u64 {
        self.look();
        self.used_hiwater.load(Relaxed)
    }

    fn reset_hiwater<'a, A: AreaSlots + 'a>(&self, _areas: &mut dyn Iterator<Item = &'a A>) {
        self.used_hiwater.store(0, Relaxed);
    }

    fn transient_nslabs(&self) -> u64 {
        self.transient_nslabs.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_survives_callers_that_go() {
        let stats = Sharded::default();
        let (a, b) = (stats.shard(), stats.shard());
        stats.add_used(&a, 10);
        stats.sub_used(&b, 4);
        assert_eq!(stats.sum(), 6);
        drop(a);
        assert_eq!(stats.sum(), 6);
        stats.sub_used(&b, 6);
        drop(b);
        assert_eq!(stats.sum(), 0);
    }

    #[test]
    fn the_high_water_mark_lags_by_less_than_a_stride_per_caller() {
        let stats = Sharded::default();
        let shards = [stats.shard(), stats.shard()];
        for _ in 0..1000 {
            shards.iter().for_each(|shard| stats.add_used(shard, 1));
        }
        shards.iter().for_each(|shard| stats.sub_used(shard, 1000));
        let high = stats.used_hiwater();
        assert!((2000 - 2 * STRIDE..=2000).contains(&high), "{high}");
        assert_eq!(stats.sum(), 0);
    }
}
