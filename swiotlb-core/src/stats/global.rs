//! Linux's statistics: three global counters that every map and unmap changes.

use super::Stats;
use crate::area::AreaSlots;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Exact global counters (`total_used`, `used_hiwater`, `transient_nslabs` of `struct io_tlb_mem`).
///
/// Relaxed throughout: counts order nothing, and each is exact because it only changes by atomic
/// read-modify-writes.
#[derive(Default)]
pub struct Global {
    used: AtomicU64,
    used_hiwater: AtomicU64,
    transient_nslabs: AtomicU64,
}

impl Stats for Global {
    type Shard = ();
    const NAME: &'static str = "global";
    const EXACT: bool = true;

    fn shard(&self) {}

    #[inline]
    fn add_used(&self, _shard: &(), slots: u64) {
        let used = self.used.fetch_add(slots, Relaxed) + slots;
        let mut high = self.used_hiwater.load(Relaxed);
        while used > high {
            match self.used_hiwater.compare_exchange_weak(high, used, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => high = now,
            }
        }
    }

    #[inline]
    fn sub_used(&self, _shard: &(), slots: u64) {
        self.used.fetch_sub(slots, Relaxed);
    }

    fn add_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_add(slots, Relaxed);
    }

    fn sub_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_sub(slots, Relaxed);
    }

    fn used(&self, _in_areas: impl FnOnce() -> u64) -> u64 {
        self.used.load(Relaxed)
    }

    fn used_hiwater(&self) -> u64 {
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
    use crate::area::Locked;
    use crate::lock::QueuedSpin;
    use crate::search::FreeRunList;

    type Area = Locked<QueuedSpin, FreeRunList>;

    #[test]
    fn the_high_water_mark_stays_when_use_falls() {
        let stats = Global::default();
        stats.add_used(&(), 7);
        stats.add_used(&(), 5);
        stats.sub_used(&(), 10);
        assert_eq!((stats.used(|| 0), stats.used_hiwater()), (2, 12));
        stats.reset_hiwater(&mut core::iter::empty::<&Area>());
        stats.add_used(&(), 1);
        assert_eq!(stats.used_hiwater(), 3);
    }
}
