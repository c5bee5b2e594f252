//! One set of cases for every area: those that keep placement answer as Linux's does, and under threads that
//! release each other's slots none loses any.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;
use crate::addr::PhysAddr;
use crate::device::DeviceLimits;
use crate::lock::QueuedSpin;
use crate::rules::IO_TLB_SIZE;
use crate::search::{Bitmap, FreeRunList, Lifo, Offset, Summary, Warm};
use crate::slot::{EachSlot, FirstSlot, SlotTable};
use crate::sync::{AtomicU32, Ordering};
use core::marker::PhantomData;
use proptest::prelude::*;
use std::sync::Mutex;
use std::thread;

type List = Locked<QueuedSpin, FreeRunList>;
type Fast = Locked<QueuedSpin, Summary<FirstSlot>>;

/// Calls `$test::<A>($args)` for every area but Linux's.
macro_rules! for_every_area {
    ($test:ident($($arg:expr),*)) => {
        $test::<Padded<List>>($($arg),*);
        $test::<Metered<List>>($($arg),*);
        $test::<Locked<QueuedSpin, Bitmap<FirstSlot>>>($($arg),*);
        $test::<Locked<QueuedSpin, Summary>>($($arg),*);
        $test::<Fast>($($arg),*);
        $test::<Padded<Fast>>($($arg),*);
        $test::<Locked<QueuedSpin, Warm>>($($arg),*);
        $test::<Locked<QueuedSpin, Warm<FirstSlot>>>($($arg),*);
        $test::<Locked<QueuedSpin, Lifo>>($($arg),*);
        $test::<Locked<QueuedSpin, Offset<FirstSlot>>>($($arg),*);
        $test::<LockFree>($($arg),*);
        $test::<LockFree<EachSlot>>($($arg),*);
        $test::<LockFree<FirstSlot, Spread>>($($arg),*);
        $test::<LockFree<EachSlot, Spread>>($($arg),*);
    };
}

/// The second of two areas of a pool.
struct Subject<A: AreaSlots> {
    table: A::Table,
    range: AreaRange,
    area: A,
}

/// Where the pool starts: at an odd place of every boundary window below 64 MiB.
const START: PhysAddr = PhysAddr(0x1234_5000);

/// One of several kinds of request: bits kept or not, aligned or not, and a device with near or far boundaries.
fn request(nslots: u32, kind: u32) -> SlotRequest {
    let limits = DeviceLimits {
        min_align_mask: [0, 0xfff, 0x3fff][(kind % 3) as usize],
        seg_boundary_mask: [u64::MAX, 0xf_ffff, 0xffff][(kind / 3 % 3) as usize],
        ..DeviceLimits::default()
    };
    let alloc_align_mask = [0, 0x7ff, 0x7fff][(kind / 9 % 3) as usize];
    let orig = PhysAddr(u64::from(kind / 27 % 3) * 0x1234_5000);
    SlotRequest::new(&limits, orig, u64::from(nslots) * IO_TLB_SIZE, alloc_align_mask, 0)
}

impl<A: AreaSlots> Subject<A> {
    fn new(len: u32) -> Self {
        let table = A::Table::new(2 * len);
        let range = AreaRange { first: len, len };
        let area = A::new(&table, range);
        Self { table, range, area }
    }

    fn find(&self, req: &SlotRequest) -> Option<u32> {
        self.area.find_slots(&self.table, self.range, req.in_window(START), req, &())
    }

    fn peek(&self, req: &SlotRequest) -> Option<u32> {
        self.area.peek(&self.table, self.range, req.in_window(START), req)
    }

    fn claim_at(&self, first: u32, req: &SlotRequest) -> bool {
        self.area.claim_at(&self.table, self.range, first, req)
    }

    fn release(&self, first: u32, n: u32) {
        self.area.release_slots(&self.table, self.range, first, n, &());
    }

    fn free(&self) -> u32 {
        (self.range.first..self.range.first + self.range.len)
            .step_by(128)
            .map(|slot| self.area.free_run(&self.table, slot))
            .sum()
    }
}

/// One step: what it does, and two numbers to choose by.
type Step = (u8, u32, u32);

/// The same steps on `A` and on Linux's area.
fn answers_alike<A: AreaSlots>(len: u32, steps: &[Step]) {
    let (list, other) = (Subject::<List>::new(len), Subject::<A>::new(len));
    let mut live: Vec<(u32, u32)> = Vec::new();
    for &(what, a, b) in steps {
        let req = SlotRequest { cpu: b >> 16, ..request(a % 128 + 1, b) };
        match what % 8 {
            0..=3 => {
                let (peek, slow) = (other.peek(&req), list.peek(&req));
                let found = other.find(&req);
                assert_eq!(peek, found);
                if A::KEEPS_PLACEMENT {
                    assert_eq!(found, list.find(&req), "{:?}", A::names());
                } else if let Some(first) = found {
                    assert!(list.claim_at(first, &req), "{:?} took slots that are taken", A::names());
                    let at = req.in_window(START);
                    assert!(req.aligned(at, first) && !req.crosses(at, first), "{:?} {req:?}", A::names());
                } else if req.stride == 1 {
                    // Wherever it starts, Linux's walk looks at every slot then, and so must any other.
                    assert_eq!(slow, None, "{:?} {req:?}", A::names());
                }
                live.extend(found.map(|first| (first, req.nslots)));
            }
            4..=5 if !live.is_empty() => {
                let (first, n) = live.swap_remove(a as usize % live.len());
                list.release(first, n);
                other.release(first, n);
            }
            6 => {
                let first = len + b % len;
                // Whoever looks at recorded places stays within a segment.
                let req = request((a % 128 + 1).min(128 - first % 128), 0);
                let claimed = other.claim_at(first, &req);
                assert_eq!(claimed, list.claim_at(first, &req));
                live.extend(claimed.then_some((first, req.nslots)));
            }
            _ => {
                list.area.set_index(list.range, b % (len + 1));
                other.area.set_index(other.range, b % (len + 1));
            }
        }
        assert_eq!(list.area.used(), other.area.used());
        assert!(!A::KEEPS_PLACEMENT || list.area.index() == other.area.index());
    }
    live.iter().for_each(|&(first, n)| other.release(first, n));
    assert_eq!((other.area.used(), other.free()), (0, len));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_area_answers_as_linux_s_or_at_least_soundly(
        segments in 1_u32..6,
        steps in prop::collection::vec((any::<u8>(), any::<u32>(), any::<u32>()), 1..120),
    ) {
        for_every_area!(answers_alike(128 * segments, &steps));
    }
}

/// An area in which `[first, first + n)` is free alone.
fn with_one_run<A: AreaSlots>(len: u32, first: u32, n: u32) -> Subject<A> {
    let subject = Subject::<A>::new(len);
    for (from, to) in [(len, first), (first + n, 2 * len)] {
        (from..to).for_each(|slot| assert!(subject.claim_at(slot, &request(1, 0))));
    }
    subject
}

/// Wherever the walk starts, a run that is free alone is found or stays unseen as in Linux's area.
fn one_run_is_found_alike<A: AreaSlots>() {
    const LEN: u32 = 128;
    if !A::KEEPS_PLACEMENT {
        return;
    }
    for first in [128, 129, 138, 150, 190, 191, 192, 193, 222, 253, 254, 255] {
        for n in [1, 2, 3].into_iter().filter(|n| first + n <= 256) {
            let (list, other) = (with_one_run::<List>(LEN, first, n), with_one_run::<A>(LEN, first, n));
            // Where the run is, its low address bits are the original's.
            let orig = START.wrapping_add(u64::from(first) * IO_TLB_SIZE);
            let kept = DeviceLimits { min_align_mask: 0x3fff, ..DeviceLimits::default() };
            let kept = SlotRequest::new(&kept, orig, u64::from(n) * IO_TLB_SIZE, 0x7ff, 0);
            for from in 0..LEN {
                for req in [request(n, 0), request(n, 6), kept, request(n.min(2), 0)] {
                    list.area.set_index(list.range, from);
                    other.area.set_index(other.range, from);
                    let found = list.find(&req);
                    assert_eq!(other.find(&req), found, "{:?} {first} {n} from {from}", A::names());
                    found.iter().for_each(|&first| {
                        list.release(first, req.nslots);
                        other.release(first, req.nslots);
                    });
                }
            }
        }
    }
}

#[test]
fn a_run_that_is_free_alone_is_found_or_unseen_as_in_linux_s_area() {
    for_every_area!(one_run_is_found_alike());
}

/// A run that is taken alone serves nobody; and no claim reaches beyond the area or a segment.
fn taken_runs_and_places_outside_are_refused<A: AreaSlots>() {
    for (first, n) in [(256, 3), (300, 8), (316, 8), (350, 34), (500, 12)] {
        let subject = Subject::<A>::new(256);
        assert!(subject.claim_at(first, &request(n, 0)));
        subject.area.set_index(subject.range, first - 256);
        let found = subject.find(&request(n, 0));
        assert!(found.is_some_and(|other| other + n <= first || first + n <= other), "{found:?}");
        let after = subject.area.free_run(&subject.table, first + n - 1);
        assert_eq!(after, 0, "{:?}", A::names());
    }
    let subject = Subject::<A>::new(256);
    let refused = [(0, 1), (128, 128), (255, 1), (512, 1), (512, 128), (380, 8), (505, 8)];
    assert_eq!(refused.map(|(first, n)| subject.claim_at(first, &request(n, 0))), [false; 7]);
    assert!(subject.claim_at(256, &request(100, 0)) && !subject.claim_at(350, &request(7, 0)));
    assert!(subject.claim_at(356, &request(28, 0)) && subject.claim_at(384, &request(128, 0)));
    assert_eq!((subject.area.used(), subject.find(&request(1, 0))), (256, None));
    // Behind its last slot, where nothing of the area's is left to look at.
    let subject = Subject::<A>::new(512);
    assert!(!subject.claim_at(1_024, &request(1, 0)) && subject.claim_at(1_023, &request(1, 0)));
}

#[test]
fn no_area_hands_out_what_is_taken_or_beyond_it() {
    for_every_area!(taken_runs_and_places_outside_are_refused());
}

#[test]
fn an_allowance_is_passed_on_to_the_area_that_has_one() {
    let metered = Subject::<Padded<Metered<List>>>::new(128);
    assert!(!metered.area.is_over());
    assert!(metered.claim_at(128, &request(4, 0)) && metered.area.is_over());
    metered.area.allow(4);
    assert!(!metered.area.is_over());
    let plain = Subject::<Padded<List>>::new(128);
    assert!(plain.claim_at(128, &request(4, 0)) && !plain.area.is_over(), "without an allowance");
}

/// Who owns each slot: a thread's number plus one, or 0.
struct Owners<A>(Vec<AtomicU32>, PhantomData<A>);

impl<A: AreaSlots> Owners<A> {
    // Relaxed: the area's lock is what orders two owners of a slot; if it fails to, a swap sees a wrong owner.
    fn change(&self, first: u32, n: u32, from: u32, to: u32) {
        for owner in &self.0[first as usize..(first + n) as usize] {
            let was = owner.swap(to, Ordering::Relaxed);
            assert_eq!(was, from, "{:?}: two owners of a slot", A::names());
        }
    }
}

/// Three threads find slots and release any thread's.
fn threads_lose_no_slot<A: AreaSlots>(steps: u32) {
    const LEN: u32 = 256;
    let subject = Subject::<A>::new(LEN);
    let owners = Owners::<A>((0..2 * LEN).map(|_| AtomicU32::new(0)).collect(), PhantomData);
    let live = Mutex::new(Vec::<(u32, u32)>::new());
    thread::scope(|s| {
        for id in 0..3_u32 {
            let (subject, owners, live) = (&subject, &owners, &live);
            s.spawn(move || {
                let mut seed = id * 7919 + 1;
                for _ in 0..steps {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let n = [1, 1, 2, 3, 8, 32, 100, 128][(seed >> 24 & 7) as usize];
                    let other = if seed >> 28 < 9 { None } else { live.lock().unwrap().pop() };
                    if let Some((first, n)) = other {
                        owners.change(first, n, 1, 0);
                        subject.release(first, n);
                    } else if let Some(first) = subject.find(&SlotRequest { cpu: id, ..request(n, 0) }) {
                        owners.change(first, n, 0, 1);
                        let mut live = live.lock().unwrap();
                        let at = seed as usize % (live.len() + 1);
                        live.insert(at, (first, n));
                    }
                }
            });
        }
    });
    live.into_inner().unwrap().iter().for_each(|&(first, n)| subject.release(first, n));
    assert_eq!((subject.area.used(), subject.free()), (0, LEN), "{:?}", A::names());
}

#[test]
fn threads_that_release_each_other_s_slots_lose_none() {
    for_every_area!(threads_lose_no_slot(4_000));
}

#[test]
fn names_say_what_an_area_is_made_of() {
    let names = AreaNames { lock: "queued", search: "summary", slots: "first-slot", layout: "padded" };
    assert_eq!(Padded::<Fast>::names(), names);
    assert_eq!(Locked::<QueuedSpin, Warm>::names().slots, "each-slot");
}
