//! What the rows share: allocators at a place of their own, requests, and the policies that they run on.

use crate::common::{Testable, Tested, pages};
use std::sync::Arc;
use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};
use swiotlb_core::area::{LockFree, Locked};
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::policy::{Fast, Kernel, Policy, Warm, With, label};
use swiotlb_core::pool::Pool;
use swiotlb_core::search::{Bitmap, Lifo, Offset};
use swiotlb_core::walk::HasAreas;

pub const BIDI: Direction = Direction::Bidirectional;
/// Bytes in a slot.
pub const SLOT: u64 = 2048;
/// Bytes in a page.
pub const PAGE: u64 = 4096;
/// A page whose number is odd: what lies well there is aligned by its address, not by its slot's number.
pub const ODD_PAGE: PhysAddr = PhysAddr((64 << 20) + 0x3000);

type Search<S> = <Kernel as With>::Area<Locked<QueuedSpin, S>>;

/// Runs `suite`; the output of one that fails ends with its policy.
fn on<P: With>(suite: fn()) {
    println!("{}", label::<P>());
    suite();
}

/// What the two policies that are made of the most different parts do.
pub fn on_both(kernel: fn(), fast: fn()) {
    on::<Kernel>(kernel);
    on::<Fast>(fast);
}

/// [`on_both`], and every other slot search.
pub fn on_every_search([kernel, fast, bitmap, lock_free, warm, lifo, offset]: [fn(); 7]) {
    on_both(kernel, fast);
    on::<Search<Bitmap>>(bitmap);
    on::<<Kernel as With>::Area<LockFree>>(lock_free);
    on::<Warm>(warm);
    on::<Search<Lifo>>(lifo);
    on::<Search<Offset>>(offset);
}

pub type OnKernel = Tested<Kernel>;
pub type OnFast = Tested<Fast>;
pub type OnBitmap = Tested<Search<Bitmap>>;
pub type OnLockFree = Tested<<Kernel as With>::Area<LockFree>>;
pub type OnWarm = Tested<Warm>;
pub type OnLifo = Tested<Search<Lifo>>;
pub type OnOffset = Tested<Search<Offset>>;

/// Tests that run a suite `$suite::<P>()` on the kernel's policy and on the one that differs most from it.
macro_rules! on_both {
    ($($(#[$doc:meta])* $name:ident => $suite:ident;)*) => { $(
        $(#[$doc])*
        #[test]
        fn $name() {
            use $crate::museum::machine::{OnFast, OnKernel};
            $crate::museum::machine::on_both($suite::<OnKernel>, $suite::<OnFast>);
        }
    )* };
}

/// Tests that run a suite on every slot search.
macro_rules! on_every_search {
    ($($(#[$doc:meta])* $name:ident => $suite:ident;)*) => { $(
        $(#[$doc])*
        #[test]
        fn $name() {
            use $crate::museum::machine::*;
            on_every_search([
                $suite::<OnKernel>,
                $suite::<OnFast>,
                $suite::<OnBitmap>,
                $suite::<OnLockFree>,
                $suite::<OnWarm>,
                $suite::<OnLifo>,
                $suite::<OnOffset>,
            ]);
        }
    )* };
}

/// An allocator whose first pool starts at `base`.
pub fn mem_at<P: Testable>(base: PhysAddr, nslabs: u64, nareas: u32, can_grow: bool) -> Arc<IoTlbMem<P>> {
    let permissions = Permissions { can_grow, ..Permissions::default() };
    let memory = Arc::new(PhysMemory::new());
    let reserve = &mut |_bytes| Some(base);
    IoTlbMem::early(Geometry { nslabs, nareas }, permissions, None, memory, pages(), reserve).unwrap().mem
}

/// A restricted allocator whose pool of `nslabs` slots starts at `base`.
pub fn restricted_at<P: Testable>(base: PhysAddr, nslabs: u64) -> Arc<IoTlbMem<P>> {
    IoTlbMem::restricted(base, nslabs, Arc::new(PhysMemory::new()), pages()).unwrap()
}

/// A device that asks for these masks and nothing else.
pub fn masked<P: Policy>(mem: &Arc<IoTlbMem<P>>, min_align_mask: u64) -> Device<P> {
    mem.device(DeviceLimits { min_align_mask, ..DeviceLimits::default() }).unwrap()
}

/// A request in both directions.
pub fn request(orig: PhysAddr, size: u64, alloc_align_mask: u64) -> MapRequest {
    MapRequest { alloc_align_mask, ..MapRequest::new(orig, size, BIDI) }
}

/// Ends a mapping of [`request`].
pub fn end<P: Policy>(session: &Session<'_, P>, dev: &Device<P>, addr: PhysAddr, size: u64) {
    session.unmap(dev, addr, size, BIDI, Attrs::default()).unwrap();
}

/// The newest pool.
pub fn newest<'a, P: Policy>(session: &'a Session<'_, P>) -> &'a Pool<P> {
    session.pools().next().unwrap()
}

/// The next search of the only area starts at `index`.
pub fn start_at<P: Policy>(session: &Session<'_, P>, index: u32) {
    newest(session).set_area_index(AreaIndex(0), index);
}

/// Whether every slot of the pool is free again, in free runs as long as they were at first.
pub fn all_free<P: Policy>(pool: &Pool<P>) -> bool {
    let n = pool.nslabs();
    let used: u64 = (0..pool.nareas()).map(|area| pool.area_used(AreaIndex(area))).sum();
    used == 0 && (0..n).all(|slot| pool.free_run(SlotIndex(slot)) == (128 - slot % 128).min(n - slot))
}

/// The bounce bytes that a mapping takes, padding and rounding included: first and the one after the last.
pub fn taken<P: Policy>(session: &Session<'_, P>, dev: &Device<P>, addr: PhysAddr) -> (u64, u64) {
    let mapping = session.mapping(dev, addr).expect("a live mapping is known");
    let start = mapping.pool.slot_addr(mapping.first).0;
    let end = start + mapping.nslots * SLOT;
    assert!(mapping.pool.start().0 <= start && end <= mapping.pool.end().0, "outside its pool");
    (start, end)
}

/// `len` bytes that tell where they are, and one pattern from another.
pub fn pattern(seed: u8, len: u64) -> Vec<u8> {
    (0..len).map(|i| (i % 251).to_le_bytes()[0] ^ seed).collect()
}

/// `len` bytes at `addr`.
pub fn bytes(memory: &PhysMemory, addr: PhysAddr, len: u64) -> Vec<u8> {
    let mut seen = vec![0; usize::try_from(len).unwrap()];
    memory.read(addr, &mut seen).unwrap();
    seen
}

/// Small numbers without a pattern (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}
