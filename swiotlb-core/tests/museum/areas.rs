//! Areas: whole segments each, through every way to a pool, also where memory was short.

use super::machine::{BIDI, PAGE, Random, SLOT, all_free, end, newest, request};
use crate::common::{POOL, Testable, blocks, device, orig, pages};
use std::sync::{Arc, Barrier};
use std::thread;
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::device::MapRequest;
use swiotlb_core::grow::Grown;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::pool::Pool;
use swiotlb_core::walk::HasAreas;

/// Whether every area of `pool` is whole segments.
fn is_whole<P: Testable>(pool: &Pool<P>, what: &str) {
    let (nslabs, nareas, area) = (pool.nslabs(), pool.nareas(), pool.area_nslabs());
    let what = format!("{what}: {nslabs} slots, {nareas} areas of {area}");
    assert!(nareas * area == nslabs, "{what}");
    assert!(nareas == 1 || area >= 128 && area.is_multiple_of(128), "{what}");
}

/// An allocator from early set-up that finds no more memory than `most` slots.
fn early<P: Testable>(geometry: Geometry, most: u64) -> Arc<IoTlbMem<P>> {
    let memory = Arc::new(PhysMemory::new());
    let reserve = &mut |bytes| (bytes / SLOT <= most).then_some(POOL);
    IoTlbMem::early(geometry, Permissions::default(), None, memory, pages(), reserve).unwrap().mem
}

fn late<P: Testable>(slots: u64, geometry: Geometry, permissions: Permissions) -> Arc<IoTlbMem<P>> {
    let memory = Arc::new(PhysMemory::new());
    IoTlbMem::late(slots * SLOT, geometry, permissions, memory, pages()).unwrap().mem
}

fn from_the_parameter<P: Testable>() {
    for nslabs in [1, 100, 128, 129, 384, 640, 1000, 1024, 1152, 3000, 4096] {
        for nareas in 0..=33 {
            let param = BootParam { nslabs: Some(nslabs), nareas: Some(nareas), force: None };
            let geometry = Geometry::new(param, 1, None).unwrap();
            let what = format!("swiotlb={nslabs},{nareas}");
            let area = geometry.nslabs / u64::from(geometry.nareas);
            assert!(
                area >= 128 && area.is_multiple_of(128) && geometry.nslabs >= nslabs,
                "{what}: {geometry:?}"
            );
            let mem = early::<P>(geometry, u64::MAX);
            let pools = mem.caller(0);
            is_whole(newest(&pools.enter()), &what);
            assert_eq!(newest(&pools.enter()).nareas(), nareas.max(1).next_power_of_two(), "{what}");
        }
    }
}

/// A pool of an allocator that wishes for `geometry`, from the worker.
fn grown<P: Testable>(mem: &Arc<IoTlbMem<P>>, failing: u64) -> Grown {
    let (dev, caller) = (device(mem), mem.caller(0));
    let session = caller.enter();
    for i in 0.. {
        let addr = session.map(&dev, &request(orig(i % 64), 128 * SLOT, 0)).unwrap();
        if session.find_pool(&dev, addr).unwrap().is_transient() {
            break;
        }
    }
    blocks(mem).fail_next(failing);
    drop(session);
    let grown = caller.run_worker();
    blocks(mem).fail_next(0);
    grown
}

/// Geometries as no parameter gives them: whoever calls the set-up may write them down.
const BY_HAND: [(u64, u32); 8] =
    [(1024, 8), (640, 4), (640, 8), (1536, 4), (1152, 16), (2048, 64), (1000, 2), (896, 3)];

fn every_way_to_a_pool<P: Testable>() {
    for (nslabs, nareas) in BY_HAND {
        let (geometry, what) = (Geometry { nslabs, nareas }, format!("{nslabs},{nareas}"));
        for most in [u64::MAX, 900, 512] {
            let mem = early::<P>(geometry, most);
            is_whole(newest(&mem.caller(0).enter()), &format!("early {what}, memory for {most}"));
        }
        for slots in [600, 1024, 2048] {
            let mem = late::<P>(slots, geometry, Permissions::default());
            is_whole(newest(&mem.caller(0).enter()), &format!("late {slots} of {what}"));
        }
        for failing in 0..2 {
            let mem = late::<P>(1024, geometry, Permissions::default());
            assert!(matches!(grown(&mem, failing), Grown::Added { .. }));
            is_whole(newest(&mem.caller(0).enter()), &format!("grown {what}, {failing} failures"));
        }
    }
    for nslabs in [1, 100, 128, 300, 640] {
        let mem = super::machine::restricted_at::<P>(POOL, nslabs);
        is_whole(newest(&mem.caller(0).enter()), "restricted");
    }
}

/// Two CPUs of neighbouring areas map and unmap: no mapping leaves its area, and no byte has two owners.
fn neighbours_stay_apart<P: Testable>(mem: &Arc<IoTlbMem<P>>) {
    let start = Barrier::new(2);
    thread::scope(|s| {
        for cpu in 0..2 {
            let start = &start;
            s.spawn(move || {
                let (dev, caller) = (device(mem), mem.caller(cpu));
                start.wait();
                let mut random = Random(u64::from(cpu) + 1);
                for i in 0..800 {
                    one_round_trip(mem, &dev, cpu, 1 + random.below(128) * SLOT, i);
                }
                drop(caller);
            });
        }
    });
    let caller = mem.caller(0);
    assert!(caller.enter().pools().all(all_free), "free runs are as they were");
}

/// A mapping whose bytes are this CPU's from map to unmap.
fn one_round_trip<P: Testable>(mem: &Arc<IoTlbMem<P>>, dev: &Device<P>, cpu: u32, size: u64, i: u64) {
    let caller = mem.caller(cpu);
    let session = caller.enter();
    let req = MapRequest::new(orig(u64::from(cpu) * 2 + i % 2), size, BIDI);
    let Ok(addr) = session.map(dev, &req) else { return };
    let mapping = session.mapping(dev, addr).unwrap();
    let (pool, first) = (mapping.pool, mapping.first.0);
    let last = first + u32::try_from(mapping.nslots).unwrap() - 1;
    assert_eq!(first / pool.area_nslabs(), last / pool.area_nslabs(), "an area is left");
    assert_eq!(first / 128, last / 128, "a segment is left");
    let mine = (u64::from(cpu) << 32 | i).to_le_bytes();
    let ends = [addr, addr.wrapping_add((size.max(9) - 1) & !7)];
    ends.iter().filter(|_| size > 16).for_each(|&at| mem.memory().write(at, &mine).unwrap());
    thread::yield_now();
    let mut seen = [0; 8];
    for at in ends.into_iter().filter(|_| size > 16) {
        mem.memory().read(at, &mut seen).unwrap();
        assert_eq!(seen, mine, "somebody else wrote at {at}");
    }
    end(&session, dev, addr, size);
}

fn smaller_than_wished<P: Testable>() {
    let geometry = Geometry { nslabs: 8192, nareas: 16 };
    for (most, nareas) in [(8192, 16), (4096, 16), (2047, 8), (1024, 8), (512, 4)] {
        let mem = early::<P>(geometry, most);
        let (caller, default) = (mem.caller(0), mem.default_geometry());
        is_whole(newest(&caller.enter()), &format!("memory for {most}"));
        assert_eq!((newest(&caller.enter()).nareas(), default.nareas), (nareas, 16), "memory for {most}");
        drop(caller);
        neighbours_stay_apart(&mem);
    }
    // The worker's fallback: 1,024 slots of 2,048, and 8 areas of 16.
    let mem = late::<P>(1024, geometry, Permissions::default());
    assert_eq!(grown(&mem, 1), Grown::Added { nslabs: 1024 });
    is_whole(newest(&mem.caller(0).enter()), "grown, one failure");
    assert_eq!(newest(&mem.caller(0).enter()).nareas(), 8);
}

/// The default pool of 64 MiB is beyond what a page block can be.
fn growth_fits_a_block<P: Testable>() {
    let geometry = Geometry { nslabs: 32_768, nareas: 64 };
    let mem = late::<P>(1024, geometry, Permissions::default());
    assert_eq!(mem.default_geometry(), geometry, "what is wished for is left alone");
    let failures = blocks(&mem).failures();
    assert_eq!(grown(&mem, 0), Grown::Added { nslabs: 2048 });
    assert_eq!(blocks(&mem).failures(), failures, "no request was larger than a block can be");
    let caller = mem.caller(0);
    let session = caller.enter();
    let pool = newest(&session);
    is_whole(pool, "grown");
    assert_eq!((pool.nslabs(), pool.nareas()), (2048, 16));
    assert_eq!((0..16).map(|area| pool.area_used(AreaIndex(area))).sum::<u64>(), 0);
    assert!(pool.start() < PhysAddr(1 << 32) && pool.start().0.is_multiple_of(PAGE));
}

on_both! {
    /// Segments crossed an area: an area could be smaller than a segment, or no multiple of one.
    row_08_every_size_and_count_of_areas_gives_whole_segments => from_the_parameter;
    /// Late set-up fixed the size first and adjusted the areas afterwards.
    row_14_every_way_to_a_pool_gives_whole_segments => every_way_to_a_pool;
    /// Memory was short, the pool became smaller, its count of areas did not.
    row_15_a_smaller_pool_has_fewer_areas => smaller_than_wished;
    /// Growth asked for more than a page block can be.
    row_18_growth_asks_for_no_more_than_a_block => growth_fits_a_block;
}
