//! A pointer to bytes behind made-up addresses, for code that is not ours and cannot go through [`PhysMemory`]'s
//! calls: an allocator that comes in a shared library.
//!
//! Invariant: the pointer is to bytes of one window, and valid as long as the memory lives.

use super::memory::PhysMemory;
use crate::addr::PhysAddr;
use core::ptr::NonNull;

impl PhysMemory {
    /// A pointer to the `bytes` bytes at `addr`, whose window is mapped if it was not. `None` if they leave the
    /// address space or their window of [`super::WINDOW`] bytes, or if the host gives no memory.
    ///
    /// Whoever uses it keeps the rules of [`PhysMemory::copy`]: nobody else writes what is read or written
    /// through it meanwhile, and it is gone with the memory.
    #[must_use]
    pub fn pointer(&self, addr: PhysAddr, bytes: u64) -> Option<NonNull<u8>> {
        self.ensure(addr, bytes).ok()?;
        NonNull::new(self.span(addr, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phys::{SPACE, WINDOW};

    #[test]
    fn pointers_are_to_one_window() {
        let memory = PhysMemory::new();
        let at = |addr, bytes| memory.pointer(PhysAddr(addr), bytes);
        let (first, second) = (at(WINDOW, 16), at(WINDOW + 7, WINDOW - 7));
        let apart = first.zip(second).map(|(a, b)| b.addr().get() - a.addr().get());
        assert_eq!(apart, Some(7));
        assert!(
            at(WINDOW + 7, WINDOW - 6).is_none() && at(SPACE - 1, 2).is_none() && at(u64::MAX, 1).is_none()
        );
    }

    #[test]
    fn what_is_written_is_read_through_it() {
        let memory = PhysMemory::new();
        assert!(memory.write(PhysAddr(0x5000), &[1, 2, 3]).is_ok());
        let pointer = memory.pointer(PhysAddr(0x5001), 2);
        // SAFETY: two bytes of a window of `memory`, which is still there and used by this thread alone.
        let seen = pointer.map(|pointer| unsafe { pointer.cast::<[u8; 2]>().read() });
        assert_eq!(seen, Some([2, 3]));
    }
}
