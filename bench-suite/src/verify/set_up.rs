//! Running the operations that set up an allocator or a device.

use super::limits::{MAX_DEVICES, Refusal, at_most, in_words, narrow};
use super::machine::{self, Machine};
use crate::subject::{Blocks, Built, How, Parts, PoolFacts};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::mem::Permissions;
use swiotlb_core::rules::nr_slots;
use workloads::golden::{Device, Init, InitMode, Note, Out};

/// The top of memory of the machine that the vectors were observed on (an input, see their README).
const OBSERVED_TOP: u64 = 10_737_418_239;

pub fn init(machine: &mut Machine, op: &Init) -> Result<Out, Refusal> {
    let nareas = op.nareas.map(|n| narrow("nareas", n)).transpose()?;
    let param = BootParam { nslabs: op.nslabs, nareas, force: None };
    let geometry = Geometry::new(param, narrow("cpus", op.cpus)?, op.adjust_size).map_err(in_words)?;
    let late_slots = if let InitMode::Late { late_size } = op.mode { nr_slots(late_size) } else { 0 };
    machine.may_reserve(geometry.nslabs.max(late_slots))?;
    let phys_limit = PhysAddr(if op.any { OBSERVED_TOP } else { u64::from(u32::MAX) });
    let permissions = Permissions { can_grow: op.can_grow, phys_limit, ..Permissions::default() };
    let (base, mut fails) = (op.base, op.memblock_fail);
    let reserve = &mut |_bytes| {
        let failed = fails > 0;
        fails = fails.saturating_sub(1);
        if failed { None } else { base.map(PhysAddr) }
    };
    let how = match op.mode {
        InitMode::Early => How::Early(reserve),
        InitMode::Late { late_size } => How::Late(late_size),
    };
    let built = machine.build.build(parts(machine, how, geometry, permissions)).map_err(in_words)?;
    let out = described_setup(&built, op.mode);
    machine.mems.insert(0, built.subject);
    machine.late = op.mode != InitMode::Early;
    Ok(out)
}

/// An allocator of this machine.
fn parts<'a>(machine: &Machine, how: How<'a>, geometry: Geometry, permissions: Permissions) -> Parts<'a> {
    let (memory, blocks) = (machine.ground.memory.clone(), Blocks::Scripted(machine.blocks.clone()));
    Parts { how, geometry, permissions, memory, blocks }
}

fn described_setup(setup: &Built, mode: InitMode) -> Out {
    let subject = &setup.subject;
    let pool = subject.caller(0).enter().pools().first().copied();
    let of_pool = |value: fn(PoolFacts) -> u64| Some(pool.map_or(0, value));
    let (rc, notes) = match mode {
        InitMode::Early => (None, vec![Note::MemblockFailed; setup.retries as usize]),
        InitMode::Late { .. } if setup.failed.is_some() => (Some(-12), Vec::new()),
        InitMode::Late { .. } if setup.retries > 0 => (Some(0), vec![Note::LateShrunk]),
        InitMode::Late { .. } => (Some(0), Vec::new()),
    };
    Out {
        nslabs: of_pool(|p| u64::from(p.nslabs)),
        nareas: of_pool(|p| u64::from(p.nareas)),
        area_nslabs: of_pool(|p| u64::from(p.area_nslabs)),
        base: of_pool(|p| p.start.0),
        default_nslabs: Some(subject.default_geometry().nslabs),
        default_nareas: Some(u64::from(subject.default_geometry().nareas)),
        can_grow: Some(subject.permissions().can_grow),
        phys_limit: Some(subject.permissions().phys_limit.0),
        rc,
        notes,
        ..Out::default()
    }
}

pub fn device(machine: &mut Machine, op: &Device) -> Result<Out, Refusal> {
    if !machine.mems.contains_key(&op.mem)
        && let Some(&(base, nslabs)) = machine.declared_pools.get(&op.mem)
    {
        machine.may_reserve(nslabs)?;
        let how = How::Restricted(PhysAddr(base), nslabs);
        let parts = parts(machine, how, Geometry { nslabs, nareas: 1 }, Permissions::default());
        machine.mems.insert(op.mem, machine.build.build(parts).map_err(in_words)?.subject);
    }
    let mem = machine.mems.get_mut(&op.mem).ok_or_else(|| format!("there is no allocator {}", op.mem))?;
    let number = mem.add_device(op.limits).map_err(in_words)?;
    let out = Out {
        max_mapping_size: Some(op.limits.max_mapping_size()),
        active: Some(mem.is_active()),
        force_bounce: Some(mem.permissions().force_bounce),
        for_alloc: Some(mem.permissions().for_alloc),
        rc: (op.mem != 0).then_some(0),
        ..Out::default()
    };
    machine
        .devices
        .insert(op.dev, machine::Device { mem: op.mem, number, limits: op.limits, uses_io_tlb: false });
    at_most("the number of devices", machine.devices.len() as u64, MAX_DEVICES)?;
    Ok(out)
}
