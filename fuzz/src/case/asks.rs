//! What to ask of a machine.

use super::{below, direction, pick, which};
use arbitrary::{Result, Unstructured};
use swiotlb_core::device::Attrs;
use workloads::oracle::{Ask, AskMap, MAX_SIZE, Mistake, Orig, Part};

const SLOT: u64 = 2048;

/// One thing.
pub(super) fn ask(bytes: &mut Unstructured<'_>) -> Result<Ask> {
    match pick(bytes, &[12, 3, 2])? {
        0 => call(bytes),
        1 => look(bytes),
        _ => rest(bytes),
    }
}

fn call(bytes: &mut Unstructured<'_>) -> Result<Ask> {
    Ok(match pick(bytes, &[16, 5, 3, 2, 1, 1, 2, 2])? {
        0 => Ask::Map(map(bytes)?),
        1 => {
            let size = if bytes.ratio(1, 5)? { Some(size(bytes)?) } else { None };
            Ask::Unmap(which(bytes)?, size, attrs(bytes)?)
        }
        2 => Ask::Sync(which(bytes)?, part(bytes)?, bytes.arbitrary()?),
        3 => Ask::Write(which(bytes)?, part(bytes)?, bytes.arbitrary()?),
        4 => Ask::Ralloc(which(bytes)?, which(bytes)?, size(bytes)?),
        5 => Ask::Rfree(which(bytes)?, if bytes.arbitrary()? { Some(which(bytes)?) } else { None }),
        6 => Ask::WrongUnmap(mistake(bytes)?),
        _ => Ask::WrongSync(mistake(bytes)?, size(bytes)?, bytes.arbitrary()?),
    })
}

fn look(bytes: &mut Unstructured<'_>) -> Result<Ask> {
    Ok(match pick(bytes, &[2, 2, 2, 1, 1])? {
        0 => Ask::Check(which(bytes)?),
        1 => Ask::FindPool(which(bytes)?, off(bytes)?, which(bytes)?),
        2 => Ask::FindMapped(which(bytes)?, off(bytes)?, which(bytes)?),
        3 => Ask::Stats(which(bytes)?),
        _ => Ask::Snapshot,
    })
}

fn rest(bytes: &mut Unstructured<'_>) -> Result<Ask> {
    Ok(match pick(bytes, &[4, 3, 1, 1, 1])? {
        0 => Ask::RunWorker,
        1 => Ask::RunRcu,
        2 => Ask::FailPages(below(bytes, 4)?),
        3 => Ask::MaxOrder(*bytes.choose(&[0, 3, 8, 9, 10, 10, 10])?),
        _ => Ask::HiwaterReset(below(bytes, 2)?),
    })
}

fn map(bytes: &mut Unstructured<'_>) -> Result<AskMap> {
    let cpu = if bytes.ratio(3, 4)? { bytes.int_in_range(0..=7)? } else { bytes.arbitrary()? };
    let align_mask = match pick(bytes, &[30, 8, 3, 1])? {
        0 => 0,
        1 => *bytes.choose(&[0x7ff, 0xfff, 0x1fff, 0x3fff, 0xffff])?,
        2 => (1 << bytes.int_in_range(0..=19_u32)?) - 1,
        _ => below(bytes, 0x4000)?,
    };
    Ok(AskMap {
        cpu,
        device: which(bytes)?,
        orig: orig(bytes)?,
        size: size(bytes)?,
        align_mask,
        dir: direction(bytes)?,
        stream: bytes.ratio(2, 5)?,
        attrs: attrs(bytes)?,
    })
}

fn orig(bytes: &mut Unstructured<'_>) -> Result<Orig> {
    Ok(match pick(bytes, &[3, 6, 3, 1, 2])? {
        0 => Orig::Fresh(0),
        1 => Orig::Fresh(below(bytes, 256 << 10)?),
        2 => Orig::Fresh(below(bytes, 128)? * SLOT),
        3 => Orig::Zero,
        _ => Orig::Again(which(bytes)?),
    })
}

fn size(bytes: &mut Unstructured<'_>) -> Result<u64> {
    match pick(bytes, &[4, 3, 2, 1, 1])? {
        0 => below(bytes, 9000),
        1 => Ok((below(bytes, 128)? + 1) * SLOT),
        2 => below(bytes, 80_000),
        3 => below(bytes, 250_000),
        _ => below(bytes, MAX_SIZE),
    }
}

fn attrs(bytes: &mut Unstructured<'_>) -> Result<Attrs> {
    let drawn: u8 = bytes.arbitrary()?;
    Ok(Attrs { skip_cpu_sync: drawn % 5 == 1, no_warn: drawn / 5 % 5 == 1 })
}

fn part(bytes: &mut Unstructured<'_>) -> Result<Part> {
    let off = if bytes.arbitrary()? { below(bytes, MAX_SIZE)? } else { 0 };
    let len = if bytes.ratio(6, 7)? { size(bytes)? } else { bytes.arbitrary()? };
    Ok(Part { off, len })
}

/// An offset from an address: mostly near.
fn off(bytes: &mut Unstructured<'_>) -> Result<i64> {
    match pick(bytes, &[2, 3, 2, 2, 1, 1])? {
        0 => Ok(0),
        1 => bytes.int_in_range(0..=6000),
        2 => bytes.int_in_range(-5000..=0),
        3 => Ok(bytes.int_in_range(-130..=130)? * 2048),
        4 => bytes.int_in_range(0..=300_000),
        _ => bytes.arbitrary(),
    }
}

fn mistake(bytes: &mut Unstructured<'_>) -> Result<Mistake> {
    Ok(Mistake { which: which(bytes)?, off: off(bytes)?, device: which(bytes)?, dir: direction(bytes)? })
}
