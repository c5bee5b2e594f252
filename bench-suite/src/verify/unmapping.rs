//! Running the operations that end something: an unmap, and the return of a restricted pool's pages.

use super::limits::{Refusal, in_words};
use super::machine::{Machine, area_state};
use super::mistakes;
use super::steps::{device_of, golden_notes, ok};
use swiotlb_core::addr::PhysAddr;
use workloads::golden::{Out, Rfree, Unmap};

pub fn unmap(machine: &mut Machine, op: &Unmap) -> Result<Out, Refusal> {
    // Of a map that failed there is nothing to unmap.
    let Some(handle) = machine.named(op.h) else { return Ok(ok(false)) };
    let (mem, device) = device_of(machine, op.dev.unwrap_or(handle.dev))?;
    let caller = mem.caller(0);
    let session = caller.enter();
    let addr = handle.addr.wrapping_add(op.off);
    let (size, dir) = (op.size.unwrap_or(handle.size), op.dir.unwrap_or(handle.dir));
    let due = mistakes::unmaps(machine, device, addr, dir);
    let mapping = session.mapping(device.number, addr);
    let done = session.unmap(device.number, addr, size, dir, op.attrs);
    let (h, mapping) = match (due, mapping, done) {
        (None, _, Err(error)) => {
            let err = mistakes::of_unmap(error);
            return Ok(Out { err, notes: golden_notes(&*caller), ..ok(false) });
        }
        (None, _, Ok(())) => return Err(format!("{addr} was unmapped, and nothing is mapped there so")),
        (Some(_), None, _) => return Err("a live mapping is not found".to_owned()),
        (Some(_), _, Err(error)) => return Err(error.to_string()),
        (Some(due), Some(mapping), Ok(())) => (due, mapping),
    };
    let (base, transient) = (mapping.pool.start, mapping.pool.transient);
    let out = Out {
        pool: Some(machine.number(base)),
        transient: Some(transient),
        nslots: Some(mapping.nslots),
        area: session.area(base, mapping.area).map(|facts| area_state(mapping.area, facts)),
        cpu_crc: op
            .crc
            .then(|| machine.crc(PhysAddr(handle.orig), handle.size))
            .transpose()
            .map_err(in_words)?,
        rcu_queued: u64::from(transient),
        notes: golden_notes(&*caller),
        ..ok(true)
    };
    drop(session);
    drop(caller);
    machine.end(h);
    Ok(out)
}

pub fn rfree(machine: &mut Machine, op: &Rfree) -> Result<Out, Refusal> {
    let none = Out { nslots: Some(0), ..ok(false) };
    // Of an allocation that failed there is nothing to free.
    let Some(handle) = machine.named(op.h) else { return Ok(none) };
    let (mem, device) = device_of(machine, op.dev.unwrap_or(handle.dev))?;
    let addr = op.paddr.map_or(handle.addr, PhysAddr);
    let caller = mem.caller(0);
    let session = caller.enter();
    let due = mistakes::starting_at(machine, device, addr);
    let mapping = session.mapping(device.number, addr);
    let freed = session.free_pages(device.number, addr);
    drop(session);
    drop(caller);
    if freed != due.is_some() {
        return Err(format!("freed {addr}: {freed}, and what is live there: {due:?}"));
    }
    let (Some(due), Some(mapping)) = (due, mapping) else { return Ok(none) };
    machine.end(due.h);
    let rcu_queued = u64::from(mapping.pool.transient);
    Ok(Out { nslots: Some(mapping.nslots), rcu_queued, ..ok(true) })
}
