//! Steps that an allocator cannot be asked, because its interface has no question for them ([`Abilities`]): they and
//! what builds on them are not comparable. Policies of ours can be asked everything.

use super::machine::Machine;
use crate::subject::Abilities;
use workloads::golden::{InitMode, Op};

/// Whether `op` cannot be asked.
pub fn beyond(machine: &Machine, abilities: Abilities, op: &Op) -> bool {
    let no_device = |dev| !machine.devices.contains_key(dev);
    let no_mem = |mem| !machine.mems.contains_key(mem);
    match op {
        Op::Snapshot => !abilities.inside,
        _ if abilities.set_up => false,
        Op::Init(op) => op.memblock_fail > 0 || !matches!(op.mode, InitMode::Early),
        Op::Restricted(_) | Op::Ralloc(_) | Op::Rfree(_) => true,
        Op::Device(op) => no_mem(&op.mem),
        Op::Map(op) => no_device(&op.dev),
        Op::FindPool(op) => no_device(&op.dev),
        Op::Stats { mem } => no_mem(mem),
        Op::HiwaterReset { .. } | Op::RunWorker | Op::RunRcu => no_mem(&0),
        Op::Unmap(_) | Op::SyncDev(_) | Op::SyncCpu(_) | Op::DevWrite(_) | Op::CpuWrite(_) | Op::Check(_) => {
            // Of a mapping, which is looked for by its handle.
            false
        }
        Op::FailPages { .. } | Op::MaxOrder { .. } => false,
    }
}
