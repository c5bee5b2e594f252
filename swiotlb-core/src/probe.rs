//! Step counters: what an operation did, counted exactly, beside the time that it took.
//!
//! "Off" is a type: the methods of `()` are empty and cost nothing. A probe belongs to one thread
//! (its cells are not shared), so counting never changes what is counted.

use core::cell::{Cell, RefCell};

/// A condition that the kernel would log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// No room ("swiotlb buffer is full").
    Full,
    /// A copy ran past the allocation and was cut.
    BounceOverflow,
    /// An allocation alignment above a page was asked for.
    AlignMaskAbovePage,
    /// The bounce address lies beyond the device's reach.
    NotDmaCapable,
    /// The allocator has no pool.
    NoPool,
}

impl Note {
    /// The name that golden vectors use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::BounceOverflow => "bounce_overflow",
            Self::AlignMaskAbovePage => "align_mask_gt_page",
            Self::NotDmaCapable => "not_dma_capable",
            Self::NoPool => "no_pool",
        }
    }
}

/// Receives each step as it happens. Every method has an empty body, so a probe names only what it wants.
pub trait Probe: Default {
    /// An area was searched.
    #[inline]
    fn area_tried(&self) {}
    /// The walk stepped over `slots` slots in one area.
    #[inline]
    fn slots_scanned(&self, slots: u32) {
        let _ = slots;
    }
    /// `descriptors` free-run counts or words of the search structure were written at a map.
    #[inline]
    fn written_at_map(&self, descriptors: u32) {
        let _ = descriptors;
    }
    /// The same at an unmap.
    #[inline]
    fn written_at_unmap(&self, descriptors: u32) {
        let _ = descriptors;
    }
    /// An area lock was taken.
    #[inline]
    fn lock_taken(&self) {}
    /// A lock or a compare-and-swap did not succeed at once.
    #[inline]
    fn lock_contended(&self) {}
    /// `find_pool` was asked.
    #[inline]
    fn lookup(&self) {}
    /// A lookup compared `pools` pools with the address.
    #[inline]
    fn pools_visited(&self, pools: u32) {
        let _ = pools;
    }
    /// A transient pool was made and published.
    #[inline]
    fn transient_made(&self) {}
    /// A transient pool was made that could not serve its own request.
    #[inline]
    fn transient_unusable(&self) {}
    /// `bytes` were copied between an original and its bounce buffer.
    #[inline]
    fn bytes_copied(&self, bytes: u64) {
        let _ = bytes;
    }
    /// Growth work was queued that was not queued before.
    #[inline]
    fn work_scheduled(&self) {}
    /// A condition that the kernel would log.
    #[inline]
    fn note(&self, note: Note) {
        let _ = note;
    }
}

/// No counting.
impl Probe for () {}

/// Counts every step. One per caller; read with [`Counters::get`].
#[derive(Debug, Default)]
pub struct Counters {
    counts: Cell<Counts>,
    /// Slots stepped over in the critical section that was entered last, until it is counted.
    section: Cell<Option<u64>>,
    notes: RefCell<Vec<Note>>,
}

/// What [`Counters`] has counted, as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Areas searched.
    pub areas_tried: u64,
    /// Slots stepped over by the searches.
    pub slots_scanned: u64,
    /// Search structure entries written at map.
    pub written_at_map: u64,
    /// Search structure entries written at unmap.
    pub written_at_unmap: u64,
    /// Area locks taken.
    pub locks_taken: u64,
    /// Locks or compare-and-swaps that did not succeed at once.
    pub locks_contended: u64,
    /// Lookups.
    pub lookups: u64,
    /// Pools compared by lookups.
    pub pools_visited: u64,
    /// Transient pools made.
    pub transient_made: u64,
    /// Transient pools made that could not serve their own request.
    pub transient_unusable: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Times growth work was newly queued.
    pub work_scheduled: u64,
    /// Searches of one area under its lock, by the slots that they stepped over: a histogram, bounds in
    /// [`SECTION_STEPS`].
    pub sections: [u64; SECTION_STEPS.len()],
}

/// The buckets of [`Counts::sections`]: most slots stepped over, and the name.
pub const SECTION_STEPS: [(u64, &str); 9] = [
    (0, "sections_of_0_steps"),
    (1, "sections_to_1_step"),
    (4, "sections_to_4_steps"),
    (16, "sections_to_16_steps"),
    (64, "sections_to_64_steps"),
    (256, "sections_to_256_steps"),
    (1_024, "sections_to_1024_steps"),
    (4_096, "sections_to_4096_steps"),
    (u64::MAX, "sections_of_more_steps"),
];

impl Counts {
    /// Every count with its name, in a fixed order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let sections = SECTION_STEPS.iter().zip(self.sections).map(|((_, name), n)| (*name, n));
        self.steps().into_iter().chain(sections)
    }

    fn section(&mut self, steps: u64) {
        let bucket = SECTION_STEPS.iter().position(|(most, _)| steps <= *most);
        self.sections[bucket.unwrap_or(SECTION_STEPS.len() - 1)] += 1;
    }

    fn steps(&self) -> [(&'static str, u64); 12] {
        [
            ("areas_tried", self.areas_tried),
            ("slots_scanned", self.slots_scanned),
            ("written_at_map", self.written_at_map),
            ("written_at_unmap", self.written_at_unmap),
            ("locks_taken", self.locks_taken),
            ("locks_contended", self.locks_contended),
            ("lookups", self.lookups),
            ("pools_visited", self.pools_visited),
            ("transient_made", self.transient_made),
            ("transient_unusable", self.transient_unusable),
            ("bytes_copied", self.bytes_copied),
            ("work_scheduled", self.work_scheduled),
        ]
    }
}

impl Counters {
    /// The counts so far.
    #[must_use]
    pub fn get(&self) -> Counts {
        self.end_section(None);
        self.counts.get()
    }

    /// Counts the section that was entered last and enters the next, if there is one.
    fn end_section(&self, next: Option<u64>) {
        if let Some(steps) = self.section.replace(next) {
            self.change(|c| c.section(steps));
        }
    }

    /// Takes the notes made since the last call, oldest first.
    #[must_use]
    pub fn take_notes(&self) -> Vec<Note> {
        self.notes.take()
    }

    #[inline]
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }
}

impl Probe for Counters {
    fn area_tried(&self) {
        self.end_section(Some(0));
        self.change(|c| c.areas_tried += 1);
    }
    fn slots_scanned(&self, slots: u32) {
        self.section.set(self.section.get().map(|steps| steps + u64::from(slots)));
        self.change(|c| c.slots_scanned += u64::from(slots));
    }
    fn written_at_map(&self, descriptors: u32) {
        self.change(|c| c.written_at_map += u64::from(descriptors));
    }
    fn written_at_unmap(&self, descriptors: u32) {
        self.change(|c| c.written_at_unmap += u64::from(descriptors));
    }
    fn lock_taken(&self) {
        self.change(|c| c.locks_taken += 1);
    }
    fn lock_contended(&self) {
        self.change(|c| c.locks_contended += 1);
    }
    fn lookup(&self) {
        self.change(|c| c.lookups += 1);
    }
    fn pools_visited(&self, pools: u32) {
        self.change(|c| c.pools_visited += u64::from(pools));
    }
    fn transient_made(&self) {
        self.change(|c| c.transient_made += 1);
    }
    fn transient_unusable(&self) {
        self.change(|c| c.transient_unusable += 1);
    }
    fn bytes_copied(&self, bytes: u64) {
        self.change(|c| c.bytes_copied += bytes);
    }
    fn work_scheduled(&self) {
        self.change(|c| c.work_scheduled += 1);
    }
    fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_counted_by_their_steps() {
        let counters = Counters::default();
        for steps in [0, 1, 2, 5_000] {
            counters.area_tried();
            counters.slots_scanned(steps);
        }
        // A section may step in parts.
        counters.slots_scanned(7);
        let counts = counters.get();
        assert_eq!((counts.areas_tried, counts.sections.iter().sum::<u64>()), (4, 4));
        let named = |name| counts.named().find(|(known, _)| *known == name).map(|(_, n)| n);
        assert_eq!(named("sections_of_0_steps"), Some(1));
        assert_eq!(named("sections_to_4_steps"), Some(1));
        assert_eq!(named("sections_of_more_steps"), Some(1));
        assert_eq!(counters.get(), counts, "a section is counted once");
    }
}
