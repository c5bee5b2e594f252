//! Why a map failed, as a small number that can be counted on a measured path.

use std::collections::BTreeMap;
use swiotlb_core::error::{FullReason, MapError};

/// Why a map failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// More than a segment holds.
    TooLarge,
    /// Fewer free slots than wanted in every area searched.
    Capacity,
    /// Enough free slots, but no free run that long.
    Fragmentation,
    /// Free runs that long, none aligned as asked.
    Alignment,
    /// Aligned runs, each crossing the device's boundary.
    Boundary,
    /// A legal run exists that the stepped walk did not look at.
    MissedByWalk,
    /// Room by the time that was looked.
    RoomByNow,
    /// Full; why was not looked at, because that takes longer than what is measured.
    Unexamined,
    /// A transient pool was made and could not be aligned as asked.
    TransientUnusable,
    /// Full, and no memory for a transient pool.
    OutOfPages,
    /// The bounce address lay beyond the device's reach.
    Unreachable,
    /// The allocator has no pool.
    NoPool,
    /// The request was wrong in itself.
    BadRequest,
}

impl Reason {
    /// Every reason, in declaration order.
    pub const ALL: [Self; 13] = [
        Self::TooLarge,
        Self::Capacity,
        Self::Fragmentation,
        Self::Alignment,
        Self::Boundary,
        Self::MissedByWalk,
        Self::RoomByNow,
        Self::Unexamined,
        Self::TransientUnusable,
        Self::OutOfPages,
        Self::Unreachable,
        Self::NoPool,
        Self::BadRequest,
    ];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Capacity => "capacity",
            Self::Fragmentation => "fragmentation",
            Self::Alignment => "alignment",
            Self::Boundary => "boundary",
            Self::MissedByWalk => "missed-by-walk",
            Self::RoomByNow => "room-by-now",
            Self::Unexamined => "full-unexamined",
            Self::TransientUnusable => "transient-unusable",
            Self::OutOfPages => "out-of-pages",
            Self::Unreachable => "unreachable",
            Self::NoPool => "no-pool",
            Self::BadRequest => "bad-request",
        }
    }

    /// What an error says by itself.
    #[must_use]
    pub const fn of(error: &MapError) -> Self {
        match error {
            MapError::TooLarge { .. } => Self::TooLarge,
            MapError::Full { .. } => Self::Unexamined,
            MapError::OutOfPages { .. } => Self::OutOfPages,
            MapError::TransientUnusable { .. } => Self::TransientUnusable,
            MapError::Unreachable { .. } => Self::Unreachable,
            MapError::NoPool => Self::NoPool,
            MapError::ForeignDevice
            | MapError::ZeroLength
            | MapError::BadMask { .. }
            | MapError::NoSuchMemory { .. } => Self::BadRequest,
        }
    }
}

impl From<FullReason> for Reason {
    fn from(why: FullReason) -> Self {
        match why {
            FullReason::TooLarge => Self::TooLarge,
            FullReason::Capacity => Self::Capacity,
            FullReason::Fragmentation => Self::Fragmentation,
            FullReason::Alignment => Self::Alignment,
            FullReason::Boundary => Self::Boundary,
            FullReason::MissedByWalk => Self::MissedByWalk,
            FullReason::RoomByNow => Self::RoomByNow,
        }
    }
}

/// Failures by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures([u64; Reason::ALL.len()]);

impl Failures {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that happened, by name.
    #[must_use]
    pub fn named(&self) -> BTreeMap<&'static str, u64> {
        let all = Reason::ALL.into_iter().map(|reason| (reason.name(), self.0[reason as usize]));
        all.filter(|&(_, count)| count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_name() {
        let mut failures = Failures::default();
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            failures.add(reason);
        }
        assert_eq!(failures.named().len(), Reason::ALL.len());
        assert_eq!(failures.total(), 13);
    }
}
