//! Reclamation in batches, as the kernel's RCU gives memory back: what no reader holds any more waits for the
//! next tick of a clock, and then goes together with all that waited.
//!
//! Whom a reader is, and when it has gone, is another reclamation's to say. The time comes from outside, in
//! milliseconds since any origin ([`Reclaim::set_now_ms`]): a test passes what it likes, and in a measured run
//! one thread looks at a clock and stores the time in one word. That word is read where memory is handed over and
//! freed, and never where pools are looked up. Whoever never tells the time gets nothing back, but
//! by [`Reclaim::expedite`].
//!
//! Invariant: an item runs only after the readers of its time had gone, and then not before `now_ms` passed a
//! multiple of `MS`; items whose readers had gone between two ticks all fall due at the second.

use super::Reclaim;
use super::deferred::Deferred;
use crate::sync::{AtomicU64, Mutex, Ordering};
use core::str;
use std::collections::VecDeque;
use std::sync::Arc;

/// `R`, with memory coming back at ticks of `MS` milliseconds only.
#[derive(Default)]
pub struct Delayed<R, const MS: u64> {
    readers: R,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Relaxed everywhere: a number that orders nothing.
    now_ms: AtomicU64,
    /// What no reader holds any more, with the tick before which that was seen, oldest first.
    waiting: Mutex<VecDeque<(u64, Deferred)>>,
}

/// One thread's registration.
pub struct Reader<R: Reclaim> {
    local: R::Local,
    shared: Arc<Shared>,
}

/// A read section.
pub struct Section<'a, R: Reclaim> {
    guard: R::Guard<'a>,
    shared: &'a Arc<Shared>,
}

impl Shared {
    /// The readers of `item` have gone: it waits for the next tick.
    fn park(&self, period_ms: u64, item: Deferred) {
        let mut waiting = self.waiting.lock();
        // Under the lock, so that ticks stay in order: the word only grows.
        let tick = self.now_ms.load(Ordering::Relaxed) / period_ms;
        waiting.push_back((tick, item));
    }

    /// Runs what was parked before tick `tick`.
    fn run_before(&self, tick: u64) {
        let due: Vec<Deferred> = {
            let mut waiting = self.waiting.lock();
            let due = waiting.partition_point(|&(parked, _)| parked < tick);
            waiting.drain(..due).map(|(_, item)| item).collect()
        };
        due.into_iter().for_each(Deferred::run);
    }
}

/// Bytes that a name takes at most.
const NAME_BYTES: usize = 48;

/// `name`, a hyphen, `ms` and "ms", with the length of it all.
const fn name_with(name: &str, ms: u64) -> ([u8; NAME_BYTES], usize) {
    let (mut all, mut len) = ([0; NAME_BYTES], 0);
    while len < name.len() {
        all[len] = name.as_bytes()[len];
        len += 1;
    }
    all[len] = b'-';
    len += 1;
    let mut unit = 1;
    while ms / unit >= 10 {
        unit *= 10;
    }
    while unit > 0 {
        all[len] = b"0123456789"[(ms / unit % 10) as usize];
        len += 1;
        unit /= 10;
    }
    all[len] = b'm';
    all[len + 1] = b's';
    (all, len + 2)
}

impl<R: Reclaim, const MS: u64> Delayed<R, MS> {
    const LONG_NAME: &'static ([u8; NAME_BYTES], usize) = &{
        assert!(MS > 0, "ticks are at least a millisecond apart");
        name_with(R::NAME, MS)
    };
}

impl<R: Reclaim, const MS: u64> Reclaim for Delayed<R, MS> {
    type Local = Reader<R>;
    type Guard<'a> = Section<'a, R>;
    const NAME: &'static str = match str::from_utf8(Self::LONG_NAME.0.split_at(Self::LONG_NAME.1).0) {
        Ok(name) => name,
        Err(_) => panic!("made of whole strings"),
    };
    const FREES: bool = R::FREES;
    const NEEDS_TIME: bool = true;

    fn register(&self) -> Reader<R> {
        Reader { local: self.readers.register(), shared: Arc::clone(&self.shared) }
    }

    #[inline]
    fn enter(local: &Reader<R>) -> Section<'_, R> {
        Section { guard: R::enter(&local.local), shared: &local.shared }
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Section<'_, R>, free: F) {
        // SAFETY: the caller promises that the captures stay valid until it has run.
        let item = unsafe { Deferred::new(free) };
        let shared = Arc::clone(guard.shared);
        // SAFETY: the closure owns a share of the queue, and the item, whose captures are vouched for above.
        unsafe { R::defer(&guard.guard, move || shared.park(MS, item)) };
    }

    fn advance(local: &Reader<R>) {
        R::advance(&local.local);
        local.shared.run_before(local.shared.now_ms.load(Ordering::Relaxed) / MS);
    }

    fn expedite(local: &Reader<R>) {
        R::expedite(&local.local);
        local.shared.run_before(u64::MAX);
    }

    fn set_now_ms(&self, ms: u64) {
        self.readers.set_now_ms(ms);
        // The largest, so that two who tell the time do not turn it back.
        self.shared.now_ms.fetch_max(ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Epoch, RefCounted};
    use super::*;

    type Delay = Delayed<RefCounted, 10>;

    fn defer(local: &Reader<RefCounted>, count: &Arc<AtomicU64>) {
        let count = Arc::clone(count);
        let free = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        // SAFETY: the closure owns what it captures.
        unsafe { Delay::defer(&Delay::enter(local), free) };
    }

    /// Lets what readers allow happen; how much has run then.
    fn settle(local: &Reader<RefCounted>, count: &AtomicU64) -> u64 {
        // A bound, not a wait: a grace period takes two rounds.
        (0..8).for_each(|_| Delay::advance(local));
        count.load(Ordering::Relaxed)
    }

    #[test]
    fn memory_comes_back_in_batches_at_ticks() {
        let reclaim = Delay::default();
        let (local, ran) = (reclaim.register(), Arc::new(AtomicU64::new(0)));
        reclaim.set_now_ms(1_003);
        (0..3).for_each(|_| defer(&local, &ran));
        assert_eq!(settle(&local, &ran), 0);
        reclaim.set_now_ms(1_009);
        defer(&local, &ran);
        assert_eq!(settle(&local, &ran), 0, "six milliseconds later, and no tick");
        reclaim.set_now_ms(1_010);
        assert_eq!(settle(&local, &ran), 4, "one tick for all");
        defer(&local, &ran);
        reclaim.set_now_ms(1_002);
        assert_eq!(settle(&local, &ran), 4, "time does not run back");
        reclaim.set_now_ms(1_047);
        assert_eq!(settle(&local, &ran), 5, "a tick that nobody saw is a tick");
    }

    #[test]
    fn a_reader_that_outlasts_a_tick_holds_on_to_the_next() {
        let reclaim = Delay::default();
        let (local, reader) = (reclaim.register(), reclaim.register());
        let ran = Arc::new(AtomicU64::new(0));
        let section = Delay::enter(&reader);
        defer(&local, &ran);
        reclaim.set_now_ms(10);
        assert_eq!(settle(&local, &ran), 0);
        drop(section);
        assert_eq!(settle(&local, &ran), 0, "the tick had passed");
        reclaim.set_now_ms(20);
        assert_eq!(settle(&local, &ran), 1);
    }

    #[test]
    fn who_cannot_wait_for_time_waits_for_readers_all_the_same() {
        let reclaim = Delay::default();
        let (local, reader) = (reclaim.register(), reclaim.register());
        let ran = Arc::new(AtomicU64::new(0));
        let section = Delay::enter(&reader);
        defer(&local, &ran);
        (0..8).for_each(|_| Delay::expedite(&local));
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        drop(section);
        (0..8).for_each(|_| Delay::expedite(&local));
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_name_says_whose_readers_and_how_often() {
        let names = [<Delayed<Epoch, 1>>::NAME, <Delayed<Epoch, 10>>::NAME, Delayed::<RefCounted, 50>::NAME];
        assert_eq!(names, ["epoch-1ms", "epoch-10ms", "refcount-50ms"]);
    }
}
