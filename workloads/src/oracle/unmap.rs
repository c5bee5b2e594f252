//! A mapping's end, and that of pages of a restricted pool.

use super::pool::Mapping;
use super::{Oracle, described, ok};
use crate::golden::{Out, OutError, Rfree, Unmap};

impl Oracle {
    pub(super) fn unmap(&mut self, op: &Unmap) -> Out {
        self.try_unmap(op).unwrap_or_else(|err| Out { err, ..ok(false) })
    }

    fn try_unmap(&mut self, op: &Unmap) -> Result<Out, Option<OutError>> {
        // Of a map that failed there is nothing to unmap.
        let handle = self.handles.get(&op.h).copied().ok_or(None)?;
        let (dev, addr) = (op.dev.unwrap_or(handle.dev), handle.addr.wrapping_add(op.off));
        let (size, dir) = (op.size.unwrap_or(handle.size), op.dir.unwrap_or(handle.dir));
        let pool = self.find_pool(dev, addr).ok_or(OutError::NotBounced)?;
        let mapping = pool.starts_at(addr).ok_or(OutError::NotLive)?;
        let (orig, mapped) = mapping.of.ok_or(OutError::NotLive)?;
        if mapped != dir {
            return Err(Some(OutError::WrongDirection));
        }
        let (pool, transient, nslots) = (pool.number, pool.transient, mapping.nslots as u64);
        let mut out = Out { pool: Some(pool), transient: Some(transient), nslots: Some(nslots), ..ok(true) };
        if dir.from_device() && !op.attrs.skip_cpu_sync {
            self.copy_part(&mapping, addr, size, orig, false, &mut out);
        }
        self.end(dev, pool, &mapping, &mut out);
        out.cpu_crc = op.crc.then(|| self.bytes.crc(handle.orig, handle.size));
        Ok(out)
    }

    /// Gives a mapping's slots back, or unlinks its transient pool; says so.
    pub(super) fn end(&mut self, dev: u64, number: i64, mapping: &Mapping, out: &mut Out) {
        let device = self.device_mut(dev);
        let (of, slots) = (device.mem, mapping.nslots as u64);
        let transient = device.transient.iter().position(|pool| pool.number == number);
        let unlinked = transient.map(|place| device.transient.remove(place));
        let mem = self.mem_mut(of);
        mem.used -= slots;
        if let Some(pool) = unlinked {
            mem.transient_nslabs -= slots;
            mem.retired.push(pool);
            out.pools_removed.push(number);
            out.rcu_queued = 1;
        } else {
            let pool = self.pool_mut(number);
            pool.release(mapping);
            out.area = Some(described(pool, pool.area_of(mapping.first)));
        }
    }

    pub(super) fn rfree(&mut self, op: &Rfree) -> Out {
        // Of an allocation that failed there is nothing to free.
        let none = Out { nslots: Some(0), ..ok(false) };
        let Some(handle) = self.handles.get(&op.h) else { return none };
        let (dev, addr) = (op.dev.unwrap_or(handle.dev), op.paddr.unwrap_or(handle.addr));
        let found = self.find_pool(dev, addr).and_then(|pool| Some((pool.number, pool.starts_at(addr)?)));
        let Some((number, mapping)) = found else { return none };
        let mut out = Out { nslots: Some(mapping.nslots as u64), ..ok(true) };
        self.end(dev, number, &mapping, &mut out);
        Out { area: None, ..out }
    }
}
