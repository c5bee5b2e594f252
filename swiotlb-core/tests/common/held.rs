//! Storms of transient pools, and a small atomic pool for them: for the suites about memory that is held back.

use super::{POOL, Testable, map, orig, unmap};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::{Caller, Session};
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::{MapError, PageError};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{AtomicPool, BuddyZones, CostModel, PhysMemory, PoolPages, Zone};
use swiotlb_core::policy::{Kernel, Policy, With};
use swiotlb_core::reclaim::Reclaim;

/// Pages of [`with_atomic_pool`]'s.
pub const ATOMIC_PAGES: u64 = 16;

/// Frees what readers and the time allow; how many pools. A bound, not a wait: grace periods take a few rounds.
pub fn free_all_expired<P: Policy>(caller: &Caller<'_, P>) -> usize {
    (0..32).map(|_| caller.free_expired()).sum()
}

/// Makes `n` pools of two pages, each for one mapping, and drops them again.
pub fn storm<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, n: u64) {
    for i in 0..n {
        let addr = map(session, dev, 1 + i % 8, 6 << 10);
        unmap(session, dev, addr, 6 << 10);
    }
}

/// An encrypting platform, whose transient pools come from an atomic pool.
pub type Encrypted<R> = <<Kernel as With>::Reclaim<R> as With>::Pages<PoolPages<BuddyZones, CostModel>>;

/// An allocator of it, with one segment.
pub fn with_atomic_pool<R: Reclaim>() -> Arc<IoTlbMem<Encrypted<R>>> {
    let zones = [(Zone::Dma32, PhysAddr(1 << 30), 64 << 20)];
    let atomic = AtomicPool::new(PhysAddr(2 << 30), ATOMIC_PAGES << 12);
    let model = CostModel { fixed_spins: 0, per_page_spins: 0 };
    let pages = PoolPages::new(BuddyZones::new(&zones), model, Some(atomic));
    let memory = Arc::new(PhysMemory::new());
    pages.prepare(&memory).unwrap();
    let geometry = Geometry { nslabs: 128, nareas: 1 };
    let reserve = &mut |_bytes| Some(POOL);
    IoTlbMem::early(geometry, Permissions::default(), None, memory, pages, reserve).unwrap().mem
}

/// Round trips until the atomic pool has no page left, at most `limit`; how many.
pub fn until_dry<P: Policy>(caller: &Caller<'_, P>, dev: &Device<P>, limit: u64) -> u64 {
    let request = MapRequest::new(orig(1), 2048, Direction::ToDevice);
    for done in 0..limit {
        let session = caller.enter();
        let addr = match session.map(dev, &request) {
            Ok(addr) => addr,
            Err(error) => {
                let dry = PageError::AtomicPoolEmpty { pages: 1 };
                assert!(matches!(error, MapError::OutOfPages { source, .. } if source == dry), "{error}");
                return done;
            }
        };
        session.unmap(dev, addr, 2048, Direction::ToDevice, Attrs::default()).unwrap();
        drop(session);
        free_all_expired(caller);
    }
    limit
}
