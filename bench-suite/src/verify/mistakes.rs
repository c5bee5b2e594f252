//! A caller's mistakes: what an unmap or a sync must come to, by what the ledger has of the address. So a policy is
//! held to it wherever it places mappings.

use super::ledger::{Entry, Ledger};
use super::limits::Refusal;
use super::machine::{Device, Machine};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::Direction;
use swiotlb_core::error::{SyncError, UnmapError};
use swiotlb_core::rules::IO_TLB_SIZE;
use workloads::golden::{Op, OutError};

/// The vectors' word for an unmap's error, where they have one.
pub fn of_unmap(error: UnmapError) -> Option<OutError> {
    match error {
        UnmapError::NotBounced { .. } => Some(OutError::NotBounced),
        UnmapError::NotLive { .. } => Some(OutError::NotLive),
        UnmapError::WrongDirection { .. } => Some(OutError::WrongDirection),
        UnmapError::ForeignDevice => None,
    }
}

/// The same for a sync's.
pub fn of_sync(error: SyncError) -> Option<OutError> {
    match error {
        SyncError::NotBounced { .. } => Some(OutError::NotBounced),
        SyncError::NotLive { .. } => Some(OutError::NotLive),
        SyncError::WrongDirection { .. } => Some(OutError::WrongDirection),
        SyncError::ForeignDevice => None,
    }
}

/// What a device finds in the ledger. One that never had a bounce buffer finds nothing, whoever's an address is, under a
/// policy that asks its flag; in another placement than the vector's its only map may have failed.
fn finds<'a>(machine: &'a Machine, device: &Device) -> Option<&'a Ledger> {
    (device.uses_io_tlb || !machine.declared.flag).then_some(&machine.ledger)
}

/// What starts at an address, if the device finds it.
pub fn starting_at(machine: &Machine, device: &Device, addr: PhysAddr) -> Option<Entry> {
    finds(machine, device)?.starting_at(device.mem, device.number, addr.0)
}

/// The handle of the mapping that an unmap ends; of a mistake there is none.
pub fn unmaps(machine: &Machine, device: &Device, addr: PhysAddr, dir: Direction) -> Option<u64> {
    let entry = starting_at(machine, device, addr)?;
    (entry.dir == Some(dir)).then_some(entry.h)
}

/// Whether a sync at `addr` names a part of `entry`, whose slots it lies in.
fn syncs(entry: &Entry, addr: PhysAddr, dir: Direction) -> bool {
    let into = |addr: u64| addr - addr % IO_TLB_SIZE;
    let seen = into(addr.0) == into(entry.addr);
    let within = (entry.addr..=entry.addr + entry.left).contains(&addr.0);
    within && entry.dir.is_some_and(|mapped| mapped == dir || !seen)
}

/// Refuses a sync that was done and is a mistake, or was refused and is none.
pub fn synced(
    machine: &Machine,
    device: &Device,
    addr: PhysAddr,
    dir: Direction,
    done: &Result<(), SyncError>,
) -> Result<(), Refusal> {
    let entry = finds(machine, device).and_then(|ledger| ledger.around(device.mem, device.number, addr.0));
    let due = entry.is_some_and(|entry| syncs(&entry, addr, dir));
    match done {
        Ok(()) if !due => Err(format!("{addr} was synced, and nothing is mapped there so")),
        Err(error) if due => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Whether a step names by its address another mapping than by its handle: a mistake that is one in the vector's
/// placement only.
pub fn strays(machine: &Machine, op: &Op) -> bool {
    let (h, off, dev) = match op {
        Op::Unmap(op) => (op.h, op.off, op.dev),
        Op::Rfree(op) => (op.h, 0, op.dev),
        Op::SyncDev(op) | Op::SyncCpu(op) => (op.h, op.off, op.dev),
        _ => return false,
    };
    let hit = machine.named(h).and_then(|handle| {
        let device = machine.devices.get(&dev.unwrap_or(handle.dev))?;
        machine.ledger.around(device.mem, device.number, handle.addr.wrapping_add(off).0)
    });
    hit.is_some_and(|entry| entry.h != h)
}
