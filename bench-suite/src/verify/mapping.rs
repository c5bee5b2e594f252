//! Running the operations that begin something: a map, and pages from a restricted pool.

use super::limits::{Refusal, in_words, narrow};
use super::machine::{Handle, Machine, area_state, broken_rule};
use super::room::{Moment, cause_of, cause_of_pages};
use super::steps::{device_of, golden_notes, ok};
use crate::subject::MappingFacts;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::Direction;
use swiotlb_core::error::{AllocError, MapError};
use workloads::golden::{Api, Bug, Cause, Map, Out, OutError, Ralloc};

/// What came of a map, and what it claimed if it came to something.
type Mapped = (Out, Option<(Handle, MappingFacts)>);

pub fn map(machine: &mut Machine, op: &Map) -> Result<Out, Refusal> {
    machine.fill_original(op)?;
    let (mem, device) = device_of(machine, op.dev)?;
    let (of, number) = (device.mem, device.number);
    let caller = mem.caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let request = op.request();
    let mapped = match op.api {
        Api::Tbl => session.map(number, &request),
        Api::Stream => session.map_streaming(number, &request),
    };
    let moment = Moment { mem, session: &*session, device, ledger: &machine.ledger };
    let (out, claimed) = match mapped {
        Ok(addr) => begun(machine, &moment, op, addr)?,
        Err(error) => {
            if machine.build.abilities().inside {
                moment.may_fail(op, &error)?;
            }
            (failed(&error), None)
        }
    };
    let out =
        Out { notes: golden_notes(&*caller), work_scheduled: caller.counts().work_scheduled > 0, ..out };
    drop(session);
    drop(caller);
    if let Some((handle, mapping)) = claimed {
        machine.mappings.insert(op.h, handle);
        machine.ledger.claim((op.h, of, number), handle.addr, &mapping, Some(op.dir))?;
    } else if out.cause == Some(Cause::Unreachable) {
        let slots = moment_of_use(machine, op);
        machine.ledger.were_used(of, slots);
    }
    if claimed.is_some() || out.cause == Some(Cause::Unreachable) {
        machine.devices.entry(op.dev).and_modify(|device| device.uses_io_tlb = true);
    }
    Ok(out)
}

/// Slots that a map used until it was undone.
fn moment_of_use(machine: &Machine, op: &Map) -> u64 {
    let limits = machine.devices.get(&op.dev).map(|device| device.limits).unwrap_or_default();
    let want = workloads::oracle::Want::new(&limits, op.orig, op.size, op.align_mask);
    want.map_or(0, |want| want.nslots as u64)
}

fn failed(error: &MapError) -> Out {
    let cause = cause_of(error);
    if *error == MapError::ZeroLength {
        Out { err: Some(OutError::Bug), bug: Some(Bug::ZeroSlots), cause, ..ok(false) }
    } else {
        Out { err: Some(OutError::MappingError), cause, ..ok(false) }
    }
}

/// A map that came to something: it keeps the rules that every policy keeps.
fn begun(machine: &Machine, moment: &Moment<'_>, op: &Map, addr: PhysAddr) -> Result<Mapped, Refusal> {
    let handle = Handle { dev: op.dev, orig: op.orig, size: op.size, dir: op.dir, addr };
    let mapping = moment.session.mapping(moment.device.number, addr);
    if let Some(rule) = broken_rule(mapping.as_ref(), &moment.device.limits, &handle) {
        return Err(rule);
    }
    let mapping = mapping.ok_or("the mapping is not found in its own pool")?;
    if machine.build.abilities().inside {
        moment.serves(op, addr, &mapping)?;
    }
    let out = described_map(machine, &mapping, op, addr)?;
    // An unmap or sync of too many bytes copies up to the allocation's end.
    let bytes = out.alloc_left.unwrap_or(0);
    machine.ground.dirty(PhysAddr(op.orig), bytes);
    machine.ground.dirty(addr, bytes);
    Ok((out, Some((handle, mapping))))
}

fn described_map(
    machine: &Machine,
    mapping: &MappingFacts,
    op: &Map,
    addr: PhysAddr,
) -> Result<Out, Refusal> {
    Ok(Out {
        pool: Some(machine.number(mapping.pool.start)),
        transient: Some(mapping.pool.transient),
        off: Some(addr.wrapping_offset_from(mapping.pool.start)),
        slot: Some(u64::from(mapping.slot.0)),
        pad_slots: Some(u64::from(mapping.slot.0 - mapping.first.0)),
        first: Some(u64::from(mapping.first.0)),
        nslots: Some(mapping.nslots),
        alloc_left: Some(mapping.alloc_left),
        area: Some(area_state(mapping.area, mapping.area_facts)),
        dev_crc: op.crc.then(|| machine.crc(addr, op.size)).transpose().map_err(in_words)?,
        ..ok(true)
    })
}

pub fn ralloc(machine: &mut Machine, op: &Ralloc) -> Result<Out, Refusal> {
    let (mem, device) = device_of(machine, op.dev)?;
    let (of, number) = (device.mem, device.number);
    let caller = mem.caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let addr = match session.alloc_pages(number, op.size) {
        Ok(addr) => addr,
        Err(error) => {
            drop(session);
            drop(caller);
            if let AllocError::Unaligned { .. } = error {
                machine.ledger.were_used(of, op.size.div_ceil(swiotlb_core::rules::IO_TLB_SIZE));
                machine.devices.entry(op.dev).and_modify(|device| device.uses_io_tlb = true);
            }
            return Ok(Out { cause: cause_of_pages(&error), ..ok(false) });
        }
    };
    let mapping = session.mapping(number, addr).ok_or("the pages are not found in their own pool")?;
    let out = Out {
        pool: Some(machine.number(mapping.pool.start)),
        off: Some(addr.wrapping_offset_from(mapping.pool.start)),
        slot: Some(u64::from(mapping.slot.0)),
        nslots: Some(mapping.nslots),
        area: Some(area_state(mapping.area, mapping.area_facts)),
        ..ok(true)
    };
    machine.ground.dirty(addr, op.size);
    drop(session);
    drop(caller);
    machine.ledger.claim((op.h, of, number), addr, &mapping, None)?;
    let dir = Direction::Bidirectional;
    machine.mappings.insert(op.h, Handle { dev: op.dev, orig: 0, size: op.size, dir, addr });
    machine.devices.entry(op.dev).and_modify(|device| device.uses_io_tlb = true);
    Ok(out)
}
