//! A bit per slot, 1 = free, two words per segment. Same answers as the free-run list.
//!
//! Invariant, under the area's lock: bit i % 64 of word i / 64 (counted from the area's first slot,
//! which begins a segment) is 1 exactly if slot i is free; bits past the area's end are 0.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch, stepped_walk};
use crate::probe::Probe;
use crate::rules::IO_TLB_SEGSIZE;
use crate::slot::{EachSlot, SlotTable};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use core::marker::PhantomData;

const WORD: u32 = u64::BITS;

/// A bitmap of free slots.
pub struct Bitmap<T = EachSlot> {
    first: u32,
    words: Box<[AtomicU64]>,
    table: PhantomData<fn() -> T>,
}

impl<T> Bitmap<T> {
    /// The free bits of the segment that holds `index`, that of `index` in bit 0.
    #[inline]
    fn segment_from(&self, index: u32) -> u128 {
        let within = index - self.first;
        let word = (within / IO_TLB_SEGSIZE * 2) as usize;
        // Relaxed: all accesses come under the area's lock.
        let low = u128::from(self.words[word].load(Relaxed));
        let high = u128::from(self.words[word + 1].load(Relaxed));
        (high << WORD | low) >> (within % IO_TLB_SEGSIZE)
    }

    /// Changes the bits of `[first, first + n)`; returns words written.
    #[inline]
    fn change(&self, first: u32, n: u32, change: impl Fn(u64, u64) -> u64) -> u32 {
        let mut at = first - self.first;
        let end = at + n;
        let mut written = 0;
        while at < end {
            let bits = (WORD - at % WORD).min(end - at);
            let mask = (u64::MAX >> (WORD - bits)) << (at % WORD);
            let word = &self.words[(at / WORD) as usize];
            // Not a read-modify-write: the area's lock keeps others out.
            word.store(change(word.load(Relaxed), mask), Relaxed);
            written += 1;
            at += bits;
        }
        written
    }
}

impl<T: SlotTable> SlotSearch for Bitmap<T> {
    type Table = T;
    const NAME: &'static str = "bitmap";
    const KEEPS_PLACEMENT: bool = true;

    fn new(_slots: &T, area: AreaRange) -> Self {
        let words = (area.len.div_ceil(IO_TLB_SEGSIZE) * 2) as usize;
        let words = (0..words).map(|_| AtomicU64::new(0)).collect();
        let this = Self { first: area.first, words, table: PhantomData };
        this.change(area.first, area.len, |word, mask| word | mask);
        this
    }

    #[inline]
    fn run(&self, _slots: &T, index: u32) -> u32 {
        self.segment_from(index).trailing_ones()
    }

    #[inline(always)]
    fn find<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        stepped_walk(area, at, req, from, probe, |within, n| self.run(slots, area.first + within) >= n)
    }

    #[inline]
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        slots.claim(first, req);
        self.change(first, req.nslots, |word, mask| word & !mask)
    }

    #[inline]
    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        slots.forget(first, n);
        self.change(first, n, |word, mask| word | mask)
    }
}
