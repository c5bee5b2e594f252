//! Who finds a pool, and when its memory goes. What only other orders of memory accesses would show is in the models:
//! `src/model/handed_over.rs`.

use super::machine::{ODD_PAGE, SLOT, end, mem_at, request};
use crate::common::hand_over::HandOver;
use crate::common::{Testable, device, orig, used};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::PageError;
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::{
    BuddyZones, Context, NoEncryption, PageSource, PhysMemory, PoolMemory, PoolPages, Zoned,
};
use swiotlb_core::policy::{Kernel, With};
use swiotlb_core::pool::Pool;
use swiotlb_core::reclaim::{Delayed, Epoch, Quiescent, Reclaim, RefCounted, RwLocked};

fn nothing_is_looked_up<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, false);
    let (user, stranger, caller) = (device(&mem), device(&mem), mem.caller(0));
    let session = caller.enter();
    let addr = session.map(&user, &request(orig(0), 1, 0)).unwrap();
    let before = caller.probe().get().pools_visited;
    for at in [addr.0, ODD_PAGE.0, ODD_PAGE.0 + 128 * SLOT - 1, 0, u64::MAX] {
        assert!(!session.is_swiotlb_buffer(&stranger, PhysAddr(at)), "{at:#x} is nobody's of this device");
    }
    // A map that fails makes nobody a user.
    let full = session.map(&stranger, &request(orig(1), 128 * SLOT, 0));
    assert!(full.is_err() && !session.is_swiotlb_buffer(&stranger, addr));
    assert_eq!(
        caller.probe().get().pools_visited,
        before,
        "no pool is looked at for a device without buffers"
    );
    let theirs = session.map(&stranger, &request(orig(2), 1, 0)).unwrap();
    assert!(session.is_swiotlb_buffer(&stranger, theirs));
    end(&session, &stranger, theirs, 1);
    end(&session, &user, addr, 1);
}

/// One thread maps into pools of one mapping each, another unmaps.
fn found_on_another_cpu<P: Testable>() {
    const ROUNDS: u64 = 500;
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, true);
    let dev = device(&mem);
    mem.caller(0).enter().map(&dev, &request(orig(0), 128 * SLOT, 0)).unwrap();
    let handed = HandOver::default();
    let lost = AtomicU64::new(0);
    thread::scope(|s| {
        s.spawn(|| {
            let caller = mem.caller(1);
            for _ in 0..ROUNDS {
                handed.take(|addr| {
                    let session = caller.enter();
                    if session.find_pool(&dev, addr).is_some_and(Pool::is_transient) {
                        end(&session, &dev, addr, SLOT);
                    } else {
                        // Not a panic here, for which the other thread would wait for ever.
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                });
                caller.free_expired();
            }
        });
        let caller = mem.caller(0);
        for i in 0..ROUNDS {
            handed.give(caller.enter().map(&dev, &request(orig(1 + i % 8), SLOT, 0)).unwrap());
        }
    });
    assert_eq!(lost.into_inner(), 0, "addresses that were no bounce addresses to the other CPU");
    mem.caller(0).quiesce();
    assert_eq!(used(&mem), (128, 0));
}

on_both! {
    /// The flag of devices that bounce was never tested.
    row_17_a_device_without_buffers_looks_nothing_up => nothing_is_looked_up;
    /// A transient pool must be known to every CPU at once.
    row_38_a_transient_pool_is_found_on_another_cpu => found_on_another_cpu;
}

thread_local! {
    /// Guards that this thread holds, and callbacks of the reclaimer that it is in.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// One more of [`INSIDE`], as long as it lives.
struct Inside;

impl Inside {
    fn new() -> Self {
        INSIDE.set(INSIDE.get() + 1);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}

/// `R`, which knows whether its guards are held, the allocator's own too.
#[derive(Default)]
struct Tracked<R>(R);

impl<R: Reclaim> Reclaim for Tracked<R> {
    type Local = R::Local;
    // The guard goes first.
    type Guard<'a> = (R::Guard<'a>, Inside);
    const NAME: &'static str = "tracked";
    const FREES: bool = R::FREES;

    fn register(&self) -> R::Local {
        self.0.register()
    }

    fn enter(local: &R::Local) -> Self::Guard<'_> {
        (R::enter(local), Inside::new())
    }

    unsafe fn defer<F: FnOnce() + Send>(guard: &Self::Guard<'_>, free: F) {
        let free = move || {
            let _callback = Inside::new();
            free();
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { R::defer(&guard.0, free) };
    }

    fn advance(local: &R::Local) {
        R::advance(local);
    }

    fn expedite(local: &R::Local) {
        R::expedite(local);
    }

    fn set_now_ms(&self, ms: u64) {
        self.0.set_now_ms(ms);
    }
}

/// Linux's source as if every free could block: asked from inside, it says so.
struct Watched {
    pages: PoolPages<BuddyZones, NoEncryption>,
    frees: Arc<AtomicU64>,
}

impl PageSource for Watched {
    type Source = Zoned;
    const FREE_MAY_BLOCK: bool = true;

    fn alloc(
        &self,
        memory: &PhysMemory,
        bytes: u64,
        limit: PhysAddr,
        context: Context,
    ) -> Result<PoolMemory, PageError> {
        self.pages.alloc(memory, bytes, limit, context)
    }

    fn free(&self, memory: &PhysMemory, pages: PoolMemory) {
        self.frees.fetch_add(1, Ordering::Relaxed);
        assert_eq!(INSIDE.get(), 0, "a pool is destroyed under a guard, or by the reclaimer itself");
        self.pages.free(memory, pages);
    }

    fn leaked_bytes(&self) -> u64 {
        self.pages.leaked_bytes()
    }
}

fn destroyed_outside<R: Reclaim>() {
    type On<R> = <<Kernel as With>::Reclaim<Tracked<R>> as With>::Pages<Watched>;
    println!("{}", R::NAME);
    let frees = Arc::new(AtomicU64::new(0));
    let pages =
        Watched { pages: PoolPages::new(BuddyZones::pc(8 << 30), NoEncryption, None), frees: frees.clone() };
    let reserve = &mut |_bytes| Some(ODD_PAGE);
    let (geometry, memory) = (Geometry { nslabs: 512, nareas: 1 }, Arc::new(PhysMemory::new()));
    let setup = IoTlbMem::<On<R>>::early(geometry, Permissions::default(), None, memory, pages, reserve);
    let mem = setup.unwrap().mem;
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let mut caller = mem.caller(0);
    let map = |i, slots: u64| caller.enter().map(&dev, &request(orig(i), slots * SLOT, 0)).unwrap();
    for i in 0..4 {
        map(i, 128);
    }
    // More sections than a reclaimer lets pass before it looks after what waits.
    for round in 0..400 {
        mem.set_now_ms(round);
        let addr = map(4, 1);
        end(&caller.enter(), &dev, addr, SLOT);
    }
    caller.free_expired();
    map(5, 2);
    caller.run_worker();
    caller.quiesce();
    assert_eq!(frees.load(Ordering::Relaxed), 400, "{}", R::NAME);
    drop(caller);
    drop(dev);
    assert_eq!(frees.load(Ordering::Relaxed), 401, "{}: the pool that was left to its device", R::NAME);
    drop(mem);
    assert_eq!(frees.load(Ordering::Relaxed), 403, "{}: those of the allocator", R::NAME);
}

/// Pools were destroyed where nothing may block: in the reclaimer's callback.
#[test]
fn row_34_no_pool_is_destroyed_under_a_guard() {
    destroyed_outside::<Epoch>();
    destroyed_outside::<Quiescent>();
    destroyed_outside::<RefCounted>();
    destroyed_outside::<RwLocked>();
    destroyed_outside::<Delayed<Epoch, 10>>();
}
