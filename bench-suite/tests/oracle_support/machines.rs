//! Machines to ask things of: any geometry, memory that runs out, several devices.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::ops::Range;
use swiotlb_core::device::DeviceLimits;
use workloads::golden::{Device, Init, InitMode, Restricted, Zone};
use workloads::oracle::{Made, Setting};

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// A low bit mask of so many bits.
fn mask(bits: u32) -> u64 {
    if bits < 64 { (1 << bits) - 1 } else { u64::MAX }
}

/// A page's place behind `base`: where a pool starts decides which of its slots are aligned.
fn page(base: u64) -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(base), 1 => (0..128_u64).prop_map(move |page| base + page * PAGE)]
}

fn init() -> impl Strategy<Value = Init> {
    // Mostly small, so that they are full soon.
    let nslabs = option::weighted(0.95, prop_oneof![5 => 1..300_u64, 3 => 1..700_u64, 1 => 1..5000_u64]);
    let mode = prop_oneof![
        14 => Just(InitMode::Early),
        1 => (0..6000_u64).prop_map(|slots| InitMode::Late { late_size: slots * 2048 }),
    ];
    let cpus = prop_oneof![3 => Just(1), 3 => 1..3_u64, 1 => 1..10_u64];
    let areas = (option::of(prop_oneof![3 => 0..3_u64, 1 => 0..10_u64]), cpus);
    let fails = prop_oneof![19 => Just(0), 1 => 1..4_u64];
    let base = prop_oneof![4 => page(64 * MIB), 1 => page(4096 * MIB)];
    (mode, nslabs, areas, base, prop::bool::weighted(0.7), any::<bool>(), fails).prop_map(
        |(mode, nslabs, (nareas, cpus), base, can_grow, any, memblock_fail)| Init {
            mode,
            nslabs,
            nareas,
            base: Some(base),
            cpus,
            // Where no size is given: not 64 MiB, which take long to look at.
            adjust_size: Some(MIB),
            can_grow,
            any,
            memblock_fail,
            page_skew: 0,
        },
    )
}

fn zone(zone: Zone, base: u64) -> impl Strategy<Value = (Zone, Range<u64>)> {
    // Growth wants up to 1,024 pages in one block, aligned to itself.
    let pages = prop_oneof![1 => 0..20_u64, 1 => 0..300_u64, 2 => 500..3800_u64];
    (page(base), pages).prop_map(move |(start, pages)| (zone, start..start + pages * PAGE))
}

fn memory() -> impl Strategy<Value = Made> {
    let zones = (zone(Zone::Dma, MIB), zone(Zone::Dma32, 1024 * MIB), zone(Zone::Normal, 5120 * MIB));
    let places = prop_oneof![Just(0), any::<u64>()];
    (zones, places).prop_map(|((dma, dma32, normal), places)| Made::new(&[dma, dma32, normal], places))
}

fn limits() -> impl Strategy<Value = DeviceLimits> {
    let min_align = prop_oneof![4 => Just(0), 3 => select(vec![9, 11, 12]), 1 => 1..16_u32, 1 => 1..19_u32];
    let boundary = prop_oneof![5 => Just(64), 1 => 12..20_u32, 1 => 0..64_u32];
    let dma = prop_oneof![5 => Just(64), 3 => select(vec![24, 28, 30, 32]), 1 => 20..64_u32];
    let bus = prop_oneof![
        8 => Just(0),
        1 => select(vec![mask(24), mask(30), mask(32)]),
        1 => 16 * MIB..6 * 1024 * MIB
    ];
    (min_align, boundary, dma, bus).prop_map(|(min_align, boundary, dma, bus)| DeviceLimits {
        min_align_mask: mask(min_align),
        // 0 is written as none.
        seg_boundary_mask: if boundary == 0 { u64::MAX } else { mask(boundary) },
        dma_mask: mask(dma),
        bus_dma_limit: bus,
    })
}

fn restricted(mem: u64) -> impl Strategy<Value = Restricted> {
    (page((128 + 64 * mem) * MIB), 1..400_u64).prop_map(move |(base, nslabs)| Restricted {
        mem,
        base,
        nslabs,
    })
}

/// A machine.
pub fn setting() -> impl Strategy<Value = Setting> {
    let mem = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    let devices = prop::collection::vec((limits(), mem), 1..5);
    (init(), memory(), restricted(1), restricted(2), devices).prop_map(
        |(init, memory, first, second, devices)| {
            let device = |(dev, (limits, mem))| Device { dev, limits, mem };
            let devices: Vec<Device> = (0..).zip(devices).map(device).collect();
            let named = |pool: &Restricted| devices.iter().any(|device| device.mem == pool.mem);
            let restricted = [first, second].into_iter().filter(named).collect();
            Setting { memory, init, restricted, devices }
        },
    )
}
