//! A copy of the lock-free area's bitmap that a fault can be put into: one segment, two words.

use super::free_bits::Bits;
use crate::search::mask::{halves, span};
use crate::sync::{AtomicU64, Ordering, Ordering::Relaxed};

/// What can be wrong.
#[derive(Clone, Copy)]
pub(super) struct Orders {
    pub(super) claim: Ordering,
    pub(super) give: Ordering,
    /// Whether a claim that fails at the upper word gives the lower one back.
    pub(super) rolls_back: bool,
}

/// [`crate::area::free_bits::FreeBits`].
pub(super) struct TwinBits {
    low: AtomicU64,
    high: AtomicU64,
    orders: Orders,
}

impl TwinBits {
    pub(super) fn new(orders: Orders) -> Self {
        Self { low: AtomicU64::new(u64::MAX), high: AtomicU64::new(u64::MAX), orders }
    }

    fn claim_in(&self, word: &AtomicU64, bits: u64) -> bool {
        let mut now = word.load(Relaxed);
        while now & bits == bits {
            match word.compare_exchange_weak(now, now & !bits, self.orders.claim, Relaxed) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        false
    }
}

impl Bits for TwinBits {
    fn claim(&self, within: u32, n: u32) -> bool {
        let (low, high) = halves(span(within, n));
        if low != 0 && !self.claim_in(&self.low, low) {
            return false;
        }
        if high == 0 || self.claim_in(&self.high, high) {
            return true;
        }
        if self.orders.rolls_back {
            self.low.fetch_or(low, Relaxed);
        }
        false
    }

    fn give(&self, within: u32, n: u32) {
        let (low, high) = halves(span(within, n));
        for (word, bits) in [(&self.low, low), (&self.high, high)] {
            if bits != 0 {
                word.fetch_or(bits, self.orders.give);
            }
        }
    }

    fn used(&self) -> u32 {
        self.low.load(Relaxed).count_zeros() + self.high.load(Relaxed).count_zeros()
    }
}
