//! What is asked of the machine and changes nothing, and what ends a grace period.

use super::bytes::crc;
use super::pool::Pool;
use super::{Oracle, pages};
use crate::golden::{FindAt, FindPool, Out, PoolSnapshot, Pools};

impl Oracle {
    /// The pool that holds an address, as a device sees it.
    pub(super) fn find_pool(&self, dev: u64, addr: u64) -> Option<&Pool> {
        let device = &self.devices[&dev];
        if !device.uses_io_tlb {
            return None;
        }
        self.mems[&device.mem].pools.iter().chain(&device.transient).find(|pool| pool.holds(addr))
    }

    pub(super) fn look_up(&self, op: &FindPool) -> Out {
        let addr = match op.at {
            FindAt::Paddr(addr) => addr,
            FindAt::Pool { pool, off } => self.base(pool).unwrap_or_default().wrapping_add(off),
        };
        let found = self.find_pool(op.dev, addr);
        Out {
            paddr: Some(addr),
            found: Some(found.map_or(-1, |pool| pool.number)),
            transient: Some(found.is_some_and(|pool| pool.transient)),
            ..Out::default()
        }
    }

    pub(super) fn stats(&self, mem: u64) -> Out {
        let mem = &self.mems[&mem];
        Out {
            total_used: Some(mem.used),
            used_hiwater: Some(mem.hiwater),
            nslabs: Some(mem.nslabs()),
            transient_nslabs: Some(mem.transient_nslabs),
            pools: Some(Pools::Count(mem.pools.len() as u64)),
            can_grow: Some(mem.can_grow),
            ..Out::default()
        }
    }

    pub(super) fn hiwater_reset(&mut self, value: u64) -> Out {
        let mem = self.mem_mut(0);
        if value == 0 {
            mem.hiwater = 0;
        }
        let rc = if value == 0 { 0 } else { -22 };
        Out { rc: Some(rc), used_hiwater: Some(mem.hiwater), ..Out::default() }
    }

    pub(super) fn snapshot(&self) -> Out {
        let pools = self.mems.values().flat_map(|mem| &mem.pools).map(snapshot).collect();
        Out { pools: Some(Pools::List(pools)), ..Out::default() }
    }

    /// The grace period of all that was unlinked is over.
    pub(super) fn run_rcu(&mut self) -> Out {
        let retired = std::mem::take(&mut self.mem_mut(0).retired);
        let mut events = Vec::new();
        for pool in &retired {
            if let Some(order) = pool.order {
                pages::free(&mut self.blocks, pool.base, order, &mut events);
            }
        }
        Out { callbacks: Some(retired.len() as u64), pages: events, ..Out::default() }
    }
}

fn snapshot(pool: &Pool) -> PoolSnapshot {
    let free: Vec<u8> = pool.taken.iter().map(|&taken| u8::from(!taken)).collect();
    let run = |slot| u16::try_from(pool.free_run(slot)).unwrap_or(u16::MAX);
    let runs: Vec<u8> = (0..pool.nslabs()).flat_map(|slot| run(slot).to_le_bytes()).collect();
    PoolSnapshot {
        pool: pool.number,
        used: (0..pool.nareas()).map(|area| pool.used(area) as u64).collect(),
        index: pool.index.iter().map(|&index| index as u64).collect(),
        free_crc: crc(&free),
        run_crc: crc(&runs),
    }
}
