//! What one thread does in a phase: it takes a buffer that nobody else holds and does one thing with it. Whoever mapped a
//! buffer, any thread may be the one that syncs or unmaps it.

use super::buffer::{Buffer, Live};
use super::life::{Shared, device_limits};
use super::{Broken, Tally};
use crate::scenario::seed::Seeded;
use crate::subject::{Caller, PoolFacts, Session};
use std::sync::TryLockError;
use std::sync::atomic::{AtomicBool, Ordering};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::MapError;
use swiotlb_core::grow::Grown;

/// Most steps of a thread in a phase.
pub const STEPS: u64 = 1 << 17;
/// Steps in one read section.
const SECTION: usize = 8;
/// Steps between two looks at what has expired.
const EXPIRES: u64 = 256;
/// Of so many mappings, one is looked at inside; of so many, one is written and compared whole.
const WATCHED: usize = 32;
const WHOLE: usize = 512;

/// A thread in a phase.
pub struct Thread<'a> {
    shared: &'a Shared<'a>,
    id: u32,
    random: Seeded,
    tally: Tally,
    /// Of 64 free buffers that it comes by, so many are mapped.
    maps: usize,
}

impl<'a> Thread<'a> {
    /// Thread `id`, which fills or drains: of 64 free buffers it maps `maps`.
    pub fn new(shared: &'a Shared<'a>, id: u32, seed: u64, maps: usize) -> Self {
        Self { shared, id, random: Seeded::new(seed), tally: Tally::default(), maps }
    }

    /// Does so many steps, or those until everybody stops.
    pub fn run(mut self, steps: u64, stop: &AtomicBool) -> Result<Tally, Broken> {
        let caller = self.shared.subject.caller(self.id);
        for step in (0..steps).step_by(SECTION) {
            self.section(&*caller)?;
            if step % EXPIRES == 0 {
                self.tally.freed += caller.free_expired() as u64;
                caller.set_cpu(u32::try_from(self.random.below(8)).unwrap_or(0));
                self.grow(&*caller);
            }
            // Relaxed: it orders nothing.
            if self.shared.ends.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed) {
                break;
            }
        }
        self.tally.transient += caller.counts().transient_made;
        Ok(self.tally)
    }

    /// Some steps in one read section.
    fn section(&mut self, caller: &dyn Caller) -> Result<(), Broken> {
        let session = caller.enter();
        for _ in 0..SECTION {
            let index = self.random.below(self.shared.buffers.len());
            match self.shared.buffers[index].try_lock() {
                Ok(mut buffer) => self.step(&*session, index, &mut buffer)?,
                // Another thread's, for this moment.
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Poisoned(_)) => return Err("another thread panicked".to_owned()),
            }
        }
        Ok(())
    }

    /// Now and then a page request fails, and the worker runs where somebody asked for it.
    fn grow(&mut self, caller: &dyn Caller) {
        if self.random.below(64) == 0 {
            self.shared.blocks.fail_next(self.random.below(4) as u64);
        }
        if self.random.below(32) == 0 && self.shared.subject.stats().pools < self.shared.most_pools {
            match caller.run_worker() {
                Grown::Added { .. } => self.tally.grown += 1,
                Grown::Failed(_) => self.tally.not_grown += 1,
                Grown::NotAsked => {}
            }
        }
    }

    fn step(&mut self, session: &dyn Session, index: usize, buffer: &mut Buffer) -> Result<(), Broken> {
        let Some(live) = &mut buffer.live else {
            return if self.random.below(64) < self.maps {
                self.map(session, index, buffer)
            } else {
                self.look(session, buffer)
            };
        };
        match self.random.below(64) {
            chance if chance >= self.maps.clamp(8, 56) => self.unmap(session, index, buffer),
            chance if chance % 4 == 0 => self.sync(session, live),
            chance if chance % 8 == 1 => self.write(live),
            _ => self.find(session, live),
        }
    }

    fn request(&mut self, buffer: &Buffer) -> MapRequest {
        let random = &mut self.random;
        let most = usize::try_from(buffer.most).unwrap_or(1);
        let size = match random.below(8) {
            0 => 1 + random.below(64),
            1 => 2048 * (1 + random.below(most / 2048)),
            2 => 1 + random.below(most),
            _ => 1 + random.below(3000.min(most)),
        } as u64;
        let orig = buffer.base.wrapping_add(random.below(0x4000) as u64);
        let dir = [Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice][random.below(3)];
        let alloc_align_mask = [0, 0, 0, 0x7ff, 0xfff][random.below(5)];
        MapRequest { alloc_align_mask, ..MapRequest::new(orig, size, dir) }
    }

    fn map(&mut self, session: &dyn Session, index: usize, buffer: &mut Buffer) -> Result<(), Broken> {
        let (device, request) = (self.random.below(device_limits().len()), self.request(buffer));
        let (memory, value) = (&self.shared.memory, self.random.next());
        let (whole, none) = (self.random.below(WHOLE) == 0, PhysAddr(0));
        let mut live =
            Live { device, by: self.id, request, addr: none, pool: none, whole, orig: value, bounce: value };
        live.write_orig(memory, value)?;
        live.addr = match session.map(device, &request) {
            Ok(addr) => addr,
            Err(MapError::Full { .. } | MapError::OutOfPages { .. } | MapError::TransientUnusable { .. }) => {
                self.tally.refused += 1;
                return Ok(());
            }
            Err(error) => return Err(format!("{request:?}: {error}")),
        };
        self.tally.maps += 1;
        live.pool = self.found(session, &live)?.start;
        self.shared.claims(session, index, &live, self.random.below(WATCHED) == 0)?;
        live.bounce_holds(memory)?;
        buffer.before = Some(live.addr);
        buffer.live = Some(live);
        Ok(())
    }

    /// The pool of a live address.
    fn found(&mut self, session: &dyn Session, live: &Live) -> Result<PoolFacts, Broken> {
        self.tally.lookups += 1;
        let found = session.find_pool(live.device, live.addr);
        let holds = |pool: &PoolFacts| (pool.start.0..pool.end.0).contains(&live.addr.0);
        found.filter(holds).ok_or_else(|| format!("find_pool gives {found:?} for a live mapping: {live:?}"))
    }

    fn find(&mut self, session: &dyn Session, live: &Live) -> Result<(), Broken> {
        let pool = self.found(session, live)?;
        if pool.start == live.pool {
            return Ok(());
        }
        Err(format!(
            "find_pool gives the pool at {}, and a live mapping lies in another: {live:?}",
            pool.start
        ))
    }

    /// Looks an address up that may be anybody's by now.
    fn look(&mut self, session: &dyn Session, buffer: &Buffer) -> Result<(), Broken> {
        let Some(addr) = buffer.before else { return Ok(()) };
        self.tally.idle_lookups += 1;
        let found = session.find_pool(self.random.below(device_limits().len()), addr);
        match found.filter(|pool| !(pool.start.0..pool.end.0).contains(&addr.0)) {
            Some(pool) => Err(format!("find_pool gives {pool:?} for {addr}, which lies outside")),
            None => Ok(()),
        }
    }

    /// Either side writes.
    fn write(&mut self, live: &mut Live) -> Result<(), Broken> {
        let (memory, value) = (&self.shared.memory, self.random.next());
        if self.random.below(2) == 0 {
            live.write_orig(memory, value)
        } else {
            live.write_bounce(memory, value)
        }
    }

    fn sync(&mut self, session: &dyn Session, live: &mut Live) -> Result<(), Broken> {
        self.tally.syncs += 1;
        let (device, addr, MapRequest { size, dir, .. }) = (live.device, live.addr, live.request);
        let for_device = self.random.below(2) == 0;
        let synced = if for_device {
            session.sync_for_device(device, addr, size, dir)
        } else {
            session.sync_for_cpu(device, addr, size, dir)
        };
        synced.map_err(|error| format!("sync of a live mapping: {error}: {live:?}"))?;
        if for_device && dir.to_device() {
            live.bounce = live.orig;
        } else if !for_device && dir.from_device() {
            live.orig = live.bounce;
        }
        if self.random.below(4) > 0 {
            return Ok(());
        }
        live.bounce_holds(&self.shared.memory)?;
        live.orig_holds(&self.shared.memory)
    }

    fn unmap(&mut self, session: &dyn Session, index: usize, buffer: &mut Buffer) -> Result<(), Broken> {
        let Some(live) = buffer.live.take() else { return Ok(()) };
        let skip_cpu_sync = self.random.below(8) == 0;
        self.tally.unmaps += 1;
        self.tally.foreign_unmaps += u64::from(live.by != self.id);
        self.tally.whole += u64::from(live.whole);
        self.shared.unmap(session, index, live, Attrs { skip_cpu_sync, ..Attrs::default() })
    }
}
