//! `find_pool` among many pools.

use super::ground::{MORE_POOLS, POOL, request};
use super::rig::{Make, Rig};
use super::seed::Seeded;
use super::slot_search::round_trips;
use super::{Prepared, ScenarioError};
use crate::calls::{Caller, Mem, Session};
use crate::run::clock::{Clock as _, HostClock};
use core::hint::black_box;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::MapError;
use swiotlb_core::rules::IO_TLB_SHIFT;

/// Slots of every pool: two, a page. What is measured is the walk from pool to pool; with no tables of slots
/// between them the pools lie as close together as a slab allocator packs them in the kernel.
pub(super) const NSLABS: u64 = 2;
/// Addresses that the random lookups take turns with.
const TARGETS: usize = 1 << 12;

/// Which address is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// One in the newest pool: at the head of the list.
    Head,
    /// One in the oldest pool, which set-up made: at the tail of the list.
    Tail,
    /// One in no pool.
    Miss,
    /// One in no pool, asked for a device that never had a bounce buffer: nothing is searched.
    Unflagged,
    /// One in a random pool, and which one depends on the answer before.
    Random,
}

impl Address {
    /// Whether it lies in a pool.
    pub(super) fn hits(self) -> bool {
        !matches!(self, Self::Miss | Self::Unflagged)
    }
}

/// How long a read section lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// One for all lookups of a batch.
    PerBatch,
    /// One for each lookup: its price is the difference.
    PerLookup,
    /// One for each lookup, which comes after a copy of 256 KiB: what a real round trip leaves in the cache.
    AfterCopy,
}

/// A cell of the lookup table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindPool {
    /// Pools in all.
    pub pools: u32,
    /// Which address is looked up.
    pub address: Address,
    /// How long a read section lasts.
    pub section: Section,
}

/// The prepared pools.
pub(super) struct State<M: Mem> {
    rig: Rig<M>,
    section: Section,
    hits: bool,
    targets: Vec<PhysAddr>,
    copied: Copied,
}

/// Two buffers, of which one is copied to the other; empty where nothing is copied.
struct Copied {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Copied {
    fn new(section: Section) -> Self {
        let bytes = if section == Section::AfterCopy { COPIED } else { 0 };
        Self { from: vec![1; bytes], to: vec![2; bytes] }
    }
}

/// Bytes of the greatest buffer that a map copies.
const COPIED: usize = 256 << 10;

/// Bytes of a pool.
const BYTES: u64 = NSLABS << IO_TLB_SHIFT;

/// Where the pools beside the first one lie, in the order in which they are added.
pub(super) fn more_pools(pools: u32) -> impl Iterator<Item = PhysAddr> {
    (1..u64::from(pools)).map(|i| MORE_POOLS.wrapping_add(2 * i * BYTES))
}

/// The addresses that are looked up, in turns.
pub(super) fn targets(cell: &FindPool) -> Vec<PhysAddr> {
    let inside = |base: PhysAddr| base.wrapping_add(BYTES / 2);
    match cell.address {
        Address::Head => vec![inside(more_pools(cell.pools).last().unwrap_or(POOL))],
        Address::Tail => vec![inside(POOL)],
        Address::Miss | Address::Unflagged => vec![MORE_POOLS.wrapping_add(BYTES / 2)],
        Address::Random => {
            let mut seed = Seeded::new(3);
            let all: Vec<_> = more_pools(cell.pools).chain([POOL]).collect();
            (0..TARGETS).map(|_| inside(all[seed.below(all.len())])).collect()
        }
    }
}

impl<M: Mem> State<M> {
    pub(super) fn new(make: Make<'_, M>, cell: &FindPool) -> Result<Self, ScenarioError> {
        if !M::PLACES_POOLS {
            return Self::mapped(make, cell);
        }
        let rig = Rig::new(make, NSLABS, 1, false)?;
        {
            let caller = rig.mem.caller(0);
            for base in more_pools(cell.pools) {
                caller.insert_pool(base, NSLABS, 1)?;
            }
            if cell.address != Address::Unflagged {
                // The device counts as one that has bounced: otherwise nothing is searched.
                round_trips(&caller, &rig.device, &request(1), 1);
            }
        }
        let (hits, copied) = (cell.address.hits(), Copied::new(cell.section));
        Ok(Self { rig, section: cell.section, hits, targets: targets(cell), copied })
    }

    /// For an allocator that cannot be told where its pools lie: the default pool is full, and every further pool is
    /// a transient one of a mapping that stays.
    fn mapped(make: Make<'_, M>, cell: &FindPool) -> Result<Self, ScenarioError> {
        let rig = Rig::new(make, NSLABS, 1, true)?;
        rig.touch(NSLABS, 2)?;
        let all = if cell.address == Address::Unflagged { Vec::new() } else { one_each(&rig, cell.pools)? };
        let targets = match cell.address {
            Address::Head => all.last().copied().into_iter().collect(),
            // The default pool is searched first; the oldest of the others is at the list's tail.
            Address::Tail => all.get(1).or(all.first()).copied().into_iter().collect(),
            Address::Miss | Address::Unflagged => targets(cell),
            Address::Random => {
                let mut seed = Seeded::new(3);
                (0..TARGETS).map(|_| all[seed.below(all.len())]).collect()
            }
        };
        let (hits, copied) = (cell.address.hits(), Copied::new(cell.section));
        Ok(Self { rig, section: cell.section, hits, targets, copied })
    }
}

/// A mapping in each of `pools` pools.
fn one_each<M: Mem>(rig: &Rig<M>, pools: u32) -> Result<Vec<PhysAddr>, ScenarioError> {
    let caller = rig.mem.caller(0);
    let session = caller.enter();
    let mapped = (0..pools).map(|_| session.map(&rig.device, &request(2)));
    let no_pool = |error| match error {
        MapError::Full { .. } | MapError::OutOfPages { .. } => ScenarioError::Unable {
            what: "transient pools, one for each mapping once the default pool is full",
        },
        error => ScenarioError::Fill(error),
    };
    mapped.map(|addr| addr.map_err(no_pool)).collect()
}

/// `ops` lookups of one address in one read section; how many found a pool.
#[inline(never)]
pub(super) fn same_address<C: Caller>(caller: &C, device: &C::Device, addr: PhysAddr, ops: u64) -> u64 {
    let session = caller.enter();
    let mut found = 0;
    for _ in 0..ops {
        found += u64::from(black_box(session.find_pool(device, black_box(addr))).is_some());
    }
    found
}

/// The same with a read section for each.
#[inline(never)]
pub(super) fn section_each<C: Caller>(caller: &C, device: &C::Device, addr: PhysAddr, ops: u64) -> u64 {
    let mut found = 0;
    for _ in 0..ops {
        let session = caller.enter();
        found += u64::from(black_box(session.find_pool(device, black_box(addr))).is_some());
    }
    found
}

/// `ops` lookups, each of an address that depends on what the one before found.
#[inline(never)]
pub(super) fn dependent<C: Caller>(caller: &C, device: &C::Device, targets: &[PhysAddr], ops: u64) -> u64 {
    let session = caller.enter();
    let mut found = 0;
    let mut at = 0;
    for _ in 0..ops {
        let hit = u64::from(black_box(session.find_pool(device, targets[at])).is_some());
        found += hit;
        // Every lookup hits, so this goes round; the processor cannot know.
        at = (at + usize::from(hit == 1)) % TARGETS;
    }
    found
}

/// Waits until everything before is done: otherwise the clock is read while a lookup is still under way.
#[inline(always)]
fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
    // SeqCst: as close as a language without such a barrier comes.
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// Ticks that `what` takes, and those of reading the clock around it.
#[inline(always)]
fn ticks(clock: &HostClock, what: impl FnOnce()) -> u64 {
    finish();
    let start = clock.now();
    what();
    finish();
    clock.now().saturating_sub(start)
}

/// `ops` lookups, each after a copy; how many found a pool, and the time of the lookups alone: less that of
/// nothing, timed in the same way before each of them.
#[inline(never)]
fn after_copies<C: Caller>(
    caller: &C,
    device: &C::Device,
    targets: &[PhysAddr],
    copied: &mut Copied,
    ops: u64,
) -> (u64, Duration) {
    let clock = HostClock::get();
    let (mut found, mut taken, mut nothing, mut at) = (0, 0, 0, 0);
    for _ in 0..ops {
        black_box(&mut copied.to).copy_from_slice(black_box(&copied.from));
        let session = caller.enter();
        let addr = black_box(targets[at]);
        at = (at + 1) % targets.len();
        nothing += ticks(&clock, || ());
        taken += ticks(&clock, || found += u64::from(black_box(session.find_pool(device, addr)).is_some()));
    }
    (found, Duration::from_nanos(clock.ns(taken.saturating_sub(nothing))))
}

impl<M: Mem> Prepared for State<M> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let caller = self.rig.mem.caller(0);
        let (device, targets) = (&self.rig.device, &self.targets[..]);
        for _ in 0..batches {
            let start = Instant::now();
            let whole = |found| (found, start.elapsed());
            let (found, took) = match (targets, self.section) {
                (targets, Section::AfterCopy) => {
                    after_copies(&caller, device, targets, &mut self.copied, ops)
                }
                (&[addr], Section::PerBatch) => whole(same_address(&caller, device, addr, ops)),
                (&[addr], Section::PerLookup) => whole(section_each(&caller, device, addr, ops)),
                (targets, _) => whole(dependent(&caller, device, targets, ops)),
            };
            let expected = if self.hits { ops } else { 0 };
            if found != expected {
                return Err(ScenarioError::Unverified { wrong: found.abs_diff(expected), ops });
            }
            each(took);
        }
        Ok(())
    }
}
