//! Running one operation of a vector: what it did, in the vectors' own terms.

use super::mapping::{map, ralloc};
use super::unmapping::{rfree, unmap};
use super::{books, mistakes, set_up};
use crate::subject::{Abilities, Caller, PoolFacts, Session, Subject};
use crate::verify::limits::{MAX_ALLOCATORS, Refusal, at_most, in_words, inside_mapping};
use crate::verify::machine::{Device, Handle, Machine};
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::grow::Grown;
use swiotlb_core::probe;
use workloads::golden::{FindAt, FindPool, Note, Op, Out, PoolSnapshot, Pools, Span, Sync, Write};

/// Runs `op` and says what it did. Pool and page changes are filled in by the caller.
pub fn run(machine: &mut Machine, op: &Op) -> Result<Out, Refusal> {
    match op {
        Op::Init(init) => set_up::init(machine, init),
        Op::Restricted(op) => {
            machine.declared_pools.insert(op.mem, (op.base, op.nslabs));
            at_most("the number of allocators", machine.declared_pools.len() as u64, MAX_ALLOCATORS)?;
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
        Op::Snapshot => snapshot(machine),
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

pub fn ok(ok: bool) -> Out {
    Out { ok: Some(ok), ..Out::default() }
}

fn mem_of(machine: &Machine, mem: u64) -> Result<&dyn Subject, Refusal> {
    machine.mems.get(&mem).map(|mem| &**mem).ok_or_else(|| format!("there is no allocator {mem}"))
}

/// A device, and its allocator.
pub fn device_of(machine: &Machine, dev: u64) -> Result<(&dyn Subject, &Device), Refusal> {
    let device = machine.devices.get(&dev).ok_or_else(|| format!("there is no device {dev}"))?;
    Ok((mem_of(machine, device.mem)?, device))
}

fn handle_of(machine: &Machine, h: u64) -> Result<Handle, Refusal> {
    machine.mappings.get(&h).copied().ok_or_else(|| format!("handle {h} is not mapped"))
}

pub fn golden_notes(caller: &dyn Caller) -> Vec<Note> {
    let word = |note| match note {
        probe::Note::Full => Note::Full,
        probe::Note::BounceOverflow => Note::BounceOverflow,
        probe::Note::AlignMaskAbovePage => Note::AlignMaskGtPage,
        probe::Note::NotDmaCapable => Note::NotDmaCapable,
        probe::Note::NoPool => Note::NoPool,
    };
    caller.take_notes().into_iter().map(word).collect()
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
    let handle = machine.named(op.h).ok_or_else(|| format!("handle {} is not mapped", op.h))?;
    let (mem, device) = device_of(machine, op.dev.unwrap_or(handle.dev))?;
    let caller = mem.caller(0);
    let session = caller.enter();
    let (addr, len) = (handle.addr.wrapping_add(op.off), op.len.unwrap_or(handle.size));
    let dir = op.dir.unwrap_or(handle.dir);
    let synced = if for_device {
        session.sync_for_device(device.number, addr, len, dir)
    } else {
        session.sync_for_cpu(device.number, addr, len, dir)
    };
    mistakes::synced(machine, device, addr, dir, &synced)?;
    let crcs = if op.crc { both_crcs(machine, &handle, 0, handle.size)? } else { Out::default() };
    let err = synced.err().and_then(mistakes::of_sync);
    Ok(Out { ok: Some(synced.is_ok()), err, notes: golden_notes(&*caller), ..crcs })
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
    let holds = |pool: &PoolFacts| (pool.start.0..pool.end.0).contains(&addr);
    if let Some(pool) = found.filter(|pool| !holds(pool)) {
        return Err(format!(
            "find_pool gives {} to {} for {addr:#x}, which lies outside",
            pool.start, pool.end
        ));
    }
    let mut pools = session.pools().into_iter().chain(session.transient_pools(device.number));
    let due = pools.find(holds).filter(|_| device.uses_io_tlb || !machine.declared.flag);
    if machine.build.abilities().inside && due != found {
        return Err(format!("find_pool gives {found:?} for {addr:#x}, which lies in {due:?}"));
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
    if machine.declared.statistics {
        books::counts(&machine.ledger, of, &stats)?;
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

fn hiwater_reset(machine: &mut Machine, value: u64) -> Result<Out, Refusal> {
    let mem = mem_of(machine, 0)?;
    let reset = mem.reset_hiwater(value);
    let used_hiwater = Some(mem.stats().used_hiwater);
    if reset {
        machine.ledger.reset_most(0);
    }
    Ok(Out { rc: Some(if reset { 0 } else { -22 }), used_hiwater, ..Out::default() })
}

fn snapshot(machine: &Machine) -> Result<Out, Refusal> {
    let mut pools = Vec::new();
    for mem in machine.mems.values() {
        let caller = mem.caller(0);
        let session = caller.enter();
        for pool in session.pools() {
            if machine.build.abilities() == Abilities::ALL {
                books::keeps_books(&machine.ledger, &*session, &pool)?;
            }
            pools.push(pool_state(machine, &*session, &pool));
        }
    }
    Ok(Out { pools: Some(Pools::List(pools)), ..Out::default() })
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
