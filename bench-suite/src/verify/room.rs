//! Whether a map that failed may fail, and whether one that was served was served well: what follows from the request
//! and from what is mapped, whatever the placement.

use super::ledger::Ledger;
use super::limits::Refusal;
use super::machine::Device;
use crate::subject::{MappingFacts, PoolFacts, Session, Subject};
use swiotlb_core::addr::{PhysAddr, SlotIndex};
use swiotlb_core::error::{AllocError, MapError, PageError};
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SIZE};
use workloads::golden::{Api, Cause, Map};
use workloads::oracle::Want;

/// The vectors' word for an error, where they have one.
pub fn cause_of(error: &MapError) -> Option<Cause> {
    Some(match *error {
        MapError::NoPool => Cause::NoPool,
        MapError::ZeroLength => Cause::ZeroLength,
        MapError::BadMask { .. } => Cause::BadMask,
        MapError::TooLarge { wanted, .. } => Cause::TooLarge { wanted },
        MapError::Full { wanted, total, used } => Cause::Full { wanted, total, used },
        MapError::OutOfPages { wanted, source: PageError::AboveLimit { .. } } => Cause::AboveLimit { wanted },
        MapError::OutOfPages { wanted, .. } => Cause::OutOfPages { wanted },
        MapError::TransientUnusable { wanted, base } => Cause::TransientUnusable { wanted, base: base.0 },
        MapError::Unreachable { .. } => Cause::Unreachable,
        MapError::ForeignDevice | MapError::NoSuchMemory { .. } => return None,
    })
}

/// The same for pages.
pub fn cause_of_pages(error: &AllocError) -> Option<Cause> {
    match error {
        AllocError::NotRestricted => Some(Cause::NotRestricted),
        AllocError::NoRoom(error) => cause_of(error),
        AllocError::Unaligned { .. } => Some(Cause::Unaligned),
    }
}

/// A machine at the moment of a map, before anything of it is noted.
pub struct Moment<'a> {
    pub mem: &'a dyn Subject,
    pub session: &'a dyn Session,
    pub device: &'a Device,
    pub ledger: &'a Ledger,
}

impl Moment<'_> {
    /// What the request asks for.
    fn want(&self, op: &Map) -> Result<Want, Cause> {
        if self.mem.is_active() {
            Want::new(&self.device.limits, op.orig, op.size, op.align_mask)
        } else {
            Err(Cause::NoPool)
        }
    }

    /// Refuses a failure that is none by the rules.
    pub fn may_fail(&self, op: &Map, error: &MapError) -> Result<(), Refusal> {
        let Some(cause) = cause_of(error) else { return Ok(()) };
        let want = match self.want(op) {
            Ok(want) => want,
            Err(due) if due == cause => return Ok(()),
            Err(due) => return Err(format!("the map failed with {cause:?} and not {due:?}")),
        };
        let can_grow = self.mem.permissions().can_grow;
        let may = match cause {
            Cause::Full { wanted, .. } => !can_grow && wanted == want.bytes,
            Cause::OutOfPages { wanted } | Cause::AboveLimit { wanted } => can_grow && wanted == want.bytes,
            Cause::TransientUnusable { wanted, base } => {
                can_grow && wanted == want.bytes && !serves(&want, PhysAddr(base), 0)
            }
            Cause::Unreachable => op.api == Api::Stream,
            _ => false,
        };
        if !may {
            return Err(format!("the map may not fail with {cause:?}"));
        }
        if cause == Cause::Unreachable { Ok(()) } else { self.had_no_room(op.cpu, &want) }
    }

    /// Refuses a place that does not serve the request.
    pub fn serves(&self, op: &Map, addr: PhysAddr, mapping: &MappingFacts) -> Result<(), Refusal> {
        let want = self.want(op).map_err(|due| format!("the map should have failed with {due:?}"))?;
        let first = mapping.first.0 as usize;
        let start = mapping.pool.slot_addr(mapping.first);
        let as_wanted = mapping.nslots == want.nslots as u64
            && addr == start.wrapping_add(want.offset)
            && mapping.slot == slot_behind(mapping, want.offset)
            && mapping.alloc_left == want.bytes - want.offset;
        if !as_wanted {
            return Err(format!("{mapping:?} is not what {want:?} asks for"));
        }
        if !serves(&want, mapping.pool.start, first) {
            return Err(format!("{start} does not lie as {want:?} asks for"));
        }
        let area = |slot: u64| slot / u64::from(mapping.pool.area_nslabs);
        let last = u64::from(mapping.first.0) + mapping.nslots - 1;
        if last >= u64::from(mapping.pool.nslabs) || area(mapping.first.0.into()) != area(last) {
            return Err(format!("slots {} to {last} leave their area", mapping.first.0));
        }
        if op.api == Api::Stream && !self.device.limits.reaches(addr, op.size) {
            return Err(format!("the device does not reach {addr}"));
        }
        if mapping.pool.transient { self.had_no_room(op.cpu, &want) } else { Ok(()) }
    }

    /// Refuses that slots of the caller's own areas, which every search looks at, were not given. Where places are
    /// aligned to more than a slot, the walk may miss some by its own rules.
    fn had_no_room(&self, cpu: u64, want: &Want) -> Result<(), Refusal> {
        if want.stride > 1 {
            return Ok(());
        }
        for pool in self.session.pools() {
            let taken = self.ledger.taken(&pool);
            let home = usize::try_from(cpu & (u64::from(pool.nareas) - 1)).unwrap_or(0);
            let len = pool.area_nslabs as usize;
            let run = |slot: usize| {
                taken[slot..segment_end(slot, &pool)].iter().take_while(|&&taken| !taken).count()
            };
            let room = |&slot: &usize| serves(want, pool.start, slot) && run(slot) >= want.nslots;
            if let Some(slot) = (home * len..(home + 1) * len).find(room) {
                return Err(format!("slot {slot} of the pool at {} had room for {want:?}", pool.start));
            }
        }
        Ok(())
    }
}

/// The slot after the last of a slot's segment.
pub(super) fn segment_end(slot: usize, pool: &PoolFacts) -> usize {
    ((slot / IO_TLB_SEGSIZE as usize + 1) * IO_TLB_SEGSIZE as usize).min(pool.nslabs as usize)
}

/// Whether the slots from this one on lie as asked for.
fn serves(want: &Want, pool: PhysAddr, slot: usize) -> bool {
    want.may_start_at(pool.0, slot) && !want.crosses_boundary(pool.0, slot)
}

/// The slot that holds the byte `offset` bytes behind the first slot's start.
fn slot_behind(mapping: &MappingFacts, offset: u64) -> SlotIndex {
    let behind = u32::try_from(offset / IO_TLB_SIZE).unwrap_or(u32::MAX);
    SlotIndex(mapping.first.0.saturating_add(behind))
}
