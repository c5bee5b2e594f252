//! How much memory unlinked pools hold back: those that wait for readers or for the reclaimer's time, and those that
//! wait for nobody but whoever frees them.
//!
//! Invariant: what is held back is what was retired less what was freed; a part of it has expired, the rest waits. The
//! counters are written only where a transient pool is retired, expires or is freed.

use crate::sync::{AtomicU64, Ordering};

/// Memory of unlinked pools that has not gone back to its source yet. Bytes are what the source gave: whole
/// pages or blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Pools that wait for readers, or for the reclaimer's next tick.
    pub waiting_pools: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Pools that nobody can hold any more, and that were not freed yet.
    pub expired_pools: u64,
    /// Their bytes.
    pub expired_bytes: u64,
    /// The most pools that were held back at once, waiting or expired.
    pub most_pools: u64,
    /// The most bytes that were.
    pub most_bytes: u64,
}

/// Pools and bytes, counted. Relaxed everywhere: counts that order nothing.
#[derive(Default)]
struct Count {
    pools: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    /// Adds one pool of `bytes` bytes; the sums after that.
    fn add(&self, bytes: u64) -> (u64, u64) {
        let pools = self.pools.fetch_add(1, Ordering::Relaxed) + 1;
        (pools, self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes)
    }

    fn sub(&self, bytes: u64) {
        self.pools.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn now(&self) -> (u64, u64) {
        (self.pools.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    fn raise(&self, (pools, bytes): (u64, u64)) {
        self.pools.fetch_max(pools, Ordering::Relaxed);
        self.bytes.fetch_max(bytes, Ordering::Relaxed);
    }

    fn set(&self, (pools, bytes): (u64, u64)) {
        self.pools.store(pools, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// The counters behind [`HeldBack`].
#[derive(Default)]
pub(crate) struct Held {
    all: Count,
    expired: Count,
    most: Count,
}

impl Held {
    /// A pool of `bytes` bytes was unlinked.
    pub(crate) fn retire(&self, bytes: u64) {
        self.most.raise(self.all.add(bytes));
    }

    /// One that had been unlinked waits no more.
    pub(crate) fn expire(&self, bytes: u64) {
        self.expired.add(bytes);
    }

    /// One that had expired is given back.
    pub(crate) fn free(&self, bytes: u64) {
        self.expired.sub(bytes);
        self.all.sub(bytes);
    }

    /// The counts now. While pools come and go they are of slightly different moments.
    pub(crate) fn now(&self) -> HeldBack {
        let ((expired_pools, expired_bytes), (pools, bytes)) = (self.expired.now(), self.all.now());
        let (most_pools, most_bytes) = self.most.now();
        HeldBack {
            waiting_pools: pools.saturating_sub(expired_pools),
            waiting_bytes: bytes.saturating_sub(expired_bytes),
            expired_pools,
            expired_bytes,
            most_pools,
            most_bytes,
        }
    }

    /// Starts the high-water marks again from what is held back now.
    pub(crate) fn reset_most(&self) {
        self.most.set(self.all.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_expires_and_goes() {
        let held = Held::default();
        held.retire(4096);
        held.retire(8192);
        held.expire(4096);
        let now = held.now();
        assert_eq!((now.waiting_pools, now.waiting_bytes), (1, 8192));
        assert_eq!((now.expired_pools, now.expired_bytes), (1, 4096));
        held.free(4096);
        assert_eq!(
            held.now(),
            HeldBack {
                waiting_pools: 1,
                waiting_bytes: 8192,
                most_pools: 2,
                most_bytes: 12_288,
                ..HeldBack::default()
            }
        );
        held.reset_most();
        assert_eq!((held.now().most_pools, held.now().most_bytes), (1, 8192));
    }
}
