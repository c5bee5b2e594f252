//! The free-run list's count in a descriptor of 40 bytes instead of Linux's 24: fewer descriptors in a cache line, and
//! not one step more. A cost that no step counter sees, for judges to find.

use super::{Count, Mark};
use crate::sync::AtomicU16;

/// A count, and bytes that nobody reads or writes.
#[repr(C)]
#[derive(Default)]
pub struct Wide {
    count: AtomicU16,
    _unused: [u16; 10],
}

impl Mark for Wide {
    const TABLE: &'static str = "each-slot-40";
}

impl Count for Wide {
    #[inline]
    fn count(&self) -> &AtomicU16 {
        &self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    #[test]
    fn a_descriptor_takes_forty_bytes() {
        assert_eq!(size_of::<Slot<Wide>>(), 40);
    }
}
