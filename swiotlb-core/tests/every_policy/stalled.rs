//! What readers hold back while transient pools come and go, under each reclamation: the numbers of the table in
//! docs/INVARIANTS.md. No reclamation here bounds it by itself; the allocator's own measure reports it to the byte,
//! what pools are made of bounds it, and all of it comes back when the reader goes.

use crate::common::held::{ATOMIC_PAGES, free_all_expired, storm, until_dry, with_atomic_pool};
use crate::common::{Tested, blocks, device, map, mem, orig, unmap};
use std::sync::Barrier;
use std::thread;
use swiotlb_core::device::{DeviceLimits, Direction, MapRequest};
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::IoTlbMem;
use swiotlb_core::policy::{Kernel, With};
use swiotlb_core::reclaim::{Delayed, Epoch, Leak, Quiescent, Reclaim, RefCounted, RwLocked};

type Reclaimed<R> = Tested<<Kernel as With>::Reclaim<R>>;

/// Transient pools that come and go, one after another.
const ROUNDS: u64 = 1_000;
/// Three slots take two pages.
const BYTES: u64 = 8_192;

/// What is held back now: pools. Every one of them has its bytes.
fn held<R: Reclaim>(mem: &IoTlbMem<Reclaimed<R>>) -> u64 {
    let HeldBack { waiting_pools, waiting_bytes, expired_pools, .. } = mem.held_back();
    assert_eq!((waiting_bytes, expired_pools), (waiting_pools * BYTES, 0), "{}", R::NAME);
    waiting_pools
}

/// Nobody reads any more: all comes back, if anything ever does.
fn all_comes_back<R: Reclaim>(mem: &IoTlbMem<Reclaimed<R>>) {
    mem.caller(0).quiesce();
    let now = mem.held_back();
    let left = if R::FREES { 0 } else { ROUNDS };
    assert_eq!((now.waiting_pools, now.expired_pools), (left, 0), "{}", R::NAME);
    assert_eq!(blocks(mem).outstanding(), left.cast_signed(), "{}", R::NAME);
    assert_eq!((mem.stats().used, mem.stats().transient_nslabs), (128, 0));
}

/// A reader that looked a transient pool up stays in its section for all rounds, on a thread of its own.
fn in_a_section<R: Reclaim>() -> u64 {
    let mem = mem::<Reclaimed<R>>(128, 1, true);
    let dev = device(&mem);
    map(&mem.caller(0).enter(), &dev, 0, 256 << 10);
    let seen = map(&mem.caller(0).enter(), &dev, 20, 6 << 10);
    let (entered, leaves) = (Barrier::new(2), Barrier::new(2));
    let held = thread::scope(|scope| {
        scope.spawn(|| {
            let caller = mem.caller(1);
            let session = caller.enter();
            let pool = session.find_pool(&dev, seen).unwrap();
            entered.wait();
            leaves.wait();
            // Unlinked long ago, and it is still what it was.
            assert_eq!((pool.start(), pool.nslabs()), (seen, 3), "{}", R::NAME);
        });
        entered.wait();
        let caller = mem.caller(0);
        unmap(&caller.enter(), &dev, seen, 6 << 10);
        for _ in 1..ROUNDS {
            storm(&caller.enter(), &dev, 1);
            caller.free_expired();
        }
        free_all_expired(&caller);
        let held = held::<R>(&mem);
        leaves.wait();
        held
    });
    assert_eq!(mem.held_back().most_pools, held.max(1), "{}: never more than that", R::NAME);
    all_comes_back::<R>(&mem);
    held
}

/// A reader enters when all rounds are over, and before anybody frees.
fn entered_late<R: Reclaim>() -> u64 {
    let mem = mem::<Reclaimed<R>>(128, 1, true);
    let dev = device(&mem);
    let (reader, caller) = (mem.caller(1), mem.caller(0));
    map(&caller.enter(), &dev, 0, 256 << 10);
    storm(&caller.enter(), &dev, ROUNDS);
    let section = reader.enter();
    free_all_expired(&caller);
    let held = held::<R>(&mem);
    drop(section);
    drop((reader, caller));
    all_comes_back::<R>(&mem);
    held
}

/// A caller is there that never enters a section.
fn idle<R: Reclaim>() -> u64 {
    let mem = mem::<Reclaimed<R>>(128, 1, true);
    let dev = device(&mem);
    let (idle, caller) = (mem.caller(1), mem.caller(0));
    map(&caller.enter(), &dev, 0, 256 << 10);
    for _ in 0..ROUNDS {
        storm(&caller.enter(), &dev, 1);
        caller.free_expired();
    }
    free_all_expired(&caller);
    let held = held::<R>(&mem);
    drop((idle, caller));
    all_comes_back::<R>(&mem);
    held
}

/// Two readers that take turns, so that one of them is always in a section, and none is for longer than a round.
fn in_turn<R: Reclaim>() -> u64 {
    let mem = mem::<Reclaimed<R>>(128, 1, true);
    let dev = device(&mem);
    let (readers, caller) = ([mem.caller(1), mem.caller(2)], mem.caller(0));
    map(&caller.enter(), &dev, 0, 256 << 10);
    let mut section = readers[1].enter();
    for _ in 0..ROUNDS / 2 {
        for reader in &readers {
            let next = reader.enter();
            drop(std::mem::replace(&mut section, next));
            storm(&caller.enter(), &dev, 1);
            free_all_expired(&caller);
        }
    }
    let held = held::<R>(&mem);
    drop(section);
    drop((readers, caller));
    all_comes_back::<R>(&mem);
    held
}

/// The same rounds with memory from an atomic pool of 16 pages: how many maps are served before one is refused, while
/// a reader stays in its section and after it has gone.
fn from_a_small_pool<R: Reclaim>() -> [u64; 2] {
    let mem = with_atomic_pool::<R>();
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let (reader, caller) = (mem.caller(1), mem.caller(0));
    caller.enter().map(&dev, &MapRequest::new(orig(0), 256 << 10, Direction::ToDevice)).unwrap();
    let section = reader.enter();
    let stalled = until_dry(&caller, &dev, ROUNDS);
    let full = (ATOMIC_PAGES, ATOMIC_PAGES << 12);
    assert_eq!((mem.held_back().waiting_pools, mem.held_back().waiting_bytes), full, "{}", R::NAME);
    drop(section);
    drop(reader);
    // Whoever delays puts by what the reader let go, and gives it back at the tick after that.
    free_all_expired(&caller);
    mem.set_now_ms(1_000);
    free_all_expired(&caller);
    let gone = until_dry(&caller, &dev, ROUNDS);
    mem.set_now_ms(2_000);
    free_all_expired(&caller);
    let free = if R::FREES { ATOMIC_PAGES } else { 0 };
    assert_eq!(mem.pages().atomic_pool().unwrap().free_pages(), free, "{}", R::NAME);
    [stalled, gone]
}

/// A row of the table: pools held back, and the maps that are served from a small pool.
fn row<R: Reclaim>(held: [u64; 4], served: [u64; 2]) {
    let is = [in_a_section::<R>(), entered_late::<R>(), idle::<R>(), in_turn::<R>()];
    assert_eq!(is, held, "{}", R::NAME);
    assert_eq!(from_a_small_pool::<R>(), served, "{}", R::NAME);
}

#[test]
fn epochs_hold_back_what_came_after_a_reader() {
    // The first was unlinked in an epoch before the reader's.
    row::<Epoch>([ROUNDS, ROUNDS - 1, 0, 1], [16, ROUNDS]);
}

#[test]
fn quiescent_states_hold_back_for_who_only_exists_too() {
    row::<Quiescent>([ROUNDS, ROUNDS, ROUNDS, 2], [16, ROUNDS]);
}

#[test]
fn counted_readers_hold_back_a_grace_period() {
    row::<RefCounted>([ROUNDS, ROUNDS, 0, 1], [16, ROUNDS]);
}

#[test]
fn a_reader_writer_lock_holds_back_while_anybody_reads() {
    row::<RwLocked>([ROUNDS, ROUNDS, 0, ROUNDS], [16, ROUNDS]);
}

#[test]
fn a_delay_holds_back_until_the_tick_besides() {
    // Nobody tells the time in those rounds.
    row::<Delayed<Epoch, 10>>([ROUNDS; 4], [16, 16]);
}

#[test]
fn a_leak_holds_back_for_ever_and_says_so() {
    row::<Leak>([ROUNDS; 4], [16, 0]);
}
