//! Why the pools had no room: worked out after a failure, so that the failing search itself costs what it
//! costs in Linux.

use crate::addr::{AreaIndex, SlotIndex};
use crate::caller::Session;
use crate::device::MapRequest;
use crate::error::{FullReason, MapError};
use crate::lookup::PoolRange;
use crate::mem::Device;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::search::SlotRequest;
use crate::walk::{HasAreas, Walk};

/// What an exhaustive look at the searched areas found, from worst to best.
#[derive(Default)]
struct Seen {
    enough_slots: bool,
    run: bool,
    aligned: bool,
    legal: bool,
}

impl<P: Policy> Session<'_, P> {
    /// Why no pool has room for `req`. `None` if the request is wrong in itself (zero bytes, a bad mask, a foreign
    /// device).
    /// Exact while no other thread maps or unmaps; otherwise what the pools look like now.
    pub fn why_full(&self, dev: &Device<P>, req: &MapRequest) -> Option<FullReason> {
        if !self.is_mine(dev) {
            return None;
        }
        let search = match self.slot_request(dev, req.orig, req.size, req.alloc_align_mask) {
            Ok(search) => search,
            Err(MapError::TooLarge { .. }) => return Some(FullReason::TooLarge),
            Err(_) => return None,
        };
        let mut seen = Seen::default();
        let room = P::Walk::search(
            || self.pools(),
            self.cpu(),
            self.mem().default.nareas,
            |pool, area| {
                look_at(pool, area, &search, &mut seen);
                pool.peek_in_area(area, &search)
            },
        );
        Some(match (room, seen) {
            (Some(_), _) => FullReason::RoomByNow,
            (None, Seen { legal: true, .. }) => FullReason::MissedByWalk,
            (None, Seen { aligned: true, .. }) => FullReason::Boundary,
            (None, Seen { run: true, .. }) => FullReason::Alignment,
            (None, Seen { enough_slots: true, .. }) => FullReason::Fragmentation,
            (None, _) => FullReason::Capacity,
        })
    }
}

/// Looks at every slot of one area, without the walk's steps.
fn look_at<P: Policy>(pool: &Pool<P>, area: AreaIndex, search: &SlotRequest, seen: &mut Seen) {
    let free = u64::from(pool.area_nslabs()) - pool.area_used(area);
    seen.enough_slots |= free >= u64::from(search.nslots);
    let at = search.in_window(pool.start());
    let first = area.0 * pool.area_nslabs();
    debug_assert!(area.0 < pool.nareas());
    for slot in first..first + pool.area_nslabs() {
        if pool.free_run(SlotIndex(slot)) < search.nslots {
            continue;
        }
        seen.run = true;
        if search.aligned(at, slot) {
            seen.aligned = true;
            seen.legal |= !search.crosses(at, slot);
        }
    }
}
