//! A map that finds the pool full and makes a transient pool for itself, and its unmap; whole and in parts.
//!
//! The pool is held full, growth is allowed but no worker runs: every map pays for memory, zeroing,
//! descriptors and publication, every unmap for unlinking and retiring. What happens after the grace
//! period (freeing the pool and its pages) is measured apart.
//!
//! A storm that outruns reclamation (`storm.rs`) has longer rounds, each of which begins with no memory kept ready.
//!
//! A part is the difference of two loops that run in turn in one process: the same fallback with the part
//! and without it. So the parts of a round trip add up to it, and those of the reclaim to that one, but for
//! noise. A difference below zero counts as zero.

use super::ground::request;
use super::rig::{Make, Rig};
use super::slot_search::{map, round_trips, unmap};
use super::{Occupancy, Platform, Prepared, ScenarioError, Storm};
use crate::calls::{Caller as _, Mem, Session as _};
use crate::run::clock::HostClock;
use std::time::{Duration, Instant};
use swiotlb_core::device::MapRequest;
use swiotlb_core::error::MapError;
use swiotlb_core::stages::Stage;

/// Slots of the one pool: small, so that the search that fails first is short (see the failing search
/// for a long one).
pub(super) const NSLABS: u64 = 512;

/// Which part of the fallback is on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackPart {
    /// Map and unmap.
    RoundTrip,
    /// Of it: the search that fails.
    Search,
    /// Of it: memory from the page source.
    Pages,
    /// Of it: zeroing that memory.
    Zeroing,
    /// Of it: the pool, its area and its descriptors, and taking its slots.
    Descriptors,
    /// Of it: the device's list, the flag and its fence, statistics, and writing the mapping.
    Publication,
    /// Of it: the unmap: finding the pool, unlinking and retiring it.
    Unlink,
    /// Of it: both copies.
    Copy,
    /// Waiting for the grace period and freeing the pools, per pool.
    Reclaim,
    /// Of it: freeing the pool and giving its memory back.
    Free,
    /// Of it: all but freeing.
    Grace,
    /// Decrypting the pages of a buffer and encrypting them again, which no fallback does itself: see
    /// `encrypted.rs`.
    Decryption,
    /// The round trip beside what it is compared with: see `break_even.rs`.
    BreakEven,
}

impl FallbackPart {
    /// Every part, with its word in suites.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::RoundTrip, "round-trip"),
        (Self::Search, "search"),
        (Self::Pages, "pages"),
        (Self::Zeroing, "zeroing"),
        (Self::Descriptors, "descriptors"),
        (Self::Publication, "publication"),
        (Self::Unlink, "unlink"),
        (Self::Copy, "copy"),
        (Self::Reclaim, "reclaim"),
        (Self::Free, "free"),
        (Self::Grace, "grace"),
        (Self::Decryption, "decryption"),
        (Self::BreakEven, "break-even"),
    ];
}

/// A cell of the fallback table. Copying is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Slots of the buffer.
    pub slots: u32,
    /// Which part is on the clock.
    pub part: FallbackPart,
    /// How fallbacks follow each other.
    pub storm: Storm,
    /// Where it happens.
    pub platform: Platform,
}

impl Fallback {
    /// The part of a fallback on a platform that does not encrypt, reclamation keeping up.
    #[must_use]
    pub const fn new(slots: u32, part: FallbackPart) -> Self {
        Self { slots, part, storm: Storm::KeptUp, platform: Platform::Plain }
    }

    /// Whether it is about a platform that encrypts: see `encrypted.rs`.
    pub(super) fn encrypts(&self) -> bool {
        self.platform != Platform::Plain || self.part == FallbackPart::Decryption
    }
}

/// Two full pools: of an allocator that copies, and of one that does not.
pub(super) struct State<W: Mem, B: Mem> {
    whole: Rig<W>,
    bare: Rig<B>,
    request: MapRequest,
    part: FallbackPart,
    storm: Storm,
    /// What a fallback had made, until it is taken apart; never longer than a round.
    partial: Vec<B::Partial>,
    /// A reading of the clock.
    reading: Duration,
}

/// A full pool with its originals in place.
pub(super) fn full<M: Mem>(make: Make<'_, M>, slots: u32) -> Result<Rig<M>, ScenarioError> {
    let rig = Rig::new(make, NSLABS, 1, true)?;
    rig.touch(NSLABS, slots)?;
    rig.occupy(Occupancy::Taken(100), NSLABS)?;
    Ok(rig)
}

/// What an allocator has to have for cells that choose what its pages are made of.
const SOURCE: &str = "a page source of ours";
/// What an allocator has to be able to for the parts of a map.
const STAGES: &str = "a fallback that can be cut short after each of its parts";

/// Whether there is a fallback at all: an outside allocator may have none.
fn falls_back<M: Mem>(rig: &Rig<M>, slots: u32) -> Result<(), ScenarioError> {
    let caller = rig.mem.caller(0);
    let session = caller.enter();
    match session.map(&rig.device, &request(slots)) {
        Err(MapError::Full { .. }) => {
            Err(ScenarioError::Unable { what: "transient pools, for what the default pool has no room for" })
        }
        mapped => Ok(unmap(&session, &rig.device, mapped?, &request(slots))?),
    }
}

/// How many of `ops` failed: none, or there is no number.
fn all_succeeded(failed: u64, ops: u64) -> Result<(), ScenarioError> {
    if failed == 0 { Ok(()) } else { Err(ScenarioError::Unverified { wrong: failed, ops }) }
}

impl<W: Mem, B: Mem> State<W, B> {
    pub(super) fn new(whole: Make<'_, W>, bare: Make<'_, B>, cell: &Fallback) -> Result<Self, ScenarioError> {
        let clock = HostClock::get().facts();
        if cell.encrypts() || cell.part == FallbackPart::BreakEven {
            return Err(ScenarioError::Unable { what: SOURCE });
        }
        let whole = full(whole, cell.slots)?;
        falls_back(&whole, cell.slots)?;
        calm(&whole, cell.storm)?;
        Ok(Self {
            whole,
            bare: full(bare, cell.slots)?,
            request: request(cell.slots),
            part: cell.part,
            storm: cell.storm,
            partial: Vec::with_capacity(256),
            reading: Duration::from_secs_f64(clock.overhead_ns / 1e9),
        })
    }

    /// The part's time in `ops` fallbacks.
    fn batch(&mut self, ops: u64) -> Result<Duration, ScenarioError> {
        Ok(match self.part {
            FallbackPart::RoundTrip => trips(&self.whole, &self.request, ops, self.storm)?.0,
            FallbackPart::Search => self.until(Stage::Searched, ops)?.0,
            FallbackPart::Pages => self.between(Stage::Searched, Stage::Pages, ops)?,
            FallbackPart::Zeroing => self.between(Stage::Pages, Stage::Zeroed, ops)?,
            FallbackPart::Descriptors => self.between(Stage::Zeroed, Stage::Pool, ops)?,
            FallbackPart::Publication => {
                let made = self.until(Stage::Pool, ops)?.0 + self.unlinking(ops)?;
                trips(&self.bare, &self.request, ops, self.storm)?.0.saturating_sub(made)
            }
            FallbackPart::Unlink => self.unlinking(ops)?,
            FallbackPart::Copy => {
                let bare = trips(&self.bare, &self.request, ops, self.storm)?.0;
                trips(&self.whole, &self.request, ops, self.storm)?.0.saturating_sub(bare)
            }
            FallbackPart::Reclaim => trips(&self.whole, &self.request, ops, self.storm)?.1,
            FallbackPart::Free => self.until(Stage::Pool, ops)?.1,
            FallbackPart::Grace => {
                let free = self.until(Stage::Pool, ops)?.1;
                trips(&self.bare, &self.request, ops, self.storm)?.1.saturating_sub(free)
            }
            FallbackPart::Decryption | FallbackPart::BreakEven => {
                return Err(ScenarioError::NotMeasured { what: "it is a state of its own" });
            }
        })
    }

    /// The time of `ops` fallbacks until `stage`, and of taking them apart again, in rounds.
    fn until(&mut self, stage: Stage, ops: u64) -> Result<(Duration, Duration), ScenarioError> {
        let caller = self.bare.mem.caller(0);
        let (mut made, mut undone, mut left) = (Duration::ZERO, Duration::ZERO, ops);
        let round_of = self.storm.round();
        while left > 0 {
            let round = left.min(round_of);
            left -= round;
            let start = Instant::now();
            let session = caller.enter();
            for _ in 0..round {
                let partial = session.fallback_until(&self.bare.device, &self.request, stage);
                self.partial.push(partial.ok_or(ScenarioError::Unable { what: STAGES })??);
            }
            drop(session);
            let middle = Instant::now();
            self.partial.drain(..).for_each(|partial| caller.undo(partial));
            undone += middle.elapsed();
            made += middle - start;
            calm(&self.bare, self.storm)?;
        }
        Ok((made, undone))
    }

    fn between(&mut self, without: Stage, with: Stage, ops: u64) -> Result<Duration, ScenarioError> {
        let less = self.until(without, ops)?.0;
        Ok(self.until(with, ops)?.0.saturating_sub(less))
    }

    /// The time of the unmaps alone, without the clock's own.
    fn unlinking(&self, ops: u64) -> Result<Duration, ScenarioError> {
        let mut caller = self.bare.mem.caller(0);
        let (mut took, mut failed, mut left) = (Duration::ZERO, 0, ops);
        let round_of = self.storm.round();
        while left > 0 {
            let round = left.min(round_of);
            left -= round;
            let session = caller.enter();
            for _ in 0..round {
                let addr = map(&session, &self.bare.device, &self.request)?;
                let start = Instant::now();
                failed += u64::from(unmap(&session, &self.bare.device, addr, &self.request).is_err());
                took += start.elapsed().saturating_sub(self.reading);
            }
            drop(session);
            caller.quiesce();
            calm(&self.bare, self.storm)?;
        }
        all_succeeded(failed, ops).map(|()| took)
    }
}

/// What happens between two rounds: if the storm outruns reclamation, the next finds nothing kept ready.
fn calm<M: Mem>(rig: &Rig<M>, storm: Storm) -> Result<(), ScenarioError> {
    if storm == Storm::Outruns && !rig.mem.drain(&rig.memory) {
        return Err(ScenarioError::Unable { what: "to give back all memory that it keeps ready" });
    }
    Ok(())
}

/// `ops` fallbacks in rounds: the time of the round trips and of their reclaim.
pub(super) fn trips<M: Mem>(
    rig: &Rig<M>,
    request: &MapRequest,
    ops: u64,
    storm: Storm,
) -> Result<(Duration, Duration), ScenarioError> {
    let mut caller = rig.mem.caller(0);
    let (mut trips, mut reclaim, mut failed, mut left) = (Duration::ZERO, Duration::ZERO, 0, ops);
    let round_of = storm.round();
    while left > 0 {
        let round = left.min(round_of);
        left -= round;
        let start = Instant::now();
        failed += round_trips(&caller, &rig.device, request, round);
        let mapped = Instant::now();
        caller.quiesce();
        reclaim += mapped.elapsed();
        trips += mapped - start;
        calm(rig, storm)?;
    }
    all_succeeded(failed, ops).map(|()| (trips, reclaim))
}

impl<W: Mem, B: Mem> Prepared for State<W, B> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let used = |state: &Self| state.whole.mem.stats().used + state.bare.mem.stats().used;
        let before = used(self);
        for _ in 0..batches {
            each(self.batch(ops)?);
        }
        let now = used(self);
        if now == before { Ok(()) } else { Err(ScenarioError::Leaked { before, now }) }
    }
}
