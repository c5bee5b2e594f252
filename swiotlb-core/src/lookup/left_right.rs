//! Left-right: the sorted array twice. Readers search one copy while the writer changes the other; nothing is
//! allocated for a change but room to grow, and nothing is left for a reclaimer to free.
//!
//! | step of a change | who may read where |
//! |---|---|
//! | change the side that is not live | everybody reads the live side |
//! | `live` flips | readers who come now read the changed side; some may still be in the other |
//! | wait for the counters of the other turn | those who counted late, of the turn before |
//! | `turn` flips, wait for the counters that it left | the rest; nobody is in the side that was live |
//! | the same change there | everybody reads the live side |
//!
//! Invariant: between changes both sides hold the same pools, and no reader is in the side that is not live.
//!
//! A reader counts itself in and out for one search: wait-free, at the price of two writes to a counter that
//! only threads of the same shard share. It never runs anybody's code in between, so a thread that inserts or
//! removes counts nowhere, and an open session holds up no writer. It wins over the arrays that are replaced where
//! pools change often enough that copies, and waiting for them to be freed, cost more than two writes per lookup.
//!
//! Insertion and removal wait for searches that are under way. A preempted reader holds a writer up for as long as it
//! is off its core. The kernel's map may run where nobody may sleep, and where a spinning writer could keep its own
//! core's reader off: there, a change would have to be handed to a worker, and a transient pool could not be found
//! before that worker ran. Here it is a bound to compare with.

use super::indexed::{AddressIndex, Indexed};
use super::ranges::Ranges;
use super::{PoolLookup, PoolRange};
use crate::addr::PhysAddr;
use crate::probe::Probe;
use crate::reclaim::Reclaim;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, Spin, UnsafeCell, one_order};
use core::ptr::NonNull;
use crossbeam_utils::CachePadded;

/// The two copies of a sorted array.
pub struct LeftRight;

impl PoolLookup for LeftRight {
    type Index<T: PoolRange, R: Reclaim> = Indexed<T, R, Sides<T>>;
    const NAME: &'static str = "left-right";
}

/// Counters of readers per turn. More threads than that share some; under the model checker, where a thread's stack
/// lies elsewhere in every execution, all share one.
const SHARDS: usize = if cfg!(loom) { 1 } else { 8 };

/// The readers that counted on one turn.
#[derive(Default)]
struct Readers([CachePadded<AtomicU64>; SHARDS]);

/// A reader that has counted itself in.
struct Arrived<'a>(&'a AtomicU64);

impl Drop for Arrived<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: our reads of the side come before the change of a writer that saw the count fall (`wait`).
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl Readers {
    #[inline]
    fn arrive(&self) -> Arrived<'_> {
        let counter = &self.0[shard()];
        // SeqCst, with the load of `live` that follows: see `Sides::change`.
        counter.fetch_add(1, Ordering::SeqCst);
        one_order();
        Arrived(counter)
    }

    /// Waits until each counter was 0 once.
    fn wait(&self) {
        for counter in &self.0 {
            let mut spin = Spin::default();
            // SeqCst, after the flip of `live`: see `Sides::change`. As an Acquire it pairs with the decrement.
            while counter.load(Ordering::SeqCst) != 0 {
                spin.wait();
            }
        }
    }
}

/// The calling thread's shard, from where its stack lies: stacks are megabytes apart. It may change within a
/// thread, and two threads may share it; both cost a little and break nothing.
#[inline]
fn shard() -> usize {
    let here = 0_u8;
    shard_at((&raw const here).addr() as u64)
}

/// The shard of a thread whose stack lies here.
#[inline]
const fn shard_at(stack: u64) -> usize {
    const STACK_SHIFT: u32 = 21;
    /// 2^64 divided by the golden ratio: neighbours come to lie far apart.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    ((stack >> STACK_SHIFT).wrapping_mul(SPREAD) >> (u64::BITS - 1 - SHARDS.ilog2()) >> 1) as usize
}

/// The two sides of one allocator or device. The walk goes along the list beside them, and counts nowhere.
pub struct Sides<T> {
    sides: [UnsafeCell<Ranges<T>>; 2],
    /// The side that readers go to.
    live: AtomicBool,
    /// The counters that readers use.
    turn: AtomicBool,
    readers: [Readers; 2],
    writer: Mutex<()>,
}

// SAFETY: a side is changed by the one thread that holds `writer`, when no reader is in it (`change`), and read by
// readers that the change waits for; what it holds may be shared and sent (`Ranges`).
unsafe impl<T: Sync> Sync for Sides<T> {}

impl<T> Default for Sides<T> {
    fn default() -> Self {
        Self {
            sides: Default::default(),
            live: AtomicBool::new(false),
            turn: AtomicBool::new(false),
            readers: Default::default(),
            writer: Mutex::new(()),
        }
    }
}

impl<T: PoolRange> Sides<T> {
    /// Makes the same change on both sides.
    ///
    /// A reader counts itself, then loads `live`; we flip `live`, then load the counters; all four are SeqCst. So
    /// a reader that got the old side had counted before our flip, and we see its count until it has gone. It counts
    /// on one of two turns, depending on when it loaded `turn`; we wait for both, and flip in between so that
    /// readers who come meanwhile do not keep the second one from falling to 0.
    fn change(&self, apply: impl Fn(&mut Ranges<T>)) {
        let _writer = self.writer.lock();
        // Relaxed, here and for `turn`: only this function writes them, under the lock.
        let old = self.live.load(Ordering::Relaxed);
        // SAFETY: we are the only writer, and nobody reads the side that is not live.
        self.sides[usize::from(!old)].with_mut(|side| apply(unsafe { &mut *side }));
        // SeqCst: see above. As a Release it publishes the changed side and the pools in it.
        self.live.store(!old, Ordering::SeqCst);
        one_order();
        let turn = self.turn.load(Ordering::Relaxed);
        self.readers[usize::from(!turn)].wait();
        // SeqCst: a reader that counts on the old turn from here on came before, and is waited for.
        self.turn.store(!turn, Ordering::SeqCst);
        self.readers[usize::from(turn)].wait();
        // SAFETY: as above; the readers of this side have gone.
        self.sides[usize::from(old)].with_mut(|side| apply(unsafe { &mut *side }));
    }

    /// Runs `read` on the live side.
    #[inline]
    fn read<O>(&self, read: impl FnOnce(&Ranges<T>) -> O) -> O {
        // SeqCst: pairs with the flip in `change`. An old value is no harm: both turns are waited for.
        let turn = self.turn.load(Ordering::SeqCst);
        let _arrived = self.readers[usize::from(turn)].arrive();
        // SeqCst: see `change`. As an Acquire it pairs with the flip, which published the side.
        let live = self.live.load(Ordering::SeqCst);
        // SAFETY: live when we looked, after we had counted: no writer touches it until we count ourselves out.
        self.sides[usize::from(live)].with(|side| read(unsafe { &*side }))
    }
}

impl<T: PoolRange, R: Reclaim> AddressIndex<T, R> for Sides<T> {
    unsafe fn add(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller keeps `pool` valid.
        self.change(|side| unsafe { side.insert(pool) });
    }

    fn take(&self, _guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: it was added, and its owner frees it after this removal only.
        self.change(|side| unsafe { side.remove(pool) });
    }

    #[inline]
    fn at<'g, C: Probe>(&'g self, _guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        let (found, steps) = self.read(|side| (side.at(addr), side.steps()));
        probe.pools_visited(steps);
        // SAFETY: a pool in a side is valid for as long as a guard lives that was there when it was removed
        // (`PoolIndex::insert`), and this guard was there when it was found.
        found.map(|pool| unsafe { pool.as_ref() })
    }

    fn bytes(&self) -> usize {
        let _writer = self.writer.lock();
        // SAFETY: both sides change under the lock only, which we hold.
        self.sides.iter().map(|side| side.with(|side| unsafe { &*side }.bytes())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Range;
    use super::*;
    use std::thread;

    fn insert(sides: &Sides<Range>, range: &Range) {
        // SAFETY: the caller's range outlives `sides`.
        sides.change(|side| unsafe { side.insert(NonNull::from(range)) });
    }

    #[test]
    fn stacks_beside_one_another_share_no_shard_before_all_are_taken() {
        // Fibonacci hashing: of so many neighbours, no shard has more than twice its share.
        for threads in [SHARDS, 4 * SHARDS] {
            let mut taken = [0; SHARDS];
            (0..threads as u64).for_each(|i| taken[shard_at(0x7f00_0000_0000 + (i << 21))] += 1);
            assert!(taken.iter().all(|&n| n > 0 && n <= 2 * threads / SHARDS), "{threads}: {taken:?}");
        }
    }

    #[test]
    fn readers_who_come_meanwhile_do_not_hold_a_change_up() {
        let pool = Range::new(0, 0x1000);
        let sides = Sides::<Range>::default();
        let (turn, done) = (sides.turn.load(Ordering::SeqCst), AtomicBool::new(false));
        let (came, left) = (AtomicBool::new(false), AtomicBool::new(false));
        // Many seconds of turns: who waits in vain fails instead of hanging.
        let until = |reached: &dyn Fn() -> bool| {
            let mut turns = 0_u32;
            while !reached() {
                turns += 1;
                assert!(turns < 50_000_000, "waited in vain");
                thread::yield_now();
            }
        };
        thread::scope(|s| {
            sides.read(|_| {
                s.spawn(|| {
                    insert(&sides, &pool);
                    done.store(true, Ordering::SeqCst);
                });
                // The writer waits for this reader, and for nobody who comes from now on.
                until(&|| sides.turn.load(Ordering::SeqCst) != turn);
                s.spawn(|| {
                    sides.read(|_| {
                        came.store(true, Ordering::SeqCst);
                        until(&|| done.load(Ordering::SeqCst));
                    });
                    left.store(true, Ordering::SeqCst);
                });
                until(&|| came.load(Ordering::SeqCst));
                assert!(!done.load(Ordering::SeqCst), "this reader is still in");
            });
            until(&|| left.load(Ordering::SeqCst));
        });
    }

    #[test]
    fn a_change_waits_for_the_reader_of_the_side_it_leaves() {
        let (first, second) = (Range::new(0, 0x1000), Range::new(0x1000, 0x1000));
        let sides = Sides::<Range>::default();
        insert(&sides, &first);
        let before = sides.live.load(Ordering::SeqCst);
        let done = AtomicBool::new(false);
        thread::scope(|s| {
            sides.read(|side| {
                s.spawn(|| {
                    insert(&sides, &second);
                    done.store(true, Ordering::SeqCst);
                });
                while sides.live.load(Ordering::SeqCst) == before {
                    thread::yield_now();
                }
                // The writer has nothing left to do but to wait for us.
                for _ in 0..1_000 {
                    thread::yield_now();
                    assert!(side.at(PhysAddr(0x1000)).is_none(), "changed under its reader");
                    assert!(!done.load(Ordering::SeqCst));
                }
                // Who comes now is sent to the changed side.
                assert!(sides.read(|new| new.at(PhysAddr(0x1000)).is_some()));
            });
        });
        assert!(done.load(Ordering::SeqCst));
        // SAFETY: every thread but this one has ended.
        let holds = |side: *const Ranges<Range>| unsafe { &*side }.at(PhysAddr(0x1000)).is_some();
        assert!(sides.sides.iter().all(|side| side.with(holds)));
    }
}
