//! Page blocks of a subject: an ordinary source, or one that answers as a recording did.

use crate::verify::script::ScriptedBlocks;
use std::sync::Arc;
use swiotlb_core::error::PageError;
use swiotlb_core::phys::{Block, BuddyZones, FailingBlocks, PageBlocks, Zone};

/// Where a subject's grown and transient pools come from.
pub enum Blocks {
    /// Zones with a buddy allocator.
    Zones(BuddyZones),
    /// The same with a balance that somebody else looks at, and failures on demand.
    Shared(Arc<FailingBlocks<BuddyZones>>),
    /// The vectors' own addresses, in their order.
    Scripted(ScriptedBlocks),
}

impl PageBlocks for Blocks {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        match self {
            Self::Zones(blocks) => blocks.alloc(order, zone),
            Self::Shared(blocks) => blocks.alloc(order, zone),
            Self::Scripted(blocks) => blocks.alloc(order, zone),
        }
    }

    fn free(&self, block: Block) {
        match self {
            Self::Zones(blocks) => blocks.free(block),
            Self::Shared(blocks) => blocks.free(block),
            Self::Scripted(blocks) => blocks.free(block),
        }
    }
}
