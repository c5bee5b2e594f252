//! A bit per slot of an area, 1 = free, claimed and given back without a lock: by one atomic read-modify-write where
//! the slots lie in one word of 64, by two where they lie in both words of a segment.
//!
//! | a bit | who may write the slot and its descriptor |
//! |---|---|
//! | 1 | nobody |
//! | 0 | who turned it from 1 to 0 and has not turned it back |
//! | 0, in the lower word, while its claimer finds a slot of the upper one taken | nobody: it is turned back |
//!
//! Invariant: a bit goes from 1 to 0 by a claim's compare-and-swap only, which sees it 1, and back to 1 by its claimer
//! or whom that one hands its slots to. So no slot has two owners, and none is lost. Bits past the area's end are 0.
//!
//! A claim of both words takes the lower one first. All such claims of one segment want its bits 63 and 64, so of two
//! that overlap in time one fails at the lower word and has nothing to undo; one that fails at the upper word fails
//! because somebody else has claimed there. So whenever a claim fails, another one has succeeded: no livelock.

use crate::probe::Probe;
use crate::rules::IO_TLB_SEGSIZE;
use crate::search::mask::{halves, span, span_of_half, whole};
use crate::sync::{AtomicU64, Ordering};

/// Words in a cache line.
const LINE: usize = 8;

/// Four segments on a cache line of their own: no neighbour on the heap shares it.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

/// The free slots of an area, by their place in it.
pub(crate) struct FreeBits {
    lines: Box<[Line]>,
    len: u32,
}

impl FreeBits {
    /// `len` free slots.
    pub(crate) fn new(len: u32) -> Self {
        let segments = len.div_ceil(IO_TLB_SEGSIZE);
        let lines = (0..(segments as usize * 2).div_ceil(LINE)).map(|_| Line::default()).collect();
        let this = Self { lines, len };
        for segment in 0..segments {
            let slots = (len - segment * IO_TLB_SEGSIZE).min(IO_TLB_SEGSIZE);
            let (low, high) = halves(span(0, slots));
            // Relaxed: whoever publishes the area publishes them.
            this.word(segment * 2).store(low, Ordering::Relaxed);
            this.word(segment * 2 + 1).store(high, Ordering::Relaxed);
        }
        this
    }

    #[inline]
    fn word(&self, word: u32) -> &AtomicU64 {
        &self.lines[word as usize / LINE].0[word as usize % LINE]
    }

    /// The free bits of the half segment that holds slot `within`, as some moment had them.
    #[inline]
    pub(crate) fn half(&self, within: u32) -> u64 {
        // Relaxed, here and in `segment`: a look only advises. The claim that follows compares again.
        self.word(within / u64::BITS).load(Ordering::Relaxed)
    }

    /// The free bits of `segment`; the two halves may be of different moments.
    #[inline]
    pub(crate) fn segment(&self, segment: u32) -> u128 {
        let half = |upper| self.half(segment * IO_TLB_SEGSIZE + upper);
        whole(half(0), half(u64::BITS))
    }

    /// Slots that are not free. Exact if no call is under way.
    pub(crate) fn used(&self) -> u32 {
        let words = self.lines.iter().flat_map(|line| &line.0);
        self.len - words.map(|word| word.load(Ordering::Relaxed).count_ones()).sum::<u32>()
    }

    /// Claims the slots `[within, within + n)` of one segment if all of them are free; the words written.
    #[inline]
    pub(crate) fn claim<C: Probe>(&self, within: u32, n: u32, probe: &C) -> Option<u32> {
        let (word, at) = (within / u64::BITS, within % u64::BITS);
        if at + n <= u64::BITS {
            return claim_in(self.word(word), span_of_half(at, n), probe).then_some(1);
        }
        let (low, high) = halves(span(within % IO_TLB_SEGSIZE, n));
        if !claim_in(self.word(word), low, probe) {
            return None;
        }
        if claim_in(self.word(word + 1), high, probe) {
            return Some(2);
        }
        // Relaxed: nothing was written in these slots, so there is nothing to publish; and as a read-modify-write it
        // continues the release sequence of whoever gave them back, so that the next claim still sees that.
        self.word(word).fetch_or(low, Ordering::Relaxed);
        None
    }

    /// Gives the claimed slots `[within, within + n)` of one segment back; the words written.
    #[inline]
    pub(crate) fn give(&self, within: u32, n: u32) -> u32 {
        let (word, at) = (within / u64::BITS, within % u64::BITS);
        // Release, both: pairs with the Acquire in `claim_in`. What was written in the slots and their descriptors
        // comes before what their next owner does. Without it that one's descriptor could be forgotten by us.
        if at + n <= u64::BITS {
            self.word(word).fetch_or(span_of_half(at, n), Ordering::Release);
            return 1;
        }
        let (low, high) = halves(span(within % IO_TLB_SEGSIZE, n));
        self.word(word).fetch_or(low, Ordering::Release);
        self.word(word + 1).fetch_or(high, Ordering::Release);
        2
    }
}

/// Turns `bits` of `word` from 1 to 0, if all of them are 1.
#[inline]
fn claim_in<C: Probe>(word: &AtomicU64, bits: u64, probe: &C) -> bool {
    let mut now = word.load(Ordering::Relaxed);
    while now & bits == bits {
        // Acquire: pairs with the Release in `FreeBits::give`. All changes of a word are read-modify-writes, so this
        // one sees every earlier release of its bits, whoever changed other bits since. Relaxed on failure: the value
        // is only compared again.
        match word.compare_exchange_weak(now, now & !bits, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(changed) => now = changed,
        }
        probe.lock_contended();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_takes_all_or_nothing() {
        let bits = FreeBits::new(300);
        assert_eq!(bits.claim(60, 8, &()), Some(2));
        assert_eq!(bits.used(), 8);
        // The lower word is free from 0 to 60, the upper one from 68 on: a claim that meets either taken part fails.
        assert_eq!((bits.claim(50, 11, &()), bits.claim(67, 1, &())), (None, None));
        assert_eq!(bits.give(60, 4), 1);
        assert_eq!(bits.claim(61, 4, &()), None, "slot 64 is taken");
        assert_eq!(bits.segment(0), !span(64, 4), "the lower word was given back");
        assert_eq!(bits.claim(0, 64, &()), Some(1));
        assert_eq!((bits.claim(256, 44, &()), bits.used()), (Some(1), 4 + 64 + 44));
    }

    #[test]
    fn slots_past_the_end_are_never_free() {
        let bits = FreeBits::new(130);
        assert_eq!((bits.segment(1), bits.used()), (0b11, 0));
        assert_eq!(bits.claim(129, 2, &()), None);
        assert_eq!(bits.claim(128, 2, &()), Some(1));
    }
}
