//! An encrypting platform: the transient path takes decrypted memory from the atomic pool, growth decrypts
//! its own, and what cannot be encrypted again is leaked on purpose.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{MapError, PageError};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{
    AtomicPool, BuddyZones, CostModel, Decrypt, FailingBlocks, FailingDecrypt, PageAttribute, PageSource,
    PhysMemory, PoolPages, Zone,
};
use swiotlb_core::policy::{Kernel, With};

type Pages<D> = PoolPages<FailingBlocks<BuddyZones>, FailingDecrypt<D>>;
type Encrypted<D> = <Kernel as With>::Pages<Pages<D>>;
type Mem<D> = Arc<IoTlbMem<Encrypted<D>>>;

const ATOMIC: PhysAddr = PhysAddr(2 << 30);
const DIR: Direction = Direction::Bidirectional;

fn full_mem<D: Decrypt + 'static>(model: D) -> (Mem<D>, Device<Encrypted<D>>) {
    let zones = [(Zone::Dma32, PhysAddr(1 << 30), 64 << 20)];
    let blocks = FailingBlocks::new(BuddyZones::new(&zones));
    let pages = PoolPages::new(blocks, FailingDecrypt::new(model), Some(AtomicPool::new(ATOMIC, 16 << 10)));
    let memory = Arc::new(PhysMemory::new());
    pages.prepare(&memory).unwrap();
    let geometry = Geometry { nslabs: 512, nareas: 1 };
    let reserve = &mut |_bytes| Some(PhysAddr(64 << 20));
    let mem = IoTlbMem::early(geometry, Permissions::default(), None, memory, pages, reserve).unwrap().mem;
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let caller = mem.caller(0);
    for i in 0..4 {
        map(&caller.enter(), &dev, i, 256 << 10).unwrap();
    }
    drop(caller);
    (mem, dev)
}

fn map<D: Decrypt + 'static>(
    session: &Session<'_, Encrypted<D>>,
    dev: &Device<Encrypted<D>>,
    i: u64,
    size: u64,
) -> Result<PhysAddr, MapError> {
    session.map(dev, &MapRequest::new(PhysAddr((8 << 30) + i * (512 << 10)), size, DIR))
}

fn transient_memory_is_the_atomic_pool_s<D: Decrypt + 'static>(model: D) {
    let (mem, dev) = full_mem(model);
    let atomic = mem.pages().atomic_pool().unwrap();
    let mut caller = mem.caller(0);
    let decrypts = mem.pages().decrypt_model().decrypts();
    let first = map(&caller.enter(), &dev, 10, 8 << 10).unwrap();
    let second = map(&caller.enter(), &dev, 11, 8 << 10).unwrap();
    assert!(atomic.owns(first) && atomic.owns(second));
    assert_eq!(atomic.free_pages(), 0);
    assert_eq!(mem.pages().decrypt_model().decrypts(), decrypts, "nothing is decrypted on the way");
    let dry = map(&caller.enter(), &dev, 12, 1);
    assert!(matches!(dry, Err(MapError::OutOfPages { source: PageError::AtomicPoolEmpty { pages: 1 }, .. })));

    for addr in [first, second] {
        caller.enter().unmap(&dev, addr, 8 << 10, DIR, Attrs::default()).unwrap();
    }
    assert_eq!(atomic.free_pages(), 0, "held for the grace period");
    caller.quiesce();
    assert_eq!((atomic.free_pages(), atomic.bad_frees()), (4, 0));
    assert_eq!(mem.pages().blocks().outstanding(), 0);
}

#[test]
fn the_transient_path_never_decrypts() {
    transient_memory_is_the_atomic_pool_s(CostModel { fixed_spins: 10, per_page_spins: 1 });
    transient_memory_is_the_atomic_pool_s(PageAttribute::new());
}

#[test]
fn growth_decrypts_its_pool() {
    let (mem, dev) = full_mem(PageAttribute::new());
    let caller = mem.caller(0);
    map(&caller.enter(), &dev, 10, 4096).unwrap();
    assert_eq!(caller.run_worker(), Grown::Added { nslabs: 512 });
    // The copy would end the process if the pool were still read-only.
    let addr = map(&caller.enter(), &dev, 11, 4096).unwrap();
    assert!(!mem.pages().atomic_pool().unwrap().owns(addr));
}

#[test]
fn growth_that_cannot_decrypt_adds_nothing() {
    let (mem, dev) = full_mem(CostModel { fixed_spins: 0, per_page_spins: 0 });
    let caller = mem.caller(0);
    map(&caller.enter(), &dev, 10, 4096).unwrap();
    mem.pages().decrypt_model().fail_next_decrypts(1);
    assert!(matches!(caller.run_worker(), Grown::Failed(PageError::Attribute(_))));
    assert_eq!((mem.stats().pools, mem.pages().blocks().outstanding()), (1, 0));
    assert_eq!(mem.pages().leaked_bytes(), 0);
    // And where the pages cannot be encrypted again either, they are never handed out.
    map(&caller.enter(), &dev, 11, 4096).unwrap();
    mem.pages().decrypt_model().fail_next_decrypts(1);
    mem.pages().decrypt_model().fail_next_encrypts(1);
    assert!(matches!(caller.run_worker(), Grown::Failed(_)));
    assert_eq!(mem.pages().leaked_bytes(), 1 << 20);
    assert_eq!(mem.pages().blocks().outstanding(), 1);
}
