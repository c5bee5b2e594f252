//! The table of live mappings: how a bounce address gets from the thread that maps to all that name it.
//!
//! | `addr` | means |
//! |---|---|
//! | 0 | not mapped yet |
//! | [`FAILED`] | the map failed: whoever names the handle skips it |
//! | [`ENDED`] | unmapped |
//! | other | live at that bounce address |
//!
//! Two words per handle, because two readers want different things. A *lookup* must find the pool of any
//! address that it can get hold of, by the allocator's own fences alone: it reads `addr` with Relaxed,
//! which the mapper stored with Relaxed, so that a fence that is missing in the allocator is not made good
//! here. A sync or an *unmap* also reads what the mapper wrote into the slots and the buffer, and there
//! the allocator's contract asks the caller to order one after the other, as a driver's own lock does:
//! `settled` is stored with Release after `addr` and loaded with Acquire.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::Release};
use std::sync::atomic::{AtomicU32, Ordering::Acquire};
use std::thread;
use std::time::Instant;
use swiotlb_core::addr::PhysAddr;

/// The map failed.
pub const FAILED: u64 = u64::MAX;
/// The mapping was ended.
pub const ENDED: u64 = u64::MAX - 1;
/// Not mapped yet.
const UNSET: u64 = 0;

/// Not settled: neither mapped nor failed.
const OPEN: u32 = 0;
/// Mapped, or failed.
const SETTLED: u32 = 1;
/// Ended, or failed.
const OVER: u32 = 2;

/// One handle.
#[derive(Debug, Default)]
struct Entry {
    addr: AtomicU64,
    settled: AtomicU32,
    /// 1 while the device works on the buffer.
    touched: AtomicU32,
}

/// All handles of a plan.
#[derive(Debug)]
pub struct Table {
    entries: Box<[Entry]>,
    /// Set when the time is up: nobody waits any longer. Relaxed: it orders nothing.
    stop: AtomicBool,
    /// When a waiter stops everything by itself: all threads may be waiting.
    latest: Option<Instant>,
}

/// Waits for another thread: a pause for the core at first, then the rest of the time slice.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    const PAUSES: u32 = 1 << 10;

    /// Waits a little.
    #[inline]
    pub fn wait(&mut self) {
        if self.0 < Self::PAUSES {
            self.0 += 1;
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }

    /// Whether it gives its time slice away by now: then there is time to look at a slow clock.
    #[inline]
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        self.0 >= Self::PAUSES
    }
}

impl Table {
    /// `handles` handles, none mapped; every page of the table is touched.
    #[must_use]
    pub fn new(handles: u32) -> Self {
        let entries: Box<[Entry]> = (0..handles).map(|_| Entry::default()).collect();
        for entry in &entries {
            entry.addr.store(UNSET, Relaxed);
        }
        Self { entries, stop: AtomicBool::new(false), latest: None }
    }

    /// The same, with a time after which whoever waits stops everything.
    #[must_use]
    pub fn until(self, latest: Option<Instant>) -> Self {
        Self { latest, ..self }
    }

    /// Whether a waiter has to give up.
    #[inline]
    #[must_use]
    pub fn gives_up(&self, waiter: &Backoff) -> bool {
        if waiter.is_slow() {
            self.stop_if_late();
        }
        self.stopped()
    }

    #[cold]
    #[inline(never)]
    fn stop_if_late(&self) {
        if self.latest.is_some_and(|latest| Instant::now() >= latest) {
            self.stop();
        }
    }

    #[inline]
    fn entry(&self, handle: u32) -> &Entry {
        &self.entries[handle as usize]
    }

    /// Ends all waiting.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Whether the time is up.
    #[inline]
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Publishes the outcome of a map.
    #[inline]
    pub fn set(&self, handle: u32, addr: Option<PhysAddr>) {
        let entry = self.entry(handle);
        // Relaxed: see the head of this file.
        entry.addr.store(addr.map_or(FAILED, |addr| addr.0), Relaxed);
        // Release: pairs with Acquire in `wait_settled` and `wait_over`; without it an unmap on another
        // core could read the slot's words or the buffer from before the map.
        entry.settled.store(if addr.is_some() { SETTLED } else { OVER }, Release);
    }

    /// The bounce address of a handle that this thread mapped, if it is live.
    #[inline]
    #[must_use]
    pub fn own(&self, handle: u32) -> Option<PhysAddr> {
        // Relaxed: written by this very thread, or ended by another that this one never reads after.
        live(self.entry(handle).addr.load(Relaxed))
    }

    /// The bounce address of a handle that any thread mapped, for lookups: waits until there is one.
    /// `None` if the map failed, the mapping was ended, or the time is up.
    #[inline]
    #[must_use]
    pub fn wait_addr(&self, handle: u32) -> Option<PhysAddr> {
        let entry = self.entry(handle);
        let mut backoff = Backoff::default();
        loop {
            // Relaxed: see the head of this file.
            let addr = entry.addr.load(Relaxed);
            if addr != UNSET {
                return live(addr);
            }
            if self.gives_up(&backoff) {
                return None;
            }
            backoff.wait();
        }
    }

    /// The bounce address of a handle that another thread mapped, for syncs and unmaps: waits until the
    /// map is over, and acquires what it wrote.
    #[inline]
    #[must_use]
    pub fn wait_settled(&self, handle: u32) -> Option<PhysAddr> {
        self.wait_for(handle, SETTLED).then(|| self.own(handle)).flatten()
    }

    /// Waits until a mapping is ended or has failed; `false` if the time was up first.
    #[inline]
    pub fn wait_over(&self, handle: u32) -> bool {
        self.wait_for(handle, OVER)
    }

    #[inline]
    fn wait_for(&self, handle: u32, state: u32) -> bool {
        let entry = self.entry(handle);
        let mut backoff = Backoff::default();
        // Acquire: pairs with Release in `set` and `end`.
        while entry.settled.load(Acquire) < state {
            if self.gives_up(&backoff) {
                return false;
            }
            backoff.wait();
        }
        true
    }

    /// Marks a handle as about to be ended: before the unmap, so that a lookup that found nothing can tell
    /// that the mapping was going.
    #[inline]
    pub fn ending(&self, handle: u32) {
        self.entry(handle).addr.store(ENDED, Relaxed);
    }

    /// Publishes that an unmap is over.
    #[inline]
    pub fn end(&self, handle: u32) {
        // Release: pairs with Acquire in `wait_over`: the original belongs to the waiter again, the copy
        // back into it included.
        self.entry(handle).settled.store(OVER, Release);
    }

    /// Forgets a handle, between two passes.
    pub fn reset(&self, handle: u32) {
        let entry = self.entry(handle);
        // Relaxed all three: the rendezvous between passes orders them.
        entry.addr.store(UNSET, Relaxed);
        entry.settled.store(OPEN, Relaxed);
        entry.touched.store(0, Relaxed);
    }

    /// Notes that the device was given the buffer.
    #[inline]
    pub fn touch_begins(&self, handle: u32) {
        // Relaxed: published to the device by its mailbox, to an unmapper on another core by `set`.
        self.entry(handle).touched.store(1, Relaxed);
    }

    /// Notes that the device is done with the buffer.
    #[inline]
    pub fn touch_ends(&self, handle: u32) {
        // Release: pairs with Acquire in `wait_touched`: the device's bytes are there before the copy back.
        self.entry(handle).touched.store(0, Release);
    }

    /// Whether the device is done with the buffer.
    #[must_use]
    pub fn is_idle(&self, handle: u32) -> bool {
        // Acquire: as in `wait_touched`.
        self.entry(handle).touched.load(Acquire) == 0
    }

    /// Waits until the device is done with the buffer; `false` if the time was up first.
    #[inline]
    pub fn wait_touched(&self, handle: u32) -> bool {
        let entry = self.entry(handle);
        let mut backoff = Backoff::default();
        // Acquire: pairs with Release in `touch_ends`.
        while entry.touched.load(Acquire) != 0 {
            if self.gives_up(&backoff) {
                return false;
            }
            backoff.wait();
        }
        true
    }
}

#[inline]
fn live(addr: u64) -> Option<PhysAddr> {
    if addr == UNSET || addr >= ENDED { None } else { Some(PhysAddr(addr)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_goes_from_unset_to_live_to_ended_and_back() {
        let table = Table::new(1);
        assert_eq!(table.own(0), None);
        table.set(0, Some(PhysAddr(4096)));
        assert_eq!(table.wait_settled(0), Some(PhysAddr(4096)));
        table.ending(0);
        assert_eq!(table.wait_addr(0), None);
        table.end(0);
        assert!(table.wait_over(0));
        table.reset(0);
        assert_eq!(table.own(0), None);
    }

    #[test]
    fn a_failed_map_is_waited_for_by_nobody() {
        let table = Table::new(1);
        table.set(0, None);
        assert_eq!((table.wait_addr(0), table.wait_settled(0), table.wait_over(0)), (None, None, true));
    }

    #[test]
    fn when_the_time_is_up_nobody_waits() {
        let table = Table::new(1);
        table.stop();
        assert_eq!((table.wait_addr(0), table.wait_settled(0), table.wait_over(0)), (None, None, false));
        table.touch_begins(0);
        assert!(!table.wait_touched(0));
    }

    #[test]
    fn a_waiter_stops_everything_when_it_is_late() {
        let table = Table::new(1).until(Some(Instant::now()));
        assert!(!table.wait_over(0) && table.stopped());
    }

    #[test]
    fn another_thread_gets_the_address() {
        let table = Table::new(1_000);
        thread::scope(|scope| {
            scope.spawn(|| (0..1_000).for_each(|h| table.set(h, Some(PhysAddr(u64::from(h) + 1)))));
            for h in 0..1_000 {
                assert_eq!(table.wait_settled(h), Some(PhysAddr(u64::from(h) + 1)));
            }
        });
    }
}
