//! Exact statistics without a counter that every map writes: used slots are what the areas' own counts add up
//! to, and the high-water mark is guarded by allowances.
//!
//! Each area may use as many slots as it was allowed. Invariant: the allowances of all areas and the slots of
//! transient pools together never exceed the high-water mark. So the mark can only be passed by a map that
//! passes its area's allowance, or that makes a transient pool; such a map calls [`Stats::settle`], which holds
//! all areas still, raises the mark to what is in use if that is more, and shares out what is left below it.
//!
//! A mark is always a sum that was in use at one moment. A map that passed its allowance and then finds
//! that an unmap, which ran meanwhile, brought the area back under it does not settle: that is the serial
//! order in which the unmap came first.

use super::Stats;
use crate::area::AreaSlots;
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};

/// Used slots and high-water mark as exact as Linux's. Areas must be metered
/// ([`AreaSlots::METERED`]).
#[derive(Default)]
pub struct ByArea {
    /// The high-water mark. While it is 0, because nothing was mapped yet or since it was reset, nothing is allowed.
    mark: Mutex<u64>,
    // Relaxed: a count that changes by atomic read-modify-writes. Whoever adds to it settles afterwards, under
    // the mutex.
    transient_nslabs: AtomicU64,
}

/// What is in use in the areas that are held.
#[derive(Clone, Copy)]
struct Held {
    areas: u64,
    used: u64,
}

/// Holds one area after the other, all of them when `share` is asked how many slots each may take in addition; that
/// many are allowed to each before it is let go, or nothing at all, not even what is in use.
///
/// Areas are always held in the order of `areas`, and only under the mutex: nobody waits in a circle. There may be
/// very many, so what holds them lies on the heap.
fn allow_all<'a, A: AreaSlots + 'a>(
    areas: &mut dyn Iterator<Item = &'a A>,
    share: impl FnOnce(Held) -> Option<u64>,
) {
    let held: Vec<_> = areas.map(|area| (area, area.hold())).collect();
    let used = held.iter().map(|(area, _)| area.used()).sum();
    let more = share(Held { areas: held.len() as u64, used });
    for (area, still) in held {
        area.allow(more.map_or(0, |more| area.used() + more));
        drop(still);
    }
}

impl Stats for ByArea {
    type Shard = ();
    const NAME: &'static str = "by-area";
    const EXACT: bool = true;
    const BY_AREA: bool = true;

    fn shard(&self) {}

    #[inline]
    fn add_used(&self, _shard: &(), _slots: u64) {}

    #[inline]
    fn sub_used(&self, _shard: &(), _slots: u64) {}

    fn add_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_add(slots, Relaxed);
    }

    fn sub_transient(&self, slots: u64) {
        self.transient_nslabs.fetch_sub(slots, Relaxed);
    }

    fn used(&self, in_areas: impl FnOnce() -> u64) -> u64 {
        in_areas() + self.transient_nslabs.load(Relaxed)
    }

    fn used_hiwater(&self) -> u64 {
        *self.mark.lock()
    }

    fn reset_hiwater<'a, A: AreaSlots + 'a>(&self, areas: &mut dyn Iterator<Item = &'a A>) {
        let mut mark = self.mark.lock();
        *mark = 0;
        allow_all(areas, |_held| None);
    }

    fn transient_nslabs(&self) -> u64 {
        self.transient_nslabs.load(Relaxed)
    }

    #[cold]
    fn settle<'a, A: AreaSlots + 'a>(&self, areas: &mut dyn Iterator<Item = &'a A>) {
        let mut mark = self.mark.lock();
        allow_all(areas, |held| {
            let used = held.used + self.transient_nslabs.load(Relaxed);
            *mark = used.max(*mark);
            Some((*mark - used) / held.areas.max(1))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Global;
    use super::*;
    use crate::addr::PhysAddr;
    use crate::area::{Locked, Metered};
    use crate::device::DeviceLimits;
    use crate::lock::QueuedSpin;
    use crate::rules::IO_TLB_SIZE;
    use crate::search::{AreaRange, FreeRunList, InWindow, SlotRequest};
    use crate::slot::SlotTable;
    use proptest::prelude::*;

    type Area = Metered<Locked<QueuedSpin, FreeRunList>>;
    type Table = <Area as AreaSlots>::Table;
    const LEN: u32 = 128;

    /// Three areas under both kinds of statistics.
    struct Both {
        table: Table,
        areas: Vec<(AreaRange, Area)>,
        live: Vec<(usize, u32, u32)>,
        exact: Global,
        by_area: ByArea,
    }

    impl Both {
        fn new() -> Self {
            let table = Table::new(3 * LEN);
            let ranges = (0..3).map(|i| AreaRange { first: i * LEN, len: LEN });
            let areas = ranges.map(|range| (range, Area::new(&table, range))).collect();
            Self { table, areas, live: Vec::new(), exact: Global::default(), by_area: ByArea::default() }
        }

        fn map(&mut self, at: usize, n: u32) {
            let req =
                SlotRequest::new(&DeviceLimits::default(), PhysAddr(4096), u64::from(n) * IO_TLB_SIZE, 0, 0);
            let (range, area) = &self.areas[at];
            let window = InWindow { base: 0, shift: 0 };
            let Some(first) = area.find_slots(&self.table, *range, window, &req, &()) else { return };
            if area.is_over() {
                self.by_area.settle(&mut self.areas.iter().map(|(_, area)| area));
            }
            self.exact.add_used(&(), u64::from(n));
            self.live.push((at, first, n));
        }

        fn unmap(&mut self, nth: usize) {
            if let Some(nth) = nth.checked_rem(self.live.len()) {
                let (at, first, n) = self.live.swap_remove(nth);
                let (range, area) = &self.areas[at];
                area.release_slots(&self.table, *range, first, n, &());
                self.exact.sub_used(&(), u64::from(n));
            }
        }

        fn transient(&self, slots: u64) {
            self.by_area.add_transient(slots);
            self.by_area.settle(&mut self.areas.iter().map(|(_, area)| area));
            self.exact.add_used(&(), slots);
            self.exact.sub_used(&(), slots);
            self.by_area.sub_transient(slots);
        }

        fn reset(&self) {
            self.by_area.reset_hiwater(&mut self.areas.iter().map(|(_, area)| area));
            self.exact.reset_hiwater(&mut core::iter::empty::<&Area>());
        }

        fn numbers(&self) -> [(u64, u64); 2] {
            let in_areas = || self.areas.iter().map(|(_, area)| area.used()).sum();
            [
                (self.exact.used(|| 0), self.exact.used_hiwater()),
                (self.by_area.used(in_areas), self.by_area.used_hiwater()),
            ]
        }
    }

    /// Far more than a nest of a stack frame for each would bear.
    #[test]
    fn any_number_of_areas_is_held_at_once() {
        const AREAS: usize = 200_000;
        let both = Both::new();
        let (range, one) = &both.areas[0];
        let req = SlotRequest::new(&DeviceLimits::default(), PhysAddr(4096), 3 * IO_TLB_SIZE, 0, 0);
        assert!(one.find_slots(&both.table, *range, InWindow { base: 0, shift: 0 }, &req, &()).is_some());
        let mut areas: Vec<Area> = (1..AREAS).map(|_| Area::new(&both.table, *range)).collect();
        both.by_area.settle(&mut areas.iter().chain([one]));
        assert_eq!(both.by_area.used_hiwater(), 3);
        assert!(!one.is_over());
        both.by_area.reset_hiwater(&mut areas.iter().chain([one]));
        assert!(one.is_over() && both.by_area.used_hiwater() == 0);
        // Whatever was held is free again.
        areas.truncate(2);
        assert!(
            areas
                .iter()
                .all(|area| area.peek(&both.table, *range, InWindow { base: 0, shift: 0 }, &req).is_some())
        );
    }

    proptest! {
        #[test]
        fn both_kinds_of_exact_statistics_agree_after_every_step(
            steps in prop::collection::vec((0..20_u32, 0..3_usize, 1..40_u32), 1..300)
        ) {
            let mut both = Both::new();
            for (what, at, n) in steps {
                match what {
                    0..10 => both.map(at, n),
                    10..18 => both.unmap(at * 40 + n as usize),
                    18 => both.transient(u64::from(n)),
                    _ => both.reset(),
                }
                let [exact, by_area] = both.numbers();
                prop_assert_eq!(exact, by_area);
            }
        }
    }
}
