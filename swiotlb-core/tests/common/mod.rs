//! A small machine for the tests: an allocator of any policy, memory, a helper for every policy in turn.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several test binaries; a test fails by panicking"
)]

pub mod crowd;
pub mod lifetime;
pub mod owners;
pub mod sharing;
pub mod violation;

use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, FailingBlocks, NoEncryption, PhysMemory, PoolPages, Zone};
use swiotlb_core::policy::{Policy, With};
use swiotlb_core::probe::Counters;

/// Pages with failures on demand; memory that is never encrypted.
pub type TestPages = PoolPages<FailingBlocks<BuddyZones>, NoEncryption>;
/// `P` with pages that can fail and every step counted.
pub type Tested<P> = <<P as With>::Pages<TestPages> as With>::Probe<Counters>;
/// A policy that the tests can set up.
pub trait Testable: Policy<Pages = TestPages, Probe = Counters> {}
impl<P: Policy<Pages = TestPages, Probe = Counters>> Testable for P {}

/// Where originals lie.
pub const ARENA: PhysAddr = PhysAddr(8 << 30);
/// Where the default pool lies.
pub const POOL: PhysAddr = PhysAddr(64 << 20);

pub fn pages() -> TestPages {
    let zones = [
        (Zone::Dma, PhysAddr(1 << 20), 15 << 20),
        (Zone::Dma32, PhysAddr(1 << 30), 256 << 20),
        (Zone::Normal, PhysAddr(5 << 30), 256 << 20),
    ];
    PoolPages::new(FailingBlocks::new(BuddyZones::new(&zones)), NoEncryption, None)
}

pub fn mem<P: Testable>(nslabs: u64, nareas: u32, can_grow: bool) -> Arc<IoTlbMem<P>> {
    let geometry = Geometry { nslabs, nareas };
    let permissions = Permissions { can_grow, ..Permissions::default() };
    let memory = Arc::new(PhysMemory::new());
    let reserve = &mut |_bytes| Some(POOL);
    IoTlbMem::early(geometry, permissions, None, memory, pages(), reserve).unwrap().mem
}

pub fn device<P: Testable>(mem: &Arc<IoTlbMem<P>>) -> Device<P> {
    mem.device(DeviceLimits::default()).unwrap()
}

/// The `i`th original: 512 KiB apart, so that none overlap.
pub fn orig(i: u64) -> PhysAddr {
    ARENA.wrapping_add(i * (512 << 10))
}

pub fn map<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, i: u64, size: u64) -> PhysAddr {
    session.map(dev, &MapRequest::new(orig(i), size, Direction::Bidirectional)).unwrap()
}

pub fn unmap<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, addr: PhysAddr, size: u64) {
    session.unmap(dev, addr, size, Direction::Bidirectional, Attrs::default()).unwrap();
}

/// Runs the suite `$test::<P>()` for every policy in the list, by name in the panic's back trace.
#[macro_export]
macro_rules! for_every_policy {
    ($($name:ident => $test:ident;)*) => { $(
        #[test]
        fn $name() {
            /// The suite of that name in the module, whose outcome is settled.
            fn $test<P: $crate::common::Testable>() {
                $crate::common::violation::settle(self::$test::<P>());
            }
            use swiotlb_core::area::{LockFree, Locked, Padded, Spread};
            use swiotlb_core::lock::{Backoff, Mcs, ParkingLot, QueuedSpin, StdMutex, TestAndSet, Ticket};
            use swiotlb_core::policy::{Fast, Kernel, With};
            use swiotlb_core::publish::{NoFlag, ReleaseFence};
            use swiotlb_core::lookup::{ArcSwapArray, GranuleHash, LeftRight, MutexArray, PageDirectory, RwLockArray, SkipList, SortedArray};
            use swiotlb_core::reclaim::{Delayed, Epoch, Quiescent, RefCounted, RwLocked};
            use swiotlb_core::search::{Bitmap, FreeRunList, Lifo, Offset, Summary, Warm};
            use swiotlb_core::slot::{EachSlot, FirstSlot};
            use swiotlb_core::stats::Sharded;
            use swiotlb_core::trip::EachStep;
            use swiotlb_core::walk::{HomeOnly, PoolMajor};
            $test::<$crate::common::Tested<Kernel>>();
            $test::<$crate::common::Tested<Fast>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<Ticket, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<StdMutex, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<ParkingLot, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Bitmap>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Summary>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Summary<FirstSlot>>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Padded<Locked<QueuedSpin, FreeRunList>>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Warm<FirstSlot>>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Lifo>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<QueuedSpin, Offset>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<LockFree>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<LockFree<EachSlot>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<LockFree<FirstSlot, Spread>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<SortedArray>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Publish<ReleaseFence>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Publish<NoFlag>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<ArcSwapArray>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<LeftRight>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<GranuleHash>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Trip<EachStep>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Walk<PoolMajor>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<TestAndSet, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<Backoff, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Area<Locked<Mcs, FreeRunList>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<RwLockArray>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<MutexArray>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<SkipList>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Lookup<PageDirectory>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Reclaim<Quiescent>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Reclaim<RefCounted>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Reclaim<RwLocked>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Reclaim<Delayed<Epoch, 10>>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Stats<Sharded>>>();
            $test::<$crate::common::Tested<<Kernel as With>::Walk<HomeOnly>>>();
        }
    )* };
}
