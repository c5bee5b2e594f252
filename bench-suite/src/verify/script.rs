//! A page source that answers as the recorded one did: the vectors' own addresses, in their order.
//!
//! Scripted, it hands out what the script's next event says if the request is the recorded one, and has
//! nothing otherwise; either way it records what was asked, for the comparison. Free-running, it is an
//! ordinary source with failures on demand, for policies whose requests differ from Linux's by design.

use super::limits::{MAX_BLOCK_WINDOWS, windows};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::PageError;
use swiotlb_core::phys::{Block, BuddyZones, FailingBlocks, PageBlocks, Zone};
use workloads::golden::{self, PageEvent, PageEventKind};

/// The page source of a verified allocator. Clones share one script.
#[derive(Clone)]
pub struct ScriptedBlocks(Arc<Source>);

enum Source {
    Scripted(Mutex<Script>),
    Free(FailingBlocks<BuddyZones>),
}

#[derive(Default)]
struct Script {
    due: VecDeque<PageEvent>,
    seen: Vec<PageEvent>,
    /// Bytes of the blocks that were handed out, by their start.
    live: BTreeMap<u64, u64>,
    /// Windows in which blocks ever lay.
    windows: BTreeSet<u64>,
}

impl Script {
    /// Hands out the block at `base`, unless no page allocator could: it is not aligned to its size, or
    /// overlaps another; or the script scatters blocks over too many windows.
    fn hand_out(&mut self, base: u64, order: u32) -> Option<Block> {
        let block = Block { base: PhysAddr(base), order };
        let bytes = block.bytes();
        let end = base.checked_add(bytes)?;
        let below = self.live.range(..end).next_back();
        if !base.is_multiple_of(bytes) || below.is_some_and(|(start, len)| start + len > base) {
            return None;
        }
        self.windows.extend(windows(block.base, bytes));
        if self.windows.len() > MAX_BLOCK_WINDOWS {
            return None;
        }
        self.live.insert(base, bytes);
        Some(block)
    }
}

impl ScriptedBlocks {
    /// A source that follows the vectors.
    pub fn scripted() -> Self {
        Self(Arc::new(Source::Scripted(Mutex::default())))
    }

    /// A source of its own, with the vectors' zones.
    pub fn free_running() -> Self {
        const MIB: u64 = 1 << 20;
        let zones = [
            (Zone::Dma, PhysAddr(MIB), 15 * MIB),
            (Zone::Dma32, PhysAddr(1024 * MIB), 256 * MIB),
            (Zone::Normal, PhysAddr(5 * 1024 * MIB), 256 * MIB),
        ];
        Self(Arc::new(Source::Free(FailingBlocks::new(BuddyZones::new(&zones)))))
    }

    /// Loads the events of the next operation and forgets what was seen before.
    pub fn expect(&self, events: &[PageEvent]) {
        if let Some(mut script) = self.script() {
            script.due = events.iter().copied().collect();
            script.seen.clear();
        }
    }

    /// Forgets every block: a fresh machine.
    pub fn forget(&self) {
        if let Some(mut script) = self.script() {
            *script = Script::default();
        }
    }

    /// What the operation asked and gave back, in order.
    pub fn seen(&self) -> Vec<PageEvent> {
        self.script().map_or_else(Vec::new, |script| script.seen.clone())
    }

    /// Makes the next `count` requests of a free-running source fail.
    pub fn fail_next(&self, count: u64) {
        if let Source::Free(blocks) = &*self.0 {
            blocks.fail_next(count);
        }
    }

    /// Makes larger requests to a free-running source fail.
    pub fn max_order(&self, order: u64) {
        if let Source::Free(blocks) = &*self.0 {
            blocks.max_order(u32::try_from(order).unwrap_or(u32::MAX));
        }
    }

    fn script(&self) -> Option<MutexGuard<'_, Script>> {
        match &*self.0 {
            Source::Scripted(script) => Some(script.lock().unwrap_or_else(PoisonError::into_inner)),
            Source::Free(_) => None,
        }
    }
}

/// The vectors' word for a zone.
const fn golden_zone(zone: Zone) -> golden::Zone {
    match zone {
        Zone::Dma => golden::Zone::Dma,
        Zone::Dma32 => golden::Zone::Dma32,
        Zone::Normal => golden::Zone::Normal,
    }
}

/// The zone that holds an address.
fn zone_of(addr: PhysAddr) -> golden::Zone {
    match addr.0 {
        0..0x100_0000 => golden::Zone::Dma,
        0x100_0000..0x1_0000_0000 => golden::Zone::Dma32,
        _ => golden::Zone::Normal,
    }
}

impl PageBlocks for ScriptedBlocks {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        let mut script = match &*self.0 {
            Source::Scripted(script) => script.lock().unwrap_or_else(PoisonError::into_inner),
            Source::Free(blocks) => return blocks.alloc(order, zone),
        };
        let asked = PageEvent {
            ev: PageEventKind::Alloc,
            order: u64::from(order),
            zone: golden_zone(zone),
            base: None,
        };
        let due = script.due.pop_front().filter(|due| PageEvent { base: None, ..*due } == asked);
        let block = due.and_then(|due| due.base).and_then(|base| script.hand_out(base, order));
        script.seen.push(PageEvent { base: block.map(|block| block.base.0), ..asked });
        block.ok_or(PageError::OutOfPages { order, zone })
    }

    fn free(&self, block: Block) {
        let mut script = match &*self.0 {
            Source::Scripted(script) => script.lock().unwrap_or_else(PoisonError::into_inner),
            Source::Free(blocks) => return blocks.free(block),
        };
        script.due.pop_front();
        script.live.remove(&block.base.0);
        script.seen.push(PageEvent {
            ev: PageEventKind::Free,
            order: u64::from(block.order),
            zone: zone_of(block.base),
            base: Some(block.base.0),
        });
    }
}
