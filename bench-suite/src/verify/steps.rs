//! Running one operation of a vector: what it did, in the vectors' own terms.

use super::set_up;
use crate::subject::{Caller, MappingFacts, PoolFacts, Session, Subject};
use crate::verify::limits::{MAX_ALLOCATORS, Refusal, at_most, in_words, inside_mapping, narrow};
use crate::verify::machine::{Device, Handle, Machine, area_state, broken_rule};
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::error::MapError;
use swiotlb_core::grow::Grown;
use swiotlb_core::probe;
use workloads::golden::{
    Api, Bug, FindAt, FindPool, Map, Note, Op, Out, OutError, PoolSnapshot, Pools, Ralloc, Rfree, Span, Sync,
    Unmap, Write,
};

/// Runs `op` and says what it did. Pool and page changes are filled in by the caller.
pub fn run(machine: &mut Machine, op: &Op) -> Result<Out, Refusal> {
    match op {
        Op::Init(init) => set_up::init(machine, init),
        Op::Restricted(op) => {
            machine.declared.insert(op.mem, (op.base, op.nslabs));
            at_most("the number of allocators", machine.declared.len() as u64, MAX_ALLOCATORS)?;
            Ok(Out { rc: Some(0), ..Out::default() })
        }
        Op::Device(op) => set_up::device(machine, op),
        Op::Map(op) => map(machine, op),
        Op::Unmap(op) => unmap(machine, op),
        Op::SyncDev(op) => sync(machine, op, true),
        Op::SyncCpu(op) => sync(machine, op, false),
        Op::DevWrite(op) => write(machine, op, true),
        Op::CpuWrite(op) => write(machine, op, false),
        Op::Check(op) => check(machine, op),
        Op::RunWorker => run_worker(machine),
        Op::RunRcu => run_rcu(machine),
        Op::FindPool(op) => find_pool(machine, op),
        Op::Stats { mem } => stats(machine, *mem),
        Op::HiwaterReset { value } => hiwater_reset(machine, *value),
        Op::Snapshot => Ok(snapshot(machine)),
        Op::FailPages { count } => {
            machine.blocks.fail_next(*count);
            Ok(ok(true))
        }
        Op::MaxOrder { order } => {
            machine.blocks.max_order(*order);
            Ok(ok(true))
        }
        Op::Ralloc(op) => ralloc(machine, op),
        Op::Rfree(op) => rfree(machine, op),
    }
}

fn ok(ok: bool) -> Out {
    Out { ok: Some(ok), ..Out::default() }
}

fn mem_of(machine: &Machine, mem: u64) -> Result<&dyn Subject, Refusal> {
    machine.mems.get(&mem).map(|mem| &**mem).ok_or_else(|| format!("there is no allocator {mem}"))
}

/// A device, and its allocator.
fn device_of(machine: &Machine, dev: u64) -> Result<(&dyn Subject, &Device), Refusal> {
    let device = machine.devices.get(&dev).ok_or_else(|| format!("there is no device {dev}"))?;
    Ok((mem_of(machine, device.mem)?, device))
}

fn handle_of(machine: &Machine, h: u64) -> Result<Handle, Refusal> {
    machine.mappings.get(&h).copied().ok_or_else(|| format!("handle {h} is not mapped"))
}

fn golden_notes(caller: &dyn Caller) -> Vec<Note> {
    let word = |note| match note {
        probe::Note::Full => Note::Full,
        probe::Note::BounceOverflow => Note::BounceOverflow,
        probe::Note::AlignMaskAbovePage => Note::AlignMaskGtPage,
        probe::Note::NotDmaCapable => Note::NotDmaCapable,
        probe::Note::NoPool => Note::NoPool,
    };
    caller.take_notes().into_iter().map(word).collect()
}

fn map(machine: &mut Machine, op: &Map) -> Result<Out, Refusal> {
    machine.fill_original(op)?;
    let (mem, device) = device_of(machine, op.dev)?;
    let caller = mem.caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let request = op.request();
    let mapped = match op.api {
        Api::Tbl => session.map(device.number, &request),
        Api::Stream => session.map_streaming(device.number, &request),
    };
    let mut claimed = None;
    let mut out = match mapped {
        Ok(addr) => {
            let handle = Handle { dev: op.dev, orig: op.orig, size: op.size, dir: op.dir, addr };
            let mapping = session.mapping(device.number, addr);
            if let Some(rule) = broken_rule(mapping.as_ref(), &device.limits, &handle) {
                return Err(rule);
            }
            let mapping = mapping.ok_or("the mapping is not found in its own pool")?;
            claimed = Some(mapping);
            let out = described_map(machine, &mapping, op, addr)?;
            // An unmap or sync of too many bytes copies up to the allocation's end.
            let bytes = out.alloc_left.unwrap_or(0);
            machine.ground.dirty(PhysAddr(op.orig), bytes);
            machine.ground.dirty(addr, bytes);
            (out, Some(handle))
        }
        Err(MapError::ZeroLength) => {
            (Out { err: Some(OutError::Bug), bug: Some(Bug::ZeroSlots), ..ok(false) }, None)
        }
        Err(_) => (Out { err: Some(OutError::MappingError), ..ok(false) }, None),
    };
    out.0.notes = golden_notes(&*caller);
    out.0.work_scheduled = caller.counts().work_scheduled > 0;
    drop(session);
    drop(caller);
    let of = device.mem;
    if let Some(handle) = out.1 {
        machine.mappings.insert(op.h, handle);
    }
    claimed.map_or(Ok(()), |mapping| machine.owned.claim(of, &mapping))?;
    Ok(out.0)
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

fn unmap(machine: &mut Machine, op: &Unmap) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let (mem, device) = device_of(machine, handle.dev)?;
    let caller = mem.caller(0);
    let session = caller.enter();
    let mapping = session.mapping(device.number, handle.addr).ok_or("a live mapping is not found")?;
    let (base, transient) = (mapping.pool.start, mapping.pool.transient);
    let (size, dir) = (op.size.unwrap_or(handle.size), op.dir.unwrap_or(handle.dir));
    session.unmap(device.number, handle.addr, size, dir, op.attrs).map_err(in_words)?;
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
    machine.owned.release(&mapping);
    machine.mappings.remove(&op.h);
    Ok(out)
}

fn both_crcs(machine: &Machine, handle: &Handle, off: u64, len: u64) -> Result<Out, Refusal> {
    inside_mapping(off, len, handle.size)?;
    Ok(Out {
        dev_crc: Some(machine.crc(handle.addr.wrapping_add(off), len).map_err(in_words)?),
        cpu_crc: Some(machine.crc(PhysAddr(handle.orig).wrapping_add(off), len).map_err(in_words)?),
        ..Out::default()
    })
}

fn sync(machine: &Machine, op: &Sync, for_device: bool) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let (mem, device) = device_of(machine, handle.dev)?;
    let caller = mem.caller(0);
    let session = caller.enter();
    let (addr, len) = (handle.addr.wrapping_add(op.off), op.len.unwrap_or(handle.size));
    let dir = op.dir.unwrap_or(handle.dir);
    let synced = if for_device {
        session.sync_for_device(device.number, addr, len, dir)
    } else {
        session.sync_for_cpu(device.number, addr, len, dir)
    };
    synced.map_err(in_words)?;
    let crcs = if op.crc { both_crcs(machine, &handle, 0, handle.size)? } else { Out::default() };
    Ok(Out { ok: Some(true), notes: golden_notes(&*caller), ..crcs })
}

fn write(machine: &Machine, op: &Write, by_device: bool) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    inside_mapping(op.off, op.len, handle.size)?;
    let start = if by_device { handle.addr } else { PhysAddr(handle.orig) };
    machine.fill(start.wrapping_add(op.off), op.len, op.seed).map_err(in_words)?;
    Ok(ok(true))
}

fn check(machine: &Machine, op: &Span) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    both_crcs(machine, &handle, op.off, op.len.unwrap_or(handle.size))
}

fn run_worker(machine: &Machine) -> Result<Out, Refusal> {
    let mem = mem_of(machine, 0)?;
    let grown = mem.caller(0).run_worker();
    Ok(Out {
        ran: Some(grown != Grown::NotAsked),
        nslabs: Some(mem.stats().nslabs),
        notes: if matches!(grown, Grown::Failed(_)) { vec![Note::GrowFailed] } else { Vec::new() },
        ..Out::default()
    })
}

fn run_rcu(machine: &Machine) -> Result<Out, Refusal> {
    let freed = mem_of(machine, 0)?.caller(0).quiesce();
    Ok(Out { callbacks: Some(freed as u64), ..Out::default() })
}

fn find_pool(machine: &Machine, op: &FindPool) -> Result<Out, Refusal> {
    let addr = match op.at {
        FindAt::Paddr(addr) => addr,
        FindAt::Pool { pool, off } => {
            let base = usize::try_from(pool).ok().and_then(|i| machine.bases.get(i));
            base.ok_or_else(|| format!("there was no pool {pool}"))?.wrapping_add(off)
        }
    };
    let (mem, device) = device_of(machine, op.dev)?;
    let caller = mem.caller(0);
    let session = caller.enter();
    let found = session.find_pool(device.number, PhysAddr(addr));
    if let Some(pool) = found.filter(|pool| !(pool.start.0..pool.end.0).contains(&addr)) {
        return Err(format!(
            "find_pool gives {} to {} for {addr:#x}, which lies outside",
            pool.start, pool.end
        ));
    }
    Ok(Out {
        paddr: Some(addr),
        found: Some(found.map_or(-1, |pool| machine.number(pool.start))),
        transient: Some(found.is_some_and(|pool| pool.transient)),
        ..Out::default()
    })
}

fn stats(machine: &Machine, of: u64) -> Result<Out, Refusal> {
    let mem = mem_of(machine, of)?;
    let stats = mem.stats();
    let taken = machine.owned.slots(of);
    if machine.counted && stats.used != taken {
        return Err(format!("{} slots are in use, and live mappings take {taken}", stats.used));
    }
    Ok(Out {
        total_used: Some(stats.used),
        used_hiwater: Some(stats.used_hiwater),
        nslabs: Some(stats.nslabs),
        transient_nslabs: Some(stats.transient_nslabs),
        pools: Some(Pools::Count(stats.pools)),
        can_grow: Some(mem.permissions().can_grow),
        ..Out::default()
    })
}

fn hiwater_reset(machine: &Machine, value: u64) -> Result<Out, Refusal> {
    let mem = mem_of(machine, 0)?;
    let rc = if mem.reset_hiwater(value) { 0 } else { -22 };
    Ok(Out { rc: Some(rc), used_hiwater: Some(mem.stats().used_hiwater), ..Out::default() })
}

fn snapshot(machine: &Machine) -> Out {
    let mut pools = Vec::new();
    for mem in machine.mems.values() {
        let caller = mem.caller(0);
        let session = caller.enter();
        pools.extend(session.pools().iter().map(|pool| pool_state(machine, &*session, pool)));
    }
    Out { pools: Some(Pools::List(pools)), ..Out::default() }
}

fn pool_state(machine: &Machine, session: &dyn Session, pool: &PoolFacts) -> PoolSnapshot {
    let areas = (0..pool.nareas).filter_map(|area| session.area(pool.start, AreaIndex(area)));
    let (used, index) = areas.map(|area| (area.used, u64::from(area.index))).unzip();
    let (mut free, mut runs) = (Vec::new(), Vec::new());
    for run in session.free_runs(pool.start) {
        free.push(u8::from(run > 0));
        runs.extend(u16::try_from(run).unwrap_or(u16::MAX).to_le_bytes());
    }
    PoolSnapshot {
        pool: machine.number(pool.start),
        used,
        index,
        free_crc: u64::from(crc32fast::hash(&free)),
        run_crc: u64::from(crc32fast::hash(&runs)),
    }
}

fn ralloc(machine: &mut Machine, op: &Ralloc) -> Result<Out, Refusal> {
    let (mem, device) = device_of(machine, op.dev)?;
    let caller = mem.caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let Ok(addr) = session.alloc_pages(device.number, op.size) else { return Ok(ok(false)) };
    let mapping = session.mapping(device.number, addr).ok_or("the pages are not found in their own pool")?;
    let out = Out {
        pool: Some(machine.number(mapping.pool.start)),
        off: Some(addr.wrapping_offset_from(mapping.pool.start)),
        slot: Some(u64::from(mapping.slot.0)),
        nslots: Some(mapping.nslots),
        area: Some(area_state(mapping.area, mapping.area_facts)),
        ..ok(true)
    };
    let dir = swiotlb_core::device::Direction::Bidirectional;
    machine.ground.dirty(addr, op.size);
    let of = device.mem;
    drop(session);
    drop(caller);
    machine.owned.claim(of, &mapping)?;
    machine.mappings.insert(op.h, Handle { dev: op.dev, orig: 0, size: op.size, dir, addr });
    Ok(out)
}

fn rfree(machine: &mut Machine, op: &Rfree) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let (mem, device) = device_of(machine, op.dev.unwrap_or(handle.dev))?;
    let addr = op.paddr.map_or(handle.addr, PhysAddr);
    let caller = mem.caller(0);
    let session = caller.enter();
    let mapping = session.mapping(device.number, addr);
    let nslots = mapping.map_or(0, |mapping| mapping.nslots);
    let freed = session.free_pages(device.number, addr);
    drop(session);
    drop(caller);
    mapping.filter(|_| freed).iter().for_each(|mapping| machine.owned.release(mapping));
    Ok(Out { nslots: Some(if freed { nslots } else { 0 }), ..ok(freed) })
}
