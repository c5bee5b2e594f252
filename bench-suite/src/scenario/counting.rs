//! The steps of a prepared state's operations, counted exactly on an allocator of its own in the same state.

use super::book::Book;
use super::find_pool::more_pools;
use super::ground::{ATTRS, POOL, blocks, request};
use super::occupancy::Buffers;
use super::{Address, Fallback, FindPool, Occupancy, Scenario, ScenarioError, SlotSearch};
use super::{fallback, find_pool};
use crate::subject::{Blocks, Build, Caller, How, Parts, Session, Subject};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::error::{MapError, UnmapError};
use swiotlb_core::mem::Permissions;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::probe::Counts;
use swiotlb_core::rules::IO_TLB_SHIFT;

/// Operations that are counted: each turns the start index on, so that many states are seen.
const OPS: u64 = 2_048;
/// Fallbacks between two grace periods.
const SECTION: u64 = 64;

/// Counts `OPS` operations of a scenario, with their number; nothing for one that has no steps of ours, or
/// whose steps depend on chance.
///
/// # Errors
/// [`ScenarioError`] if the state cannot be built.
pub fn count_steps(build: Build, scenario: &Scenario) -> Result<Option<(Counts, u64)>, ScenarioError> {
    let counts = match scenario {
        Scenario::SlotSearch(cell) => slot_search(build, cell)?,
        // Its pools are put at places.
        Scenario::FindPool(_) if !build.abilities().inside => return Ok(None),
        Scenario::FindPool(cell) => lookups(build, cell)?,
        Scenario::Fallback(cell) => fallbacks(build, cell)?,
        Scenario::Index { .. }
        | Scenario::TwoThreads(_)
        | Scenario::SharedWord
        | Scenario::Churn(_)
        | Scenario::Floor(_) => return Ok(None),
    };
    Ok(Some((counts, OPS)))
}

/// An allocator with one device: what `rig.rs` makes for a policy.
fn subject(build: Build, nslabs: u64, can_grow: bool) -> Result<Box<dyn Subject>, ScenarioError> {
    let reserve = &mut |_bytes| Some(POOL);
    let parts = Parts {
        how: How::Early(reserve),
        geometry: Geometry { nslabs, nareas: 1 },
        permissions: Permissions { can_grow, ..Permissions::default() },
        memory: Arc::new(PhysMemory::new()),
        blocks: Blocks::Zones(blocks()),
    };
    let mut subject = build.build(parts)?.subject;
    subject.add_device(DeviceLimits::default())?;
    Ok(subject)
}

/// A session whose every mapping is entered in the book.
struct InSubject<'a> {
    session: Box<dyn Session + 'a>,
    book: &'a Book,
}

impl Buffers for InSubject<'_> {
    fn map(&self, request: &MapRequest) -> Result<PhysAddr, MapError> {
        self.session.map(0, request).inspect(|addr| self.book.enter(*addr, request.size))
    }

    fn unmap(&self, addr: PhysAddr, request: &MapRequest) -> Result<(), UnmapError> {
        self.book.leave(addr);
        self.session.unmap(0, addr, request.size, request.dir, ATTRS)
    }
}

fn occupy(
    subject: &dyn Subject,
    occupancy: Occupancy,
    nslabs: u64,
    book: &Book,
) -> Result<(), ScenarioError> {
    occupancy.make(&InSubject { session: subject.caller(0).enter(), book }, nslabs)
}

/// The book of an allocator whose default pool has `nslabs` slots.
fn book(nslabs: u64) -> Book {
    Book::new(POOL, nslabs << IO_TLB_SHIFT)
}

/// Round trips; maps that fail are counted like the others.
fn round_trips(
    caller: &dyn Caller,
    request: &MapRequest,
    ops: u64,
    book: &Book,
) -> Result<(), ScenarioError> {
    let session = InSubject { session: caller.enter(), book };
    for _ in 0..ops {
        if let Ok(addr) = session.map(request) {
            session.unmap(addr, request)?;
        }
    }
    Ok(())
}

fn slot_search(build: Build, cell: &SlotSearch) -> Result<Counts, ScenarioError> {
    let subject = subject(build, cell.nslabs, false)?;
    let book = book(cell.nslabs);
    occupy(&*subject, cell.occupancy, cell.nslabs, &book)?;
    let caller = subject.caller(0);
    round_trips(&*caller, &request(cell.slots), OPS, &book)?;
    book.close()?;
    let counts = caller.counts();
    Ok(if cell.copy { counts } else { Counts { bytes_copied: 0, ..counts } })
}

fn lookups(build: Build, cell: &FindPool) -> Result<Counts, ScenarioError> {
    let subject = subject(build, find_pool::NSLABS, false)?;
    let first = subject.caller(0);
    for base in more_pools(cell.pools) {
        first.insert_pool(base, find_pool::NSLABS, 1)?;
    }
    if cell.address != Address::Unflagged {
        round_trips(&*first, &request(1), 1, &book(find_pool::NSLABS))?;
    }
    let caller = subject.caller(0);
    let session = caller.enter();
    let targets = find_pool::targets(cell);
    for target in targets.iter().cycle().take(usize::try_from(OPS).unwrap_or(usize::MAX)) {
        let found = session.find_pool(0, *target).is_some();
        debug_assert_eq!(found, cell.address.hits());
    }
    drop(session);
    Ok(caller.counts())
}

fn fallbacks(build: Build, cell: &Fallback) -> Result<Counts, ScenarioError> {
    let subject = subject(build, fallback::NSLABS, true)?;
    let book = book(fallback::NSLABS);
    occupy(&*subject, Occupancy::Taken(100), fallback::NSLABS, &book)?;
    let mut caller = subject.caller(0);
    for _ in 0..OPS / SECTION {
        round_trips(&*caller, &request(cell.slots), SECTION, &book)?;
        caller.quiesce();
    }
    book.close()?;
    Ok(caller.counts())
}
