//! A fallback beside what it is compared with, in one process: the same fallback with the kernel's page source,
//! and a round trip that finds slots. From these follows how costly decryption must be for something to hold.
//!
//! Let a platform take `c` ns to decrypt a page and to encrypt it again, let a buffer have `n` pages, and let
//! every transient pool be decrypted on the way. A fallback from the kernel's source then takes `t + n c`, where
//! `t` is what it takes without encryption:
//!
//! - that is `k` times a round trip of `f` ns that finds slots from `c = (k f - t) / n` on;
//! - from a source that keeps decrypted memory ready it takes `s` whatever `c` is, so that pays off from
//!   `c = (s - t) / n` on.
//!
//! Below zero means: always. The three take turns in being first, so that none has always the same one's caches
//! before it.

use super::fallback::{NSLABS, full, trips};
use super::ground::request;
use super::rig::{Rig, early};
use super::slot_search::round_trips;
use super::{Fallback, Prepared, ScenarioError};
use crate::calls::Mem as _;
use crate::pages::OnHost;
use reports::stats::median;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swiotlb_core::device::MapRequest;
use swiotlb_core::mem::IoTlbMem;
use swiotlb_core::phys::{BuddyZones, NoEncryption, PoolPages};
use swiotlb_core::policy::With;
use swiotlb_core::rules::PAGE_SIZE;

/// `P` with the kernel's source.
type FromZones<P> = <P as With>::Pages<PoolPages<BuddyZones, NoEncryption>>;

/// A rig of a policy's.
type RigOf<P> = Rig<Arc<IoTlbMem<P>>>;

/// The three of them.
pub(super) struct State<P: With> {
    own: RigOf<OnHost<P>>,
    zoned: RigOf<FromZones<P>>,
    /// With room for every request.
    fixed: RigOf<FromZones<P>>,
    request: MapRequest,
    cell: Fallback,
    /// ns per operation of each batch: own, zoned, fixed.
    taken: [Vec<f64>; 3],
}

impl<P: With> State<P> {
    pub(super) fn new(cell: &Fallback) -> Result<Self, ScenarioError> {
        let own = full(&early::<OnHost<P>>, cell.slots)?;
        let zoned = full(&early::<FromZones<P>>, cell.slots)?;
        let fixed = Rig::new(&early::<FromZones<P>>, NSLABS, 1, true)?;
        fixed.touch(NSLABS, cell.slots)?;
        Ok(Self { own, zoned, fixed, request: request(cell.slots), cell: *cell, taken: Default::default() })
    }

    /// The time of `ops` operations of the own fallback (0), the zoned one (1), or of round trips that find slots.
    fn batch(&self, which: usize, ops: u64) -> Result<Duration, ScenarioError> {
        match which {
            0 => Ok(trips(&self.own, &self.request, ops, self.cell.storm)?.0),
            1 => Ok(trips(&self.zoned, &self.request, ops, self.cell.storm)?.0),
            _ => self.hits(ops),
        }
    }

    /// The time of `ops` round trips that find slots.
    fn hits(&self, ops: u64) -> Result<Duration, ScenarioError> {
        let caller = self.fixed.mem.caller(0);
        let start = Instant::now();
        let wrong = round_trips(&caller, &self.fixed.device, &self.request, ops);
        let took = start.elapsed();
        if wrong == 0 { Ok(took) } else { Err(ScenarioError::Unverified { wrong, ops }) }
    }
}

/// What a page's decryption and encryption must cost, in ns: see the module. `own` and `zoned` are the fallbacks,
/// `fixed` the round trip that finds slots, all in ns.
fn break_evens(own: f64, zoned: f64, fixed: f64, pages: f64) -> [(&'static str, f64); 3] {
    [
        ("kept_ready_pays_from_ns_per_page", (own - zoned) / pages),
        ("ten_times_from_ns_per_page", 10.0_f64.mul_add(fixed, -zoned) / pages),
        ("hundred_times_from_ns_per_page", 100.0_f64.mul_add(fixed, -zoned) / pages),
    ]
}

impl<P: With> Prepared for State<P> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        for batch in 0..batches {
            for turn in 0..3 {
                let which = (batch + turn) % 3;
                let took = self.batch(which, ops)?;
                #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^53 operations")]
                self.taken[which].push(took.as_secs_f64() * 1e9 / ops as f64);
                if which == 0 {
                    each(took);
                }
            }
        }
        Ok(())
    }

    fn more(&self) -> Vec<(&'static str, f64)> {
        let [own, zoned, fixed] = self.taken.each_ref().map(|taken| median(taken).unwrap_or(f64::NAN));
        #[expect(clippy::cast_precision_loss, reason = "a buffer has at most 64 pages")]
        let pages = self.request.size.div_ceil(PAGE_SIZE) as f64;
        let mut more = vec![("zoned_ns", zoned), ("fixed_ns", fixed), ("times_fixed", own / fixed)];
        more.extend(break_evens(own, zoned, fixed, pages));
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_hold_at_the_break_even() {
        let (own, zoned, fixed, pages) = (700.0, 500.0, 100.0, 4.0);
        let [kept, ten, hundred] = break_evens(own, zoned, fixed, pages).map(|(_, c)| c);
        assert_eq!(own, zoned + pages * kept);
        assert_eq!(zoned + pages * ten, 10.0 * fixed);
        assert_eq!(zoned + pages * hundred, 100.0 * fixed);
        assert_eq!(break_evens(300.0, 2000.0, 100.0, 2.0)[0].1, -850.0, "it always pays");
    }
}
