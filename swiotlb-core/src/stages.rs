//! The transient fallback cut short after a stage, so that what a stage costs can be measured as the
//! difference of two. No operation of the allocator uses this.
//!
//! Invariant: what was made so far belongs to the caller until [`Caller::undo`] takes it apart; it was never
//! published, so no reader knows of it.

use crate::addr::AreaIndex;
use crate::caller::{Caller, Session};
use crate::device::MapRequest;
use crate::error::MapError;
use crate::grow::new_pool;
use crate::lookup::PoolRange as _;
use crate::mem::Device;
use crate::phys::{Context, PageSource, PoolMemory};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::search::SlotRequest;
use crate::slot::MappingStart;
use crate::walk::Walk;

/// How far the fallback goes. Publication comes next, with the map itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Every area of every pool was tried and had no room.
    Searched,
    /// The page source gave memory.
    Pages,
    /// The memory is zero.
    Zeroed,
    /// The pool stands, with its area and its descriptors, and its slots are taken.
    Pool,
}

/// What a fallback had made when it was cut short.
#[must_use = "memory that is dropped is lost: give it to `Caller::undo`"]
pub struct Partial<P: Policy>(Made<P>);

enum Made<P: Policy> {
    Nothing,
    Memory(PoolMemory),
    Pool(Pool<P>),
}

impl<P: Policy> Session<'_, P> {
    /// A map whose search fails, up to and including `stage`; the worker is not asked for a pool.
    ///
    /// # Errors
    /// [`MapError`] as from a map. [`MapError::Full`] also if the search found room: then there is no
    /// fallback to cut short.
    pub fn fallback_until(
        &self,
        dev: &Device<P>,
        req: &MapRequest,
        stage: Stage,
    ) -> Result<Partial<P>, MapError> {
        let search = self.slot_request(dev, req.orig, req.size, req.alloc_align_mask)?;
        let mem = self.mem();
        let found = P::Walk::search(
            || self.pools(),
            self.cpu(),
            mem.default.nareas,
            |pool, area| pool.find_in_area(area, &search, self.probe()).map(|first| (pool, first)),
        );
        if let Some((pool, first)) = found {
            pool.release(first, MappingStart { pad_slots: 0, dir: None }, search.nslots, self.probe());
            let stats = mem.stats_in(&self.guard);
            return Err(MapError::Full { wanted: search.alloc_size, total: stats.nslabs, used: stats.used });
        }
        self.made(dev, &search, stage).map(Partial)
    }

    fn made(&self, dev: &Device<P>, search: &SlotRequest, stage: Stage) -> Result<Made<P>, MapError> {
        let (mem, limit, wanted) = (self.mem(), dev.limits.reach(), search.alloc_size);
        let bytes = u64::from(search.nslots) << crate::rules::IO_TLB_SHIFT;
        let failed = |source| MapError::OutOfPages { wanted, source };
        match stage {
            Stage::Searched => Ok(Made::Nothing),
            Stage::Pages | Stage::Zeroed => {
                let memory = mem.pages.alloc(&mem.memory, bytes, limit, Context::Atomic).map_err(failed)?;
                if stage == Stage::Zeroed
                    && let Err(error) = mem.memory.zero(memory.base, bytes)
                {
                    mem.pages.free(&mem.memory, memory);
                    return Err(failed(error));
                }
                Ok(Made::Memory(memory))
            }
            Stage::Pool => {
                let pool = new_pool(mem, u64::from(search.nslots), 1, limit.0, Context::Atomic);
                let pool = pool.map_err(failed)?;
                let base = pool.start();
                match pool.find_in_area(AreaIndex(0), search, self.probe()) {
                    Some(_) => Ok(Made::Pool(pool)),
                    None => {
                        mem.pages.free(&mem.memory, pool.into_memory());
                        Err(MapError::TransientUnusable { wanted, base })
                    }
                }
            }
        }
    }
}

impl<P: Policy> Caller<'_, P> {
    /// Takes apart what a fallback had made, as the worker does after the grace period.
    pub fn undo(&self, partial: Partial<P>) {
        let memory = match partial.0 {
            Made::Nothing => return,
            Made::Memory(memory) => memory,
            Made::Pool(pool) => pool.into_memory(),
        };
        self.mem().pages.free(&self.mem().memory, memory);
    }
}
