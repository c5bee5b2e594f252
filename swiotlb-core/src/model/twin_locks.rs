//! Copies of the locks that a fault can be put into.

use crate::lock::AreaLock;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, Ordering, Spin};
use Ordering::{Acquire, Relaxed, Release};
use core::ptr;

/// What the models need of a lock.
pub(super) trait Enter: Send + Sync + 'static {
    fn enter(&self, section: impl FnOnce());
}

impl<L: AreaLock> Enter for L {
    fn enter(&self, section: impl FnOnce()) {
        self.with(&(), section);
    }
}

/// [`crate::lock::TestAndSet`].
pub(super) struct Tas {
    locked: AtomicU32,
    lock: Ordering,
    unlock: Ordering,
}

impl Tas {
    pub(super) fn new(lock: Ordering, unlock: Ordering) -> Self {
        Self { locked: AtomicU32::new(0), lock, unlock }
    }
}

impl Enter for Tas {
    fn enter(&self, section: impl FnOnce()) {
        let mut spin = Spin::default();
        while self.locked.compare_exchange(0, 1, self.lock, Relaxed).is_err() {
            spin.wait();
        }
        section();
        self.locked.store(0, self.unlock);
    }
}

/// [`crate::lock::Backoff`] that takes the lock by a store once it looked free.
#[derive(Default)]
pub(super) struct Look(AtomicU32);

impl Enter for Look {
    fn enter(&self, section: impl FnOnce()) {
        let mut spin = Spin::default();
        while self.0.load(Acquire) != 0 {
            spin.wait();
        }
        self.0.store(1, Relaxed);
        section();
        self.0.store(0, Release);
    }
}

/// [`crate::lock::Ticket`].
pub(super) struct Ticket {
    next: AtomicU16,
    serving: AtomicU16,
    wait: Ordering,
    unlock: Ordering,
}

impl Ticket {
    pub(super) fn new(wait: Ordering, unlock: Ordering) -> Self {
        Self { next: AtomicU16::new(0), serving: AtomicU16::new(0), wait, unlock }
    }
}

impl Enter for Ticket {
    fn enter(&self, section: impl FnOnce()) {
        let ticket = self.next.fetch_add(1, Relaxed);
        let mut spin = Spin::default();
        while self.serving.load(self.wait) != ticket {
            spin.wait();
        }
        section();
        self.serving.store(ticket.wrapping_add(1), self.unlock);
    }
}

/// [`crate::lock::Mcs`]. Nodes are leaked: a failing execution leaves other threads' frames behind.
pub(super) struct Mcs {
    tail: AtomicPtr<McsNode>,
    orders: McsOrders,
}

/// Its orderings that matter to what a section sees.
#[derive(Clone, Copy)]
pub(super) struct McsOrders {
    /// Of the exchange that queues up.
    pub(super) swap: Ordering,
    /// Of the load that waits for the predecessor.
    pub(super) wait: Ordering,
    /// Of the exchange that leaves the lock free.
    pub(super) free: Ordering,
}

#[derive(Default)]
struct McsNode {
    next: AtomicPtr<McsNode>,
    granted: AtomicBool,
}

impl Mcs {
    pub(super) fn new(orders: McsOrders) -> Self {
        Self { tail: AtomicPtr::default(), orders }
    }

    fn unlock(&self, node: &McsNode) {
        let mine = ptr::from_ref(node).cast_mut();
        if self.tail.compare_exchange(mine, ptr::null_mut(), self.orders.free, Relaxed).is_ok() {
            return;
        }
        let mut spin = Spin::default();
        while node.next.load(Acquire).is_null() {
            spin.wait();
        }
        // SAFETY: a leaked node.
        unsafe { &*node.next.load(Acquire) }.granted.store(true, Release);
    }
}

impl Enter for Mcs {
    fn enter(&self, section: impl FnOnce()) {
        let node: &McsNode = Box::leak(Box::default());
        let before = self.tail.swap(ptr::from_ref(node).cast_mut(), self.orders.swap);
        // SAFETY: null or a leaked node.
        if let Some(before) = unsafe { before.as_ref() } {
            before.next.store(ptr::from_ref(node).cast_mut(), Release);
            let mut spin = Spin::default();
            while !node.granted.load(self.orders.wait) {
                spin.wait();
            }
        }
        section();
        self.unlock(node);
    }
}

/// [`crate::lock::QueuedSpin`] as far as two threads get: without the queue.
pub(super) struct Pending {
    locked: AtomicU8,
    pending: AtomicU8,
    lock: Ordering,
    /// Whether the spinner trusts `pending` to exclude.
    stores: bool,
}

impl Pending {
    pub(super) fn new(lock: Ordering, stores: bool) -> Self {
        Self { locked: AtomicU8::new(0), pending: AtomicU8::new(0), lock, stores }
    }

    fn try_lock(&self) -> bool {
        self.locked.compare_exchange(0, 1, self.lock, Relaxed).is_ok()
    }

    fn take_if_free(&self) -> bool {
        if self.stores {
            let free = self.locked.load(self.lock) == 0;
            if free {
                self.locked.store(1, Relaxed);
            }
            free
        } else {
            self.locked.load(Relaxed) == 0 && self.try_lock()
        }
    }

    fn lock_slow(&self) {
        let mut spin = Spin::default();
        while self.pending.compare_exchange(0, 1, Relaxed, Relaxed).is_err() {
            spin.wait();
        }
        while !self.take_if_free() {
            spin.wait();
        }
        self.pending.store(0, Relaxed);
    }
}

impl Enter for Pending {
    fn enter(&self, section: impl FnOnce()) {
        if !(self.pending.load(Relaxed) == 0 && self.try_lock()) {
            self.lock_slow();
        }
        section();
        self.locked.store(0, Release);
    }
}
