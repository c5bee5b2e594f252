//! The options of the kernel's tool, with its defaults and limits, and the line in which it repeats them.
//!
//! Invariant: an [`Options`] that [`Options::check`] passed is one that the tool takes as well, and its
//! mappings fit a segment.

use core::fmt;
use swiotlb_core::device::Direction;
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT, PAGE_SIZE};
use thiserror::Error;

/// Most threads that the tool takes.
pub const MAX_THREADS: u32 = 1_024;
/// Longest run that the tool takes, s.
pub const MAX_SECONDS: u32 = 300;
/// Longest transfer that the tool takes, ns.
pub const MAX_TRANSFER_NS: u32 = 10_000_000;
/// Fewest and most bits of the mask that the tool takes.
pub const DMA_BITS: (u32, u32) = (20, 64);
/// Largest granule that the tool takes, pages.
pub const MAX_GRANULE: u32 = 1_024;
/// Largest granule that fits a segment, pages.
pub const GRANULE_OF_SEGMENT: u32 = IO_TLB_SEGSIZE / SLOTS_PER_PAGE;
/// Slots of a page.
const SLOTS_PER_PAGE: u32 = 4_096 >> IO_TLB_SHIFT;

const _: () = assert!(PAGE_SIZE == 4_096);

/// What a run is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that map and unmap (`-t`).
    pub threads: u32,
    /// How long they do so, s (`-s`).
    pub seconds: u32,
    /// NUMA node, -1 for none (`-n`). There are no nodes here.
    pub node: i32,
    /// Address bits that the device reaches (`-b`).
    pub dma_bits: u32,
    /// Which way the data goes (`-d`).
    pub dir: Direction,
    /// How long a mapping is held before its unmap, ns (`-x`).
    pub transfer_ns: u32,
    /// Pages of a mapping (`-g`).
    pub granule: u32,
}

impl Default for Options {
    /// The tool's: one thread for 20 s, a mask of 32 bits, both ways, no transfer time, one page.
    fn default() -> Self {
        Self {
            threads: 1,
            seconds: 20,
            node: -1,
            dma_bits: 32,
            dir: Direction::Bidirectional,
            transfer_ns: 0,
            granule: 1,
        }
    }
}

/// An option out of its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} {value}: must be from {min} to {max}{why}")]
pub struct OptionsError {
    name: &'static str,
    value: u32,
    min: u32,
    max: u32,
    why: &'static str,
}

impl Options {
    /// Refuses what the tool refuses, and mappings that no segment holds.
    ///
    /// # Errors
    /// [`OptionsError`] for the first option that is out of its range.
    pub fn check(&self) -> Result<(), OptionsError> {
        let segment = " (a mapping is at most a segment, 256 KiB)";
        let (few, most) = DMA_BITS;
        for (name, value, min, max, why) in [
            ("--threads", self.threads, 1, MAX_THREADS, ""),
            ("--seconds", self.seconds, 1, MAX_SECONDS, ""),
            ("--dma-bits", self.dma_bits, few, most, ""),
            ("--transfer-ns", self.transfer_ns, 0, MAX_TRANSFER_NS, ""),
            ("--granule", self.granule, 1, GRANULE_OF_SEGMENT, segment),
        ] {
            if !(min..=max).contains(&value) {
                return Err(OptionsError { name, value, min, max, why });
            }
        }
        Ok(())
    }

    /// The device's mask.
    #[must_use]
    pub const fn dma_mask(&self) -> u64 {
        if self.dma_bits >= 64 { u64::MAX } else { (1 << self.dma_bits) - 1 }
    }

    /// Bytes of a mapping.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.granule.saturating_mul(4_096)
    }

    /// Slots of a mapping.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.granule.saturating_mul(SLOTS_PER_PAGE)
    }

    /// What the tool would say of them.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        let Self { threads, seconds, node, dir, granule, .. } = *self;
        Asked { threads, seconds, node: Some(node), dir, granule: Some(granule) }
    }
}

/// The options that the tool's output repeats. The mask and the transfer time are not among them, and
/// older versions leave out more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Threads.
    pub threads: u32,
    /// Seconds.
    pub seconds: u32,
    /// NUMA node.
    pub node: Option<i32>,
    /// Direction.
    pub dir: Direction,
    /// Pages of a mapping.
    pub granule: Option<u32>,
}

impl fmt::Display for Asked {
    /// The tool's first line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, seconds, dir, .. } = self;
        write!(f, "dma mapping benchmark: threads:{threads} seconds:{seconds}")?;
        if let Some(node) = self.node {
            write!(f, " node:{node}")?;
        }
        write!(f, " dir:{}", dir_name(*dir))?;
        self.granule.map_or(Ok(()), |granule| write!(f, " granule: {granule}"))
    }
}

/// The tool's word for a direction.
#[must_use]
pub const fn dir_name(dir: Direction) -> &'static str {
    match dir {
        Direction::Bidirectional => "BIDIRECTIONAL",
        Direction::ToDevice => "TO_DEVICE",
        Direction::FromDevice => "FROM_DEVICE",
    }
}

/// The direction that the tool calls `name`.
#[must_use]
pub fn dir_by_name(name: &str) -> Option<Direction> {
    let all = [Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice];
    all.into_iter().find(|dir| dir_name(*dir) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_tool_s_and_the_segment_s() {
        let usual = Options::default();
        assert_eq!(usual.check(), Ok(()));
        let refused = |options: Options| options.check().err().map(|error| error.to_string());
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(refused(Options { threads: 0, ..usual }), said("--threads 0: must be from 1 to 1024"));
        assert_eq!(
            refused(Options { granule: 65, ..usual }),
            said("--granule 65: must be from 1 to 64 (a mapping is at most a segment, 256 KiB)")
        );
        for wrong in [
            Options { threads: 1_025, ..usual },
            Options { seconds: 0, ..usual },
            Options { seconds: 301, ..usual },
            Options { dma_bits: 19, ..usual },
            Options { dma_bits: 65, ..usual },
            Options { transfer_ns: 10_000_001, ..usual },
            Options { granule: 0, ..usual },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn masks_and_sizes() {
        let of = |dma_bits, granule| Options { dma_bits, granule, ..Options::default() };
        assert_eq!([20, 32, 64].map(|bits| of(bits, 1).dma_mask()), [0xf_ffff, 0xffff_ffff, u64::MAX]);
        assert_eq!((of(32, 64).bytes(), of(32, 64).slots()), (256 << 10, 128));
    }

    #[test]
    fn the_first_line_is_the_tool_s() {
        let line = Options { dir: Direction::FromDevice, ..Options::default() }.asked().to_string();
        let wanted = "dma mapping benchmark: threads:1 seconds:20 node:-1 dir:FROM_DEVICE granule: 1";
        assert_eq!(line, wanted);
        let all = [Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice];
        assert!(all.into_iter().all(|dir| dir_by_name(dir_name(dir)) == Some(dir)));
    }
}
