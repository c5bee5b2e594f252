//! Memory lent by somebody outside: made-up addresses behind which lie bytes of the process's allocator, or
//! of a mapping of their own.
//!
//! Lent memory lies beyond [`SPACE`], so only devices that reach such addresses get it. Each stretch starts a
//! window of its own.
//!
//! Invariant: nobody has a pointer to lent memory but under the lock, shared, and only to bytes that are lent
//! at the time. So a stretch that was given back is no longer accessed, whatever addresses callers still
//! hold. The price is that lock: about two uncontended atomic operations for each access, which memory below
//! [`SPACE`] does not pay.

use super::PhysMemory;
use super::lender::Lender;
use super::space::{SPACE, WINDOW, WINDOW_SHIFT, length};
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::PAGE_SIZE;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use parking_lot::{RwLock, RwLockReadGuard};

/// Stretches that can be lent at the same time: as many windows as there are below.
const STRETCHES: usize = 1 << 15;
/// First address that no stretch has: 2 TiB.
pub(super) const LENT_END: u64 = SPACE + ((STRETCHES as u64) << WINDOW_SHIFT);

/// Whether only lent memory can stand behind `addr`.
#[inline]
pub(super) const fn is_lent(addr: PhysAddr) -> bool {
    addr.0 >= SPACE
}

/// The right to give a stretch back, once. Made by [`PhysMemory::borrow`] alone and never copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// First made-up address.
    base: PhysAddr,
    /// Where the bytes lie in the process: no two live stretches share it, so it tells whose lease this is.
    host: NonZeroUsize,
}

impl Lease {
    /// First made-up address of the stretch.
    pub(super) const fn base(&self) -> PhysAddr {
        self.base
    }
}

/// What is lent now.
#[derive(Debug, Default)]
pub(super) struct Lent {
    book: RwLock<Book>,
}

/// The stretches, by window.
#[derive(Debug, Default)]
pub(super) struct Book {
    stretches: Vec<Stretch>,
    /// Windows of `stretches` that are free; the one that was freed last is used first.
    free: Vec<usize>,
}

/// Where a stretch lies, its bytes (0 while the window is free), and who takes it back. The pointer is atomic
/// only to be shared between threads; it changes under the lock. Relaxed: the lock orders it.
#[derive(Debug)]
struct Stretch {
    start: AtomicPtr<u8>,
    bytes: u64,
    give_back: unsafe fn(NonNull<u8>, u64),
}

impl Book {
    /// The process's pointer to `[addr, addr + bytes)`, if all of it is lent.
    pub(super) fn find(&self, addr: PhysAddr, bytes: u64) -> Option<*mut u8> {
        let offset = addr.0 & (WINDOW - 1);
        let stretch = self.stretches.get(index_of(addr)?)?;
        let inside = offset.checked_add(bytes).is_some_and(|end| end <= stretch.bytes);
        // In bounds of the stretch; `wrapping_add` so that nothing is asked of an empty one.
        inside.then(|| stretch.start.load(Relaxed).wrapping_add(length(offset)))
    }
}

/// The number of the stretch whose window holds `addr`.
fn index_of(addr: PhysAddr) -> Option<usize> {
    addr.0.checked_sub(SPACE).map(|offset| length(offset >> WINDOW_SHIFT))
}

impl Lent {
    /// The book, for reading: nothing is given back while the guard lives.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read()
    }

    /// Whether all of `[addr, addr + bytes)` is lent now.
    pub(super) fn contains(&self, addr: PhysAddr, bytes: u64) -> bool {
        self.book.read().find(addr, bytes).is_some()
    }
}

impl PhysMemory {
    /// Puts `bytes` bytes, whole pages, of lender `L` behind made-up addresses, which start a window.
    ///
    /// # Errors
    /// [`PageError::BeyondSpace`] if that is nothing or more than a window, or as many stretches are lent as can
    /// be; [`PageError::Host`] if the lender has none.
    pub(super) fn borrow<L: Lender>(&self, bytes: u64) -> Result<Lease, PageError> {
        let mut book = self.lent.book.write();
        let fresh = book.stretches.len();
        let index = book.free.last().copied().unwrap_or(fresh);
        let base = PhysAddr(SPACE + ((index as u64) << WINDOW_SHIFT));
        if bytes == 0 || bytes > WINDOW || !bytes.is_multiple_of(PAGE_SIZE) || index >= STRETCHES {
            return Err(PageError::BeyondSpace { addr: base, bytes, space: LENT_END });
        }
        let start = L::lend(bytes).map_err(|errno| PageError::Host { addr: base, errno })?;
        let stretch = Stretch { start: AtomicPtr::new(start.as_ptr()), bytes, give_back: L::give_back };
        if index == fresh {
            book.stretches.push(stretch);
        } else {
            book.free.pop();
            book.stretches[index] = stretch;
        }
        Ok(Lease { base, host: start.addr() })
    }

    /// Gives a stretch back to its lender. `false`, and nothing changed, for the lease of another memory.
    pub(super) fn repay(&self, lease: Lease) -> bool {
        let mut book = self.lent.book.write();
        let Some(index) = index_of(lease.base) else { return false };
        let Some(stretch) = book.stretches.get_mut(index) else { return false };
        let Some(start) = NonNull::new(*stretch.start.get_mut()) else { return false };
        if start.addr() != lease.host {
            return false;
        }
        let (bytes, give_back) = (stretch.bytes, stretch.give_back);
        (stretch.start, stretch.bytes) = (AtomicPtr::default(), 0);
        book.free.push(index);
        drop(book);
        // SAFETY: lent in `borrow` by the same lender with the same bytes, and out of the book now, so this is
        // the only time. Pointers live under the lock, shared; we had it alone since, so there are none left.
        unsafe { give_back(start, bytes) };
        true
    }

    /// Stretches that are lent now.
    #[must_use]
    pub fn lent_stretches(&self) -> usize {
        let book = self.lent.book.read();
        book.stretches.len() - book.free.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::lender::{Mapping, System};
    use super::*;

    fn borrow(memory: &PhysMemory, pages: u64) -> Lease {
        memory.borrow::<System>(pages * PAGE_SIZE).unwrap()
    }

    #[test]
    fn lent_bytes_are_reached_to_the_last_and_no_further() {
        let memory = PhysMemory::new();
        let lease = borrow(&memory, 2);
        let base = lease.base();
        assert_eq!(base, PhysAddr(SPACE));
        memory.write(base, &[7; 8192]).unwrap();
        let mut bytes = [0; 8192];
        memory.read(base, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 8192]);
        memory.touch(base, 8192).unwrap();
        assert!(memory.contains(base, 8192) && !memory.contains(base, 8193));
        for (offset, len) in [(8191, 2), (8192, 1), (WINDOW, 1)] {
            assert!(memory.zero(base.wrapping_add(offset), len).is_err());
            assert!(memory.touch(base.wrapping_add(offset), len).is_err());
        }
        assert_eq!(memory.mapped_windows(), 0);
        assert!(memory.repay(lease));
    }

    #[test]
    fn copies_go_both_ways_and_lose_what_is_not_lent() {
        let memory = PhysMemory::new();
        let lease = borrow(&memory, 1);
        let own = PhysAddr(WINDOW - 100);
        memory.write(own, &[9; 4096]).unwrap();
        // SAFETY: one thread.
        unsafe { memory.copy(own, lease.base(), 4096) };
        let mut bytes = [0; 4096];
        memory.read(lease.base(), &mut bytes).unwrap();
        assert_eq!(bytes, [9; 4096]);
        memory.zero(own, 4096).unwrap();
        // SAFETY: one thread.
        unsafe { memory.copy(lease.base(), own, 4096) };
        memory.read(own, &mut bytes).unwrap();
        assert_eq!((bytes, memory.lost_bytes()), ([9; 4096], 0));
        // SAFETY: one thread.
        unsafe { memory.copy(own, lease.base().wrapping_add(1), 4096) };
        assert!(memory.lost_bytes() > 0);
        assert!(memory.repay(lease));
    }

    #[test]
    fn what_was_given_back_is_gone_and_its_window_is_used_again() {
        let (memory, other) = (PhysMemory::new(), PhysMemory::new());
        let (first, second, foreign) = (borrow(&memory, 1), borrow(&memory, 2), borrow(&other, 1));
        let base = first.base();
        assert_eq!(second.base(), PhysAddr(SPACE + WINDOW));
        assert!(!memory.repay(foreign), "another memory's");
        assert!(memory.repay(first));
        assert!(memory.read(base, &mut [0]).is_err() && !memory.contains(base, 1));
        assert_eq!(memory.lent_stretches(), 1);
        assert_eq!(borrow(&memory, 3).base(), base);
        assert!(memory.repay(second));
    }

    #[test]
    fn a_stretch_is_whole_pages_and_fits_its_window() {
        let memory = PhysMemory::new();
        for bytes in [0, 1, PAGE_SIZE + 1, WINDOW + PAGE_SIZE] {
            assert!(matches!(memory.borrow::<System>(bytes), Err(PageError::BeyondSpace { .. })));
        }
        assert_eq!(memory.lent_stretches(), 0);
    }

    #[test]
    fn reads_never_meet_memory_that_was_given_back() {
        let memory = PhysMemory::new();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let seen = (0..20_000).filter(|_| memory.read(PhysAddr(SPACE), &mut [0; 64]).is_ok());
                seen.count()
            });
            // Unmapped at once when given back: a reader that were still there would end the process.
            while !reader.is_finished() {
                let lease = memory.borrow::<Mapping>(PAGE_SIZE).unwrap();
                assert!(memory.repay(lease));
            }
        });
    }
}
