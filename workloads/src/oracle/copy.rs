//! The bytes of a mapping: syncs of any part of it, and who writes and compares them.

use swiotlb_core::device::Direction;

use super::pool::Mapping;
use super::{Handle, Oracle, ok};
use crate::golden::{Note, Out, OutError, Span, Sync, Write};

impl Oracle {
    /// Copies a part of a mapping, cut at the allocation's end.
    pub(super) fn copy_part(
        &mut self,
        mapping: &Mapping,
        addr: u64,
        bytes: u64,
        orig: u64,
        to_device: bool,
        out: &mut Out,
    ) {
        let left = mapping.end - addr;
        if bytes > left {
            out.notes.push(Note::BounceOverflow);
        }
        let (orig, bytes) = (orig.wrapping_add(addr - mapping.bounce), bytes.min(left));
        if to_device {
            self.bytes.copy(orig, addr, bytes);
        } else {
            self.bytes.copy(addr, orig, bytes);
        }
    }

    pub(super) fn sync(&mut self, op: &Sync, for_device: bool) -> Out {
        let handle = self.handles[&op.h];
        let synced = self.try_sync(&handle, op, for_device);
        let out = synced.unwrap_or_else(|err| Out { err: Some(err), ..ok(false) });
        let (dev_crc, cpu_crc) = if op.crc { self.crcs(&handle, 0, handle.size) } else { (None, None) };
        Out { dev_crc, cpu_crc, ..out }
    }

    fn try_sync(&mut self, handle: &Handle, op: &Sync, for_device: bool) -> Result<Out, OutError> {
        let (dev, addr) = (op.dev.unwrap_or(handle.dev), handle.addr.wrapping_add(op.off));
        let (len, dir) = (op.len.unwrap_or(handle.size), op.dir.unwrap_or(handle.dir));
        let pool = self.find_pool(dev, addr).ok_or(OutError::NotBounced)?;
        let mapping = pool.around(addr).ok_or(OutError::NotLive)?;
        let (orig, mapped) = mapping.of.ok_or(OutError::NotLive)?;
        // Seen in the buffer's first slot only: nothing in a later one says how it was mapped.
        if mapped != dir && pool.slot_of(addr) == pool.slot_of(mapping.bounce) {
            return Err(OutError::WrongDirection);
        }
        if !(mapping.bounce..=mapping.end).contains(&addr) {
            return Err(OutError::NotLive);
        }
        let mut out = ok(true);
        if copies(dir, for_device) {
            self.copy_part(&mapping, addr, len, orig, for_device, &mut out);
        }
        Ok(out)
    }

    /// CRCs over both sides of a part of a mapping.
    fn crcs(&self, handle: &Handle, off: u64, len: u64) -> (Option<u64>, Option<u64>) {
        let crc = |addr: u64| Some(self.bytes.crc(addr.wrapping_add(off), len));
        (crc(handle.addr), crc(handle.orig))
    }

    pub(super) fn check(&self, op: &Span) -> Out {
        let handle = self.handles[&op.h];
        let (dev_crc, cpu_crc) = self.crcs(&handle, op.off, op.len.unwrap_or(handle.size));
        Out { dev_crc, cpu_crc, ..Out::default() }
    }

    pub(super) fn write(&mut self, op: &Write, by_device: bool) -> Out {
        let handle = self.handles[&op.h];
        let start = if by_device { handle.addr } else { handle.orig };
        self.bytes.fill(start.wrapping_add(op.off), op.len, op.seed);
        ok(true)
    }
}

/// Whether a sync of a mapping in this direction copies.
fn copies(dir: Direction, for_device: bool) -> bool {
    match dir {
        Direction::Bidirectional => true,
        Direction::ToDevice => for_device,
        Direction::FromDevice => !for_device,
    }
}
