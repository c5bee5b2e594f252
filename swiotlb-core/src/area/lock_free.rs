//! An area without a lock: a bitmap of free slots that claims and releases change by atomic read-modify-writes.
//!
//! Candidates and their order are Linux's, so whenever calls do not overlap in time every answer is Linux's
//! ([`Shared`]); or each CPU searches a stripe of its own first ([`Spread`]). There is no count of used slots: Linux's
//! early exit (more wanted than is free) answers what the walk would answer, and [`AreaSlots::used`] counts bits.
//!
//! | shared line | a map | an unmap |
//! |---|---|---|
//! | the bitmap's word | 1 compare-and-swap; 2 where the slots lie in both halves of a segment | 1 or 2 `fetch_or` |
//! | the start index | a load and a store; of the CPU's stripe with [`Spread`] | none |
//!
//! So 2 shared read-modify-writes for a round trip in one word, as many as a lock needs, but nobody waits for another.
//!
//! What is weaker than under a lock, when calls overlap: the start index ([`Shared`] says how), and a search's "no". A
//! walk sees each word at a moment of its own, so slots that are freed behind it and taken before it may hide room that
//! was there all the time. A walk that finds nothing is therefore repeated until two in a row have seen words
//! of the same digest, 64 bits: room that stays in one place is always found, and whoever made the digests differ has got
//! on. Words that change and leave the digest alike pass for unchanged: then the "no" is as weak as one walk's. A claim of
//! two words that fails hides the slots of the lower one for a moment.
//!
//! Invariant: see [`super::free_bits`]. A claim writes the descriptors after its bits are won (Acquire), a release
//! forgets them before its bits are free (Release); so a table whose `claim` and `forget` touch the claimed slots'
//! own descriptors, as both tables do, needs no lock.

use super::free_bits::FreeBits;
use super::start::{Candidates, Shared, Start};
use super::{AreaNames, AreaSlots};
use crate::probe::Probe;
use crate::rules::IO_TLB_SEGSIZE;
use crate::search::mask::{halves, run_from, run_starts, run_starts_of_half};
use crate::search::progression::{Aligned, Progression};
use crate::search::{AreaRange, InWindow, SlotRequest};
use crate::slot::{FirstSlot, SlotTable};
use core::marker::PhantomData;

/// A bitmap, and where its searches start.
pub struct LockFree<T = FirstSlot, S = Shared> {
    free: FreeBits,
    first: u32,
    start: S,
    table: PhantomData<fn() -> T>,
}

/// One search of one area.
struct Search<'a> {
    area: AreaRange,
    at: InWindow,
    req: &'a SlotRequest,
    /// Segments looked at.
    looked: u32,
    /// A digest of the masks that were looked at in vain: two that differ are from different masks, and not the reverse.
    seen: u64,
}

impl Search<'_> {
    /// `free`, of one segment, did not serve.
    #[inline]
    fn pass(&mut self, free: u128) {
        let (low, high) = halves(free);
        self.seen = (self.seen.rotate_left(1) ^ low).rotate_left(1) ^ high;
    }

    #[inline]
    fn crosses(&self, within: u32) -> bool {
        self.req.crosses(self.at, self.area.first + within)
    }
}

impl<T, S: Start> LockFree<T, S> {
    /// The first of `p` that serves in the half segment where they begin, if all of the run lies in it: as no other
    /// candidate comes before it, what the whole search would find.
    #[inline]
    fn first_look(&self, search: &Search<'_>, p: &Progression) -> Option<u32> {
        let n = search.req.nslots;
        if n > u64::BITS || p.is_empty() {
            return None;
        }
        let fits = run_starts_of_half(self.free.half(p.first), n) & p.in_first_half();
        if fits == 0 {
            return None;
        }
        let within = p.first - p.first % u64::BITS + fits.trailing_zeros();
        (within < p.end && !search.crosses(within)).then_some(within)
    }

    /// The first of `p` that serves and that `take` then takes. If it does not, somebody else was quicker, and the
    /// segment is looked at again.
    #[inline(never)]
    fn first_fit(&self, search: &mut Search<'_>, p: &Progression, take: impl Fn(u32) -> bool) -> Option<u32> {
        if p.is_empty() {
            return None;
        }
        let mut candidates = p.in_first_segment();
        for segment in p.first / IO_TLB_SEGSIZE..p.end.div_ceil(IO_TLB_SEGSIZE) {
            if segment > p.first / IO_TLB_SEGSIZE {
                candidates = p.in_later_segment(segment);
            }
            search.looked += 1;
            let mut free = self.free.segment(segment);
            while let Some(within) = fit(search, segment, free, candidates, p.end) {
                if take(within) {
                    return Some(within);
                }
                free = self.free.segment(segment);
            }
            search.pass(free);
        }
        None
    }

    /// The first candidate that serves and that `take` takes: the walk, repeated until nothing has moved in between.
    #[inline(always)]
    fn search(&self, search: &mut Search<'_>, take: impl Fn(u32) -> bool) -> Option<u32> {
        let (area, req) = (search.area, search.req);
        let all =
            Candidates { aligned: Aligned::new(area, search.at, req), len: area.len, stride: req.stride };
        let mut before = None;
        loop {
            search.seen = 0;
            let found = self.start.search(&all, req.cpu, |p| {
                let quick = self.first_look(search, &p).filter(|&within| take(within));
                quick.or_else(|| self.first_fit(search, &p, &take))
            });
            if found.is_some() || before == Some(search.seen) {
                return found;
            }
            before = Some(search.seen);
        }
    }
}

/// The first of `candidates` of `segment`, below `end`, from which on enough slots are `free`.
#[inline]
fn fit(search: &Search<'_>, segment: u32, free: u128, candidates: u128, end: u32) -> Option<u32> {
    let n = search.req.nslots;
    if free.count_ones() < n {
        return None;
    }
    let mut fits = run_starts(free, n) & candidates;
    while fits != 0 {
        let within = segment * IO_TLB_SEGSIZE + fits.trailing_zeros();
        if within >= end {
            return None;
        }
        if !search.crosses(within) {
            return Some(within);
        }
        fits &= fits - 1;
    }
    None
}

impl<T: SlotTable, S: Start> AreaSlots for LockFree<T, S> {
    type Table = T;
    const KEEPS_PLACEMENT: bool = S::KEEPS_PLACEMENT;

    fn names() -> AreaNames {
        // Its bitmap and its start indices have cache lines of their own.
        AreaNames { lock: "none", search: S::NAME, slots: T::NAME, layout: "padded" }
    }

    fn new(_slots: &T, range: AreaRange) -> Self {
        let (free, start) = (FreeBits::new(range.len), S::new(range.len));
        Self { free, first: range.first, start, table: PhantomData }
    }

    #[inline(always)]
    fn find_slots<C: Probe>(
        &self,
        slots: &T,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        probe.area_tried();
        let n = req.nslots;
        let mut search = Search { area: range, at, req, looked: 0, seen: 0 };
        let found = self.search(&mut search, |within| {
            let written = self.free.claim(within, n, probe);
            probe.written_at_map(written.unwrap_or(0));
            written.is_some()
        });
        probe.slots_scanned(search.looked);
        let within = found?;
        // The slots are ours from here on: no lock is needed for what is written in them.
        self.start.claimed(req.cpu, within..within + n, range.len);
        slots.claim(range.first + within, req);
        Some(range.first + within)
    }

    #[inline]
    fn release_slots<C: Probe>(&self, slots: &T, range: AreaRange, first: u32, n: u32, probe: &C) {
        // Before the bits are free, while the slots are still ours.
        slots.forget(first, n);
        probe.written_at_unmap(self.free.give(first - range.first, n));
    }

    fn claim_at(&self, slots: &T, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        let inside = first >= range.first
            && first % IO_TLB_SEGSIZE + req.nslots <= IO_TLB_SEGSIZE
            && first + req.nslots <= range.first + range.len;
        let won = inside && self.free.claim(first - range.first, req.nslots, &()).is_some();
        if won {
            slots.claim(first, req);
        }
        won
    }

    fn peek(&self, _slots: &T, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        let mut search = Search { area: range, at, req, looked: 0, seen: 0 };
        self.search(&mut search, |_| true).map(|within| range.first + within)
    }

    fn free_run(&self, _slots: &T, slot: u32) -> u32 {
        let within = slot - self.first;
        run_from(self.free.segment(within / IO_TLB_SEGSIZE), within % IO_TLB_SEGSIZE)
    }

    fn used(&self) -> u64 {
        self.free.used().into()
    }

    fn index(&self) -> u32 {
        self.start.index()
    }

    fn set_index(&self, range: AreaRange, index: u32) {
        self.start.set_index(if index < range.len { index } else { 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PhysAddr;
    use crate::area::Spread;
    use crate::device::DeviceLimits;
    use crate::probe::Counters;
    use crate::rules::IO_TLB_SIZE;

    const AREA: AreaRange = AreaRange { first: 0, len: 4_096 };
    const AT: InWindow = InWindow { base: 0, shift: 0 };

    fn request(nslots: u32, cpu: u32) -> SlotRequest {
        let limits = DeviceLimits::default();
        let bytes = u64::from(nslots) * IO_TLB_SIZE;
        SlotRequest { cpu, ..SlotRequest::new(&limits, PhysAddr(1 << 20), bytes, 0x7ff, 0) }
    }

    #[test]
    fn a_round_trip_in_one_word_writes_it_twice_and_takes_no_lock() {
        let table = FirstSlot::new(AREA.len);
        let area = LockFree::<FirstSlot>::new(&table, AREA);
        let probe = Counters::default();
        for (n, words) in [(1, 1), (62, 1), (2, 2), (64, 1), (100, 2)] {
            let before = probe.get();
            let first = area.find_slots(&table, AREA, AT, &request(n, 0), &probe);
            area.release_slots(&table, AREA, first.unwrap_or(0), n, &probe);
            let now = probe.get();
            assert_eq!(now.written_at_map - before.written_at_map, words, "{n} slots at {first:?}");
            assert_eq!(now.written_at_unmap - before.written_at_unmap, words);
        }
        assert_eq!((probe.get().locks_taken, probe.get().locks_contended), (0, 0));
    }

    #[test]
    fn one_look_is_enough_where_the_walk_starts_and_a_search_in_vain_is_repeated() {
        let table = FirstSlot::new(AREA.len);
        let area = LockFree::<FirstSlot>::new(&table, AREA);
        let looked = |n| {
            let probe = Counters::default();
            let first = area.find_slots(&table, AREA, AT, &request(n, 0), &probe);
            (first, probe.get().slots_scanned)
        };
        assert_eq!((looked(64), looked(65)), ((Some(0), 0), (Some(128), 2)));
        for segment in 1..32 {
            area.claim_at(&table, AREA, segment * 128 + 65, &request(63, 0));
        }
        area.set_index(AREA, 0);
        assert_eq!(looked(128), (None, 64), "all 32 segments twice");
    }

    #[test]
    fn masks_that_differ_in_a_slot_have_different_digests() {
        let digest = |masks: [u128; 2]| {
            let mut search = Search { area: AREA, at: AT, req: &request(1, 0), looked: 0, seen: 0 };
            masks.iter().for_each(|&mask| search.pass(mask));
            search.seen
        };
        for base in [0, u128::MAX, 0x5555 << 60] {
            for slot in 0..128 {
                let other = base ^ 1 << slot;
                assert!(digest([base, base]) != digest([other, base]), "{slot}");
                assert!(digest([base, base]) != digest([base, other]), "{slot}");
            }
        }
    }

    #[test]
    fn cpus_are_spread_until_a_stripe_is_full() {
        let table = FirstSlot::new(AREA.len);
        let area = LockFree::<FirstSlot, Spread>::new(&table, AREA);
        let claim = |cpu| area.find_slots(&table, AREA, AT, &request(128, cpu), &());
        let (Some(zero), Some(one)) = (claim(0), claim(1)) else { panic!("an empty area is full") };
        assert!(zero.abs_diff(one) >= 256, "{zero} and {one} lie in one stripe");
        let rest = (0..30).filter_map(|_| claim(0)).count();
        assert_eq!((rest, claim(0), area.used()), (30, None, 4_096), "one CPU can have all slots");
    }
}
