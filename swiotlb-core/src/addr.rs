//! Addresses and indices. Each is a type of its own, so that a slot is never taken for a byte or an area.
//!
//! Invariant: a [`PhysAddr`] is only a number. Whether memory stands behind it is known by
//! [`crate::phys::PhysMemory`] alone; a device or a caller may hold any of the 2^64 values.

use core::fmt;

/// A made-up physical address, in bytes (`phys_addr_t`). Bus addresses are equal to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PhysAddr(pub u64);

impl PhysAddr {
    /// The address that stands for "none" (`INVALID_PHYS_ADDR`, and the value of `DMA_MAPPING_ERROR`).
    pub const INVALID: Self = Self(u64::MAX);

    /// `self + bytes`, or `None` past 2^64 - 1.
    #[inline]
    #[must_use]
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// `self + bytes` modulo 2^64, for sums that a precondition keeps in range.
    #[inline]
    #[must_use]
    pub const fn wrapping_add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// `self - bytes` modulo 2^64.
    #[inline]
    #[must_use]
    pub const fn wrapping_sub(self, bytes: u64) -> Self {
        Self(self.0.wrapping_sub(bytes))
    }

    /// Bytes from `base` up to `self`, modulo 2^64.
    #[inline]
    #[must_use]
    pub const fn wrapping_offset_from(self, base: Self) -> u64 {
        self.0.wrapping_sub(base.0)
    }
}

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A slot's number within its pool (0 is the slot at the pool's start).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotIndex(pub u32);

/// An area's number within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaIndex(pub u32);
