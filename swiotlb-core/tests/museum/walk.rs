//! How a search goes from slot to slot, from area to area, from pool to pool.

use super::machine::{ODD_PAGE, PAGE, SLOT, end, masked, mem_at, newest, request, start_at};
use crate::common::{POOL, Testable, device, orig, pages};
use std::cell::Cell;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::MapError;
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::search::{AreaRange, InWindow, SlotRequest, stepped_walk};
use swiotlb_core::stats::Stats;
use swiotlb_core::walk::HasAreas;

/// Linux's walk itself, over an area in which no candidate serves: it asks about each slot at most once.
fn the_walk_asks_about_no_slot_twice() {
    let area = AreaRange { first: 128, len: 256 };
    for (min_align_mask, low) in [(0xfff, 0x800), (0xfff, 0), (0x3fff, 0x1800), (0, 0)] {
        for (mask, base) in [(0, 0), (0, 0x3000), (0x1fff, 0x3000), (0xffff, 0x1000)] {
            let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
            let req = SlotRequest::new(&limits, PhysAddr((8 << 30) + low), PAGE, mask, 0);
            for from in 0..area.len {
                let asked = Cell::new(0);
                let at = InWindow { base, shift: base / SLOT };
                let found = stepped_walk(area, at, &req, from, &(), |_, _| {
                    asked.set(asked.get() + 1);
                    assert!(asked.get() <= area.len, "still walking after a whole round from {from} on");
                    false
                });
                assert_eq!(found, None);
            }
        }
    }
}

/// One slot in four is taken and aligned candidates never serve, from every start index.
fn a_vain_search_ends<P: Testable>() {
    let mem = mem_at::<P>(ODD_PAGE, 256, 1, false);
    let (dev, nvme, caller) = (device(&mem), masked(&mem, PAGE - 1), mem.caller(0));
    let session = caller.enter();
    let all: Vec<_> = (0..256).map(|i| session.map(&dev, &request(orig(i), 1, 0)).unwrap()).collect();
    let freed = all.iter().filter(|addr| addr.0 / SLOT % 4 != 3);
    freed.for_each(|&addr| end(&session, &dev, addr, 1));
    let stride = 2;
    for from in 0..256 {
        // No run of four slots; and of those of three, none that starts where the original's bit 11 wants it.
        for (low, size) in [(0, 2 * PAGE), (0x800, 2 * PAGE), (0x800, 3 * SLOT)] {
            start_at(&session, from);
            let before = caller.probe().get().slots_scanned;
            let got = session.map(&nvme, &request(orig(300).wrapping_add(low), size, 0));
            assert!(matches!(got, Err(MapError::Full { .. })), "{got:?}");
            let scanned = caller.probe().get().slots_scanned - before;
            assert!(scanned <= 256 + stride, "{scanned} slots of 256 from {from} on");
        }
    }
}

/// Runs `suite` on a thread of its own. The bound is there to turn a search that never ends into a failure; one that
/// ends takes milliseconds, and nothing depends on how many.
fn ends(suite: fn()) {
    const FOR_EVER: Duration = Duration::from_secs(30);
    let (done, wait) = channel();
    let search = thread::spawn(move || {
        suite();
        // Nobody waits any more if this comes too late.
        let _ = done.send(());
    });
    match wait.recv_timeout(FOR_EVER) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the search goes on for ever"),
        _ => search.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

fn vain_searches<P: Testable>() {
    the_walk_asks_about_no_slot_twice();
    ends(a_vain_search_ends::<P>);
}

on_every_search! {
    /// Deadlock in a full area: the walk ended at "index is where I began", which strides can step over.
    row_12_a_search_in_vain_ends_after_one_round => vain_searches;
}

/// Set-up found memory for 512 slots where 16 areas were wished for.
fn fewer_areas_than_wished<P: Testable>() -> Arc<IoTlbMem<P>> {
    let geometry = Geometry { nslabs: 4096, nareas: 16 };
    let reserve = &mut |bytes| (bytes <= 512 * SLOT).then_some(POOL);
    let memory = Arc::new(PhysMemory::new());
    let permissions = Permissions { can_grow: false, ..Permissions::default() };
    IoTlbMem::early(geometry, permissions, None, memory, pages(), reserve).unwrap().mem
}

fn own_count_of_areas<P: Testable>() {
    let mem = fewer_areas_than_wished::<P>();
    let dev = device(&mem);
    assert_eq!((mem.default_geometry().nareas, newest(&mem.caller(0).enter()).nareas()), (16, 4));
    for cpu in 0..40 {
        let caller = mem.caller(cpu);
        let session = caller.enter();
        let addr = session.map(&dev, &request(orig(cpu.into()), 1, 0)).unwrap();
        let pool = newest(&session);
        assert_eq!(pool.area_of(pool.slot_of(addr)), AreaIndex(cpu & 3), "CPU {cpu}");
        end(&session, &dev, addr, 1);
        // A search in vain asks each area that there is, once.
        let held: Vec<_> =
            (0..4).map(|i| session.map(&dev, &request(orig(i), 128 * SLOT, 0)).unwrap()).collect();
        let before = caller.probe().get().areas_tried;
        assert!(session.map(&dev, &request(orig(9), 1, 0)).is_err());
        assert_eq!(caller.probe().get().areas_tried - before, 4, "CPU {cpu}");
        held.iter().for_each(|&addr| end(&session, &dev, addr, 128 * SLOT));
    }
    assert_eq!(mem.stats().used, 0);
}

const CPUS: u32 = 4;
const POOLS: u64 = 3;

/// As many single slots as the areas of `cpu` have, in every pool: none of them is a neighbour's, and no lock was taken
/// but of its own areas.
fn maps_in_its_own_areas<P: Testable>(mem: &Arc<IoTlbMem<P>>, cpu: u32, start: &Barrier) {
    let (dev, caller) = (device(mem), mem.caller(cpu));
    let session = caller.enter();
    start.wait();
    for i in 0..POOLS * 128 {
        let before = caller.probe().get().locks_taken;
        let addr = session.map(&dev, &request(orig(u64::from(cpu) * 400 + i), 1, 0)).unwrap();
        let pool = session.find_pool(&dev, addr).unwrap();
        assert_eq!(pool.area_of(pool.slot_of(addr)), AreaIndex(cpu), "map {i} of CPU {cpu}");
        let locks = caller.probe().get().locks_taken - before;
        assert_eq!(locks, 1 + i / 128, "map {i} of CPU {cpu} took {locks} locks");
    }
    // Whoever takes none but its own locks finds each of them free; settling statistics by area holds all of them.
    let contended = caller.probe().get().locks_contended;
    assert!(contended == 0 || P::Stats::BY_AREA, "CPU {cpu} waited {contended} times");
}

fn no_neighbour_s_lock<P: Testable>() {
    let mem = mem_at::<P>(POOL, u64::from(CPUS) * 128, CPUS, false);
    for nth in 1..POOLS {
        mem.caller(0).insert_pool(POOL.wrapping_add(nth << 24), u64::from(CPUS) * 128, CPUS).unwrap();
    }
    let start = Barrier::new(CPUS as usize);
    thread::scope(|s| {
        let (mem, start) = (&mem, &start);
        (0..CPUS).for_each(|cpu| drop(s.spawn(move || maps_in_its_own_areas(mem, cpu, start))));
    });
    assert_eq!(mem.stats().used, POOLS * u64::from(CPUS) * 128);
}

on_both! {
    /// Out of bounds: one place still used the default count of areas for a pool that has fewer.
    row_16_a_pool_is_walked_by_its_own_count_of_areas => own_count_of_areas;
    /// Contention: a search that goes pool by pool fights for other CPUs' areas.
    row_20_no_neighbour_s_lock_while_there_is_room_of_one_s_own => no_neighbour_s_lock;
}
