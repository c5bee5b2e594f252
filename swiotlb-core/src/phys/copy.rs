//! The copy between two made-up addresses: a `memmove` where both lie in one window each, pieces of one elsewhere.
//!
//! Invariant: no byte is read or written outside the windows and the stretches that stand behind the ranges.

use super::PhysMemory;
use super::lent::{Book, is_lent};
use super::space::{in_space, left_in_window, length};
use crate::addr::PhysAddr;
use core::ptr;
use core::sync::atomic::Ordering;

impl PhysMemory {
    /// Copies `bytes` bytes from `from` to `to`. The ranges may overlap: within one window the target is then
    /// what the source was, as with `memmove`; over a window's end the pieces are copied in rising order.
    ///
    /// Both ranges should be [ensured](PhysMemory::ensure): then this is two table loads and a `memmove`, or
    /// one such per piece where a range crosses from window to window. A window that is missing all the
    /// same is mapped here, slowly. If the host refuses it, it reads as zeroes and takes no bytes; if a range
    /// leaves the space, nothing is copied. [`PhysMemory::lost_bytes`] counts both.
    ///
    /// # Safety
    /// While this runs, no other thread writes to the source or accesses the target, by any call.
    ///
    /// Whoever maps one original twice at the same time, or frees a buffer that is still in use, breaks this
    /// promise; so a user of the allocator owes it, as a driver owes it to the kernel. What then happens is a
    /// data race by the letter of the language. In the machine it is two moves over memory of which the
    /// compiler knows nothing (mapped by the host, named by numbers, no reference to it ever made): bytes end
    /// up from one or the other, and no value that the program rests on lies there.
    #[inline]
    pub unsafe fn copy(&self, from: PhysAddr, to: PhysAddr, bytes: u64) {
        match (self.span(from, bytes), self.span(to, bytes)) {
            // SAFETY: `span` says that `bytes` bytes lie behind both pointers, and the caller promises that
            // they are not raced. `ptr::copy` allows an overlap; it costs nothing where the C library has
            // one routine for `memcpy` and `memmove`, as glibc has on x86-64.
            (Some(source), Some(target)) => unsafe { ptr::copy(source, target, length(bytes)) },
            // SAFETY: the same contract.
            _ => unsafe { self.copy_slow(from, to, bytes) },
        }
    }

    /// # Safety
    /// As [`PhysMemory::copy`].
    #[cold]
    #[inline(never)]
    unsafe fn copy_slow(&self, from: PhysAddr, to: PhysAddr, bytes: u64) {
        // Nothing that is lent is taken back meanwhile.
        let lent = (is_lent(from) || is_lent(to)).then(|| self.lent.read());
        let lent = lent.as_deref();
        let missing = |addr| match lent {
            Some(book) if is_lent(addr) => book.find(addr, bytes).is_none(),
            _ => !in_space(addr, bytes),
        };
        if missing(from) || missing(to) {
            self.lost.fetch_add(bytes, Ordering::Relaxed);
            return;
        }
        let mut done = 0;
        while done < bytes {
            let (source, target) = (from.wrapping_add(done), to.wrapping_add(done));
            let len = (bytes - done).min(left_in_window(source)).min(left_in_window(target));
            // SAFETY: parts of ranges that are not raced are not raced themselves.
            unsafe { self.copy_piece(lent, source, target, len) };
            done += len;
        }
    }

    /// Copies within one window each.
    ///
    /// # Safety
    /// As [`PhysMemory::copy`].
    unsafe fn copy_piece(&self, lent: Option<&Book>, from: PhysAddr, to: PhysAddr, bytes: u64) {
        let len = length(bytes);
        let find = |addr| match lent {
            Some(book) if is_lent(addr) => book.find(addr, bytes),
            _ => self.span_or_map(addr, bytes),
        };
        match (find(from), find(to)) {
            // SAFETY: as in `copy`.
            (Some(source), Some(target)) => unsafe { ptr::copy(source, target, len) },
            (source, target) => {
                if let (None, Some(target)) = (source, target) {
                    // SAFETY: `bytes` bytes lie behind `target`, and nobody else accesses them.
                    unsafe { ptr::write_bytes(target, 0, len) };
                }
                self.lost.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }
}
