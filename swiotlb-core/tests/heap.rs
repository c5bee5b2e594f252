//! What a pool is made of beside its pages comes from the process's heap, and Rust has no way back from a heap that is
//! used up: the process ends. So no pool is ever half-made: this is seen here for every allocation of a transient pool's
//! and of a grown pool's making, each in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{DeviceLimits, Direction, MapRequest};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, PoolPages, Zone};
use swiotlb_core::policy::{Kernel, With};

/// Names what is made and which allocation of it fails, for a process that this test starts.
const PLAN: &str = "SWIOTLB_TEST_HEAP";
const SIGABRT: i32 = 6;

thread_local! {
    /// Allocations until one fails; 0 is never.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// The system's heap, until an allocation of this thread is to fail.
struct Heap;

impl Heap {
    fn fails() -> bool {
        // A thread that is ending has no counter any more, and no failure to come.
        LEFT.try_with(|left| left.replace(left.get().saturating_sub(1)) == 1).unwrap_or(false)
    }
}

// SAFETY: every call is the system's, or answered with null, which stands for no memory.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        if Self::fails() { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        if Self::fails() { std::ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        if Self::fails() { std::ptr::null_mut() } else { unsafe { System.realloc(at, layout, bytes) } }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

/// Does it with the heap's allocation `nth` failing; how many there were, if it comes back.
fn with_failure(nth: u64, it: impl FnOnce()) -> u64 {
    // Far from the end, so that what is left says what was used.
    let most = if nth == 0 { u64::MAX } else { nth };
    LEFT.set(most);
    it();
    most - LEFT.replace(0)
}

type Mem = IoTlbMem<<Kernel as With>::Pages<PoolPages<BuddyZones, NoEncryption>>>;

fn mem() -> Arc<Mem> {
    let zones = [(Zone::Dma32, PhysAddr(1 << 30), 64 << 20)];
    let pages = PoolPages::new(BuddyZones::new(&zones), NoEncryption, None);
    let (geometry, memory) = (Geometry { nslabs: 512, nareas: 2 }, Arc::new(PhysMemory::new()));
    let reserve = &mut |_bytes| Some(PhysAddr(64 << 20));
    IoTlbMem::early(geometry, Permissions::default(), None, memory, pages, reserve).unwrap().mem
}

/// Makes a transient pool, or has growth add one; how many allocations that took.
fn makes(what: &str, nth: u64) -> u64 {
    let mem = mem();
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let caller = mem.caller(0);
    let request =
        |i: u64, size| MapRequest::new(PhysAddr((8 << 30) + i * (512 << 10)), size, Direction::ToDevice);
    for i in 0..4 {
        caller.enter().map(&dev, &request(i, 256 << 10)).unwrap();
    }
    let session = caller.enter();
    if what == "transient" {
        return with_failure(nth, || _ = session.map(&dev, &request(5, 4096)).unwrap());
    }
    session.map(&dev, &request(5, 4096)).unwrap();
    drop(session);
    with_failure(nth, || assert_eq!(caller.run_worker(), Grown::Added { nslabs: 512 }))
}

/// Run by [`at_every_allocation`] with a plan; without one there is nothing to do.
#[test]
fn one_allocation_fails() {
    let Ok(plan) = std::env::var(PLAN) else { return };
    let (what, nth) = plan.split_once(' ').unwrap();
    makes(what, nth.parse().unwrap());
}

fn at_every_allocation(what: &str) -> u64 {
    let program = std::env::current_exe().unwrap();
    let with = |nth: u64| -> Output {
        let arguments = ["one_allocation_fails", "--exact", "--test-threads=1"];
        Command::new(&program).args(arguments).env(PLAN, format!("{what} {nth}")).output().unwrap()
    };
    let all = makes(what, 0);
    for nth in 1..=all {
        let done = with(nth);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.signal(), Some(SIGABRT), "{what} {nth} of {all}: {:?} {said}", done.status);
        assert!(said.contains("memory allocation of"), "{what} {nth}: {said}");
    }
    assert!(with(all + 1).status.success(), "there are {all} allocations");
    println!("{what}: the process ended at each of {all} allocations");
    all
}

#[test]
fn a_heap_that_is_used_up_ends_the_process_at_every_step_of_a_pool_s_making() {
    assert!(at_every_allocation("transient") > 2);
    assert!(at_every_allocation("grown") > 2);
}
