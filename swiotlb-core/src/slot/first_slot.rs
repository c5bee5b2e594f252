//! One word per mapping, in the slot where its buffer starts; the other slots say nothing.
//!
//! A map writes one word and an unmap clears it, whatever the size. A sync that names a slot in the middle
//! walks back to the nearest word, at most 127 steps inside the segment, and asks whether that mapping reaches
//! here. A bitmap of starts would find it in two looks, but every map and unmap would pay for it, and threads
//! that share an area would share its lines; a word is its owner's alone.
//!
//! | word | the slot |
//! |---|---|
//! | 0 | free, or of a mapping that starts before, or padding |
//! | 1 to 127 | the last slot of so many padding slots; the buffer starts in the next one |
//! | [`HERE`] set | a buffer starts here |
//!
//! Invariant: a word is not 0 only while the mapping that it describes lives. So between a slot of a live mapping and
//! the slot where that starts all words are 0.

use super::{MappingStart, SlotTable, SlotView};
use crate::addr::PhysAddr;
use crate::device::Direction;
use crate::phys::SPACE;
use crate::rules::{IO_TLB_MAX_BYTES, IO_TLB_SHIFT, nr_slots, segment_start};
use crate::search::SlotRequest;
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// A buffer starts here.
const HERE: u64 = 1 << 63;
/// The slot before holds the number of padding slots.
const PADDED: u64 = 1 << 62;
/// The buffer takes a slot more than its bytes: it starts inside its first slot and so reaches into one more.
const ONE_MORE: u64 = 1 << 61;
/// The direction's two bits lie here.
const DIR_SHIFT: u32 = 59;
/// The bytes from the buffer's start to the end of the allocation lie here, in 19 bits.
const LEFT_SHIFT: u32 = 40;
const LEFT: u64 = (1 << (DIR_SHIFT - LEFT_SHIFT)) - 1;
/// The original address lies in the bits below.
const ORIG: u64 = (1 << LEFT_SHIFT) - 1;
const _: () = assert!(SPACE <= ORIG + 1 && IO_TLB_MAX_BYTES <= LEFT);

/// A word per mapping.
pub struct FirstSlot {
    words: Box<[AtomicU64]>,
}

/// The mapping that a slot belongs to: its word, or 0 if there is none, and where it lies.
#[derive(Clone, Copy)]
pub struct Belongs<'a> {
    table: &'a FirstSlot,
    word: u64,
    /// The slot asked about, and how many slots before it the buffer starts.
    index: u32,
    nth: u32,
}

/// Bytes from the start of the buffer of `word` to the end of its allocation.
#[inline]
const fn left(word: u64) -> u64 {
    word >> LEFT_SHIFT & LEFT
}

/// Slots from the start of the buffer of `word` to the end of its allocation.
#[inline]
const fn slots_from_start(word: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "an allocation is at most a segment")]
    let slots = nr_slots(left(word)) as u32;
    slots + (word & ONE_MORE != 0) as u32
}

#[inline]
const fn dir(word: u64) -> Option<Direction> {
    Direction::from_kernel(word >> DIR_SHIFT & 3)
}

impl FirstSlot {
    #[inline]
    fn word(&self, index: u32) -> u64 {
        self.words[index as usize].load(Relaxed)
    }

    #[inline]
    fn set_word(&self, index: u32, word: u64) {
        self.words[index as usize].store(word, Relaxed);
    }

    /// The word of the mapping that starts before slot `index` and reaches it, and how many slots before; else 0.
    #[cold]
    fn middle(&self, index: u32) -> (u64, u32) {
        let before = &self.words[segment_start(index) as usize..index as usize];
        for (nth, word) in (1..).zip(before.iter().rev()) {
            let word = word.load(Relaxed);
            if word != 0 {
                let reaches = word & HERE != 0 && nth < slots_from_start(word);
                return if reaches { (word, nth) } else { (0, 0) };
            }
        }
        (0, 0)
    }
}

impl SlotView for Belongs<'_> {
    #[inline]
    fn orig_addr(self) -> Option<PhysAddr> {
        if self.word == 0 || dir(self.word).is_none() {
            return None;
        }
        Some(PhysAddr(self.word & ORIG).wrapping_add(u64::from(self.nth) << IO_TLB_SHIFT))
    }

    #[inline]
    fn alloc_size(self) -> u64 {
        left(self.word).wrapping_sub(u64::from(self.nth) << IO_TLB_SHIFT)
    }

    #[inline]
    fn start(self) -> Option<MappingStart> {
        if self.word == 0 || self.nth != 0 {
            return None;
        }
        let pad = if self.word & PADDED == 0 { 0 } else { self.table.word(self.index - 1) };
        // At most 127.
        let pad_slots = u16::try_from(pad).unwrap_or(0);
        Some(MappingStart { pad_slots, dir: dir(self.word) })
    }
}

impl SlotTable for FirstSlot {
    const NAME: &'static str = "first-slot";
    type View<'a> = Belongs<'a>;

    fn new(nslabs: u32) -> Self {
        let words: Box<[_]> = (0..nslabs).map(|_| AtomicU64::new(0)).collect();
        // Written, and not only given as zero: the first touch of a page is no part of any map.
        words.iter().for_each(|word| word.store(0, Relaxed));
        Self { words }
    }

    #[inline]
    fn nslabs(&self) -> u32 {
        // Made from a `u32`.
        u32::try_from(self.words.len()).unwrap_or(u32::MAX)
    }

    #[inline]
    fn slot(&self, index: u32) -> Belongs<'_> {
        let (word, nth) = match self.word(index) {
            0 => self.middle(index),
            word if word & HERE != 0 => (word, 0),
            _padding => (0, 0),
        };
        Belongs { table: self, word, index, nth }
    }

    #[inline]
    fn nslots(&self, buffer: u32, start: MappingStart, offset: u64) -> u32 {
        // Not by `ONE_MORE`: whoever names another offset gets the answer of Linux's table.
        #[expect(clippy::cast_possible_truncation, reason = "an allocation is at most a segment")]
        let slots = nr_slots(left(self.word(buffer)) + offset) as u32;
        u32::from(start.pad_slots) + slots
    }

    #[inline]
    fn claim(&self, _first: u32, _req: &SlotRequest) {}

    #[inline]
    fn remember(&self, first: u32, req: &SlotRequest, start: MappingStart, orig: Option<PhysAddr>) {
        let pad = u32::from(start.pad_slots);
        let buffer = first + pad;
        let left = req.left_at(pad);
        let orig = orig.map_or(0, |orig| orig.0);
        // A map checks that its original lies in the made-up space.
        debug_assert!(orig <= ORIG && left <= LEFT);
        let mut word = HERE | u64::from(start.dir_bits()) << DIR_SHIFT | left << LEFT_SHIFT | orig & ORIG;
        if pad + slots_from_start(word) < req.nslots {
            word |= ONE_MORE;
        }
        if pad > 0 {
            word |= PADDED;
            self.set_word(buffer - 1, u64::from(pad));
        }
        self.set_word(buffer, word);
        debug_assert_eq!(pad + slots_from_start(word), req.nslots);
    }

    // Before the release takes the lock: whoever claims the slots next enters that lock later and sees zeros.
    #[inline]
    fn end(&self, buffer: u32, start: MappingStart) {
        self.set_word(buffer, 0);
        if start.pad_slots > 0 {
            self.set_word(buffer - 1, 0);
        }
    }

    #[inline]
    fn forget(&self, _first: u32, _n: u32) {}
}
