//! A mapping's begin, and that of pages of a restricted pool.

use swiotlb_core::device::Direction;

use super::pages::{self, TooHigh};
use super::pool::{Mapping, SLOT};
use super::set_up::new_pool;
use super::want::Want;
use super::{Handle, Oracle, described, ok};
use crate::golden::{Api, Bug, Cause, Map, Note, Out, OutError, Ralloc};

const PAGE: u64 = 4096;

/// Where slots were found: the pool's number, and the first slot.
type Place = (i64, usize);

impl Oracle {
    pub(super) fn map(&mut self, op: &Map) -> Out {
        if let Some(seed) = op.fill {
            self.bytes.fill(op.orig, op.size, seed);
        }
        let mut out = Out::default();
        match self.try_map(op, &mut out) {
            Ok(()) => Out { ok: Some(true), ..out },
            Err(Cause::ZeroLength) => {
                let bug = Some(Bug::ZeroSlots);
                Out { err: Some(OutError::Bug), bug, cause: Some(Cause::ZeroLength), ok: Some(false), ..out }
            }
            Err(cause) => {
                let err = Some(OutError::MappingError);
                Out { err, cause: Some(cause), ok: Some(false), ..out }
            }
        }
    }

    fn try_map(&mut self, op: &Map, out: &mut Out) -> Result<(), Cause> {
        let device = &self.devices[&op.dev];
        let (limits, reach) = (device.limits, device.reach());
        if self.mems[&device.mem].pools.is_empty() {
            out.notes.push(Note::NoPool);
            return Err(Cause::NoPool);
        }
        if op.align_mask >= PAGE {
            out.notes.push(Note::AlignMaskGtPage);
        }
        let want = Want::new(&limits, op.orig, op.size, op.align_mask);
        let found = want.and_then(|want| Ok((want, self.find_slots(op.dev, op.cpu, &want, out)?)));
        let full = |cause| !matches!(cause, Cause::BadMask | Cause::ZeroLength);
        if found.is_err_and(full) && !op.attrs.no_warn {
            out.notes.push(Note::Full);
        }
        let (want, (number, first)) = found?;
        let start = self.pool_mut(number).addr(first);
        let (bounce, end) = (start + want.offset, start + want.bytes);
        let mapping = Mapping { first, nslots: want.nslots, bounce, end, of: Some((op.orig, op.dir)) };
        self.pool_mut(number).mappings.push(mapping);
        if op.api == Api::Stream && bounce + op.size.saturating_sub(1) > reach {
            out.notes.push(Note::NotDmaCapable);
            self.end(op.dev, number, &mapping, out);
            out.area = None;
            return Err(Cause::Unreachable);
        }
        self.bytes.copy(op.orig, bounce, op.size);
        let handle = Handle { dev: op.dev, orig: op.orig, size: op.size, dir: op.dir, addr: bounce };
        self.handles.insert(op.h, handle);
        self.describe(number, &mapping, out);
        out.dev_crc = op.crc.then(|| self.bytes.crc(bounce, op.size));
        Ok(())
    }

    /// Slots from the pools, else from a transient pool.
    fn find_slots(&mut self, dev: u64, cpu: u64, want: &Want, out: &mut Out) -> Result<Place, Cause> {
        let number = self.devices[&dev].mem;
        let mem = self.mem_mut(number);
        let place = match mem.take(cpu, want) {
            Some(place) => place,
            None if !mem.can_grow => {
                return Err(Cause::Full { wanted: want.bytes, total: mem.nslabs(), used: mem.used });
            }
            None => {
                out.work_scheduled = !mem.asked;
                mem.asked = true;
                self.transient(dev, want, out)?
            }
        };
        self.mem_mut(number).add_used(want.nslots as u64);
        self.device_mut(dev).uses_io_tlb = true;
        Ok(place)
    }

    /// A pool of exactly the slots that are wanted, for this mapping alone.
    fn transient(&mut self, dev: u64, want: &Want, out: &mut Out) -> Result<Place, Cause> {
        let (mem, reach) = (self.devices[&dev].mem, self.devices[&dev].reach());
        let (nslabs, wanted) = (want.nslots as u64, want.bytes);
        let (base, order) =
            self.block(nslabs * SLOT, reach, &mut out.pages).map_err(|TooHigh(too_high)| {
                if too_high { Cause::AboveLimit { wanted } } else { Cause::OutOfPages { wanted } }
            })?;
        let mut pool = new_pool(base, nslabs, 1);
        pool.transient = true;
        pool.order = Some(order);
        let Some(first) = pool.take(0, want) else {
            pages::free(&mut self.blocks, base, order, &mut out.pages);
            return Err(Cause::TransientUnusable { wanted, base });
        };
        let added = self.number(&mut pool, mem, i64::try_from(dev).unwrap_or(i64::MAX));
        out.pools_added.push(added);
        self.mem_mut(mem).transient_nslabs += nslabs;
        self.device_mut(dev).transient.insert(0, pool);
        Ok((added.pool, first))
    }

    /// What a vector says of a new mapping.
    fn describe(&mut self, number: i64, mapping: &Mapping, out: &mut Out) {
        let pool = self.pool_mut(number);
        let slot = pool.slot_of(mapping.bounce);
        out.pool = Some(number);
        out.transient = Some(pool.transient);
        out.off = Some(mapping.bounce - pool.base);
        out.slot = Some(slot as u64);
        out.pad_slots = Some((slot - mapping.first) as u64);
        out.first = Some(mapping.first as u64);
        out.nslots = Some(mapping.nslots as u64);
        out.alloc_left = Some(mapping.end - mapping.bounce);
        out.area = Some(described(pool, pool.area_of(mapping.first)));
    }

    /// Pages of a restricted pool.
    pub(super) fn ralloc(&mut self, op: &Ralloc) -> Out {
        match self.try_ralloc(op) {
            Ok(out) => out,
            Err(cause) => Out { cause: Some(cause), ..ok(false) },
        }
    }

    fn try_ralloc(&mut self, op: &Ralloc) -> Result<Out, Cause> {
        let device = &self.devices[&op.dev];
        if !self.mems[&device.mem].restricted {
            return Err(Cause::NotRestricted);
        }
        let want = Want::pages(&device.limits, op.size)?;
        let (number, first) = self.find_slots(op.dev, op.cpu, &want, &mut Out::default())?;
        let bounce = self.pool_mut(number).addr(first);
        let mapping = Mapping { first, nslots: want.nslots, bounce, end: bounce + op.size, of: None };
        self.pool_mut(number).mappings.push(mapping);
        if !bounce.is_multiple_of(PAGE) {
            self.end(op.dev, number, &mapping, &mut Out::default());
            return Err(Cause::Unaligned);
        }
        let dir = Direction::Bidirectional;
        self.handles.insert(op.h, Handle { dev: op.dev, orig: 0, size: op.size, dir, addr: bounce });
        let mut out = Out::default();
        self.describe(number, &mapping, &mut out);
        let Out { pool, off, slot, nslots, area, .. } = out;
        Ok(Out { pool, off, slot, nslots, area, ..ok(true) })
    }
}
