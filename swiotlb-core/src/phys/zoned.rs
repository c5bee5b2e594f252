//! The zone rule: pages at or below an address limit, out of blocks that know only zones.
//!
//! Invariant: a block that [`ZonedPages::alloc`] returns holds the wanted bytes at or below the limit, and
//! every block that lay too high has gone back before the next request.

use super::Zone;
use super::block::{Block, PageBlocks};
use crate::addr::PhysAddr;
use crate::error::PageError;
use crate::rules::page_order;

/// Last address of [`Zone::Dma`] (`DMA_BIT_MASK(zone_dma_bits)`).
const DMA_LAST: PhysAddr = PhysAddr((16 << 20) - 1);
/// Last address of [`Zone::Dma32`].
const DMA32_LAST: PhysAddr = PhysAddr((4 << 30) - 1);

/// The highest zone whose name promises addresses at or below `limit`, or [`Zone::Normal`]: where the
/// search for memory starts. `limit` is the last address allowed.
#[must_use]
pub fn first_zone(limit: PhysAddr) -> Zone {
    if limit <= DMA_LAST {
        Zone::Dma
    } else if limit <= DMA32_LAST {
        Zone::Dma32
    } else {
        Zone::Normal
    }
}

/// The zone to try after `zone` gave a block above `limit`. Without a limit nothing lies too high, so
/// [`Zone::Normal`] has none below it then.
fn lower_zone(zone: Zone, limit: PhysAddr) -> Option<Zone> {
    match zone {
        Zone::Normal if limit.0 < u64::MAX => Some(Zone::Dma32),
        Zone::Dma32 => Some(Zone::Dma),
        Zone::Normal | Zone::Dma => None,
    }
}

/// A source of blocks with an address limit (`swiotlb_alloc_tlb`'s loop over zones).
#[derive(Debug)]
pub struct ZonedPages<B> {
    blocks: B,
}

impl<B: PageBlocks> ZonedPages<B> {
    /// The rule above `blocks`.
    #[must_use]
    pub const fn new(blocks: B) -> Self {
        Self { blocks }
    }

    /// The source below.
    #[inline]
    #[must_use]
    pub const fn blocks(&self) -> &B {
        &self.blocks
    }

    /// A block whose first `bytes` bytes lie at or below `limit`, the last address allowed. It is the
    /// smallest that holds them; 0 bytes take a page.
    ///
    /// # Errors
    /// [`PageError::OutOfPages`] as soon as the source has none: an empty zone is not retried lower, since
    /// the source has looked there itself. [`PageError::AboveLimit`] if the lowest zone is too high too.
    pub fn alloc(&self, bytes: u64, limit: PhysAddr) -> Result<Block, PageError> {
        let order = page_order(bytes);
        let mut zone = first_zone(limit);
        loop {
            let block = self.blocks.alloc(order, zone)?;
            match block.base.checked_add(bytes.saturating_sub(1)) {
                Some(last) if last <= limit => return Ok(block),
                _ => self.blocks.free(block),
            }
            zone = lower_zone(zone, limit).ok_or(PageError::AboveLimit { limit })?;
        }
    }

    /// Gives a block back to the source below.
    pub fn free(&self, block: Block) {
        self.blocks.free(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    /// One fixed answer per zone, and a log of what was asked.
    struct Script {
        answers: [Option<u64>; 3],
        log: Mutex<Vec<(&'static str, Zone)>>,
    }

    impl PageBlocks for Script {
        fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
            self.log.lock().push(("alloc", zone));
            let base = self.answers[zone as usize].ok_or(PageError::OutOfPages { order, zone })?;
            Ok(Block { base: PhysAddr(base), order })
        }

        fn free(&self, block: Block) {
            let zone = self.answers.iter().position(|a| *a == Some(block.base.0));
            self.log.lock().push(("free", [Zone::Dma, Zone::Dma32, Zone::Normal][zone.unwrap_or(0)]));
        }
    }

    type Outcome = (Result<u64, PageError>, Vec<(&'static str, Zone)>);

    fn run(answers: [Option<u64>; 3], bytes: u64, limit: u64) -> Outcome {
        let pages = ZonedPages::new(Script { answers, log: Mutex::default() });
        let outcome = pages.alloc(bytes, PhysAddr(limit)).map(|block| block.base.0);
        (outcome, pages.blocks.log.into_inner())
    }

    const LOW: u64 = 1 << 20;
    const MID: u64 = 1 << 30;
    const HIGH: u64 = 5 << 30;

    #[test]
    fn first_zone_goes_by_name() {
        let cases = [
            (0, Zone::Dma),
            ((16 << 20) - 1, Zone::Dma),
            (16 << 20, Zone::Dma32),
            ((4 << 30) - 1, Zone::Dma32),
            (4 << 30, Zone::Normal),
            (u64::MAX, Zone::Normal),
        ];
        for (limit, zone) in cases {
            assert_eq!(first_zone(PhysAddr(limit)), zone, "{limit:#x}");
        }
    }

    #[test]
    fn a_block_that_is_too_high_goes_back_before_the_next_zone() {
        use Zone::{Dma, Dma32, Normal};
        let all = [Some(LOW), Some(MID), Some(HIGH)];
        assert_eq!(run(all, 2048, u64::MAX), (Ok(HIGH), vec![("alloc", Normal)]));
        assert_eq!(run(all, 2048, (4 << 30) - 1), (Ok(MID), vec![("alloc", Dma32)]));
        // As in the observed operation 12 of 22-dma-limits: a page at 1 GiB, a limit of 30 bits.
        let log = vec![("alloc", Dma32), ("free", Dma32), ("alloc", Dma)];
        assert_eq!(run(all, 2048, MID - 1), (Ok(LOW), log));
        let log = vec![("alloc", Normal), ("free", Normal), ("alloc", Dma32)];
        assert_eq!(run(all, 2048, HIGH - 1), (Ok(MID), log));
    }

    #[test]
    fn only_the_wanted_bytes_must_be_within_the_limit() {
        let all = [Some(LOW), Some(MID), Some(HIGH)];
        assert_eq!(run(all, 2048, HIGH + 2047).0, Ok(HIGH));
        assert_eq!(run(all, 2049, HIGH + 2047).0, Ok(MID));
        assert_eq!(run(all, 0, HIGH).0, Ok(HIGH));
    }

    #[test]
    fn after_the_lowest_zone_there_is_no_more() {
        let (outcome, log) = run([Some(LOW), Some(MID), Some(HIGH)], 4096, LOW - 1);
        assert_eq!(outcome, Err(PageError::AboveLimit { limit: PhysAddr(LOW - 1) }));
        assert_eq!(log, [("alloc", Zone::Dma), ("free", Zone::Dma)]);
    }

    #[test]
    fn an_empty_zone_ends_the_search() {
        let (outcome, log) = run([Some(LOW), None, Some(HIGH)], 8192, MID);
        assert_eq!(outcome, Err(PageError::OutOfPages { order: 1, zone: Zone::Dma32 }));
        assert_eq!(log, [("alloc", Zone::Dma32)]);
        let (outcome, log) = run([Some(LOW), None, Some(HIGH)], 8192, 4 << 30);
        assert_eq!(outcome, Err(PageError::OutOfPages { order: 1, zone: Zone::Dma32 }));
        assert_eq!(log.len(), 3);
    }
}
