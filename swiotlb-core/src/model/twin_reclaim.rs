//! Copies of the reclamations that a fault can be put into: without nesting, one item at a time.

use crate::reclaim::Reclaim;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use crate::sync::{AtomicU64, Mutex, fence};
use std::sync::Arc;

type Item = Box<dyn FnOnce() + Send>;

/// Items of one model; the closures of the models own what they capture.
type Items = Mutex<Vec<(u64, Item)>>;

/// # Safety
/// As [`Reclaim::defer`].
unsafe fn boxed<F: FnOnce() + Send>(free: F) -> Item {
    let item: Box<dyn FnOnce() + Send + '_> = Box::new(free);
    // SAFETY: only the lifetime changes, and the caller vouches for it.
    unsafe { core::mem::transmute::<Box<dyn FnOnce() + Send + '_>, Item>(item) }
}

/// Frees at once.
#[derive(Default)]
pub(super) struct Hasty;

impl Reclaim for Hasty {
    type Local = ();
    type Guard<'a> = ();
    const NAME: &'static str = "hasty";
    const FREES: bool = true;

    fn register(&self) {}

    fn enter((): &()) {}

    unsafe fn defer<F: FnOnce() + Send>((): &(), free: F) {
        free();
    }

    fn advance((): &()) {}
}

/// [`crate::reclaim::Quiescent`]; `RELAXED`: a reader announces without Release.
#[derive(Default)]
pub(super) struct Passed<const RELAXED: bool>(Arc<Tags>);

#[derive(Default)]
pub(super) struct Tags {
    tags: AtomicU64,
    slots: Mutex<Vec<Arc<AtomicU64>>>,
    waiting: Items,
}

/// A registered thread.
pub(super) struct Slot<const RELAXED: bool>(Arc<AtomicU64>, Arc<Tags>);

/// A section; its end is an announcement.
pub(super) struct Section<'a, const RELAXED: bool>(&'a Slot<RELAXED>);

impl<const RELAXED: bool> Drop for Section<'_, RELAXED> {
    fn drop(&mut self) {
        let Slot(slot, shared) = self.0;
        slot.store(shared.tags.load(Acquire), if RELAXED { Relaxed } else { Release });
    }
}

impl<const RELAXED: bool> Reclaim for Passed<RELAXED> {
    type Local = Slot<RELAXED>;
    type Guard<'a> = Section<'a, RELAXED>;
    const NAME: &'static str = "passed";
    const FREES: bool = true;

    fn register(&self) -> Self::Local {
        let mut slots = self.0.slots.lock();
        let slot = Arc::new(AtomicU64::new(self.0.tags.load(Acquire)));
        slots.push(Arc::clone(&slot));
        Slot(slot, Arc::clone(&self.0))
    }

    fn enter(local: &Self::Local) -> Self::Guard<'_> {
        Section(local)
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Self::Guard<'_>, free: F) {
        let mut waiting = guard.0.1.waiting.lock();
        let tag = guard.0.1.tags.fetch_add(1, AcqRel);
        // SAFETY: the caller's promise.
        waiting.push((tag, unsafe { boxed(free) }));
    }

    fn advance(local: &Self::Local) {
        drop(Section(local));
        let mut waiting = local.1.waiting.lock();
        let slots = local.1.slots.lock();
        let passed = slots.iter().map(|slot| slot.load(Acquire)).min().unwrap_or(0);
        let due = waiting.iter().take_while(|(tag, _)| *tag < passed).count();
        waiting.drain(..due).for_each(|(_, free)| free());
    }
}

/// [`crate::reclaim::RefCounted`] with one side, which is enough while only one item waits; `FENCED`: a
/// reader's fence stands where it must.
#[derive(Default)]
pub(super) struct Counted<const FENCED: bool>(Arc<Count>);

#[derive(Default)]
pub(super) struct Count {
    active: AtomicU64,
    waiting: Items,
}

/// A section that counts.
pub(super) struct Counting<'a>(&'a Count);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Release);
    }
}

/// Access to the count.
pub(super) struct Counter<const FENCED: bool>(Arc<Count>);

impl<const FENCED: bool> Reclaim for Counted<FENCED> {
    type Local = Counter<FENCED>;
    type Guard<'a> = Counting<'a>;
    const NAME: &'static str = "counted";
    const FREES: bool = true;

    fn register(&self) -> Self::Local {
        Counter(Arc::clone(&self.0))
    }

    fn enter(local: &Self::Local) -> Self::Guard<'_> {
        local.0.active.fetch_add(1, Relaxed);
        if FENCED {
            fence(SeqCst);
        }
        Counting(&local.0)
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Self::Guard<'_>, free: F) {
        // SAFETY: the caller's promise.
        guard.0.waiting.lock().push((0, unsafe { boxed(free) }));
    }

    fn advance(local: &Self::Local) {
        let mut waiting = local.0.waiting.lock();
        fence(SeqCst);
        if local.0.active.load(Acquire) == 0 {
            waiting.drain(..).for_each(|(_, free)| free());
        }
    }
}

/// [`crate::reclaim::RwLocked`], whose readers find it open; `ACQUIRE`: a writer gets in with Acquire.
#[derive(Default)]
pub(super) struct Shut<const ACQUIRE: bool>(Arc<Gate>);

/// The state, and what waits for it to be 0.
#[derive(Default)]
pub(super) struct Gate {
    state: AtomicU64,
    waiting: Items,
}

const ALONE: u64 = 1 << 63;

/// A section that holds the gate open.
pub(super) struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_sub(1, Release);
    }
}

/// Access to the gate.
pub(super) struct Visitor<const ACQUIRE: bool>(Arc<Gate>);

impl<const ACQUIRE: bool> Reclaim for Shut<ACQUIRE> {
    type Local = Visitor<ACQUIRE>;
    type Guard<'a> = Inside<'a>;
    const NAME: &'static str = "shut";
    const FREES: bool = true;

    fn register(&self) -> Self::Local {
        Visitor(Arc::clone(&self.0))
    }

    fn enter(local: &Self::Local) -> Self::Guard<'_> {
        while local.0.state.fetch_add(1, Acquire) & ALONE != 0 {
            local.0.state.fetch_sub(1, Relaxed);
            loom::thread::yield_now();
        }
        Inside(&local.0)
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Self::Guard<'_>, free: F) {
        // SAFETY: the caller's promise.
        guard.0.waiting.lock().push((0, unsafe { boxed(free) }));
    }

    fn advance(local: &Self::Local) {
        let gets_in = if ACQUIRE { Acquire } else { Relaxed };
        if local.0.state.compare_exchange(0, ALONE, gets_in, Relaxed).is_ok() {
            let due: Vec<_> = local.0.waiting.lock().drain(..).collect();
            local.0.state.fetch_sub(ALONE, Release);
            due.into_iter().for_each(|(_, free)| free());
        }
    }
}
