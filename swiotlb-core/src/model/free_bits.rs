//! The bitmap of the area without a lock: no slot has two owners, what its last owner wrote is there for the next, and
//! none is lost, a claim of two words that is rolled back included.

use super::harness::{RACE, fails, holds, preemptions};
use super::twin_bits::{Orders, TwinBits};
use crate::addr::PhysAddr;
use crate::area::free_bits::FreeBits;
use crate::area::{AreaSlots, LockFree};
use crate::device::DeviceLimits;
use crate::search::{AreaRange, SlotRequest};
use crate::slot::{FirstSlot, SlotTable};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// What the models say at the end when a slot is neither free nor anybody's.
const LOST: &str = "a slot was lost";
/// The slots that the models use: the last two of a segment's lower word and the first two of its upper one.
const SLOTS: std::ops::Range<u32> = 62..66;

/// What the models need of a bitmap of one segment, of which all slots are free at first.
pub(super) trait Bits: Send + Sync + 'static {
    fn claim(&self, within: u32, n: u32) -> bool;
    fn give(&self, within: u32, n: u32);
    fn used(&self) -> u32;
}

impl Bits for FreeBits {
    fn claim(&self, within: u32, n: u32) -> bool {
        FreeBits::claim(self, within, n, &()).is_some()
    }
    fn give(&self, within: u32, n: u32) {
        FreeBits::give(self, within, n);
    }
    fn used(&self) -> u32 {
        FreeBits::used(self)
    }
}

/// A bitmap, and a descriptor for each of [`SLOTS`].
struct Area<B> {
    bits: B,
    owners: Vec<UnsafeCell<u32>>,
}

// SAFETY: a cell is accessed by its slot's owner; that this suffices is what the model shows, since loom checks every
// access of the cells.
unsafe impl<B: Sync> Sync for Area<B> {}

impl<B: Bits> Area<B> {
    /// Claims `[first, first + n)` once, writes their descriptors, and gives them back.
    fn pass(&self, (first, n): (u32, u32)) {
        if !self.bits.claim(first, n) {
            return;
        }
        for slot in first..first + n {
            self.owners[(slot - SLOTS.start) as usize].with_mut(|owner| {
                // SAFETY: nobody else accesses the cell now, or loom fails the execution before we get here.
                unsafe { *owner += 1 };
            });
        }
        self.bits.give(first, n);
    }
}

/// A thread for each of `claims`, which makes that claim `rounds` times.
fn threads<B: Bits>(bits: B, claims: &'static [(u32, u32)], rounds: u32) {
    let owners = SLOTS.map(|_| UnsafeCell::new(0)).collect();
    let area = Arc::new(Area { bits, owners });
    let pass = move |area: &Area<B>, claim| (0..rounds).for_each(|_| area.pass(claim));
    let others: Vec<_> = claims[1..]
        .iter()
        .map(|&claim| {
            let area = Arc::clone(&area);
            thread::spawn(move || pass(&area, claim))
        })
        .collect();
    pass(&area, claims[0]);
    for other in others {
        other.join().expect("a claim does not panic");
    }
    assert_eq!(area.bits.used(), 0, "{LOST}");
}

const ONE_SLOT: &[(u32, u32)] = &[(63, 1), (63, 1), (63, 1)];
/// The second changes the word between the first's release and the third's claim: the third sees the release still.
const NEIGHBOUR: &[(u32, u32)] = &[(63, 1), (62, 1), (63, 1)];
/// The second meets the first in the upper word only: then the first rolls back.
const BOTH_WORDS: &[(u32, u32)] = &[(63, 2), (64, 1), (62, 2)];

fn free_bits(claims: &'static [(u32, u32)], rounds: u32) -> impl Fn() + Send + Sync + 'static {
    move || threads(FreeBits::new(128), claims, rounds)
}

fn twin(orders: Orders, claims: &'static [(u32, u32)]) -> impl Fn() + Send + Sync + 'static {
    move || threads(TwinBits::new(orders), claims, 1)
}

const SOUND: Orders = Orders { claim: Acquire, give: Release, rolls_back: true };

#[test]
fn a_slot_has_one_owner() {
    holds("free bits, a slot, 2 threads", None, free_bits(&ONE_SLOT[..2], 2));
    holds("free bits, a slot, 3 threads", None, free_bits(ONE_SLOT, 1));
    holds("free bits, a neighbour changes the word, 3 threads", preemptions(3), free_bits(NEIGHBOUR, 1));
    holds("free bits, the twin without a fault", None, twin(SOUND, &ONE_SLOT[..2]));
    fails("free bits, Relaxed claim", None, RACE, twin(Orders { claim: Relaxed, ..SOUND }, &ONE_SLOT[..2]));
    fails("free bits, Relaxed release", None, RACE, twin(Orders { give: Relaxed, ..SOUND }, &ONE_SLOT[..2]));
}

#[test]
fn a_claim_of_two_words_takes_all_or_nothing() {
    holds("free bits, two words, 2 threads", None, free_bits(&BOTH_WORDS[..2], 2));
    holds("free bits, two words, 3 threads", None, free_bits(BOTH_WORDS, 1));
    holds("free bits, the twin without a fault, two words", None, twin(SOUND, &BOTH_WORDS[..2]));
    let stays = Orders { rolls_back: false, ..SOUND };
    fails("free bits, no roll-back", None, LOST, twin(stays, &BOTH_WORDS[..2]));
}

/// Each of `callers` finds a slot once in an area of `len`, and gives it back.
fn searches(callers: usize, len: u32) {
    const START: PhysAddr = PhysAddr(1 << 20);
    let table = FirstSlot::new(len);
    let range = AreaRange { first: 0, len };
    let shared = Arc::new((LockFree::<FirstSlot>::new(&table, range), table));
    let call = move |(area, table): &(LockFree<FirstSlot>, FirstSlot)| {
        let req = SlotRequest::new(&DeviceLimits::default(), START, 2_048, 0, 0);
        let first = area.find_slots(table, range, req.in_window(START), &req, &());
        area.release_slots(table, range, first.expect("a search missed room"), 1, &());
    };
    let others: Vec<_> = (1..callers)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || call(&shared))
        })
        .collect();
    call(&shared);
    for other in others {
        other.join().expect("a search does not panic");
    }
    assert!(shared.0.used() == 0 && shared.0.index() < len, "{LOST}");
}

#[test]
fn a_search_finds_the_room_that_there_is() {
    holds("area without a lock, 2 searches, 2 slots", None, || searches(2, 2));
    holds("area without a lock, 3 searches, 3 slots", preemptions(1), || searches(3, 3));
    fails("area without a lock, 2 searches, 1 slot", None, "a search missed room", || searches(2, 1));
}
