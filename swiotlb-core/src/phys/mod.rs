//! Physical memory that is made up: addresses, windows, zones, page sources, decryption models.

use core::fmt;

/// A zone of physical memory (`enum zone_type`), lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// Below 16 MiB (`ZONE_DMA`).
    Dma,
    /// From 16 MiB to below 4 GiB (`ZONE_DMA32`).
    Dma32,
    /// 4 GiB and above (`ZONE_NORMAL`).
    Normal,
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dma => "dma",
            Self::Dma32 => "dma32",
            Self::Normal => "normal",
        })
    }
}
