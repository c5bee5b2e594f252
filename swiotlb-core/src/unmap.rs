//! Unmap: copy back, then give the slots back or drop the transient pool (`swiotlb_tbl_unmap_single`).

use crate::addr::PhysAddr;
use crate::bounce::CopyTo;
use crate::caller::Session;
use crate::device::{Attrs, Direction};
use crate::error::UnmapError;
use crate::lookup::PoolIndex;
use crate::mem::Device;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::publish::Publish;
use crate::rules::{IO_TLB_SIZE, align_offset};
use crate::slot::{MappingStart, SlotView};
use crate::stats::Stats;
use crate::trip::Trip;
use core::ptr::NonNull;

impl<P: Policy> Session<'_, P> {
    /// Ends the mapping that starts at `addr`: copies `mapping_size` bytes back if the direction says so
    /// and the attributes do not forbid it, then frees what was recorded, whatever the size given.
    ///
    /// # Errors
    /// See [`UnmapError`]; nothing is changed then. Two threads that unmap one address at the same time
    /// are not told apart: that is the caller's to rule out.
    #[inline]
    pub fn unmap(
        &self,
        dev: &Device<P>,
        addr: PhysAddr,
        mapping_size: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        if !self.is_mine(dev) {
            return Err(UnmapError::ForeignDevice);
        }
        let Some(pool) = self.find_own_pool(dev, addr) else { return Err(UnmapError::NotBounced { addr }) };
        let start = live_start(dev, pool, addr)?;
        match start.dir {
            Some(mapped) if mapped == dir => {}
            Some(mapped) => return Err(UnmapError::WrongDirection { addr, mapped, given: dir }),
            None => return Err(UnmapError::NotLive { addr }),
        }
        let pool = P::Trip::for_unmap(pool, || self.look_again(dev, addr));
        if dir.from_device() && !attrs.skip_cpu_sync {
            let pool = P::Trip::again(pool, || self.look_again(dev, addr));
            self.bounce(dev, pool, addr, mapping_size, CopyTo::Cpu);
        }
        self.end_mapping(dev, pool, addr, start);
        Ok(())
    }

    /// Gives the slots or the transient pool of a live mapping back.
    #[inline]
    pub(crate) fn end_mapping(&self, dev: &Device<P>, pool: &Pool<P>, addr: PhysAddr, start: MappingStart) {
        P::Publish::ending();
        let pool = P::Trip::again(pool, || self.look_again(dev, addr));
        if pool.is_transient() {
            self.drop_transient(dev, pool);
        } else {
            let pool = P::Trip::again(pool, || self.look_again(dev, addr));
            self.release_slots(dev, pool, addr, start);
        }
    }

    /// Frees the recorded allocation, padding included (`swiotlb_release_slots`).
    #[inline]
    fn release_slots(&self, dev: &Device<P>, pool: &Pool<P>, addr: PhysAddr, start: MappingStart) {
        let offset = align_offset(dev.limits.min_align_mask, 0, addr);
        let buffer = pool.slot_of(addr);
        let nslots = pool.nslots_of(buffer, start, offset);
        pool.release(buffer, start, nslots, self.probe());
        self.sub_used(u64::from(nslots));
    }

    /// Unlinks a transient pool at once and frees it after a grace period (`swiotlb_del_transient`).
    #[cold]
    fn drop_transient(&self, dev: &Device<P>, pool: &Pool<P>) {
        let slots = u64::from(pool.nslabs());
        let pool = NonNull::from(pool);
        if !dev.transient.remove(&self.guard, pool) {
            // Another thread unmapped it at the same time: a caller's mistake that frees nothing twice.
            return;
        }
        self.sub_used(slots);
        self.mem().stats.sub_transient(slots);
        // SAFETY: leaked by `publish_transient`, and `remove` answers `true` to one caller only.
        let was_idle = unsafe { self.mem().retired.retire(&self.guard, pool) };
        if was_idle {
            self.mem().growth.wake();
        }
    }
}

/// The start word of the live mapping that starts at `addr`.
#[inline]
pub(crate) fn live_start<P: Policy>(
    dev: &Device<P>,
    pool: &Pool<P>,
    addr: PhysAddr,
) -> Result<MappingStart, UnmapError> {
    let slot = pool.slot(pool.slot_of(addr));
    let Some(start) = slot.start() else { return Err(UnmapError::NotLive { addr }) };
    // A mapping starts at the one byte of its first slot that matches its original.
    let offset = slot.orig_addr().map_or(0, |orig| align_offset(dev.limits.min_align_mask, 0, orig));
    if addr.0 & (IO_TLB_SIZE - 1) == offset { Ok(start) } else { Err(UnmapError::NotLive { addr }) }
}
