//! Plain pages from a restricted pool (`swiotlb_alloc`, `swiotlb_free`).

use crate::addr::PhysAddr;
use crate::caller::Session;
use crate::error::{AllocError, MapError};
use crate::mem::Device;
use crate::policy::Policy;
use crate::rules::{IO_TLB_MAX_BYTES, PAGE_SIZE, page_order};
use crate::slot::MappingStart;
use crate::unmap::live_start;

impl<P: Policy> Session<'_, P> {
    /// Pages of at least `bytes` bytes, aligned to `bytes` rounded up to a power of two of pages; only
    /// the slots that `bytes` need are taken.
    ///
    /// # Errors
    /// See [`AllocError`]; nothing is taken then.
    pub fn alloc_pages(&self, dev: &Device<P>, bytes: u64) -> Result<PhysAddr, AllocError> {
        if !self.is_mine(dev) {
            return Err(MapError::ForeignDevice.into());
        }
        if !self.mem().permissions.for_alloc {
            return Err(AllocError::NotRestricted);
        }
        if bytes > IO_TLB_MAX_BYTES {
            return Err(MapError::TooLarge { wanted: bytes, max: IO_TLB_MAX_BYTES }.into());
        }
        let block_mask = (PAGE_SIZE << page_order(bytes)) - 1;
        if bytes == 0 {
            return Err(MapError::ZeroLength.into());
        }
        let search = crate::search::SlotRequest::new(&dev.limits, PhysAddr(0), bytes, block_mask, 0);
        let found = self.find_slots(dev, &search)?;
        let addr = found.pool.slot_addr(found.first);
        let start = MappingStart { pad_slots: 0, dir: None };
        found.pool.remember(found.first, &search, start, None);
        if addr.0 & (PAGE_SIZE - 1) != 0 {
            self.end_mapping(dev, found.pool, addr, start);
            return Err(AllocError::Unaligned { addr });
        }
        Ok(addr)
    }

    /// Frees pages of [`Session::alloc_pages`]; `false`, and nothing changed, if nothing of this device's
    /// allocator starts at `addr`. As in the kernel, a streaming mapping that starts there is ended too,
    /// without a copy.
    pub fn free_pages(&self, dev: &Device<P>, addr: PhysAddr) -> bool {
        if !self.is_mine(dev) {
            return false;
        }
        let Some(pool) = self.find_own_pool(dev, addr) else { return false };
        let Ok(start) = live_start(dev, pool, addr) else { return false };
        self.end_mapping(dev, pool, addr, start);
        true
    }
}
