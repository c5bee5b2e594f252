//! Machines: any geometry, memory that runs out, several devices.

use super::{below, pick};
use arbitrary::{Result, Unstructured};
use std::ops::Range;
use swiotlb_core::device::DeviceLimits;
use workloads::golden::{Device, Init, InitMode, Restricted, Zone};
use workloads::oracle::{Made, Setting};

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// A machine.
pub(super) fn setting(bytes: &mut Unstructured<'_>) -> Result<Setting> {
    let (init, memory) = (init(bytes)?, memory(bytes)?);
    let mut devices = Vec::new();
    for dev in 0..=below(bytes, 4)? {
        let mem = if bytes.ratio(4, 5)? { 0 } else { 1 + below(bytes, 2)? };
        devices.push(Device { dev, limits: limits(bytes)?, mem });
    }
    let mut restricted = Vec::new();
    for mem in [1, 2] {
        if devices.iter().any(|device| device.mem == mem) {
            let (base, nslabs) = (page(bytes, (128 + 64 * mem) * MIB)?, 1 + below(bytes, 399)?);
            restricted.push(Restricted { mem, base, nslabs });
        }
    }
    Ok(Setting { memory, init, restricted, devices })
}

/// A page's place behind `base`: where a pool starts decides which of its slots are aligned.
fn page(bytes: &mut Unstructured<'_>, base: u64) -> Result<u64> {
    Ok(base + if bytes.ratio(1, 3)? { below(bytes, 128)? * PAGE } else { 0 })
}

fn init(bytes: &mut Unstructured<'_>) -> Result<Init> {
    // Mostly small, so that they are full soon.
    let nslabs = match pick(bytes, &[10, 6, 2, 1])? {
        0 => Some(1 + below(bytes, 299)?),
        1 => Some(1 + below(bytes, 699)?),
        2 => Some(1 + below(bytes, 4999)?),
        _ => None,
    };
    let mode = match pick(bytes, &[14, 1])? {
        0 => InitMode::Early,
        _ => InitMode::Late { late_size: below(bytes, 6000)? * 2048 },
    };
    let nareas = if bytes.arbitrary()? { Some(below(bytes, 10)?) } else { None };
    let base = if bytes.ratio(4, 5)? { 64 * MIB } else { 4096 * MIB };
    Ok(Init {
        mode,
        nslabs,
        nareas,
        base: Some(page(bytes, base)?),
        cpus: if bytes.ratio(6, 7)? { 1 + below(bytes, 2)? } else { 1 + below(bytes, 9)? },
        // Where no size is given: not 64 MiB, which take long to look at.
        adjust_size: Some(MIB),
        can_grow: bytes.ratio(7, 10)?,
        any: bytes.arbitrary()?,
        memblock_fail: if bytes.ratio(1, 20)? { 1 + below(bytes, 3)? } else { 0 },
        page_skew: 0,
    })
}

fn zone(bytes: &mut Unstructured<'_>, zone: Zone, base: u64) -> Result<(Zone, Range<u64>)> {
    let start = page(bytes, base)?;
    // Growth wants up to 1,024 pages in one block, aligned to itself.
    let pages = match pick(bytes, &[1, 1, 2])? {
        0 => below(bytes, 20)?,
        1 => below(bytes, 300)?,
        _ => 500 + below(bytes, 3300)?,
    };
    Ok((zone, start..start + pages * PAGE))
}

fn memory(bytes: &mut Unstructured<'_>) -> Result<Made> {
    let zones = [
        zone(bytes, Zone::Dma, MIB)?,
        zone(bytes, Zone::Dma32, 1024 * MIB)?,
        zone(bytes, Zone::Normal, 5120 * MIB)?,
    ];
    Ok(Made::new(&zones, if bytes.arbitrary()? { bytes.arbitrary()? } else { 0 }))
}

/// A low bit mask of so many bits.
fn mask(bits: u32) -> u64 {
    if bits < 64 { (1 << bits) - 1 } else { u64::MAX }
}

fn limits(bytes: &mut Unstructured<'_>) -> Result<DeviceLimits> {
    let min_align = match pick(bytes, &[4, 3, 2])? {
        0 => 0,
        1 => *bytes.choose(&[9, 11, 12])?,
        _ => bytes.int_in_range(1..=18)?,
    };
    // 0 is written as none.
    let boundary = match pick(bytes, &[5, 1, 1])? {
        0 => 64,
        1 => bytes.int_in_range(12..=19)?,
        _ => bytes.int_in_range(1..=63)?,
    };
    let dma = match pick(bytes, &[5, 3, 1])? {
        0 => 64,
        1 => *bytes.choose(&[24, 28, 30, 32])?,
        _ => bytes.int_in_range(20..=63)?,
    };
    let bus_dma_limit = match pick(bytes, &[8, 1, 1])? {
        0 => 0,
        1 => mask(*bytes.choose(&[24, 30, 32])?),
        _ => 16 * MIB + below(bytes, 6 * 1024 * MIB)?,
    };
    Ok(DeviceLimits {
        min_align_mask: mask(min_align),
        seg_boundary_mask: mask(boundary),
        dma_mask: mask(dma),
        bus_dma_limit,
    })
}
