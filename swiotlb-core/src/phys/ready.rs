//! Memory of freed pools that is kept ready: by number of pages, freed last on top.
//!
//! Invariant: what is kept never exceeds the budget, and every piece is in exactly one stack. Bit `n` of the
//! mask is set exactly while the stack of `n + 1` pages holds something, when the lock is free.
//!
//! Two hints are read without the lock, so that an empty or a full store costs a load: the mask and the bytes
//! kept. Whoever reads an old value takes the other way once, which is always right.

use super::source::{PoolMemory, whole_pages};
use super::space::length;
use crate::addr::PhysAddr;
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT, PAGE_SHIFT};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};

/// Pages of the largest piece that is kept: a segment, which is the most that a transient pool has.
pub(crate) const MAX_PAGES: u64 = (IO_TLB_SEGSIZE as u64) << IO_TLB_SHIFT >> PAGE_SHIFT;
/// A stack for each number of pages.
const STACKS: usize = length(MAX_PAGES);

const _: () = assert!(STACKS == 64, "one bit of the mask for each");

/// The store.
#[derive(Debug)]
pub(crate) struct Ready {
    budget: u64,
    /// Relaxed: a hint. The lock orders what it speaks of.
    mask: AtomicU64,
    /// Bytes kept, in whole pages. Relaxed: a hint, as `mask`.
    kept: AtomicU64,
    stacks: Mutex<Box<Stacks>>,
}

type Stacks = [Vec<PoolMemory>; STACKS];

/// The pages of `bytes` bytes, if so many are ever kept.
fn pages_of(bytes: u64) -> Option<u64> {
    Some(whole_pages(bytes) >> PAGE_SHIFT).filter(|pages| *pages <= MAX_PAGES)
}

/// The bits of the stacks that may serve `pages` pages (1 to [`MAX_PAGES`]): up to the next power of two, so that
/// less than half is wasted.
const fn bits_for(pages: u64) -> u64 {
    let below = (1_u128 << (pages - 1)) - 1;
    let upto = (1_u128 << pages.next_power_of_two()) - 1;
    #[expect(clippy::cast_possible_truncation, reason = "at most 64 bits are set")]
    let bits = (upto & !below) as u64;
    bits
}

impl Ready {
    /// An empty store of at most `budget` bytes.
    pub(crate) fn new(budget: u64) -> Self {
        let stacks = Mutex::new(Box::new(core::array::from_fn(|_| Vec::new())));
        Self { budget, mask: AtomicU64::new(0), kept: AtomicU64::new(0), stacks }
    }

    /// Bytes kept now.
    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Relaxed)
    }

    /// A piece of at least `bytes` bytes that lies at or below `limit`: of the smallest size that there is, what
    /// was freed last.
    #[inline]
    pub(crate) fn take(&self, bytes: u64, limit: PhysAddr) -> Option<PoolMemory> {
        // A store that is empty is left before the request is looked at.
        if self.mask.load(Relaxed) == 0 {
            return None;
        }
        let bits = bits_for(pages_of(bytes)?);
        if self.mask.load(Relaxed) & bits == 0 {
            return None;
        }
        let mut stacks = self.stacks.lock();
        let mut left = self.mask.load(Relaxed) & bits;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            let below = |pages: &PoolMemory| pages.base.wrapping_add(bytes.saturating_sub(1)) <= limit;
            if let Some(at) = stacks[index].iter().rposition(below) {
                let mut pages = self.remove(&mut stacks, index, at);
                // The rest of its last page is there too.
                pages.bytes = pages.bytes.max(bytes);
                return Some(pages);
            }
            left &= left - 1;
        }
        None
    }

    /// Keeps a piece; gives it back if it is too large or would exceed the budget.
    #[inline]
    pub(crate) fn keep(&self, pages: PoolMemory) -> Result<(), PoolMemory> {
        let Some(count) = pages_of(pages.bytes) else { return Err(pages) };
        let whole = count << PAGE_SHIFT;
        if pages.bytes == 0 || self.kept() + whole > self.budget {
            return Err(pages);
        }
        let mut stacks = self.stacks.lock();
        if self.kept() + whole > self.budget {
            return Err(pages);
        }
        let index = length(count - 1);
        stacks[index].push(pages);
        // Plain adds: both change under the lock only.
        self.mask.store(self.mask.load(Relaxed) | 1 << index, Relaxed);
        self.kept.store(self.kept() + whole, Relaxed);
        Ok(())
    }

    /// Takes out any one piece that `wanted` says yes to, largest first.
    pub(crate) fn take_any(&self, wanted: impl Fn(&PoolMemory) -> bool) -> Option<PoolMemory> {
        if self.mask.load(Relaxed) == 0 {
            return None;
        }
        let mut stacks = self.stacks.lock();
        let found = stacks.iter().enumerate().rev().find_map(|(index, stack)| {
            let at = stack.iter().rposition(&wanted)?;
            Some((index, at))
        });
        found.map(|(index, at)| self.remove(&mut stacks, index, at))
    }

    fn remove(&self, stacks: &mut Stacks, index: usize, at: usize) -> PoolMemory {
        let pages = stacks[index].remove(at);
        if stacks[index].is_empty() {
            self.mask.store(self.mask.load(Relaxed) & !(1 << index), Relaxed);
        }
        self.kept.store(self.kept() - ((index as u64 + 1) << PAGE_SHIFT), Relaxed);
        pages
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::Origin;
    use super::*;

    const NO_LIMIT: PhysAddr = PhysAddr(u64::MAX);

    fn piece(base: u64, bytes: u64) -> PoolMemory {
        PoolMemory::new(PhysAddr(base), bytes, Origin::Reserved)
    }

    fn base(pages: Option<PoolMemory>) -> Option<u64> {
        pages.map(|pages| pages.base.0)
    }

    #[test]
    fn a_request_may_take_up_to_the_next_power_of_two() {
        for pages in 1..=MAX_PAGES {
            let slow = (pages..=pages.next_power_of_two()).fold(0, |bits, n| bits | 1_u64 << (n - 1));
            assert_eq!(bits_for(pages), slow, "{pages}");
        }
    }

    #[test]
    fn what_was_freed_last_comes_first_and_the_smallest_that_fits() {
        let ready = Ready::new(1 << 20);
        for (at, bytes) in [(1, 8192), (2, 2048), (3, 4096), (4, 16_384)] {
            ready.keep(piece(at << 20, bytes)).unwrap();
        }
        assert_eq!(base(ready.take(1, NO_LIMIT)), Some(3 << 20));
        let page = ready.take(4096, NO_LIMIT);
        assert_eq!(page, Some(piece(2 << 20, 4096)), "less than a page is a page");
        assert_eq!(base(ready.take(4096, NO_LIMIT)), None);
        assert_eq!(base(ready.take(3 * 4096, NO_LIMIT)), Some(4 << 20));
        assert_eq!(base(ready.take(8192, NO_LIMIT)), Some(1 << 20));
        assert_eq!((ready.kept(), ready.mask.load(Relaxed)), (0, 0));
    }

    #[test]
    fn only_memory_below_the_limit_serves() {
        let ready = Ready::new(1 << 20);
        for at in [1, 9, 2, 8] {
            ready.keep(piece(at << 20, 4096)).unwrap();
        }
        assert_eq!(base(ready.take(4096, PhysAddr((2 << 20) + 4095))), Some(2 << 20));
        assert_eq!(base(ready.take(4096, PhysAddr((1 << 20) + 4094))), None);
        assert_eq!(base(ready.take(4096, NO_LIMIT)), Some(8 << 20));
    }

    #[test]
    fn the_budget_is_kept_in_whole_pages() {
        let ready = Ready::new(3 * 4096);
        ready.keep(piece(0, 1)).unwrap();
        ready.keep(piece(1 << 20, 4097)).unwrap();
        assert_eq!(ready.keep(piece(2 << 20, 1)), Err(piece(2 << 20, 1)));
        assert!(Ready::new(u64::MAX).keep(piece(0, (MAX_PAGES << PAGE_SHIFT) + 1)).is_err());
        assert_eq!(ready.kept(), 3 * 4096);
        assert_eq!(base(ready.take_any(|pages| pages.bytes == 1)), Some(0));
        assert_eq!(base(ready.take_any(|_| true)), Some(1 << 20));
        assert_eq!((base(ready.take_any(|_| true)), ready.kept()), (None, 0));
    }

    #[test]
    fn threads_never_get_one_piece_twice() {
        let ready = Ready::new(1 << 30);
        for at in 0..64 {
            ready.keep(piece(at << 20, 4096)).unwrap();
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let held: Vec<_> = (0..8).filter_map(|_| ready.take(4096, NO_LIMIT)).collect();
                        held.into_iter().for_each(|pages| ready.keep(pages).unwrap());
                    }
                });
            }
        });
        let mut all: Vec<_> = core::iter::from_fn(|| base(ready.take(1, NO_LIMIT))).collect();
        all.sort_unstable();
        assert_eq!(all, (0..64).map(|at| at << 20).collect::<Vec<_>>());
    }
}
