//! An allocator from outside, as a peer: the crate `offset-allocator`, which finds a block in constant time by size
//! bins of two levels.
//!
//! It knows of no alignment, segment or boundary. So it is asked for the slots wanted, and if those do not serve,
//! for enough more that some of them will; what is left of a block is lost until the claim ends. What it cannot serve
//! at all (its bins round sizes up) the bitmap's walk serves without its knowledge.
//!
//! Invariant, under the area's lock: `free` is the truth. A block of the peer serves only where `free` says so, and
//! `blocks` has that of each claim that it served, at the claim's first slot.

use super::{AreaRange, Bitmap, InWindow, SlotRequest, SlotSearch};
use crate::probe::Probe;
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};
use crate::slot::{EachSlot, SlotTable};
use offset_allocator::{Allocation, Allocator};
use parking_lot::Mutex;

/// `offset-allocator` over the slots of an area.
pub struct Offset<T = EachSlot> {
    first: u32,
    free: Bitmap<T>,
    /// Never contended: the area's lock is held. Here because that one protects by convention only.
    peer: Mutex<Peer>,
}

struct Peer {
    allocator: Allocator,
    blocks: Box<[Option<Allocation>]>,
}

/// A block, and the slot of it, relative to the area, from which the request is served.
type Served = (Allocation, u32);

/// Slots that a block needs besides those wanted so that one of its slots is aligned and lies far enough from the end
/// of its segment: slots that serve come again after a segment, or after the alignment's period where that is longer,
/// of which two segments are as much as is tried.
pub(super) fn slack(req: &SlotRequest) -> u32 {
    let beyond = (req.align | req.keep) >> IO_TLB_SHIFT;
    u32::try_from(beyond).unwrap_or(u32::MAX).clamp(IO_TLB_SEGSIZE - 1, 2 * IO_TLB_SEGSIZE - 1)
}

impl<T: SlotTable> Offset<T> {
    /// A block for `req`; counts blocks looked at.
    fn serve(
        &self,
        allocator: &mut Allocator,
        slots: &T,
        at: InWindow,
        req: &SlotRequest,
        looked: &mut u32,
    ) -> Option<Served> {
        for size in [req.nslots, req.nslots + slack(req)] {
            let Some(block) = allocator.allocate(size) else { continue };
            *looked += 1;
            let mut starts = block.offset..=block.offset + size - req.nslots;
            let serves = |&within: &u32| {
                let first = self.first + within;
                req.aligned(at, first) && !req.crosses(at, first) && self.free.run(slots, first) >= req.nslots
            };
            if let Some(within) = starts.find(serves) {
                return Some((block, within));
            }
            allocator.free(block);
        }
        None
    }
}

impl<T: SlotTable> SlotSearch for Offset<T> {
    type Table = T;
    const NAME: &'static str = "offset-allocator";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &T, area: AreaRange) -> Self {
        // A node for each block and for each free region between two, and the crate keeps one back.
        let allocator = Allocator::with_max_allocs(area.len, 2 * area.len + 2);
        let blocks = (0..area.len).map(|_| None).collect();
        let peer = Mutex::new(Peer { allocator, blocks });
        Self { first: area.first, free: Bitmap::new(slots, area), peer }
    }

    #[inline]
    fn run(&self, slots: &T, index: u32) -> u32 {
        self.free.run(slots, index)
    }

    fn find<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let allocator = &mut self.peer.lock().allocator;
        let mut looked = 0;
        match self.serve(allocator, slots, at, req, &mut looked) {
            Some((block, within)) => {
                allocator.free(block);
                probe.slots_scanned(looked);
                Some(area.first + within)
            }
            None => self.free.find(slots, area, at, req, from, probe),
        }
    }

    fn claim<C: Probe>(
        &self,
        slots: &T,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let Peer { allocator, blocks } = &mut *self.peer.lock();
        let mut looked = 0;
        let first = match self.serve(allocator, slots, at, req, &mut looked) {
            Some((block, within)) => {
                probe.slots_scanned(looked);
                blocks[within as usize] = Some(block);
                area.first + within
            }
            None => self.free.find(slots, area, at, req, from, probe)?,
        };
        probe.written_at_map(self.free.take(slots, first, req));
        Some(first)
    }

    /// Without the peer's knowledge: it hands out no slot that was asked for by its place.
    fn take(&self, slots: &T, first: u32, req: &SlotRequest) -> u32 {
        self.free.take(slots, first, req)
    }

    fn give(&self, slots: &T, first: u32, n: u32) -> u32 {
        let Peer { allocator, blocks } = &mut *self.peer.lock();
        if let Some(block) = blocks[(first - self.first) as usize].take() {
            allocator.free(block);
        }
        self.free.give(slots, first, n)
    }
}
