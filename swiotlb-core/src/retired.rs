//! Pools that were unlinked: kept until no reader can hold them, then freed in order of retirement.
//!
//! Invariant: a pool is in exactly one place: an index, a deferred closure of the reclaimer, or `expired`.
//! Nothing is freed, encrypted or unmapped inside a reader's section: the reclaimer only moves a pool to
//! `expired`; whoever drains that list (the worker, or [`crate::caller::Caller::quiesce`]) frees it.

use crate::held_back::{Held, HeldBack};
use crate::phys::{PageSource, PhysMemory};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::reclaim::Reclaim;
use crate::sync::{AtomicU64, Mutex, Ordering};
use core::ptr::NonNull;
use std::sync::Arc;

/// How many pools were retired, and how many of them are past their grace period.
#[derive(Default)]
pub(crate) struct Counts {
    /// Pools ever retired; the next one's number.
    retired: AtomicU64,
    /// Pools whose grace period is over, freed or not.
    past_grace: AtomicU64,
}

impl Counts {
    /// Counts a pool that is retired now: its number, and whether no other was waiting.
    pub(crate) fn retire(&self) -> (u64, bool) {
        // SeqCst, as in `settled`: of this increment followed by this load, and the worker's two loads, one
        // sees the other. Either the worker sees the new number and stays awake, or we see that all before
        // had settled and wake it.
        let number = self.retired.fetch_add(1, Ordering::SeqCst);
        (number, self.past_grace.load(Ordering::SeqCst) == number)
    }

    /// Counts a pool that is in the list of expired ones now.
    pub(crate) fn expire(&self) {
        // SeqCst: Release, so that whoever sees the count finds the pool in the list; and in the one order with
        // the loads of `retire` and `settled`.
        self.past_grace.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the grace period of every retired pool is over.
    pub(crate) fn settled(&self) -> bool {
        // SeqCst: see `retire`.
        self.past_grace.load(Ordering::SeqCst) == self.retired.load(Ordering::SeqCst)
    }
}

/// Unlinked pools of one allocator.
pub(crate) struct Retired<P: Policy> {
    expired: Mutex<Vec<(u64, Box<Pool<P>>)>>,
    counts: Counts,
    held: Held,
}

/// An unlinked pool on its way to `expired`.
struct Unlinked<P: Policy>(NonNull<Pool<P>>);

// SAFETY: the pool is `Send` (owned boxes of atomics and plain numbers) and this is its only owner.
unsafe impl<P: Policy> Send for Unlinked<P> {}

impl<P: Policy> Unlinked<P> {
    fn into_box(self) -> Box<Pool<P>> {
        // SAFETY: made by `Box::into_raw` when the pool was published, unlinked since, and owned here.
        unsafe { Box::from_raw(self.0.as_ptr()) }
    }
}

impl<P: Policy> Default for Retired<P> {
    fn default() -> Self {
        Self { expired: Mutex::default(), counts: Counts::default(), held: Held::default() }
    }
}

impl<P: Policy> Retired<P> {
    /// Hands an unlinked pool over; it expires when the readers of now have gone. `true` if no other
    /// pool was waiting.
    ///
    /// # Safety
    /// `pool` was made by `Box::into_raw`, is in no index any more, and is handed over once.
    pub(crate) unsafe fn retire(
        self: &Arc<Self>,
        guard: &<P::Reclaim as Reclaim>::Guard<'_>,
        pool: NonNull<Pool<P>>,
    ) -> bool {
        let (number, idle) = self.counts.retire();
        // SAFETY: the caller hands the pool over, so nobody frees it meanwhile.
        self.held.retire(unsafe { pool.as_ref() }.memory_bytes());
        let (sink, pool) = (Arc::clone(self), Unlinked::<P>(pool));
        // SAFETY: the closure owns a share of the list and the pool; both live until it has run.
        unsafe { P::Reclaim::defer(guard, move || sink.expire(number, pool)) };
        idle
    }

    fn expire(&self, number: u64, pool: Unlinked<P>) {
        let pool = pool.into_box();
        self.held.expire(pool.memory_bytes());
        self.expired.lock().push((number, pool));
        self.counts.expire();
    }

    /// Pools ever retired.
    pub(crate) fn retired(&self) -> u64 {
        self.counts.retired.load(Ordering::Relaxed)
    }

    /// Whether the grace period of every retired pool is over.
    pub(crate) fn settled(&self) -> bool {
        self.counts.settled()
    }

    /// Pools whose grace period is over.
    pub(crate) fn past_grace(&self) -> u64 {
        self.counts.past_grace.load(Ordering::Acquire)
    }

    /// The memory that unlinked pools hold back.
    pub(crate) fn held_back(&self) -> HeldBack {
        self.held.now()
    }

    /// Starts the high-water marks of [`Retired::held_back`] again.
    pub(crate) fn reset_most_held_back(&self) {
        self.held.reset_most();
    }

    /// Frees every expired pool, oldest retirement first; how many.
    pub(crate) fn drain(&self, memory: &PhysMemory, pages: &P::Pages) -> usize {
        let mut expired = core::mem::take(&mut *self.expired.lock());
        expired.sort_unstable_by_key(|&(number, _)| number);
        let freed = expired.len();
        for (_, pool) in expired {
            let bytes = pool.memory_bytes();
            pages.free(memory, pool.into_memory());
            self.held.free(bytes);
        }
        freed
    }
}
