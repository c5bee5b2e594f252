//! An address on its way from the thread that mapped it to the one that unmaps it: through a Relaxed atomic and nothing
//! else, so that only the allocator's own barriers make its pool visible there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use swiotlb_core::addr::PhysAddr;

/// At most one address; 0 is none.
#[derive(Default)]
pub struct HandOver(AtomicU64);

impl HandOver {
    /// Gives an address, and waits until the other thread is done with it.
    pub fn give(&self, addr: PhysAddr) {
        self.0.store(addr.0, Ordering::Relaxed);
        while self.0.load(Ordering::Relaxed) != 0 {
            thread::yield_now();
        }
    }

    /// Waits for an address, and is done with it when `unmap` has returned.
    pub fn take(&self, unmap: impl FnOnce(PhysAddr)) {
        let addr = loop {
            match self.0.load(Ordering::Relaxed) {
                0 => thread::yield_now(),
                addr => break PhysAddr(addr),
            }
        };
        unmap(addr);
        self.0.store(0, Ordering::Relaxed);
    }
}
