//! The made-up address space as numbers: how large it is, and how windows cut it. No state, no memory.
//!
//! Invariant: windows tile the space, so every address below [`SPACE`] lies in exactly one.

use crate::addr::PhysAddr;

/// Bytes in the made-up address space: 1 TiB.
pub const SPACE: u64 = 1 << SPACE_SHIFT;
/// Bytes in a window: 32 MiB. Memory is mapped by windows.
pub const WINDOW: u64 = 1 << WINDOW_SHIFT;
const SPACE_SHIFT: u32 = 40;
/// log2 of [`WINDOW`].
pub(super) const WINDOW_SHIFT: u32 = 25;
/// [`WINDOW`] as a length.
pub(super) const WINDOW_LEN: usize = 1 << WINDOW_SHIFT;
/// Windows in the space.
pub(super) const WINDOWS: usize = 1 << (SPACE_SHIFT - WINDOW_SHIFT);

const _: () = assert!(usize::BITS == 64, "made-up addresses need 64-bit pointers");

/// Whether `[addr, addr + bytes)` lies within the space.
pub(super) const fn in_space(addr: PhysAddr, bytes: u64) -> bool {
    match addr.checked_add(bytes) {
        Some(end) => end.0 <= SPACE,
        None => false,
    }
}

/// The number of the window that holds `addr`; [`WINDOWS`] or more if `addr` lies beyond the space.
#[inline]
pub(super) const fn window_of(addr: PhysAddr) -> usize {
    length(addr.0 >> WINDOW_SHIFT)
}

/// Bytes from `addr` to the end of its window.
#[inline]
pub(super) const fn left_in_window(addr: PhysAddr) -> u64 {
    WINDOW - (addr.0 & (WINDOW - 1))
}

/// `bytes` as a length; pointers have 64 bits, as asserted above.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits")]
pub(super) const fn length(bytes: u64) -> usize {
    bytes as usize
}

/// `[addr, addr + bytes)`, which lies within the space, cut where windows end: start and bytes of each piece.
pub(super) fn pieces(addr: PhysAddr, bytes: u64) -> impl Iterator<Item = (PhysAddr, u64)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = addr.wrapping_add(done);
        let len = (bytes - done).min(left_in_window(at));
        done += len;
        (len > 0).then_some((at, len))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_tile_the_range_and_stay_in_a_window_each() {
        for start in [0, 1, WINDOW - 1, WINDOW, 3 * WINDOW - 5] {
            for bytes in [0, 1, 5, 6, WINDOW, WINDOW + 1, 3 * WINDOW] {
                let mut next = start;
                for (at, len) in pieces(PhysAddr(start), bytes) {
                    assert_eq!(at.0, next);
                    assert!(len > 0 && window_of(at) == window_of(PhysAddr(at.0 + len - 1)));
                    next += len;
                }
                assert_eq!(next, start + bytes);
            }
        }
    }

    #[test]
    fn the_last_byte_is_in_and_the_next_is_out() {
        assert!(
            in_space(PhysAddr(SPACE - 1), 1) && in_space(PhysAddr(0), SPACE) && in_space(PhysAddr(SPACE), 0)
        );
        assert!(!in_space(PhysAddr(SPACE), 1) && !in_space(PhysAddr(1), SPACE));
        assert!(!in_space(PhysAddr(u64::MAX), 1) && !in_space(PhysAddr(1), u64::MAX));
        assert_eq!(window_of(PhysAddr(SPACE - 1)), WINDOWS - 1);
        assert_eq!(window_of(PhysAddr(SPACE)), WINDOWS);
    }
}
