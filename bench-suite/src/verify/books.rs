//! What an allocator says of its slots, held to what is mapped: every policy's books are the ledger's.

use super::ledger::Ledger;
use super::limits::Refusal;
use super::room::segment_end;
use crate::subject::{PoolFacts, Session};
use swiotlb_core::addr::AreaIndex;
use swiotlb_core::mem::MemStats;

/// Refuses a pool whose free runs or areas are not what live mappings leave.
pub fn keeps_books(ledger: &Ledger, session: &dyn Session, pool: &PoolFacts) -> Result<(), Refusal> {
    let taken = ledger.taken(pool);
    let mut run = 0;
    let mut runs: Vec<u32> = Vec::new();
    for (slot, &taken) in taken.iter().enumerate().rev() {
        let at_end = slot + 1 == segment_end(slot, pool);
        run = if taken { 0 } else { 1 + if at_end { 0 } else { run } };
        runs.push(run);
    }
    runs.reverse();
    let said = session.free_runs(pool.start);
    if let Some(slot) = (0..runs.len()).find(|&slot| said.get(slot) != runs.get(slot)) {
        let (said, is) = (said.get(slot), runs.get(slot));
        return Err(format!(
            "slot {slot} of the pool at {}: free run {said:?}, and it is {is:?}",
            pool.start
        ));
    }
    for (area, taken) in (0..pool.nareas).zip(taken.chunks(pool.area_nslabs.max(1) as usize)) {
        let used = taken.iter().filter(|&&taken| taken).count() as u64;
        let said = session.area(pool.start, AreaIndex(area)).map(|area| area.used);
        if said != Some(used) {
            return Err(format!(
                "area {area} of the pool at {}: {said:?} in use, and it is {used}",
                pool.start
            ));
        }
    }
    Ok(())
}

/// Refuses statistics of allocator `mem` that are exact and are not what is mapped.
pub fn counts(ledger: &Ledger, mem: u64, stats: &MemStats) -> Result<(), Refusal> {
    let is = (ledger.slots(mem), ledger.transient_slots(mem), ledger.most(mem));
    if stats.used != is.0 {
        return Err(format!("{} slots are in use, and live mappings take {}", stats.used, is.0));
    }
    if (stats.transient_nslabs, stats.used_hiwater) != (is.1, is.2) {
        let MemStats { transient_nslabs, used_hiwater, .. } = stats;
        return Err(format!(
            "{transient_nslabs} slots in transient pools and {used_hiwater} at most in use, and it is {} and {}",
            is.1, is.2
        ));
    }
    Ok(())
}
