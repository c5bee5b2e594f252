//! The bytes behind made-up physical addresses: a table of windows, each mapped on first use.
//!
//! Invariant: a table entry goes from null to a window's start once and stays until drop. So whoever has
//! seen a window may use it as long as it can see the memory itself. The table lies over an address space
//! of [`SPACE`] bytes; nothing of it is reserved from the host until a window of [`WINDOW`] bytes is used.
//!
//! Behind addresses beyond the space lies what others lend for a time (see `lent`): a slow path everywhere.
//!
//! Memory is touched through raw pointers only; no reference to it is ever made. Contents have two kinds of
//! access: [`PhysMemory::copy`], as fast as `memmove`, whose caller keeps others away; and the safe calls,
//! which access byte by byte atomically (see `bytes`) and may race each other.

use super::bytes;
use super::lent::{Lent, is_lent};
use super::space::{SPACE, WINDOW, WINDOW_SHIFT, WINDOWS};
use super::space::{in_space, length, pieces, window_of};
use super::window::{self, HugePages};
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::PAGE_SIZE;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering};

/// Made-up physical memory of up to [`SPACE`] bytes.
///
/// All calls take `&self`: the memory is shared by the allocator, its callers and the model of the device.
#[derive(Debug)]
pub struct PhysMemory {
    /// Null until the window is mapped. See [`PhysMemory::map_window`] for the orderings.
    table: Box<[AtomicPtr<u8>; WINDOWS]>,
    huge: HugePages,
    /// Bytes that [`PhysMemory::copy`] could neither fetch nor place. Relaxed: a count, publishes nothing.
    pub(super) lost: AtomicU64,
    /// What stands behind addresses beyond the space.
    pub(super) lent: Lent,
}

impl Default for PhysMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl PhysMemory {
    /// Memory without a window yet. Costs a table of 256 KiB that the host fills with zeroes on demand.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hint(HugePages::Default)
    }

    /// As [`PhysMemory::new`], with a hint on huge pages for every window.
    #[must_use]
    pub fn with_hint(huge: HugePages) -> Self {
        let table = Box::<[AtomicPtr<u8>; WINDOWS]>::new_zeroed();
        // SAFETY: all bits zero is a null pointer, and an `AtomicPtr` holding null is a valid one.
        let table = unsafe { table.assume_init() };
        Self { table, huge, lost: AtomicU64::new(0), lent: Lent::default() }
    }

    /// Makes sure that memory stands behind every byte of `[addr, addr + bytes)`; none of it is touched.
    ///
    /// # Errors
    /// [`PageError::BeyondSpace`] if the range leaves the space, [`PageError::Host`] if the host refuses a
    /// window. Windows mapped until then stay.
    #[inline]
    pub fn ensure(&self, addr: PhysAddr, bytes: u64) -> Result<(), PageError> {
        if self.span(addr, bytes).is_some() {
            return Ok(());
        }
        self.ensure_slow(addr, bytes)
    }

    #[cold]
    fn ensure_slow(&self, addr: PhysAddr, bytes: u64) -> Result<(), PageError> {
        if is_lent(addr) && self.lent.contains(addr, bytes) {
            return Ok(());
        }
        if !in_space(addr, bytes) {
            return Err(PageError::BeyondSpace { addr, bytes, space: SPACE });
        }
        pieces(addr, bytes).try_for_each(|(at, _)| self.map_window(window_of(at)))
    }

    /// Whether memory stands behind every byte of `[addr, addr + bytes)` by now. An empty range needs none.
    #[must_use]
    pub fn contains(&self, addr: PhysAddr, bytes: u64) -> bool {
        if is_lent(addr) && self.lent.contains(addr, bytes) {
            return true;
        }
        in_space(addr, bytes) && pieces(addr, bytes).all(|(at, len)| self.span(at, len).is_some())
    }

    /// Whether `[addr, addr + bytes)` lies in the made-up address space, whatever stands behind it by now.
    #[inline]
    #[must_use]
    pub const fn in_space(addr: PhysAddr, bytes: u64) -> bool {
        in_space(addr, bytes)
    }

    /// Reads `to.len()` bytes at `addr`. Racing writes may tear what is read.
    ///
    /// # Errors
    /// As [`PhysMemory::ensure`]; `to` is unchanged then.
    pub fn read(&self, addr: PhysAddr, to: &mut [u8]) -> Result<(), PageError> {
        self.ensure(addr, to.len() as u64)?;
        let mut rest = to;
        self.each_piece(addr, rest.len() as u64, |start, len| {
            let (part, tail) = core::mem::take(&mut rest).split_at_mut(len);
            // SAFETY: `each_piece` gives `len` bytes of a window. They are raced by atomic byte accesses
            // only: `copy` forbids any other access to its target.
            unsafe { bytes::load(start, part) };
            rest = tail;
        });
        Ok(())
    }

    /// Writes `from` at `addr`.
    ///
    /// # Errors
    /// As [`PhysMemory::ensure`]; nothing is written then.
    pub fn write(&self, addr: PhysAddr, from: &[u8]) -> Result<(), PageError> {
        self.ensure(addr, from.len() as u64)?;
        let mut rest = from;
        self.each_piece(addr, from.len() as u64, |start, len| {
            let (part, tail) = rest.split_at(len);
            // SAFETY: `each_piece` gives `len` bytes of a window. They are raced by atomic byte accesses
            // only: `copy` forbids writes to its source and any access to its target.
            unsafe { bytes::store(part, start) };
            rest = tail;
        });
        Ok(())
    }

    /// Writes `bytes` zero bytes at `addr`.
    ///
    /// # Errors
    /// As [`PhysMemory::ensure`]; nothing is written then.
    pub fn zero(&self, addr: PhysAddr, bytes: u64) -> Result<(), PageError> {
        self.ensure(addr, bytes)?;
        self.each_piece(addr, bytes, |start, len| {
            // SAFETY: as in `write`.
            unsafe { bytes::zero(start, len) };
        });
        Ok(())
    }

    /// Makes the host put a page behind every page of the range, by writing to each the byte that it holds
    /// already. Contents stay as they are, also under races with the other safe calls.
    ///
    /// # Errors
    /// As [`PhysMemory::ensure`].
    pub fn touch(&self, addr: PhysAddr, bytes: u64) -> Result<(), PageError> {
        self.ensure(addr, bytes)?;
        self.each_page(addr, bytes, |byte| {
            let held = byte.load(Ordering::Relaxed);
            // A compare-exchange writes what it found. (A `fetch_or` of 0 may be compiled to a mere load.)
            // If it fails, another thread has written and so touched the page. Relaxed: publishes nothing.
            let _touched = byte.compare_exchange(held, held, Ordering::Relaxed, Ordering::Relaxed);
        });
        Ok(())
    }

    /// Makes the host put a page-table entry behind every page of the range, by reading a byte of each.
    ///
    /// # Errors
    /// As [`PhysMemory::ensure`].
    pub fn touch_read(&self, addr: PhysAddr, bytes: u64) -> Result<(), PageError> {
        self.ensure(addr, bytes)?;
        self.each_page(addr, bytes, |byte| {
            core::hint::black_box(byte.load(Ordering::Relaxed));
        });
        Ok(())
    }

    /// Windows that are mapped by now. Walks the table: for reports and tests.
    #[must_use]
    pub fn mapped_windows(&self) -> usize {
        // Acquire as everywhere on the table; a mere count would do with less.
        self.table.iter().filter(|entry| !entry.load(Ordering::Acquire).is_null()).count()
    }

    /// Bytes that [`PhysMemory::copy`] found no memory for: 0 unless a caller broke its word.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Calls `f` with the host's start and length of every piece of an ensured range; a missing window is
    /// passed over.
    pub(super) fn each_piece(&self, addr: PhysAddr, bytes: u64, mut f: impl FnMut(*mut u8, usize)) {
        if is_lent(addr) {
            // Not taken back before `f` returns.
            let lent = self.lent.read();
            if let Some(start) = lent.find(addr, bytes) {
                f(start, length(bytes));
            }
            return;
        }
        for (at, len) in pieces(addr, bytes) {
            if let Some(start) = self.span(at, len) {
                f(start, length(len));
            }
        }
    }

    /// Calls `f` with the first byte of the range in every page of it.
    fn each_page(&self, addr: PhysAddr, bytes: u64, mut f: impl FnMut(&AtomicU8)) {
        let mut at = addr;
        while at.wrapping_offset_from(addr) < bytes {
            self.each_piece(at, 1, |byte, _| {
                // SAFETY: a byte of a window, which lives as long as `self`, or of lent memory, which lives
                // until this returns. It is raced by atomic byte accesses only: `copy` forbids any other.
                f(unsafe { AtomicU8::from_ptr(byte) });
            });
            at = PhysAddr((at.0 & !(PAGE_SIZE - 1)).wrapping_add(PAGE_SIZE));
        }
    }

    /// The host's pointer to `bytes` bytes at `addr`, if they lie in one window that is mapped.
    #[inline]
    pub(super) fn span(&self, addr: PhysAddr, bytes: u64) -> Option<*mut u8> {
        let offset = addr.0 & (WINDOW - 1);
        if bytes > WINDOW - offset {
            return None;
        }
        // Acquire: pairs with the release half of the exchange in `map_window`, so that whoever sees the
        // pointer sees the zeroes behind it. With Relaxed, an access could come before the mapping did.
        let start = self.table.get(window_of(addr))?.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: `offset` is below the window's length.
        Some(unsafe { start.add(length(offset)) })
    }

    pub(super) fn span_or_map(&self, addr: PhysAddr, bytes: u64) -> Option<*mut u8> {
        self.ensure(addr, bytes).ok()?;
        self.span(addr, bytes)
    }

    /// Maps window `index` unless that was done. `index` lies within the table.
    #[cold]
    fn map_window(&self, index: usize) -> Result<(), PageError> {
        let entry = &self.table[index];
        // Acquire: as in `span`.
        if !entry.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        let addr = PhysAddr((index as u64) << WINDOW_SHIFT);
        let ours = window::map(self.huge).map_err(|e| PageError::Host { addr, errno: e.raw_os_error() })?;
        // Success, Release: publishes the mapping to the Acquire loads in `span`. Failure, Acquire: the
        // winner's window is used after we return, as if `span` had loaded it.
        let swap =
            entry.compare_exchange(ptr::null_mut(), ours.as_ptr(), Ordering::Release, Ordering::Acquire);
        if swap.is_err() {
            // SAFETY: another thread was first; ours was never published, so nobody can be using it.
            unsafe { window::unmap(ours) };
        }
        Ok(())
    }
}

impl Drop for PhysMemory {
    fn drop(&mut self) {
        for entry in self.table.iter_mut() {
            if let Some(start) = NonNull::new(*entry.get_mut()) {
                // SAFETY: from `map_window`, in the table once, and `&mut self` says that nobody uses it.
                unsafe { window::unmap(start) };
            }
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
