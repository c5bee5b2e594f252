//! A caller's mistakes, as an author writes them: each is refused, and nothing else changes.
//!
//! Invariant: none comes to hit a live mapping that it does not name, so whatever is refused here is refused, or hits
//! nothing, wherever mappings are placed.

use swiotlb_core::device::Direction;

use super::Handle;
use super::author::{Author, Kind, Was, chosen, plain_unmap};
use super::pool::SLOT;
use crate::golden::{Op, Out, Sync, Unmap};

/// A mistake that a caller makes with a mapping, live or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which mapping of all that ever were.
    pub which: u32,
    /// Bytes from its address.
    pub off: i64,
    /// Which device.
    pub device: u32,
    /// Direction.
    pub dir: Direction,
}

impl Author {
    /// The device that a mistake names, if it comes to the same bytes as the mapping's own, or to none.
    pub(super) fn mistaken_device(&self, which: u32, handle: &Handle) -> u64 {
        let Some(dev) = chosen(&self.devices, which) else { return handle.dev };
        let (own, other) = (&self.oracle.devices[&handle.dev], &self.oracle.devices[&dev]);
        // Without its flag a device finds nothing, but under a policy that does not ask.
        let known = other.uses_io_tlb && (other.mem != own.mem || self.alike(handle.dev, dev));
        if known { dev } else { handle.dev }
    }

    /// Whether two devices keep the same bits of an address within a slot. Only then may one of them name the other's
    /// mappings: that is a precondition of the calls.
    fn alike(&self, dev: u64, other: u64) -> bool {
        let low = |dev| self.oracle.devices[&dev].limits.min_align_mask & (SLOT - 1);
        low(dev) == low(other)
    }

    /// The live mapping whose slots an address lies in, as a device sees it.
    fn mapping_around(&self, dev: u64, addr: u64) -> Option<Was> {
        let around = self.oracle.find_pool(dev, addr)?.around(addr)?;
        self.live.iter().copied().find(|was| self.handle(*was).addr == around.bounce)
    }

    pub(super) fn wrong_unmap(&mut self, mistake: Mistake) -> Option<Out> {
        let was = self.any(mistake.which)?;
        let handle = self.handle(was);
        let dev = self.mistaken_device(mistake.device, &handle);
        let addr = handle.addr.wrapping_add_signed(mistake.off);
        let starts = self.oracle.find_pool(dev, addr).and_then(|pool| pool.starts_at(addr));
        if starts.and_then(|starts| starts.of).is_some_and(|(_, dir)| dir == mistake.dir) {
            // No mistake.
            return None;
        }
        let around = self.mapping_around(dev, addr).map(|was| self.handle(was).dev);
        if around.is_some_and(|device| !self.alike(device, dev)) {
            return None;
        }
        let (off, dir) = (mistake.off.cast_unsigned(), Some(mistake.dir));
        self.step(Op::Unmap(Unmap { off, dev: Some(dev), dir, crc: false, ..plain_unmap(was.h) }))
    }

    pub(super) fn wrong_sync(&mut self, mistake: Mistake, len: u64, for_device: bool) -> Option<Out> {
        let was = self.any(mistake.which)?;
        let handle = self.handle(was);
        let dev = self.mistaken_device(mistake.device, &handle);
        let addr = handle.addr.wrapping_add_signed(mistake.off);
        // Another's bytes are not to be copied.
        let around = self.mapping_around(dev, addr);
        if around.is_some_and(|around| around.h != was.h || was.kind != Kind::Fresh) {
            return None;
        }
        let (off, dir) = (mistake.off.cast_unsigned(), Some(mistake.dir));
        let sync = Sync { h: was.h, off, dev: Some(dev), len: Some(len), dir, crc: false };
        self.step(if for_device { Op::SyncDev(sync) } else { Op::SyncCpu(sync) })
    }
}
