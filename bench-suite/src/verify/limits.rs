//! How much vectors may ask of the machine that runs them: far above what the kernel's own vectors need, and
//! so little that hostile ones stay within about 1.5 GiB of address space for each thread.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::WINDOW;
use swiotlb_core::rules::{IO_TLB_MAX_BYTES, PAGE_SIZE};
use workloads::golden::Arena;

/// Why a step could not be run at all.
pub type Refusal = String;

/// Most bytes of the CPU's memory.
pub const MAX_ARENA: u64 = 256 << 20;
/// Most slots of all pools whose place a vector chooses: 256 MiB.
pub const MAX_RESERVED_SLOTS: u64 = 1 << 17;
/// Most bytes that are written, or a CRC taken of, at once: more than any mapping has.
pub const MAX_SPAN: u64 = 1 << 20;
/// Windows in which page blocks may lie.
pub const MAX_BLOCK_WINDOWS: usize = 16;
/// Most allocators: the default one and restricted ones.
pub const MAX_ALLOCATORS: u64 = 16;
/// Most devices.
pub const MAX_DEVICES: u64 = 4096;

/// Refuses a quantity above `max`.
pub fn at_most(what: &str, value: u64, max: u64) -> Result<(), Refusal> {
    if value > max {
        Err(format!("{what} is {value}, more than the {max} that can be run here"))
    } else {
        Ok(())
    }
}

/// Refuses the part `[off, off + len)` of a mapping of `size` bytes if it leaves it, and the rest of the last
/// page: the kernel's vectors write into the padding behind a mapping.
pub fn inside_mapping(off: u64, len: u64, size: u64) -> Result<(), Refusal> {
    let most = size.div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE).min(MAX_SPAN);
    match off.checked_add(len) {
        Some(end) if end <= most => Ok(()),
        _ => Err(format!("{len} bytes at offset {off} leave the mapping of {size} bytes")),
    }
}

/// Refuses an original that is not the CPU's memory: it could be a pool's own. An original at 0 is how
/// the kernel's vectors say "none"; more bytes than any mapping has never come to be copied.
pub fn inside_arena(arena: Arena, orig: u64, size: u64) -> Result<(), Refusal> {
    let end = orig.checked_add(size.min(IO_TLB_MAX_BYTES));
    let inside = orig >= arena.base && end.is_some_and(|end| end <= arena.base.saturating_add(arena.size));
    if inside || orig == 0 { Ok(()) } else { Err(format!("{size} bytes at {orig:#x} leave the arena")) }
}

/// The numbers of the windows that hold `[base, base + bytes)`; `bytes` is at least 1.
pub fn windows(base: PhysAddr, bytes: u64) -> core::ops::RangeInclusive<u64> {
    base.0 / WINDOW..=base.0.saturating_add(bytes - 1) / WINDOW
}

/// An error of a layer below as a refusal.
pub fn in_words(error: impl core::fmt::Display) -> Refusal {
    error.to_string()
}

/// A number that the allocator holds in 32 bits.
pub fn narrow(what: &str, value: u64) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| format!("{what} is {value}, more than {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals_lie_in_the_arena_or_nowhere() {
        let arena = Arena { base: 0x1000, size: 0x1000 };
        assert!(inside_arena(arena, 0x1000, 0x1000).is_ok() && inside_arena(arena, 0, 64).is_ok());
        for (orig, size) in [(0xfff, 1), (0x1001, 0x1000), (0x2000, 1), (u64::MAX, 1), (0x1000, u64::MAX)] {
            assert!(inside_arena(arena, orig, size).is_err(), "{orig:#x} {size}");
        }
    }

    #[test]
    fn parts_lie_in_their_mapping() {
        assert!(inside_mapping(0, 64, 64).is_ok() && inside_mapping(64, 4032, 64).is_ok());
        assert!(inside_mapping(1, 4096, 64).is_err() && inside_mapping(u64::MAX, 2, 64).is_err());
    }

    #[test]
    fn windows_of_a_range() {
        assert_eq!(windows(PhysAddr(0), WINDOW), 0..=0);
        assert_eq!(windows(PhysAddr(1), WINDOW), 0..=1);
        assert!(windows(PhysAddr(u64::MAX), 2).count() == 1);
    }
}
