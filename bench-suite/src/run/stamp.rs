//! Bytes that say whose they are: what the oracle writes into originals and bounce buffers.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::PhysMemory;

/// Bytes worked on at once.
const PART: usize = 4_096;

/// A sequence of bytes of its own for each handle and writer.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(u64);

impl Stamp {
    /// What the CPU writes into the original of `handle`.
    #[must_use]
    pub const fn cpu(handle: u32) -> Self {
        Self((handle as u64) << 1)
    }

    /// What the device writes into the bounce buffer of `handle`.
    #[must_use]
    pub const fn device(handle: u32) -> Self {
        Self((handle as u64) << 1 | 1)
    }

    /// The bytes from `offset` on, a multiple of 8, into `part`.
    fn write(self, offset: u64, part: &mut [u8]) {
        for (i, word) in (0_u64..).zip(part.chunks_mut(8)) {
            // The finalizer of SplitMix64: neighbouring handles and offsets share no pattern.
            let mut x = self.0 << 32 ^ (offset / 8 + i);
            x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(x ^ x >> 31).to_le_bytes()[..word.len()]);
        }
    }
}

/// `[0, bytes)` in parts: offset and length of each.
fn parts(bytes: u64) -> impl Iterator<Item = (u64, usize)> {
    let step = PART as u64;
    (0..bytes.div_ceil(step)).map(move |i| {
        let at = i * step;
        (at, usize::try_from(bytes - at).map_or(PART, |left| left.min(PART)))
    })
}

/// Writes the stamp over `bytes` bytes at `addr`. What lies outside the address space is left out.
pub fn fill(memory: &PhysMemory, addr: PhysAddr, bytes: u64, stamp: Stamp) {
    let mut part = [0; PART];
    for (at, len) in parts(bytes) {
        stamp.write(at, &mut part[..len]);
        let _ = memory.write(addr.wrapping_add(at), &part[..len]);
    }
}

/// The first of `bytes` bytes at `addr` that is not the stamp's; none if all are.
pub fn compare(memory: &PhysMemory, addr: PhysAddr, bytes: u64, stamp: Stamp) -> Option<u64> {
    let (mut seen, mut wanted) = ([0; PART], [0; PART]);
    for (at, len) in parts(bytes) {
        stamp.write(at, &mut wanted[..len]);
        if memory.read(addr.wrapping_add(at), &mut seen[..len]).is_err() {
            return Some(at);
        }
        if seen[..len] != wanted[..len] {
            let differs = seen[..len].iter().zip(&wanted[..len]).position(|(a, b)| a != b);
            return differs.map(|differs| at + differs as u64);
        }
    }
    None
}

/// Whether `bytes` bytes at `a` equal those at `b`.
pub fn same(memory: &PhysMemory, a: PhysAddr, b: PhysAddr, bytes: u64) -> bool {
    let (mut left, mut right) = ([0; PART], [0; PART]);
    parts(bytes).all(|(at, len)| {
        let read_a = memory.read(a.wrapping_add(at), &mut left[..len]);
        let read_b = memory.read(b.wrapping_add(at), &mut right[..len]);
        read_a.is_ok() && read_b.is_ok() && left[..len] == right[..len]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_changed_byte_is_found_where_it_is() {
        let memory = PhysMemory::new();
        let at = PhysAddr(0x1234);
        for bytes in [1_u64, 7, 4_096, 9_001] {
            fill(&memory, at, bytes, Stamp::device(9));
            assert_eq!(compare(&memory, at, bytes, Stamp::device(9)), None);
            let last = at.wrapping_add(bytes - 1);
            let mut byte = [0];
            assert!(memory.read(last, &mut byte).is_ok());
            assert!(memory.write(last, &[!byte[0]]).is_ok());
            assert_eq!(compare(&memory, at, bytes, Stamp::device(9)), Some(bytes - 1));
        }
    }

    #[test]
    fn stamps_of_neighbours_and_of_both_writers_differ() {
        let of = |stamp: Stamp| {
            let mut part = [0; 16];
            stamp.write(0, &mut part);
            part
        };
        assert_ne!(of(Stamp::cpu(1)), of(Stamp::cpu(2)));
        assert_ne!(of(Stamp::cpu(1)), of(Stamp::device(1)));
    }
}
