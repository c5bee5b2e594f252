//! What must be true when nobody works: slots, counts, pools and memory are exactly what live mappings take.

use super::life::{Shared, device_limits, handle, opened};
use super::{Broken, Tally};
use crate::subject::{Abilities, Session};
use crate::verify::books;
use crate::verify::ledger::Ledger;
use crate::verify::machine::broken_rule;
use swiotlb_core::device::Attrs;
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::mem::MemStats;
use swiotlb_core::phys::{BuddyZones, FailingBlocks, PhysMemory};
use swiotlb_core::policy::Reproduces;

/// Who takes stock of a policy, and what that declares.
#[derive(Clone, Copy, Debug)]
pub struct Stock {
    /// What the policy keeps of the kernel's.
    pub declared: Reproduces,
    /// What its allocators can be asked.
    pub abilities: Abilities,
    /// Whether memory of transient pools never returns.
    pub leaks: bool,
}

/// Fails with the words unless it holds.
fn holds(it: bool, words: impl FnOnce() -> String) -> Result<(), Broken> {
    if it { Ok(()) } else { Err(words()) }
}

impl Stock {
    /// Takes stock of every live mapping, slot and pool.
    pub fn take(&self, shared: &Shared<'_>) -> Result<Tally, Broken> {
        let caller = shared.subject.caller(0);
        let session = caller.enter();
        let (mut ledger, mut stocked) = (Ledger::default(), 0);
        for (index, buffer) in shared.buffers.iter().enumerate() {
            let Some(live) = opened(buffer).live else { continue };
            let mapping = session.mapping(live.device, live.addr);
            if let Some(broken) = broken_rule(mapping.as_ref(), &device_limits()[live.device], &handle(&live))
            {
                return Err(format!("{broken}: {live:?}"));
            }
            if let Some(mapping) = mapping {
                holds(mapping.pool.start == live.pool, || format!("it lies in {mapping:?}: {live:?}"))?;
                ledger.claim((index as u64, 0, live.device), live.addr, &mapping, Some(live.request.dir))?;
            }
            live.bounce_holds(&shared.memory)?;
            live.orig_holds(&shared.memory)?;
            stocked += 1;
        }
        holds(shared.owners.live() == stocked, || {
            format!("{} mappings are in the book, and {stocked} are live", shared.owners.live())
        })?;
        let stats = shared.subject.stats();
        self.books(&*session, &ledger, &stats)?;
        let mut tally = Tally { stocks: 1, stocked: stocked as u64, ..Tally::default() };
        tally.raise(&stats, &shared.subject.held_back());
        Ok(tally)
    }

    /// What the allocator says of itself.
    fn books(&self, session: &dyn Session, ledger: &Ledger, stats: &MemStats) -> Result<(), Broken> {
        if self.abilities.inside {
            let pools = session.pools();
            for pool in &pools {
                books::keeps_books(ledger, session, pool)?;
            }
            let nslabs: u64 = pools.iter().map(|pool| u64::from(pool.nslabs)).sum();
            let said = (stats.pools, stats.nslabs);
            holds(said == (pools.len() as u64, nslabs), || {
                format!("{said:?} pools and slots are counted, and there are {} and {nslabs}", pools.len())
            })?;
            let transient = (0..device_limits().len()).flat_map(|device| session.transient_pools(device));
            let slots: u64 = transient.map(|pool| u64::from(pool.nslabs)).sum();
            holds(slots == ledger.transient_slots(0), || {
                format!(
                    "{slots} slots are in transient pools, and mappings take {}",
                    ledger.transient_slots(0)
                )
            })?;
        }
        let said = (stats.used, stats.transient_nslabs);
        let is = (ledger.slots(0), ledger.transient_slots(0));
        holds(!self.declared.statistics || said == is, || {
            format!("{said:?} slots are counted as used and as transient, and it is {is:?}")
        })
    }

    /// Unmaps everything, waits for every reader, and looks whether nothing is in use.
    pub fn ebb(&self, shared: &Shared<'_>) -> Result<Tally, Broken> {
        let mut tally = Tally::default();
        let mut caller = shared.subject.caller(1);
        {
            let session = caller.enter();
            for (index, buffer) in shared.buffers.iter().enumerate() {
                let Some(live) = opened(buffer).live.take() else { continue };
                shared.unmap(&*session, index, live, Attrs::default())?;
                (tally.unmaps, tally.foreign_unmaps) =
                    (tally.unmaps + 1, tally.foreign_unmaps + u64::from(live.by != 1));
                tally.whole += u64::from(live.whole);
            }
        }
        tally.freed += caller.quiesce() as u64;
        drop(caller);
        tally += self.take(shared)?;
        self.memory_is_back(shared)?;
        Ok(tally)
    }

    /// Nothing is held back, and pools alone have memory.
    fn memory_is_back(&self, shared: &Shared<'_>) -> Result<(), Broken> {
        if self.leaks {
            return Ok(());
        }
        let held = shared.subject.held_back();
        let now = HeldBack { most_pools: 0, most_bytes: 0, ..held };
        holds(now == HeldBack::default(), || format!("memory is held back, and nobody reads: {held:?}"))?;
        let (out, grown) = (shared.blocks.outstanding(), shared.subject.stats().pools - 1);
        // A source that keeps pages, or has them from elsewhere, is looked at when the allocator has gone.
        holds(!self.declared.page_events || out == grown.cast_signed(), || {
            format!("{out} blocks are out, and {grown} pools were added")
        })
    }
}

/// Of an allocator that has gone nothing is left.
pub fn nothing_is_left(
    stock: &Stock,
    blocks: &FailingBlocks<BuddyZones>,
    memory: &PhysMemory,
) -> Result<(), Broken> {
    let bad = blocks.inner().bad_frees();
    holds(bad == 0, || format!("{bad} blocks were given back that were not out"))?;
    let (out, lent, lost) = (blocks.outstanding(), memory.lent_stretches(), memory.lost_bytes());
    holds(stock.leaks || (out, lent, lost) == (0, 0, 0), || {
        format!("the allocator has gone: {out} blocks and {lent} loans are out, {lost} bytes were lost")
    })
}
