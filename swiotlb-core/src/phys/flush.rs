//! Writing lines back and out of all caches, as a device that does not snoop would leave them.
//!
//! Invariant: contents do not change; only where they are kept does.

use super::PhysMemory;
use crate::addr::PhysAddr;

impl PhysMemory {
    /// Flushes every cache line of the range that is mapped, and waits for it. `false`, and nothing done, on
    /// processors without such an instruction.
    pub fn flush_lines(&self, addr: PhysAddr, bytes: u64) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            self.each_piece(addr, bytes, imp::flush);
            imp::wait();
            true
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (addr, bytes);
            false
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use core::arch::x86_64::{_mm_clflush, _mm_mfence};

    /// Bytes in a cache line; a smaller line elsewhere would only be flushed more often than needed.
    const LINE: usize = 64;

    /// Flushes the lines of `[start, start + len)`.
    pub(super) fn flush(start: *mut u8, len: usize) {
        let skew = start.addr() % LINE;
        for offset in (0..skew + len).step_by(LINE) {
            // In the range's first line, or at the start of a later one.
            let line = start.wrapping_sub(skew).wrapping_add(offset);
            // SAFETY: SSE2, which every x86-64 has. The line holds a byte of a mapped window (windows are
            // aligned to pages); flushing accesses it as a load would and changes nothing.
            unsafe { _mm_clflush(line) };
        }
    }

    /// Waits for the flushes before.
    pub(super) fn wait() {
        // SAFETY: SSE2; a fence touches no memory.
        unsafe { _mm_mfence() };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn contents_survive_a_flush_at_any_offset() {
        let memory = PhysMemory::new();
        for (addr, bytes) in [(0, 1), (63, 2), (4_095, 130), (1 << 25, 64)] {
            let text: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
            memory.write(PhysAddr(addr), &text).unwrap();
            assert_eq!(memory.flush_lines(PhysAddr(addr), bytes), cfg!(target_arch = "x86_64"));
            let mut seen = vec![0; text.len()];
            memory.read(PhysAddr(addr), &mut seen).unwrap();
            assert_eq!(seen, text);
        }
        memory.flush_lines(PhysAddr(u64::MAX), 5);
    }
}
