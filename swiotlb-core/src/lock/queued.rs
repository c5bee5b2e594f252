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

use super::AreaLock;
use crate::probe::Probe;
use crate::sync::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering, Spin};
use core::cell::Cell;
use crossbeam_utils::CachePadded;

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
        let node = &NODES[usize::from(mine)];
        node.next.store(0, Ordering::Relaxed);
        node.at_head.store(false, Ordering::Relaxed);
        // AcqRel: Release so that whoever finds us as its predecessor sees the two stores above;
        // Acquire so that we see those of the predecessor's own node.
        let before = self.tail.swap(mine + 1, Ordering::AcqRel);
        if before != 0 {
            // Release: the predecessor's Acquire load of `next` must see our initialised node.
            NODES[usize::from(before - 1)].next.store(mine + 1, Ordering::Release);
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
        NODES[usize::from(next - 1)].at_head.store(true, Ordering::Release);
    }
}

/// What one waiting thread spins on. A thread waits for one lock at a time, so one node each does.
struct Node {
    /// 1 + the number of the node behind this one; 0 while there is none.
    next: AtomicU16,
    at_head: AtomicBool,
}

const MAX_NODES: usize = 1024;
static NODES: [CachePadded<Node>; MAX_NODES] =
    [const { CachePadded::new(Node { next: AtomicU16::new(0), at_head: AtomicBool::new(false) }) };
        MAX_NODES];

/// Which nodes have an owner: a bit each.
static OWNED: [AtomicU32; MAX_NODES / 32] = [const { AtomicU32::new(0) }; MAX_NODES / 32];

/// A thread's node number, given back when the thread ends.
struct Owned(Cell<Option<u16>>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(node) = self.0.get() {
            // Release: the node's next owner (Acquire in `claim_node`) comes after our last use of it.
            OWNED[usize::from(node / 32)].fetch_and(!(1 << (node % 32)), Ordering::Release);
        }
    }
}

thread_local! {
    static MY_NODE: Owned = const { Owned(Cell::new(None)) };
}

/// The calling thread's node; none if more than [`MAX_NODES`] threads wait, or while the thread ends.
fn my_node() -> Option<u16> {
    MY_NODE
        .try_with(|owned| {
            if owned.0.get().is_none() {
                owned.0.set(claim_node());
            }
            owned.0.get()
        })
        .ok()
        .flatten()
}

fn claim_node() -> Option<u16> {
    for (word, owned) in (0_u16..).zip(&OWNED) {
        loop {
            let taken = owned.load(Ordering::Relaxed);
            let free = (!taken).trailing_zeros();
            if free == 32 {
                break;
            }
            // Acquire: pairs with the Release in `Owned::drop`.
            let claim =
                owned.compare_exchange(taken, taken | 1 << free, Ordering::Acquire, Ordering::Relaxed);
            if claim.is_ok() {
                // `free` is below 32.
                return Some(word * 32 + u16::try_from(free).unwrap_or(0));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_four_bytes() {
        assert_eq!(size_of::<QueuedSpin>(), 4);
    }

    #[test]
    fn a_thread_that_ended_gives_its_node_back() {
        let mine = std::thread::spawn(my_node).join().ok().flatten();
        assert!(mine.is_some());
        for _ in 0..2 * MAX_NODES {
            assert!(std::thread::spawn(my_node).join().ok().flatten().is_some());
        }
    }
}
