//! What replay of a recording needs and no driver may use: pools, slots and start indices as recorded.

use crate::addr::PhysAddr;
use crate::bounce::CopyTo;
use crate::caller::{Caller, Session};
use crate::device::MapRequest;
use crate::error::{InitError, MapError};
use crate::lookup::PoolRange;
use crate::map::Found;
use crate::mem::{Device, IoTlbMem};
use crate::phys::PhysMemory;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::publish::Publish;
use crate::reclaim::Reclaim;
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT, align_offset};
use crate::setup::reserved;

impl<P: Policy> Caller<'_, P> {
    /// Adds a pool at a recorded place, as the worker would have. The memory counts as zero.
    ///
    /// # Errors
    /// [`InitError::Placement`] or [`InitError::TooLarge`]; nothing is added then.
    pub fn insert_pool(&self, base: PhysAddr, nslabs: u64, nareas: u32) -> Result<(), InitError> {
        let bytes = nslabs.saturating_mul(1 << IO_TLB_SHIFT);
        let refuse = |what| Err(InitError::Placement { base, bytes, what });
        let segments_per_area = nslabs / u64::from(IO_TLB_SEGSIZE) / u64::from(nareas.max(1));
        let whole = segments_per_area * u64::from(IO_TLB_SEGSIZE) * u64::from(nareas) == nslabs;
        if nareas != 1 && !(nareas.is_power_of_two() && whole) {
            return refuse("its areas are not a power of two of whole segments");
        }
        let end = base.0.saturating_add(bytes);
        let overlaps = |pool: &Pool<P>| base < pool.end() && pool.start().0 < end;
        if self.enter().pools().any(overlaps) {
            return refuse("it overlaps a pool");
        }
        let memory = reserved(&self.mem().memory, base, bytes)?;
        let pool = IoTlbMem::<P>::build_pool(memory, nslabs, nareas, false)?;
        self.mem().add_pool(&P::Reclaim::enter(self.local()), pool);
        Ok(())
    }
}

impl<P: Policy> Session<'_, P> {
    /// Maps `req` at exactly `addr`, and moves the start index of that area behind it. `false`, and nothing
    /// changed, if `addr` lies in no pool of the allocator, does not match the request, or is taken.
    ///
    /// # Errors
    /// [`MapError`] for a request that is wrong in itself.
    pub fn map_at(&self, dev: &Device<P>, req: &MapRequest, addr: PhysAddr) -> Result<bool, MapError> {
        if !self.is_mine(dev) {
            return Err(MapError::ForeignDevice);
        }
        if !PhysMemory::in_space(req.orig, req.size) {
            return Err(MapError::NoSuchMemory { orig: req.orig, size: req.size });
        }
        let search = self.slot_request(dev, req.orig, req.size, req.alloc_align_mask)?;
        let offset = align_offset(dev.limits.min_align_mask, req.alloc_align_mask, req.orig);
        let Some(start) = addr.0.checked_sub(offset).map(PhysAddr) else { return Ok(false) };
        if start.0 & ((1 << IO_TLB_SHIFT) - 1) != 0 {
            return Ok(false);
        }
        let Some(pool) = self.look_up(dev, start).filter(|pool| !pool.is_transient()) else {
            return Ok(false);
        };
        let first = pool.slot_of(start);
        if !pool.claim_at(first, &search) {
            return Ok(false);
        }
        let area = pool.area_of(first);
        pool.set_area_index(area, first.0 + search.nslots - area.0 * pool.area_nslabs());
        self.add_used(u64::from(search.nslots));
        self.mem().settle(&self.guard);
        P::Publish::publish(&dev.uses_io_tlb);
        let mapped = self.remember(dev, req, &search, &Found { pool, first });
        self.bounce_whole(pool, req.orig, mapped, req.size, CopyTo::Device);
        Ok(true)
    }
}
