//! The ownership oracle: what it knows of each handle, and what it checks at map, sync and unmap.
//!
//! Watched handles: where the buffer lies, that no other watched one lies there, that the address keeps
//! what the device asked for. With [`Oracle::Full`] every handle is watched and so is every byte: the
//! original is filled before the map, compared in the bounce buffer after it, overwritten there as a device
//! would, and compared again before and after the unmap. A stamp depends on handle and offset, so a byte
//! that belongs to another mapping is seen.
//!
//! Nothing of this is inside a timed call. A violation voids every number of the run.

use super::outcome::OracleReport;
use super::owners::Owners;
use super::settings::Oracle;
use super::stamp::{Stamp, compare, fill, same};
use super::target::{Placed, Section};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::rules::IO_TLB_MAX_BYTES;
use workloads::op::{Action, Plan};

/// Violations that are kept in words.
const KEPT: usize = 8;

/// What is known of a handle.
#[derive(Clone, Copy, Debug)]
struct Known {
    orig: PhysAddr,
    bytes: u64,
    align_mask: u64,
    to_cpu: bool,
    device: u16,
}

/// The oracle of a run.
#[derive(Debug)]
pub struct Watch {
    every: u32,
    /// Where bytes are compared; `None` leaves them alone.
    memory: Option<Arc<PhysMemory>>,
    handles: Vec<Known>,
    limits: Vec<DeviceLimits>,
    owners: Owners,
    // Relaxed counts: nothing is read through them.
    checked: AtomicU64,
    violations: AtomicU64,
    said: Mutex<Vec<String>>,
}

impl Watch {
    /// The oracle for a run of `plan`; `None` if it is off. `pools` are those known beforehand, first byte
    /// and the byte after the last. Bytes are compared in `memory`, if there is any and all are watched.
    #[must_use]
    pub fn new(
        plan: &Plan,
        oracle: Oracle,
        memory: Option<&Arc<PhysMemory>>,
        pools: &[(u64, u64)],
    ) -> Option<Self> {
        let (every, memory) = match oracle {
            Oracle::Off | Oracle::Sampled(0) => return None,
            Oracle::Sampled(n) => (n, None),
            Oracle::Full => (1, memory.cloned()),
        };
        Some(Self {
            every,
            memory,
            handles: known(plan),
            limits: plan.devices.iter().map(|device| device.limits).collect(),
            owners: Owners::new(pools),
            checked: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            said: Mutex::default(),
        })
    }

    #[inline]
    fn watched(&self, handle: u32) -> Option<&Known> {
        if handle.is_multiple_of(self.every) { self.handles.get(handle as usize) } else { None }
    }

    #[cold]
    fn say(&self, what: impl FnOnce() -> String) {
        self.violations.fetch_add(1, Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < KEPT {
            said.push(what());
        }
    }

    /// Before a map: fills the original.
    #[inline]
    pub fn before_map(&self, handle: u32) {
        if let (Some(known), Some(memory)) = (self.watched(handle), &self.memory) {
            fill(memory, known.orig, known.bytes, Stamp::cpu(handle));
        }
    }

    /// After a map that succeeded.
    #[inline]
    pub fn after_map<S: Section>(&self, section: &S, handle: u32, addr: PhysAddr) {
        if let Some(known) = self.watched(handle) {
            self.check_map(section, handle, known, addr);
        }
    }

    #[inline(never)]
    fn check_map<S: Section>(&self, section: &S, handle: u32, known: &Known, addr: PhysAddr) {
        self.checked.fetch_add(1, Relaxed);
        if !section.lookup(known.device, addr) {
            self.say(|| format!("handle {handle}: {addr} was handed out and is in no pool"));
        }
        let placed = section.placed(known.device, addr);
        self.check_address(handle, known, addr);
        if let Some(placed) = placed {
            self.check_place(handle, known, addr, &placed);
        }
        let allocation = placed.map_or((addr.0, addr.0.saturating_add(known.bytes)), |at| at.allocation);
        if let Err(owner) = self.owners.claim(handle, allocation) {
            self.say(|| format!("handle {handle} at {addr}: still belongs to handle {owner}"));
        }
        let Some(memory) = &self.memory else { return };
        if let Some(at) = compare(memory, addr, known.bytes, Stamp::cpu(handle)) {
            self.say(|| format!("handle {handle} at {addr}: byte {at} did not reach the bounce buffer"));
        }
        if known.to_cpu {
            fill(memory, addr, known.bytes, Stamp::device(handle));
        }
    }

    /// The address keeps the original's low bits, and the buffer crosses no boundary of the device.
    fn check_address(&self, handle: u32, known: &Known, addr: PhysAddr) {
        let Some(limits) = self.limits.get(usize::from(known.device)) else { return };
        if (addr.0 ^ known.orig.0) & limits.min_align_mask != 0 {
            self.say(|| {
                let (orig, mask) = (known.orig, limits.min_align_mask);
                format!("handle {handle}: {addr} does not keep {orig}'s bits under {mask:#x}")
            });
        }
        let Some(last) = addr.0.checked_add(known.bytes - 1) else {
            self.say(|| format!("handle {handle}: {addr} runs past the last address"));
            return;
        };
        if (addr.0 ^ last) & !limits.seg_boundary_mask != 0 {
            self.say(|| {
                format!("handle {handle}: {addr} crosses a boundary of {:#x}", limits.seg_boundary_mask)
            });
        }
        if !limits.reaches(addr, known.bytes) {
            self.say(|| format!("handle {handle}: {addr} is beyond the device's reach"));
        }
    }

    /// The buffer lies in its allocation, that in one segment of its pool, aligned as asked.
    fn check_place(&self, handle: u32, known: &Known, addr: PhysAddr, placed: &Placed) {
        let (from, to) = placed.allocation;
        let inside = from <= addr.0 && addr.0.saturating_add(known.bytes) <= to;
        if !inside || from < placed.pool.0 || to > placed.pool.1 {
            self.say(|| format!("handle {handle}: {addr} of {} bytes leaves {placed:?}", known.bytes));
            return;
        }
        let segment = |at: u64| (at - placed.pool.0) / IO_TLB_MAX_BYTES;
        if segment(from) != segment(to - 1) {
            self.say(|| format!("handle {handle}: {addr} lies in two segments"));
        }
        if from & known.align_mask & !(swiotlb_core::rules::IO_TLB_SIZE - 1) != 0 {
            self.say(|| format!("handle {handle}: {addr} is not aligned to {:#x}", known.align_mask));
        }
    }

    /// Before an unmap: the device's bytes are still there; the slots go back.
    #[inline]
    pub fn before_unmap(&self, handle: u32, addr: PhysAddr) {
        if let Some(known) = self.watched(handle) {
            self.check_unmap(handle, known, addr);
        }
    }

    #[inline(never)]
    fn check_unmap(&self, handle: u32, known: &Known, addr: PhysAddr) {
        if let Some(memory) = &self.memory {
            let stamp = if known.to_cpu { Stamp::device(handle) } else { Stamp::cpu(handle) };
            if let Some(at) = compare(memory, addr, known.bytes, stamp) {
                self.say(|| format!("handle {handle} at {addr}: byte {at} of the buffer was overwritten"));
            }
        }
        if !self.owners.release(handle) {
            self.say(|| format!("handle {handle} at {addr}: its slots were taken by another"));
        }
    }

    /// After an unmap: the original holds what the device wrote, or what the CPU wrote before.
    #[inline]
    pub fn after_unmap(&self, handle: u32, skip_cpu_sync: bool) {
        let (Some(known), Some(memory)) = (self.watched(handle), &self.memory) else { return };
        if skip_cpu_sync && known.to_cpu {
            return;
        }
        let stamp = if known.to_cpu { Stamp::device(handle) } else { Stamp::cpu(handle) };
        if let Some(at) = compare(memory, known.orig, known.bytes, stamp) {
            self.say(|| format!("handle {handle}: byte {at} of the original is lost"));
        }
    }

    /// After a sync: both sides hold the same where bytes were to be copied. The device then writes again.
    #[inline]
    pub fn after_sync(&self, handle: u32, addr: PhysAddr, offset: u32, len: u32, for_cpu: bool) {
        let (Some(known), Some(memory)) = (self.watched(handle), &self.memory) else { return };
        if !known.to_cpu {
            return;
        }
        let (offset, len) = (u64::from(offset), u64::from(len));
        let (bounce, orig) = (addr.wrapping_add(offset), known.orig.wrapping_add(offset));
        if for_cpu && !same(memory, orig, bounce, len) {
            self.say(|| format!("handle {handle}: a sync of {len} bytes at {offset} did not arrive"));
        }
        if !for_cpu {
            fill(memory, addr, known.bytes, Stamp::device(handle));
        }
    }

    /// A lookup did not find a live mapping.
    pub fn lost(&self, handle: u32, addr: PhysAddr) {
        self.say(|| format!("handle {handle}: {addr} is live and was not found"));
    }

    /// The end, with nothing live: no slot may be in use. What it saw in all.
    #[must_use]
    pub fn finish(&self, used: Option<u64>, refused: u64) -> OracleReport {
        if let Some(used) = used.filter(|&used| used != 0) {
            self.say(|| format!("{used} slots are in use when nothing is mapped"));
        }
        if refused != 0 {
            self.say(|| format!("{refused} calls were refused though the plan was right"));
        }
        let left = self.owners.live();
        if left != 0 {
            self.say(|| format!("{left} slots are owned when nothing is mapped"));
        }
        OracleReport {
            checked: self.checked.load(Relaxed),
            violations: self.said.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            total_violations: self.violations.load(Relaxed),
        }
    }
}

/// What the plan says of each handle.
fn known(plan: &Plan) -> Vec<Known> {
    let nothing = Known { orig: PhysAddr(0), bytes: 1, align_mask: 0, to_cpu: false, device: 0 };
    let mut handles = vec![nothing; plan.handles as usize];
    for op in plan.threads.iter().flat_map(|thread| &thread.ops) {
        if let Action::Map { handle, device, orig, size, alloc_align_mask, dir } = op.action
            && let Some(known) = handles.get_mut(handle.0 as usize)
        {
            let align_mask = u64::from(alloc_align_mask);
            let to_cpu = dir.from_device();
            *known = Known { orig, bytes: u64::from(size), align_mask, to_cpu, device: device.0 };
        }
    }
    handles
}
