//! The copy between an original and its bounce buffer, and the syncs that ask for it.

use crate::addr::PhysAddr;
use crate::caller::Session;
use crate::device::Direction;
use crate::error::SyncError;
use crate::lookup::PoolRange;
use crate::mem::Device;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::probe::{Note, Probe};
use crate::rules::{IO_TLB_SIZE, align_offset};
use crate::slot::SlotView;

/// Whether bytes are copied. Off, everything else is done as before: that is how bookkeeping is measured.
pub trait Bounce: Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether to copy.
    const COPIES: bool;
}

/// Bytes are copied, as in the kernel.
pub struct Copying;

impl Bounce for Copying {
    const NAME: &'static str = "on";
    const COPIES: bool = true;
}

/// No byte is copied: for measuring the bookkeeping alone.
pub struct NoCopy;

impl Bounce for NoCopy {
    const NAME: &'static str = "off";
    const COPIES: bool = false;
}

/// The way one copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyTo {
    /// Original to bounce buffer.
    Device,
    /// Bounce buffer to original.
    Cpu,
}

/// The bytes of a mapping that one copy moves.
struct Part {
    orig: PhysAddr,
    bytes: u64,
}

/// Which part of the original `[addr, addr + bytes)` stands for, cut at the allocation's end; `None` if
/// `addr` lies in no live mapping.
#[inline]
fn part_of<P: Policy>(dev: &Device<P>, pool: &Pool<P>, addr: PhysAddr, bytes: u64) -> Option<Part> {
    let slot = pool.slot(pool.slot_of(addr));
    let orig = slot.orig_addr()?;
    // Where `addr` lies relative to the byte that the slot's original address stands for; negative where a
    // second or later slot is named before that byte. Both terms are below a slot.
    let here = addr.0 & (IO_TLB_SIZE - 1);
    let there = align_offset(dev.limits.min_align_mask, 0, orig);
    if here < there && slot.start().is_some() {
        // Before the mapping's first byte.
        return None;
    }
    // Modulo 2^64, as the slot's own number is; less than none if the allocation ends before `addr`.
    let left = slot.alloc_size().wrapping_add(there).wrapping_sub(here).cast_signed();
    let left = u64::try_from(left).ok()?;
    // With the mask of another device than the one that mapped, which is the caller's mistake and not known
    // here, `left` may be up to a slot too long: at the pool's end that slot is not there.
    let left = left.min(pool.end().wrapping_offset_from(addr));
    Some(Part { orig: orig.wrapping_add(here).wrapping_sub(there), bytes: bytes.min(left) })
}

impl<P: Policy> Session<'_, P> {
    /// Copies original to bounce buffer for any part of a live mapping, if the direction says so
    /// (`swiotlb_sync_single_for_device`).
    ///
    /// # Errors
    /// See [`SyncError`]. A range that runs past the allocation is cut, with a note.
    #[inline]
    pub fn sync_for_device(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.sync(dev, addr, bytes, dir, CopyTo::Device)
    }

    /// Copies bounce buffer to original for any part of a live mapping, if the direction says so
    /// (`swiotlb_sync_single_for_cpu`).
    ///
    /// # Errors
    /// See [`SyncError`]. A range that runs past the allocation is cut, with a note.
    #[inline]
    pub fn sync_for_cpu(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.sync(dev, addr, bytes, dir, CopyTo::Cpu)
    }

    #[inline]
    fn sync(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        to: CopyTo,
    ) -> Result<(), SyncError> {
        if !self.is_mine(dev) {
            return Err(SyncError::ForeignDevice);
        }
        let Some(pool) = self.find_own_pool(dev, addr) else { return Err(SyncError::NotBounced { addr }) };
        let mapped = pool.slot(pool.slot_of(addr)).start().and_then(|start| start.dir);
        if let Some(mapped) = mapped
            && mapped != dir
        {
            return Err(SyncError::WrongDirection { addr, mapped, given: dir });
        }
        let copies = match to {
            CopyTo::Device => dir.to_device(),
            CopyTo::Cpu => dir.from_device(),
        };
        let live = part_of(dev, pool, addr, bytes).is_some();
        if !live {
            return Err(SyncError::NotLive { addr });
        }
        if copies {
            self.bounce(dev, pool, addr, bytes, to);
        }
        Ok(())
    }

    /// Copies a part of a live mapping, cut at the allocation's end (`swiotlb_bounce`).
    #[inline]
    pub(crate) fn bounce(&self, dev: &Device<P>, pool: &Pool<P>, addr: PhysAddr, bytes: u64, to: CopyTo) {
        let Some(part) = part_of(dev, pool, addr, bytes) else { return };
        if part.bytes < bytes {
            self.probe().note(Note::BounceOverflow);
        }
        self.bounce_whole(pool, part.orig, addr, part.bytes, to);
    }

    /// Copies `bytes` between `orig` and `addr`, which is known to lie in `pool` with all its bytes.
    #[inline]
    pub(crate) fn bounce_whole(
        &self,
        pool: &Pool<P>,
        orig: PhysAddr,
        addr: PhysAddr,
        bytes: u64,
        to: CopyTo,
    ) {
        debug_assert!(addr.0 + bytes <= pool.end().0);
        self.probe().bytes_copied(bytes);
        if !P::Bounce::COPIES {
            return;
        }
        let (from, to) = match to {
            CopyTo::Device => (orig, addr),
            CopyTo::Cpu => (addr, orig),
        };
        // SAFETY: `copy` checks both ranges itself and bears with an overlap. What it leaves to its caller is
        // that nobody else writes either range meanwhile: the bounce range belongs to this live mapping, and
        // that no other thread works on the original while it is mapped, synced or unmapped is the documented
        // precondition of these calls (docs/INVARIANTS.md), as it is in the kernel.
        unsafe { self.mem().memory.copy(from, to, bytes) };
    }
}
