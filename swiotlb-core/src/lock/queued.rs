//! The queued spinlock with a pending bit, in four bytes as in Linux: one compare-and-swap in, a plain
//! store out, the first waiter spins on the word, later ones each on a node of their own.
//!
//! | locked | pending | tail | state |
//! |---|---|---|---|
//! | 0 | 0 | 0 | free |
//! | 1 | 0 | 0 | held |
//! | 1 | 1 | 0 | held, one thread spins on the word |
//! | 1 | 0/1 | n | held, the queue ends at node n - 1 |
//! | 0 | 0/1 | any | just released: the spinner, else the queue's head, takes it |
//!
//! Linux changes the three fields with one wide compare-and-swap as well as with narrow stores. Accesses
//! of different width to one place are outside Rust's memory model, so here each field is an atomic of
//! its own and *only `locked` excludes*: whoever moves it from 0 to 1 has the lock. `pending` and `tail`
//! arrange who tries next. A newcomer may therefore overtake in the few instructions between its look at
//! the other two fields and its swap, which Linux does not allow; nothing else differs.

use super::nodes::{Node, my_node, nodes};
use super::{AreaLock, HoldLock};
use crate::probe::Probe;
use crate::sync::{AtomicU8, AtomicU16, Ordering, Spin};

/// Linux's queued spinlock.
#[derive(Default)]
#[repr(C, align(4))]
pub struct QueuedSpin {
    locked: AtomicU8,
    pending: AtomicU8,
    tail: AtomicU16,
}

/// Clears `locked` when dropped.
struct Held<'a>(&'a QueuedSpin);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire swap of the next holder. A plain store, as in Linux.
        self.0.locked.store(0, Ordering::Release);
    }
}

impl AreaLock for QueuedSpin {
    const NAME: &'static str = "queued";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        if !(self.nobody_waits() && self.try_lock()) {
            probe.lock_contended();
            self.lock_slow();
        }
        let _held = Held(self);
        section()
    }
}

impl HoldLock for QueuedSpin {
    fn hold(&self) -> impl Sized {
        if !(self.nobody_waits() && self.try_lock()) {
            self.lock_slow();
        }
        Held(self)
    }
}

impl QueuedSpin {
    #[inline]
    fn nobody_waits(&self) -> bool {
        // Relaxed: only arranges who tries first.
        self.tail.load(Ordering::Relaxed) == 0 && self.pending.load(Ordering::Relaxed) == 0
    }

    #[inline]
    fn try_lock(&self) -> bool {
        // Acquire: pairs with the Release store in `Held::drop`.
        self.locked.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn lock_slow(&self) {
        let first = self.tail.load(Ordering::Relaxed) == 0
            // Relaxed: `pending` excludes only other spinners, the lock itself is `locked`.
            && self.pending.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if first {
            self.spin_until_locked();
            // Relaxed: a queue's head that sees 0 here still has to win `locked`.
            self.pending.store(0, Ordering::Relaxed);
        } else if let Some(node) = my_node() {
            self.lock_queued(node);
        } else {
            self.spin_until_locked();
        }
    }

    fn spin_until_locked(&self) {
        let mut spin = Spin::default();
        while !(self.locked.load(Ordering::Relaxed) == 0 && self.try_lock()) {
            spin.wait();
        }
    }

    /// Waits in the queue with node `mine`, then takes the lock and lets the next node come to its head.
    fn lock_queued(&self, mine: u16) {
        let node = nodes().get(mine);
        node.next.store(0, Ordering::Relaxed);
        node.at_head.store(false, Ordering::Relaxed);
        // AcqRel: Release so that whoever finds us as its predecessor sees the two stores above;
        // Acquire so that we see those of the predecessor's own node.
        let before = self.tail.swap(mine + 1, Ordering::AcqRel);
        if before != 0 {
            // Release: the predecessor's Acquire load of `next` must see our initialised node.
            nodes().get(before - 1).next.store(mine + 1, Ordering::Release);
            let mut spin = Spin::default();
            // Acquire: pairs with the Release store below by the thread before us.
            while !node.at_head.load(Ordering::Acquire) {
                spin.wait();
            }
        }
        self.take_at_head();
        self.leave_queue(mine, node);
    }

    fn take_at_head(&self) {
        let mut spin = Spin::default();
        // The spinner with `pending` came first.
        while self.pending.load(Ordering::Relaxed) != 0 {
            spin.wait();
        }
        self.spin_until_locked();
    }

    fn leave_queue(&self, mine: u16, node: &Node) {
        // Relaxed on success: no node is read by others after this; the lock is held already.
        if self.tail.compare_exchange(mine + 1, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return;
        }
        let mut spin = Spin::default();
        let next = loop {
            // Acquire: pairs with the Release store of `next` by the thread that follows.
            match node.next.load(Ordering::Acquire) {
                0 => spin.wait(),
                next => break next,
            }
        };
        // Release: the follower's Acquire load orders its reuse of the queue after ours.
        nodes().get(next - 1).at_head.store(true, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn takes_four_bytes() {
        assert_eq!(size_of::<QueuedSpin>(), 4);
    }
}
