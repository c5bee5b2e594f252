//! The atomic pool: memory that was decrypted beforehand, for callers that may not block
//! (`atomic_pool_dma`).
//!
//! Invariant: a page's bit is set exactly while the page is handed out; a free of pages of which one is not
//! handed out changes nothing but a count.

use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::{PAGE_SHIFT, PAGE_SIZE};
use parking_lot::Mutex;

/// A fixed range of decrypted pages, handed out first fit from the lowest address.
///
/// It only keeps the books. Whoever owns the memory decrypts the range before the first use: see
/// [`super::PoolPages::prepare`].
#[derive(Debug)]
pub struct AtomicPool {
    base: PhysAddr,
    pages: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    taken: Vec<bool>,
    free_pages: u64,
    bad_frees: u64,
}

impl AtomicPool {
    /// A pool of `bytes` bytes at `base`. Pages that the range holds only in part are left out.
    #[must_use]
    pub fn new(base: PhysAddr, bytes: u64) -> Self {
        let start = base.0.next_multiple_of(PAGE_SIZE);
        let pages = base.0.saturating_add(bytes).saturating_sub(start) >> PAGE_SHIFT;
        let count = pages as usize;
        let inner = Inner { taken: vec![false; count], free_pages: pages, bad_frees: 0 };
        Self { base: PhysAddr(start), pages: count, inner: Mutex::new(inner) }
    }

    /// First address.
    #[must_use]
    pub const fn base(&self) -> PhysAddr {
        self.base
    }

    /// Size in bytes, taken or not.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        (self.pages as u64) << PAGE_SHIFT
    }

    /// Pages that hold `bytes` bytes, in a row, lowest first; 0 bytes take one. Does not block but for the
    /// lock, and does not touch the memory.
    ///
    /// # Errors
    /// [`PageError::AtomicPoolEmpty`] if no run of free pages is that long.
    pub fn alloc(&self, bytes: u64) -> Result<PhysAddr, PageError> {
        let wanted = pages_of(bytes);
        let mut inner = self.inner.lock();
        let found = if wanted <= inner.free_pages { first_run(&inner.taken, wanted) } else { None };
        let first = found.ok_or(PageError::AtomicPoolEmpty { pages: wanted })?;
        #[expect(clippy::cast_possible_truncation, reason = "no more than the pool's pages")]
        inner.taken[first..first + wanted as usize].fill(true);
        inner.free_pages -= wanted;
        Ok(self.base.wrapping_add((first as u64) << PAGE_SHIFT))
    }

    /// Takes back what [`AtomicPool::alloc`] of `bytes` gave at `addr`. Pages that are not handed out, or
    /// not this pool's, are counted and left alone; a debug build panics.
    pub fn free(&self, addr: PhysAddr, bytes: u64) {
        let wanted = pages_of(bytes);
        let mut inner = self.inner.lock();
        let range = self.page_range(addr, wanted);
        let done = match range.and_then(|range| inner.taken.get_mut(range)) {
            Some(bits) if bits.iter().all(|taken| *taken) => {
                bits.fill(false);
                true
            }
            _ => false,
        };
        inner.free_pages += if done { wanted } else { 0 };
        inner.bad_frees += u64::from(!done);
        drop(inner);
        debug_assert!(done, "{bytes} bytes at {addr} are not handed out by the atomic pool");
    }

    /// Pages not handed out.
    #[must_use]
    pub fn free_pages(&self) -> u64 {
        self.inner.lock().free_pages
    }

    /// Frees that were refused: see [`AtomicPool::free`].
    #[must_use]
    pub fn bad_frees(&self) -> u64 {
        self.inner.lock().bad_frees
    }

    /// Whether `addr` lies in the pool's range, handed out or not.
    #[must_use]
    pub const fn owns(&self, addr: PhysAddr) -> bool {
        addr.wrapping_offset_from(self.base) < self.bytes()
    }

    /// The numbers of `pages` pages from `addr` on, if that is where a page of the pool starts.
    fn page_range(&self, addr: PhysAddr, pages: u64) -> Option<core::ops::Range<usize>> {
        let offset = addr.wrapping_offset_from(self.base);
        if !self.owns(addr) || !offset.is_multiple_of(PAGE_SIZE) {
            return None;
        }
        let first = usize::try_from(offset >> PAGE_SHIFT).ok()?;
        let end = first.checked_add(usize::try_from(pages).ok()?)?;
        Some(first..end)
    }
}

fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE).max(1)
}

/// Start of the first run of `wanted` clear bits; `wanted` is at least 1.
fn first_run(taken: &[bool], wanted: u64) -> Option<usize> {
    let mut run = 0;
    for (i, taken) in taken.iter().enumerate() {
        run = if *taken { 0 } else { run + 1 };
        if run == wanted {
            return usize::try_from(wanted).ok().map(|wanted| i + 1 - wanted);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const BASE: PhysAddr = PhysAddr(0x10_0000);

    #[test]
    fn first_fit_reuses_the_lowest_hole() {
        let pool = AtomicPool::new(BASE, 8 * PAGE_SIZE);
        let a = pool.alloc(2 * PAGE_SIZE).unwrap();
        let b = pool.alloc(1).unwrap();
        let c = pool.alloc(3 * PAGE_SIZE - 1).unwrap();
        assert_eq!([a.0, b.0, c.0].map(|at| (at - BASE.0) / PAGE_SIZE), [0, 2, 3]);
        pool.free(a, 2 * PAGE_SIZE);
        assert_eq!(pool.alloc(3 * PAGE_SIZE), Err(PageError::AtomicPoolEmpty { pages: 3 }));
        assert_eq!((pool.free_pages(), pool.alloc(0)), (4, Ok(a)));
    }

    #[test]
    fn the_range_is_its_own() {
        let pool = AtomicPool::new(BASE, 2 * PAGE_SIZE);
        assert!(pool.owns(BASE) && pool.owns(PhysAddr(BASE.0 + 2 * PAGE_SIZE - 1)));
        assert!(!pool.owns(PhysAddr(BASE.0 - 1)) && !pool.owns(PhysAddr(BASE.0 + 2 * PAGE_SIZE)));
        let odd = AtomicPool::new(PhysAddr(BASE.0 + 1), 2 * PAGE_SIZE);
        assert_eq!((odd.base(), odd.bytes()), (PhysAddr(BASE.0 + PAGE_SIZE), PAGE_SIZE));
        assert_eq!(AtomicPool::new(BASE, 17).alloc(1), Err(PageError::AtomicPoolEmpty { pages: 1 }));
        assert_eq!(pool.alloc(u64::MAX), Err(PageError::AtomicPoolEmpty { pages: 1 << 52 }));
    }

    #[test]
    fn a_bad_free_is_counted_and_changes_nothing() {
        let pool = AtomicPool::new(BASE, 4 * PAGE_SIZE);
        let at = pool.alloc(2 * PAGE_SIZE).unwrap();
        let next = at.wrapping_add(2 * PAGE_SIZE);
        let below = PhysAddr(BASE.0 - PAGE_SIZE);
        for (addr, bytes) in
            [(at, 3 * PAGE_SIZE), (next, 1), (below, 1), (PhysAddr(at.0 + 1), 1), (at, u64::MAX)]
        {
            let outcome = catch_unwind(AssertUnwindSafe(|| pool.free(addr, bytes)));
            assert_eq!(outcome.is_err(), cfg!(debug_assertions));
        }
        assert_eq!((pool.bad_frees(), pool.free_pages()), (5, 2));
        pool.free(at, 2 * PAGE_SIZE);
        assert_eq!(pool.free_pages(), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pages_are_disjoint_and_all_come_back(
            steps in prop::collection::vec((0_u64..12, any::<prop::sample::Index>()), 1..80),
        ) {
            let pool = AtomicPool::new(BASE, 32 * PAGE_SIZE);
            let mut live: Vec<(u64, u64)> = Vec::new();
            for (step, index) in steps {
                if step < 6 {
                    live.extend(pool.alloc((step + 1) * PAGE_SIZE).map(|at| (at.0, (step + 1) * PAGE_SIZE)));
                } else if !live.is_empty() {
                    let (at, bytes) = live.swap_remove(index.index(live.len()));
                    pool.free(PhysAddr(at), bytes);
                }
                live.sort_unstable();
                prop_assert!(live.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
            }
            live.into_iter().for_each(|(at, bytes)| pool.free(PhysAddr(at), bytes));
            prop_assert_eq!((pool.free_pages(), pool.bad_frees()), (32, 0));
        }
    }
}
