//! Where the searches of a lock-free area start: at one shared index, as in Linux, or each CPU in a stripe of its own.
//!
//! Invariant: every index lies within the area. All are hints: a search claims only what is free, wherever it starts.
//! So a store may be lost or come late; it is Relaxed, and what it costs is said at each.

use crate::rules::IO_TLB_SEGSIZE;
use crate::search::progression::{Aligned, Progression};
use crate::sync::{AtomicU32, Ordering::Relaxed};
use core::ops::Range;
use crossbeam_utils::CachePadded;

/// The candidates of one search.
pub struct Candidates {
    /// Which slots are aligned.
    pub aligned: Aligned,
    /// Slots of the area.
    pub len: u32,
    /// Slots that the walk steps on from an aligned candidate.
    pub stride: u32,
}

/// A rule for the order in which an area is searched.
pub trait Start: Send + Sync + 'static {
    /// The name of the search in policy labels.
    const NAME: &'static str;
    /// Whether the order is Linux's.
    const KEEPS_PLACEMENT: bool;

    /// All indices at their start, for `len` slots.
    fn new(len: u32) -> Self;

    /// Calls `look` for one stretch of candidates after another, in order, until it answers.
    fn search(&self, all: &Candidates, cpu: u32, look: impl FnMut(Progression) -> Option<u32>)
    -> Option<u32>;

    /// A search by `cpu` has claimed `slots` of an area of `len`.
    fn claimed(&self, cpu: u32, slots: Range<u32>, len: u32);

    /// Where CPU 0 searches next.
    fn index(&self) -> u32;

    /// Moves the index that `index`, which lies within the area, belongs to.
    fn set_index(&self, index: u32);
}

/// Linux's: one index, and its walk. On a cache line that no release touches.
///
/// With the lock gone, two claims that overlap may store their ends in either order, so the index is the end of one of
/// the claims that overlapped last, not always of the one that claimed last. Linux's is the end of the last. The next
/// search then starts at another claim's end: it finds other slots, and none that is not free.
pub struct Shared(CachePadded<AtomicU32>);

impl Start for Shared {
    const NAME: &'static str = "atomic-bitmap";
    const KEEPS_PLACEMENT: bool = true;

    fn new(_len: u32) -> Self {
        Self(CachePadded::new(AtomicU32::new(0)))
    }

    #[inline(always)]
    fn search(
        &self,
        all: &Candidates,
        _cpu: u32,
        mut look: impl FnMut(Progression) -> Option<u32>,
    ) -> Option<u32> {
        let from = self.0.load(Relaxed);
        // From the start index to the area's end.
        let ahead = all.aligned.progression(from, all.len);
        if let Some(within) = look(ahead) {
            return Some(within);
        }
        // From the area's first slot on, as far as the walk's steps reach.
        look(all.aligned.progression(0, all.len.saturating_sub(ahead.stepped(from, all.stride))))
    }

    #[inline]
    fn claimed(&self, _cpu: u32, slots: Range<u32>, len: u32) {
        self.0.store(if slots.end < len { slots.end } else { 0 }, Relaxed);
    }

    fn index(&self) -> u32 {
        self.0.load(Relaxed)
    }

    fn set_index(&self, index: u32) {
        self.0.store(index, Relaxed);
    }
}

/// An index for each stripe of the area, and for each CPU a stripe: CPUs that share an area work in different segments
/// and, where it is large enough, on different cache lines of the bitmap. A full stripe leads to the rest of the area.
///
/// Gives placement up. Two CPUs of one stripe lose an update as [`Shared`] does.
pub struct Spread {
    /// A power of two of them.
    indices: Box<[CachePadded<AtomicU32>]>,
    /// Slots of each stripe but the last, which has the rest too; whole segments unless there is one stripe alone.
    stripe: u32,
}

/// Most stripes of an area.
const STRIPES: u32 = 16;

impl Spread {
    /// The stripe of `cpu`. Areas are chosen by the low bits of a CPU's number, so those who share one differ in the
    /// others; a multiplication by 2^32 divided by the golden ratio spreads any such sequence evenly.
    #[inline]
    fn stripe_of(&self, cpu: u32) -> usize {
        let spread = u64::from(cpu.wrapping_mul(0x9e37_79b9)) * self.indices.len() as u64;
        (spread >> u32::BITS) as usize
    }

    /// The first slot of `stripe` and the slot after its last.
    #[inline]
    fn bounds(&self, stripe: usize, len: u32) -> (u32, u32) {
        #[expect(clippy::cast_possible_truncation, reason = "at most STRIPES")]
        let first = stripe as u32 * self.stripe;
        (first, if stripe + 1 == self.indices.len() { len } else { first + self.stripe })
    }

    #[inline]
    fn stripe_at(&self, within: u32) -> usize {
        ((within / self.stripe) as usize).min(self.indices.len() - 1)
    }
}

impl Start for Spread {
    const NAME: &'static str = "atomic-bitmap-spread";
    const KEEPS_PLACEMENT: bool = false;

    fn new(len: u32) -> Self {
        let segments = len / IO_TLB_SEGSIZE;
        let stripes = 1 << segments.clamp(1, STRIPES).ilog2();
        let stripe = if stripes == 1 { len } else { segments / stripes * IO_TLB_SEGSIZE };
        let indices = (0..stripes).map(|i| CachePadded::new(AtomicU32::new(i * stripe))).collect();
        Self { indices, stripe }
    }

    #[inline(always)]
    fn search(
        &self,
        all: &Candidates,
        cpu: u32,
        mut look: impl FnMut(Progression) -> Option<u32>,
    ) -> Option<u32> {
        let stripe = self.stripe_of(cpu);
        let (first, end) = self.bounds(stripe, all.len);
        let from = self.indices[stripe].load(Relaxed);
        // The stripe from its index on, the rest of it, the stripes behind it, those before it.
        let stretches = [(from, end), (first, from), (end, all.len), (0, first)];
        stretches.into_iter().find_map(|(from, end)| look(all.aligned.progression(from, end)))
    }

    /// Slots outside the CPU's stripe leave its index alone: it is full now, and will not stay so.
    #[inline]
    fn claimed(&self, cpu: u32, slots: Range<u32>, len: u32) {
        let stripe = self.stripe_of(cpu);
        let (first, end) = self.bounds(stripe, len);
        if first <= slots.start && slots.start < end {
            self.indices[stripe].store(if slots.end < end { slots.end } else { first }, Relaxed);
        }
    }

    fn index(&self) -> u32 {
        self.indices[0].load(Relaxed)
    }

    fn set_index(&self, index: u32) {
        self.indices[self.stripe_at(index)].store(index, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_that_share_an_area_have_stripes_of_their_own() {
        let spread = Spread::new(32_768);
        assert_eq!((spread.indices.len(), spread.stripe), (16, 2_048));
        // The CPUs of an area whose pool has 1, 2, 4 or 16 areas.
        for nareas in [1, 2, 4, 16] {
            let mut stripes: Vec<_> = (0..8).map(|k| spread.stripe_of(3 % nareas + k * nareas)).collect();
            stripes.sort_unstable();
            stripes.dedup();
            assert!(stripes.len() >= 6, "{nareas} areas: {stripes:?}");
        }
    }

    #[test]
    fn stripes_are_whole_segments_and_cover_the_area() {
        for len in [1, 100, 128, 255, 256, 640, 2_048, 4_224, 65_536] {
            let spread = Spread::new(len);
            let stripes = spread.indices.len();
            assert!(stripes == 1 || spread.stripe.is_multiple_of(IO_TLB_SEGSIZE));
            let mut covered = 0;
            for stripe in 0..stripes {
                let (first, end) = spread.bounds(stripe, len);
                assert_eq!((first, spread.indices[stripe].load(Relaxed)), (covered, covered));
                assert_eq!((spread.stripe_at(first), spread.stripe_at(end - 1)), (stripe, stripe));
                covered = end;
            }
            assert_eq!(covered, len);
        }
    }

    #[test]
    fn an_index_stays_in_its_stripe() {
        let spread = Spread::new(4_096);
        let index = |cpu| spread.indices[spread.stripe_of(cpu)].load(Relaxed);
        let (first, end) = spread.bounds(spread.stripe_of(5), 4_096);
        spread.claimed(5, first + 8..first + 16, 4_096);
        assert_eq!(index(5), first + 16);
        spread.claimed(5, end..end + 8, 4_096);
        assert_eq!(index(5), first + 16, "slots of a neighbour's");
        spread.claimed(5, end - 8..end, 4_096);
        assert_eq!(index(5), first);
        spread.set_index(first + 3);
        assert_eq!(index(5), first + 3);
        spread.set_index(7);
        assert_eq!(spread.index(), 7, "the first stripe's, which is CPU 0's");
    }
}
