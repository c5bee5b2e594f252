//! Quiescent states: a reader says nothing when it enters, and "I hold nothing" when it leaves.
//!
//! The cheapest read side there is: a plain load and a plain store per section, and no fence. The price is
//! that a registered caller which does nothing counts as reading for ever: drop it, let it pass a section, or memory
//! waits. To count as outside between its sections it would have to say so at each entry, and a full fence would have
//! to keep what it then reads behind that: this would be an epoch, at the price of one.
//!
//! Invariant: an item with tag `t` is freed only when every registered slot holds a number above `t`. A slot
//! gets such a number only from a load of `tags` that saw the item's own increment, made while its caller
//! held nothing; what that caller reads afterwards was unlinked before.

use super::Reclaim;
use super::deferred::Deferred;
use crate::sync::{AtomicU64, Mutex, Ordering};
use core::cell::Cell;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Quiescent-state-based reclamation.
#[derive(Default)]
pub struct Quiescent(Arc<Shared>);

type Slot = Arc<CachePadded<AtomicU64>>;

#[derive(Default)]
struct Shared {
    /// The next item's tag.
    tags: AtomicU64,
    slots: Mutex<Vec<Slot>>,
    waiting: Mutex<Vec<(u64, Deferred)>>,
}

/// One thread's slot.
pub struct Reader {
    slot: Slot,
    nesting: Cell<u32>,
    shared: Arc<Shared>,
}

/// A read section.
pub struct Section<'a>(&'a Reader);

impl Reader {
    /// Says that this thread holds nothing.
    #[inline]
    fn announce(&self) {
        // Acquire: if the load sees an item's increment, what its thread unlinked before is unlinked for our
        // later reads. Release: our earlier reads come before whoever frees after having seen this store.
        self.slot.store(self.shared.tags.load(Ordering::Acquire), Ordering::Release);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.slots.lock().retain(|slot| !Arc::ptr_eq(slot, &self.slot));
    }
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        let nesting = self.0.nesting.get() - 1;
        self.0.nesting.set(nesting);
        if nesting == 0 {
            self.0.announce();
        }
    }
}

impl Shared {
    /// Frees what every reader has passed.
    fn collect(&self) {
        let ready: Vec<Deferred> = {
            let mut waiting = self.waiting.lock();
            let slots = self.slots.lock();
            // Acquire: pairs with the Release store in `announce`.
            let passed = slots.iter().map(|slot| slot.load(Ordering::Acquire)).min().unwrap_or(u64::MAX);
            let ready = waiting.iter().take_while(|(tag, _)| *tag < passed).count();
            waiting.drain(..ready).map(|(_, item)| item).collect()
        };
        ready.into_iter().for_each(Deferred::run);
    }
}

impl Reclaim for Quiescent {
    type Local = Reader;
    type Guard<'a> = Section<'a>;
    const NAME: &'static str = "quiescent";
    const FREES: bool = true;

    fn register(&self) -> Reader {
        let mut slots = self.0.slots.lock();
        // The mutex orders a new reader after every collection that did not see its slot: what was freed
        // there had been unlinked before.
        let slot: Slot = Arc::new(CachePadded::new(AtomicU64::new(self.0.tags.load(Ordering::Acquire))));
        slots.push(Arc::clone(&slot));
        Reader { slot, nesting: Cell::new(0), shared: Arc::clone(&self.0) }
    }

    #[inline]
    fn enter(local: &Reader) -> Section<'_> {
        local.nesting.set(local.nesting.get() + 1);
        Section(local)
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Section<'_>, free: F) {
        let shared = &guard.0.shared;
        let mut waiting = shared.waiting.lock();
        // AcqRel: Release publishes the unlinking that came before; under the mutex, so tags stay in order.
        let tag = shared.tags.fetch_add(1, Ordering::AcqRel);
        // SAFETY: the caller promises that the captures stay valid until it has run.
        waiting.push((tag, unsafe { Deferred::new(free) }));
    }

    fn advance(local: &Reader) {
        if local.nesting.get() == 0 {
            local.announce();
        }
        local.shared.collect();
    }
}

impl Drop for Quiescent {
    /// No reader is left (each would hold the allocator), so everything is due.
    fn drop(&mut self) {
        self.0.collect();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

    /// Whether what `writer` defers now has run, after `idle` did something.
    fn runs_after(
        reclaim: &Quiescent,
        idle: Reader,
        something: impl FnOnce(Reader) -> Option<Reader>,
    ) -> bool {
        let writer = reclaim.register();
        let ran = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&ran);
        // SAFETY: the closure owns what it captures.
        unsafe { Quiescent::defer(&Quiescent::enter(&writer), move || theirs.store(true, Relaxed)) };
        (0..100).for_each(|_| Quiescent::advance(&writer));
        assert!(!ran.load(Relaxed), "a caller that said nothing since counts as reading");
        let _kept = something(idle);
        (0..2).for_each(|_| Quiescent::advance(&writer));
        ran.load(Relaxed)
    }

    #[test]
    fn an_idle_caller_holds_memory_back_until_it_says_something_or_goes() {
        let reclaim = Quiescent::default();
        assert!(!runs_after(&reclaim, reclaim.register(), Some));
        assert!(runs_after(&reclaim, reclaim.register(), |idle| {
            drop(Quiescent::enter(&idle));
            Some(idle)
        }));
        assert!(runs_after(&reclaim, reclaim.register(), |idle| {
            Quiescent::advance(&idle);
            Some(idle)
        }));
        assert!(runs_after(&reclaim, reclaim.register(), |idle| {
            drop(idle);
            None
        }));
    }
}
