//! Running the operations that set up an allocator or a device.

use super::limits::{MAX_DEVICES, at_most};
use super::machine::Machine;
use super::steps::{Refusal, in_words, narrow};
use crate::policies::Verified;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{IoTlbMem, Permissions};
use swiotlb_core::phys::{NoEncryption, PoolPages};
use swiotlb_core::pool::Pool;
use swiotlb_core::rules::nr_slots;
use swiotlb_core::setup::Setup;
use swiotlb_core::walk::HasAreas;
use workloads::golden::{Device, Init, InitMode, Note, Out};

/// The top of memory of the machine that the vectors were observed on (an input, see their README).
const OBSERVED_TOP: u64 = 10_737_418_239;

pub fn init<P: Verified>(machine: &mut Machine<P>, op: &Init) -> Result<Out, Refusal> {
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

pub fn device<P: Verified>(machine: &mut Machine<P>, op: &Device) -> Result<Out, Refusal> {
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
