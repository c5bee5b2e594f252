//! What an allocator is made of, and what is added later: geometry, set-up, devices, growth.

use std::mem::replace;

use super::mem::{DEFAULT_SLOTS, MAX_BYTES, MAX_GROWN, MIN_SLOTS, Mem, halvings, limited_areas};
use super::pages::{self, Blocks, Had};
use super::pool::{Pool, SEGMENT, SLOT};
use super::want::nr_slots;
use super::{Device, Oracle};
use crate::golden::{self, Init, InitMode, Note, Out, PageEvent};

/// The top of memory of the machine that was observed, an input of the vectors.
const OBSERVED_TOP: u64 = 10_737_418_239;

/// Slots and areas that were asked for.
fn geometry(op: &Init) -> (u64, u64) {
    let asked = op.nslabs.or(op.adjust_size.map(nr_slots)).unwrap_or(DEFAULT_SLOTS);
    let whole_segments = asked.next_multiple_of(SEGMENT as u64);
    let nareas = op.nareas.unwrap_or(op.cpus).max(1).next_power_of_two();
    (whole_segments.max(nareas * SEGMENT as u64).next_power_of_two(), nareas)
}

/// A pool of free slots.
pub(super) fn new_pool(base: u64, nslabs: u64, nareas: u64) -> Pool {
    let size = |n| usize::try_from(n).unwrap_or(usize::MAX);
    Pool::new(base, size(nslabs), size(nareas))
}

impl Oracle {
    /// A fresh machine.
    pub(super) fn init(&mut self, op: &Init) -> Out {
        *self = Self::with(replace(&mut self.blocks, Blocks::Recorded([].into())));
        let (nslabs, nareas) = geometry(op);
        let mut mem = Mem::new(nslabs, nareas);
        mem.can_grow = op.can_grow;
        mem.phys_limit = if op.any { OBSERVED_TOP } else { u64::from(u32::MAX) };
        let mut out = Out::default();
        let pool = match op.mode {
            InitMode::Early => early(op, &mut mem, &mut out),
            InitMode::Late { late_size } => self.late(late_size, &mem, &mut out),
        };
        out.default_nslabs = Some(mem.default_nslabs);
        out.default_nareas = Some(mem.default_nareas);
        out.can_grow = Some(mem.can_grow);
        out.phys_limit = Some(mem.phys_limit);
        let of_pool = |value: fn(&Pool) -> u64| Some(pool.as_ref().map_or(0, value));
        out.nslabs = of_pool(|pool| pool.nslabs() as u64);
        out.nareas = of_pool(|pool| pool.nareas() as u64);
        out.area_nslabs = of_pool(|pool| pool.area_nslabs() as u64);
        out.base = of_pool(|pool| pool.base);
        if let Some(mut pool) = pool {
            out.pools_added.push(self.number(&mut pool, 0, -1));
            mem.pools.push(pool);
        }
        self.mems.insert(0, mem);
        out
    }

    /// A zeroed block for so many bytes.
    pub(super) fn block(&mut self, bytes: u64, limit: u64, events: &mut Vec<PageEvent>) -> Had {
        let had = pages::alloc(&mut self.blocks, bytes, limit, events);
        if let Ok((base, _)) = had {
            self.bytes.zero(base, bytes);
        }
        had
    }

    /// Late set-up: blocks of a power of two of pages, more than 1 MiB each.
    fn late(&mut self, late_size: u64, mem: &Mem, out: &mut Out) -> Option<Pool> {
        let wanted = (late_size / SLOT).next_multiple_of(SEGMENT as u64) * SLOT;
        let whole_block = (4096 << pages::order_of(wanted)) / SLOT;
        for nslabs in halvings(whole_block).filter(|&nslabs| nslabs > MIN_SLOTS) {
            if let Ok((base, order)) = self.block(nslabs * SLOT, mem.phys_limit, &mut out.pages) {
                out.rc = Some(0);
                if nslabs < whole_block {
                    out.notes.push(Note::LateShrunk);
                }
                let mut pool = new_pool(base, nslabs, limited_areas(mem.default_nareas, nslabs));
                pool.order = Some(order);
                return Some(pool);
            }
        }
        out.rc = Some(-12);
        None
    }

    /// Attaches a device; the first one brings its restricted pool to life.
    pub(super) fn device(&mut self, op: &golden::Device) -> Out {
        let mut out = Out::default();
        if let Some(declared) =
            self.declared.get(&op.mem).copied().filter(|_| !self.mems.contains_key(&op.mem))
        {
            let mut mem = Mem::new(declared.nslabs, 1);
            mem.restricted = true;
            let mut pool = new_pool(declared.base, declared.nslabs, 1);
            out.pools_added.push(self.number(&mut pool, op.mem, -1));
            mem.pools.push(pool);
            self.mems.insert(op.mem, mem);
        }
        let mem = &self.mems[&op.mem];
        let min = op.limits.min_align_mask;
        out.max_mapping_size = Some(MAX_BYTES - if min == 0 { 0 } else { min.next_multiple_of(SLOT) });
        out.active = Some(!mem.pools.is_empty());
        out.force_bounce = Some(mem.restricted);
        out.for_alloc = Some(mem.restricted);
        out.rc = (op.mem != 0).then_some(0);
        let device = Device { mem: op.mem, limits: op.limits, uses_io_tlb: false, transient: Vec::new() };
        self.devices.insert(op.dev, device);
        out
    }

    /// The growth worker, if it was asked.
    pub(super) fn run_worker(&mut self) -> Out {
        let mem = self.mem_mut(0);
        let asked = replace(&mut mem.asked, false);
        let (default, nareas, limit) = (mem.default_nslabs, mem.default_nareas, mem.phys_limit);
        let mut out = Out { ran: Some(asked), ..Out::default() };
        if asked {
            let mut sizes = halvings(default.min(MAX_GROWN));
            let grown = sizes.find_map(|nslabs| {
                let (base, order) = self.block(nslabs * SLOT, limit, &mut out.pages).ok()?;
                Some(Pool { order: Some(order), ..new_pool(base, nslabs, limited_areas(nareas, nslabs)) })
            });
            match grown {
                Some(mut pool) => {
                    out.pools_added.push(self.number(&mut pool, 0, -1));
                    self.mem_mut(0).pools.insert(0, pool);
                }
                None => out.notes.push(Note::GrowFailed),
            }
        }
        out.nslabs = Some(self.mems[&0].nslabs());
        out
    }
}

/// Early set-up, from memory that was set aside.
fn early(op: &Init, mem: &mut Mem, out: &mut Out) -> Option<Pool> {
    let mut failures = 0..op.memblock_fail;
    for nslabs in halvings(mem.default_nslabs) {
        let failed = failures.next().is_some();
        match op.base.filter(|_| !failed) {
            Some(base) => {
                mem.default_nslabs = nslabs;
                return Some(new_pool(base, nslabs, limited_areas(mem.default_nareas, nslabs)));
            }
            None => out.notes.push(Note::MemblockFailed),
        }
    }
    None
}
