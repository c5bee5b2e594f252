//! Running one operation of a vector: what it did, in the vectors' own terms.

use crate::policies::Verified;
use crate::verify::limits::{MAX_ALLOCATORS, MAX_DEVICES, MAX_SPAN, at_most, inside_arena, inside_mapping};
use crate::verify::machine::{Handle, Machine, area_state, broken_rule};
use swiotlb_core::addr::{AreaIndex, PhysAddr, SlotIndex};
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::caller::{Caller, Session};
use swiotlb_core::error::MapError;
use swiotlb_core::grow::Grown;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device as MemDevice, IoTlbMem, Permissions};
use swiotlb_core::phys::{NoEncryption, PoolPages};
use swiotlb_core::pool::Pool;
use swiotlb_core::probe::{self, Counters};
use swiotlb_core::rules::nr_slots;
use swiotlb_core::setup::Setup;
use swiotlb_core::walk::HasAreas;
use workloads::golden::{
    Api, Bug, Device, FindAt, FindPool, Init, InitMode, Map, Note, Op, Out, OutError, PoolSnapshot, Pools,
    Ralloc, Rfree, Span, Sync, Unmap, Write,
};

/// Why a step could not be run at all.
pub type Refusal = String;

/// The top of memory of the machine that the vectors were observed on (an input, see their README).
const OBSERVED_TOP: u64 = 10_737_418_239;

/// Runs `op` and says what it did. Pool and page changes are filled in by the caller.
pub fn run<P: Verified>(machine: &mut Machine<P>, op: &Op) -> Result<Out, Refusal> {
    match op {
        Op::Init(init) => self::init(machine, init),
        Op::Restricted(op) => {
            machine.declared.insert(op.mem, (op.base, op.nslabs));
            at_most("the number of allocators", machine.declared.len() as u64, MAX_ALLOCATORS)?;
            Ok(Out { rc: Some(0), ..Out::default() })
        }
        Op::Device(op) => device(machine, op),
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

fn mem_of<P: Verified>(machine: &Machine<P>, mem: u64) -> Result<&IoTlbMem<P>, Refusal> {
    machine.mems.get(&mem).map(|mem| &**mem).ok_or_else(|| format!("there is no allocator {mem}"))
}

fn device_of<P: Verified>(machine: &Machine<P>, dev: u64) -> Result<&MemDevice<P>, Refusal> {
    machine.devices.get(&dev).map(|(_, device)| device).ok_or_else(|| format!("there is no device {dev}"))
}

fn handle_of<P: Verified>(machine: &Machine<P>, h: u64) -> Result<Handle, Refusal> {
    machine.mappings.get(&h).copied().ok_or_else(|| format!("handle {h} is not mapped"))
}

/// An error of a layer below as a refusal.
fn in_words(error: impl core::fmt::Display) -> Refusal {
    error.to_string()
}

fn narrow(what: &str, value: u64) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| format!("{what} is {value}, more than {}", u32::MAX))
}

fn init<P: Verified>(machine: &mut Machine<P>, op: &Init) -> Result<Out, Refusal> {
    let nareas = op.nareas.map(|n| narrow("nareas", n)).transpose()?;
    let param = BootParam { nslabs: op.nslabs, nareas, force: None };
    let geometry = Geometry::new(param, narrow("cpus", op.cpus)?, op.adjust_size).map_err(in_words)?;
    let late_slots = if let InitMode::Late { late_size } = op.mode { nr_slots(late_size) } else { 0 };
    machine.may_reserve(geometry.nslabs.max(late_slots))?;
    let phys_limit = PhysAddr(if op.any { OBSERVED_TOP } else { u64::from(u32::MAX) });
    let permissions = Permissions { can_grow: op.can_grow, phys_limit, ..Permissions::default() };
    let pages = PoolPages::new(machine.blocks.clone(), NoEncryption, None);
    let (memory, base) = (machine.ground.memory.clone(), op.base);
    let setup = match op.mode {
        InitMode::Early => {
            let mut fails = op.memblock_fail;
            let reserve = &mut |_bytes| {
                let failed = fails > 0;
                fails = fails.saturating_sub(1);
                if failed { None } else { base.map(PhysAddr) }
            };
            IoTlbMem::<P>::early(geometry, permissions, None, memory, pages, reserve)
        }
        InitMode::Late { late_size } => IoTlbMem::<P>::late(late_size, geometry, permissions, memory, pages),
    };
    let setup = setup.map_err(in_words)?;
    let out = described_setup(&setup, op.mode);
    machine.mems.insert(0, setup.mem);
    Ok(out)
}

fn described_setup<P: Verified>(setup: &Setup<P>, mode: InitMode) -> Out {
    let caller = setup.mem.caller(0);
    let session = caller.enter();
    let pool = session.pools().next();
    let of_pool = |value: fn(&Pool<P>) -> u64| Some(pool.map_or(0, value));
    let (rc, notes) = match mode {
        InitMode::Early => (None, vec![Note::MemblockFailed; setup.retries as usize]),
        InitMode::Late { .. } if setup.failed.is_some() => (Some(-12), Vec::new()),
        InitMode::Late { .. } if setup.retries > 0 => (Some(0), vec![Note::LateShrunk]),
        InitMode::Late { .. } => (Some(0), Vec::new()),
    };
    Out {
        nslabs: of_pool(|p| u64::from(p.nslabs())),
        nareas: of_pool(|p| u64::from(p.nareas())),
        area_nslabs: of_pool(|p| u64::from(p.area_nslabs())),
        base: of_pool(|p| p.start().0),
        default_nslabs: Some(setup.mem.default_geometry().nslabs),
        default_nareas: Some(u64::from(setup.mem.default_geometry().nareas)),
        can_grow: Some(setup.mem.permissions().can_grow),
        phys_limit: Some(setup.mem.permissions().phys_limit.0),
        rc,
        notes,
        ..Out::default()
    }
}

fn device<P: Verified>(machine: &mut Machine<P>, op: &Device) -> Result<Out, Refusal> {
    if !machine.mems.contains_key(&op.mem)
        && let Some(&(base, nslabs)) = machine.declared.get(&op.mem)
    {
        machine.may_reserve(nslabs)?;
        let pages = PoolPages::new(machine.blocks.clone(), NoEncryption, None);
        let mem = IoTlbMem::<P>::restricted(PhysAddr(base), nslabs, machine.ground.memory.clone(), pages);
        machine.mems.insert(op.mem, mem.map_err(in_words)?);
    }
    let mem = machine.mems.get(&op.mem).ok_or_else(|| format!("there is no allocator {}", op.mem))?;
    let device = mem.device(op.limits).map_err(in_words)?;
    let out = Out {
        max_mapping_size: Some(device.limits().max_mapping_size()),
        active: Some(mem.is_active()),
        force_bounce: Some(mem.permissions().force_bounce),
        for_alloc: Some(mem.permissions().for_alloc),
        rc: (op.mem != 0).then_some(0),
        ..Out::default()
    };
    machine.devices.insert(op.dev, (op.mem, device));
    at_most("the number of devices", machine.devices.len() as u64, MAX_DEVICES)?;
    Ok(out)
}

fn golden_notes(probe: &Counters) -> Vec<Note> {
    let word = |note| match note {
        probe::Note::Full => Note::Full,
        probe::Note::BounceOverflow => Note::BounceOverflow,
        probe::Note::AlignMaskAbovePage => Note::AlignMaskGtPage,
        probe::Note::NotDmaCapable => Note::NotDmaCapable,
        probe::Note::NoPool => Note::NoPool,
    };
    probe.take_notes().into_iter().map(word).collect()
}

fn map<P: Verified>(machine: &mut Machine<P>, op: &Map) -> Result<Out, Refusal> {
    inside_arena(machine.arena, op.orig, op.size)?;
    if let Some(seed) = op.fill {
        at_most("the size", op.size, MAX_SPAN)?;
        machine.ground.dirty(PhysAddr(op.orig), op.size);
        machine.fill(PhysAddr(op.orig), op.size, seed).map_err(in_words)?;
    }
    let device = device_of(machine, op.dev)?;
    let caller = device.mem().caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let request = op.request();
    let mapped = match op.api {
        Api::Tbl => session.map(device, &request),
        Api::Stream => session.map_streaming(device, &request),
    };
    let mut out = match mapped {
        Ok(addr) => {
            let handle = Handle { dev: op.dev, orig: op.orig, size: op.size, dir: op.dir, addr };
            if let Some(rule) = broken_rule(&session, device, &handle) {
                return Err(rule);
            }
            let out = described_map(machine, &session, device, op, addr)?;
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
    out.0.notes = golden_notes(caller.probe());
    out.0.work_scheduled = caller.probe().get().work_scheduled > 0;
    drop(session);
    drop(caller);
    if let Some(handle) = out.1 {
        machine.mappings.insert(op.h, handle);
    }
    Ok(out.0)
}

fn described_map<P: Verified>(
    machine: &Machine<P>,
    session: &Session<'_, P>,
    device: &MemDevice<P>,
    op: &Map,
    addr: PhysAddr,
) -> Result<Out, Refusal> {
    let mapping = session.mapping(device, addr).ok_or("the mapping is not found in its own pool")?;
    Ok(Out {
        pool: Some(machine.number(mapping.pool.start())),
        transient: Some(mapping.pool.is_transient()),
        off: Some(addr.wrapping_offset_from(mapping.pool.start())),
        slot: Some(u64::from(mapping.slot.0)),
        pad_slots: Some(u64::from(mapping.slot.0 - mapping.first.0)),
        first: Some(u64::from(mapping.first.0)),
        nslots: Some(mapping.nslots),
        alloc_left: Some(mapping.alloc_left),
        area: Some(area_state(mapping.pool, mapping.area)),
        dev_crc: op.crc.then(|| machine.crc(addr, op.size)).transpose().map_err(in_words)?,
        ..ok(true)
    })
}

fn unmap<P: Verified>(machine: &mut Machine<P>, op: &Unmap) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let device = device_of(machine, handle.dev)?;
    let caller = device.mem().caller(0);
    let session = caller.enter();
    let mapping = session.mapping(device, handle.addr).ok_or("a live mapping is not found")?;
    let (pool, area, nslots) = (mapping.pool, mapping.area, mapping.nslots);
    let (base, transient) = (pool.start(), pool.is_transient());
    let (size, dir) = (op.size.unwrap_or(handle.size), op.dir.unwrap_or(handle.dir));
    session.unmap(device, handle.addr, size, dir, op.attrs).map_err(in_words)?;
    let out = Out {
        pool: Some(machine.number(base)),
        transient: Some(transient),
        nslots: Some(nslots),
        area: (!transient).then(|| area_state(pool, area)),
        cpu_crc: op
            .crc
            .then(|| machine.crc(PhysAddr(handle.orig), handle.size))
            .transpose()
            .map_err(in_words)?,
        rcu_queued: u64::from(transient),
        notes: golden_notes(caller.probe()),
        ..ok(true)
    };
    drop(session);
    drop(caller);
    machine.mappings.remove(&op.h);
    Ok(out)
}

fn both_crcs<P: Verified>(machine: &Machine<P>, handle: &Handle, off: u64, len: u64) -> Result<Out, Refusal> {
    inside_mapping(off, len, handle.size)?;
    Ok(Out {
        dev_crc: Some(machine.crc(handle.addr.wrapping_add(off), len).map_err(in_words)?),
        cpu_crc: Some(machine.crc(PhysAddr(handle.orig).wrapping_add(off), len).map_err(in_words)?),
        ..Out::default()
    })
}

fn sync<P: Verified>(machine: &Machine<P>, op: &Sync, for_device: bool) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let device = device_of(machine, handle.dev)?;
    let caller = device.mem().caller(0);
    let session = caller.enter();
    let (addr, len) = (handle.addr.wrapping_add(op.off), op.len.unwrap_or(handle.size));
    let dir = op.dir.unwrap_or(handle.dir);
    let synced = if for_device {
        session.sync_for_device(device, addr, len, dir)
    } else {
        session.sync_for_cpu(device, addr, len, dir)
    };
    synced.map_err(in_words)?;
    let crcs = if op.crc { both_crcs(machine, &handle, 0, handle.size)? } else { Out::default() };
    Ok(Out { ok: Some(true), notes: golden_notes(caller.probe()), ..crcs })
}

fn write<P: Verified>(machine: &Machine<P>, op: &Write, by_device: bool) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    inside_mapping(op.off, op.len, handle.size)?;
    let start = if by_device { handle.addr } else { PhysAddr(handle.orig) };
    machine.fill(start.wrapping_add(op.off), op.len, op.seed).map_err(in_words)?;
    Ok(ok(true))
}

fn check<P: Verified>(machine: &Machine<P>, op: &Span) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    both_crcs(machine, &handle, op.off, op.len.unwrap_or(handle.size))
}

fn run_worker<P: Verified>(machine: &Machine<P>) -> Result<Out, Refusal> {
    let mem = mem_of(machine, 0)?;
    let grown = mem.caller(0).run_worker();
    Ok(Out {
        ran: Some(grown != Grown::NotAsked),
        nslabs: Some(mem.stats().nslabs),
        notes: if matches!(grown, Grown::Failed(_)) { vec![Note::GrowFailed] } else { Vec::new() },
        ..Out::default()
    })
}

fn run_rcu<P: Verified>(machine: &Machine<P>) -> Result<Out, Refusal> {
    let mut caller: Caller<'_, P> = mem_of(machine, 0)?.caller(0);
    Ok(Out { callbacks: Some(caller.quiesce() as u64), ..Out::default() })
}

fn find_pool<P: Verified>(machine: &Machine<P>, op: &FindPool) -> Result<Out, Refusal> {
    let addr = match op.at {
        FindAt::Paddr(addr) => addr,
        FindAt::Pool { pool, off } => {
            let base = usize::try_from(pool).ok().and_then(|i| machine.bases.get(i));
            base.ok_or_else(|| format!("there was no pool {pool}"))?.wrapping_add(off)
        }
    };
    let device = device_of(machine, op.dev)?;
    let caller = device.mem().caller(0);
    let session = caller.enter();
    let found = session.find_pool(device, PhysAddr(addr));
    Ok(Out {
        paddr: Some(addr),
        found: Some(found.map_or(-1, |pool| machine.number(pool.start()))),
        transient: Some(found.is_some_and(Pool::is_transient)),
        ..Out::default()
    })
}

fn stats<P: Verified>(machine: &Machine<P>, mem: u64) -> Result<Out, Refusal> {
    let mem = mem_of(machine, mem)?;
    let stats = mem.stats();
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

fn hiwater_reset<P: Verified>(machine: &Machine<P>, value: u64) -> Result<Out, Refusal> {
    let mem = mem_of(machine, 0)?;
    let rc = if mem.reset_hiwater(value) { 0 } else { -22 };
    Ok(Out { rc: Some(rc), used_hiwater: Some(mem.stats().used_hiwater), ..Out::default() })
}

fn snapshot<P: Verified>(machine: &Machine<P>) -> Out {
    let mut pools = Vec::new();
    for mem in machine.mems.values() {
        let caller = mem.caller(0);
        pools.extend(caller.enter().pools().map(|pool| pool_state(machine, pool)));
    }
    Out { pools: Some(Pools::List(pools)), ..Out::default() }
}

fn pool_state<P: Verified>(machine: &Machine<P>, pool: &Pool<P>) -> PoolSnapshot {
    let areas = || (0..pool.nareas()).map(AreaIndex);
    let (mut free, mut runs) = (Vec::new(), Vec::new());
    for run in (0..pool.nslabs()).map(|i| pool.free_run(SlotIndex(i))) {
        free.push(u8::from(run > 0));
        runs.extend(u16::try_from(run).unwrap_or(u16::MAX).to_le_bytes());
    }
    PoolSnapshot {
        pool: machine.number(pool.start()),
        used: areas().map(|area| pool.area_used(area)).collect(),
        index: areas().map(|area| u64::from(pool.area_index(area))).collect(),
        free_crc: u64::from(crc32fast::hash(&free)),
        run_crc: u64::from(crc32fast::hash(&runs)),
    }
}

fn ralloc<P: Verified>(machine: &mut Machine<P>, op: &Ralloc) -> Result<Out, Refusal> {
    let device = device_of(machine, op.dev)?;
    let caller = device.mem().caller(narrow("cpu", op.cpu)?);
    let session = caller.enter();
    let Ok(addr) = session.alloc_pages(device, op.size) else { return Ok(ok(false)) };
    let mapping = session.mapping(device, addr).ok_or("the pages are not found in their own pool")?;
    let out = Out {
        pool: Some(machine.number(mapping.pool.start())),
        off: Some(addr.wrapping_offset_from(mapping.pool.start())),
        slot: Some(u64::from(mapping.slot.0)),
        nslots: Some(mapping.nslots),
        area: Some(area_state(mapping.pool, mapping.area)),
        ..ok(true)
    };
    let dir = swiotlb_core::device::Direction::Bidirectional;
    machine.ground.dirty(addr, op.size);
    drop(session);
    drop(caller);
    machine.mappings.insert(op.h, Handle { dev: op.dev, orig: 0, size: op.size, dir, addr });
    Ok(out)
}

fn rfree<P: Verified>(machine: &mut Machine<P>, op: &Rfree) -> Result<Out, Refusal> {
    let handle = handle_of(machine, op.h)?;
    let device = device_of(machine, op.dev.unwrap_or(handle.dev))?;
    let addr = op.paddr.map_or(handle.addr, PhysAddr);
    let caller = device.mem().caller(0);
    let session = caller.enter();
    let nslots = session.mapping(device, addr).map_or(0, |mapping| mapping.nslots);
    let freed = session.free_pages(device, addr);
    Ok(Out { nslots: Some(if freed { nslots } else { 0 }), ..ok(freed) })
}
