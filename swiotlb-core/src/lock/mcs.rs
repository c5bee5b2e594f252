//! The MCS lock: waiters queue up, each spinning on a node in its own stack frame.
//!
//! | tail | state |
//! |---|---|
//! | null | free |
//! | node of the holder | held, nobody waits |
//! | another node | held, the queue ends there |

use super::AreaLock;
use crate::probe::Probe;
use crate::sync::{AtomicBool, AtomicPtr, Ordering, Spin};
use core::ptr;

/// The MCS queue lock. Eight bytes, a pointer to the last waiter.
#[derive(Default)]
pub struct Mcs {
    tail: AtomicPtr<Node>,
}

/// What one thread waits on, from the moment it queues up until it has unlocked.
struct Node {
    next: AtomicPtr<Node>,
    granted: AtomicBool,
}

/// Unlocks when dropped; the node outlives it.
struct Held<'a> {
    lock: &'a Mcs,
    node: &'a Node,
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock(self.node);
    }
}

impl AreaLock for Mcs {
    const NAME: &'static str = "mcs";

    #[inline]
    fn with<C: Probe, R>(&self, probe: &C, section: impl FnOnce() -> R) -> R {
        let node = Node { next: AtomicPtr::new(ptr::null_mut()), granted: AtomicBool::new(false) };
        // AcqRel: Release so that our successor finds an initialised node; Acquire so that with a null
        // tail we see what the last holder wrote (its Release exchange to null), and with a predecessor
        // its initialised node.
        let before = self.tail.swap(ptr::from_ref(&node).cast_mut(), Ordering::AcqRel);
        if !before.is_null() {
            probe.lock_contended();
            Self::wait(before, &node);
        }
        // From here on `node` is pinned until `Held` has dropped: nobody moves a local that is borrowed.
        let _held = Held { lock: self, node: &node };
        section()
    }
}

impl Mcs {
    #[cold]
    fn wait(before: *mut Node, node: &Node) {
        // SAFETY: the predecessor stays in its frame until it has seen our node as its successor (it cannot
        // exchange the tail back to null, because the tail has moved on) and has granted us the lock.
        let before = unsafe { &*before };
        // Release: the predecessor must find our node initialised.
        before.next.store(ptr::from_ref(node).cast_mut(), Ordering::Release);
        let mut spin = Spin::default();
        // Acquire: pairs with the Release store in `unlock`; makes the holder's section visible.
        while !node.granted.load(Ordering::Acquire) {
            spin.wait();
        }
    }

    #[inline]
    fn unlock(&self, node: &Node) {
        let mine = ptr::from_ref(node).cast_mut();
        if node.next.load(Ordering::Relaxed).is_null() {
            // Release: the next thread's exchange (Acquire) sees our section.
            let freed =
                self.tail.compare_exchange(mine, ptr::null_mut(), Ordering::Release, Ordering::Relaxed);
            if freed.is_ok() {
                return;
            }
        }
        Self::grant_next(node);
    }

    fn grant_next(node: &Node) {
        let mut spin = Spin::default();
        let next = loop {
            // Acquire: pairs with the Release store in `wait`.
            let next = node.next.load(Ordering::Acquire);
            if !next.is_null() {
                break next;
            }
            spin.wait();
        };
        // SAFETY: the successor waits in its frame until the store below, and its node is not touched after.
        let next = unsafe { &*next };
        // Release: pairs with the Acquire load in `wait`.
        next.granted.store(true, Ordering::Release);
    }
}
