//! Map: find slots, remember whose they are, copy the original in (`swiotlb_tbl_map_single`).

use crate::addr::{PhysAddr, SlotIndex};
use crate::bounce::CopyTo;
use crate::caller::Session;
use crate::device::{Attrs, MapRequest};
use crate::error::{MapError, PageError};
use crate::grow::new_pool;
use crate::lookup::{PoolIndex, PoolRange};
use crate::mem::Device;
use crate::phys::{Context, PageSource, PhysMemory};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::probe::{Note, Probe};
use crate::publish::Publish;
use crate::rules::{IO_TLB_MAX_BYTES, IO_TLB_SHIFT, PAGE_SIZE, align_offset, alloc_size, nr_slots};
use crate::search::SlotRequest;
use crate::slot::MappingStart;
use crate::stats::Stats;
use crate::trip::Trip;
use crate::walk::Walk;
use core::ptr::NonNull;

/// Slots that a search has claimed.
pub(crate) struct Found<'a, P: Policy> {
    pub(crate) pool: &'a Pool<P>,
    pub(crate) first: SlotIndex,
}

impl<P: Policy> Session<'_, P> {
    /// Maps a buffer, the low-level call: the bounce address, whatever the device reaches.
    ///
    /// # Errors
    /// See [`MapError`]; nothing is mapped then.
    #[inline]
    pub fn map(&self, dev: &Device<P>, req: &MapRequest) -> Result<PhysAddr, MapError> {
        self.map_slots(dev, req).inspect_err(|error| self.note_failure(error, req.attrs))
    }

    /// Maps a buffer, the streaming call (`swiotlb_map`): like [`Session::map`], but a bounce address
    /// that the device cannot reach is undone without a copy.
    ///
    /// # Errors
    /// See [`MapError`].
    #[inline]
    pub fn map_streaming(&self, dev: &Device<P>, req: &MapRequest) -> Result<PhysAddr, MapError> {
        let addr = self.map(dev, req)?;
        if dev.limits.reaches(addr, req.size) {
            return Ok(addr);
        }
        self.undo_unreachable(dev, req, addr)
    }

    #[cold]
    fn undo_unreachable(
        &self,
        dev: &Device<P>,
        req: &MapRequest,
        addr: PhysAddr,
    ) -> Result<PhysAddr, MapError> {
        self.probe().note(Note::NotDmaCapable);
        let attrs = Attrs { skip_cpu_sync: true, ..req.attrs };
        // Cannot fail: the mapping is the one just made.
        let _ = self.unmap(dev, addr, req.size, req.dir, attrs);
        Err(MapError::Unreachable { addr, reach: dev.limits.reach() })
    }

    #[cold]
    fn note_failure(&self, error: &MapError, attrs: Attrs) {
        if error.is_full() && !attrs.no_warn {
            self.probe().note(Note::Full);
        } else if matches!(error, MapError::NoPool) {
            self.probe().note(Note::NoPool);
        }
    }

    // Part of both calls above, however many callers they have.
    #[inline(always)]
    fn map_slots(&self, dev: &Device<P>, req: &MapRequest) -> Result<PhysAddr, MapError> {
        if !self.is_mine(dev) {
            return Err(MapError::ForeignDevice);
        }
        if !self.mem().is_active() {
            return Err(MapError::NoPool);
        }
        if !PhysMemory::in_space(req.orig, req.size) {
            return Err(MapError::NoSuchMemory { orig: req.orig, size: req.size });
        }
        if req.alloc_align_mask > PAGE_SIZE - 1 {
            self.probe().note(Note::AlignMaskAbovePage);
        }
        let search = self.slot_request(dev, req.orig, req.size, req.alloc_align_mask)?;
        let found = self.find_slots(dev, &search)?;
        Ok(self.begin_mapping(dev, req, &search, &found))
    }

    /// Steps 1 and 2 of a map: what to search for.
    #[inline(always)]
    pub(crate) fn slot_request(
        &self,
        dev: &Device<P>,
        orig: PhysAddr,
        size: u64,
        mask: u64,
    ) -> Result<SlotRequest, MapError> {
        if mask & mask.wrapping_add(1) != 0 {
            return Err(MapError::BadMask { mask });
        }
        let offset = align_offset(dev.limits.min_align_mask, mask, orig);
        let wanted = alloc_size(size, offset, mask).unwrap_or(u64::MAX);
        if wanted > IO_TLB_MAX_BYTES {
            return Err(MapError::TooLarge { wanted, max: IO_TLB_MAX_BYTES });
        }
        if wanted == 0 {
            return Err(MapError::ZeroLength);
        }
        Ok(SlotRequest { cpu: self.cpu(), ..SlotRequest::new(&dev.limits, orig, wanted, mask, offset) })
    }

    /// Step 3: slots from the pools, else from a transient pool (`swiotlb_find_slots`).
    // Part of its callers, as in the kernel: out of line, the request would go through memory.
    #[inline(always)]
    pub(crate) fn find_slots<'a>(
        &'a self,
        dev: &'a Device<P>,
        search: &SlotRequest,
    ) -> Result<Found<'a, P>, MapError> {
        let mem = self.mem();
        let found = P::Walk::search(
            || self.pools(),
            self.cpu(),
            mem.default.nareas,
            |pool, area| {
                let first = pool.find_in_area(area, search, self.probe())?;
                // Read again after the lock: what others gave back meanwhile came before this map.
                if P::Stats::BY_AREA && pool.is_over(area) {
                    mem.settle(&self.guard);
                }
                Some(Found { pool, first })
            },
        );
        let found = match found {
            Some(found) => found,
            None => self.find_slots_slow(dev, search)?,
        };
        self.add_used(u64::from(search.nslots));
        P::Publish::publish(&dev.uses_io_tlb);
        Ok(found)
    }

    /// No pool has room: ask the worker for one, and meanwhile make a pool for this buffer alone.
    #[cold]
    fn find_slots_slow<'a>(
        &'a self,
        dev: &'a Device<P>,
        search: &SlotRequest,
    ) -> Result<Found<'a, P>, MapError> {
        let mem = self.mem();
        let wanted = search.alloc_size;
        if !mem.permissions.can_grow {
            let stats = mem.stats_in(&self.guard);
            return Err(MapError::Full { wanted, total: stats.nslabs, used: stats.used });
        }
        if mem.growth.schedule() {
            self.probe().work_scheduled();
        }
        let pool =
            self.transient_pool(dev, search).map_err(|source| MapError::OutOfPages { wanted, source })?;
        let Some(first) = pool.find_in_area(crate::addr::AreaIndex(0), search, self.probe()) else {
            let base = pool.start();
            self.probe().transient_unusable();
            // Never published, so there is no reader to wait for.
            mem.pages.free(&mem.memory, pool.into_memory());
            return Err(MapError::TransientUnusable { wanted, base });
        };
        Ok(Found { pool: self.publish_transient(dev, pool), first })
    }

    /// A pool of exactly the slots asked for, as high as the device reaches, made without blocking.
    fn transient_pool(&self, dev: &Device<P>, search: &SlotRequest) -> Result<Pool<P>, PageError> {
        new_pool(self.mem(), u64::from(search.nslots), 1, dev.limits.reach().0, Context::Atomic)
    }

    fn publish_transient<'a>(&'a self, dev: &'a Device<P>, pool: Pool<P>) -> &'a Pool<P> {
        let slots = u64::from(pool.nslabs());
        let pool: &'a Pool<P> = Box::leak(Box::new(pool));
        // SAFETY: retired by the unmap that removes it (after a grace period) or freed with its device;
        // no other index holds it.
        unsafe { dev.transient.insert(&self.guard, NonNull::from(pool)) };
        self.mem().stats.add_transient(slots);
        self.mem().settle(&self.guard);
        self.probe().transient_made();
        pool
    }

    /// Steps 4 and 5: remember the mapping in its slots and copy the original in.
    #[inline]
    fn begin_mapping(
        &self,
        dev: &Device<P>,
        req: &MapRequest,
        search: &SlotRequest,
        found: &Found<'_, P>,
    ) -> PhysAddr {
        let addr = self.remember(dev, req, search, found);
        let pool = P::Trip::again(found.pool, || self.look_again(dev, addr));
        // Whatever the direction: a device that writes only a part must not destroy the rest, nor let
        // the CPU see what an earlier user left there.
        self.bounce_whole(pool, req.orig, addr, req.size, CopyTo::Device);
        addr
    }

    /// Writes the mapping into its slots; its bounce address.
    #[inline]
    pub(crate) fn remember(
        &self,
        dev: &Device<P>,
        req: &MapRequest,
        search: &SlotRequest,
        found: &Found<'_, P>,
    ) -> PhysAddr {
        let offset = align_offset(dev.limits.min_align_mask, req.alloc_align_mask, req.orig);
        let start = MappingStart { pad_slots: nr_slots_before(offset), dir: Some(req.dir) };
        found.pool.remember(found.first, search, start, Some(req.orig));
        found.pool.slot_addr(found.first).wrapping_add(offset)
    }
}

/// Whole padding slots before the buffer (step 4).
#[inline]
fn nr_slots_before(offset: u64) -> u16 {
    debug_assert!(nr_slots(offset) <= 128);
    #[expect(clippy::cast_possible_truncation, reason = "the offset is less than a segment")]
    let pad = (offset >> IO_TLB_SHIFT) as u16;
    pad
}
