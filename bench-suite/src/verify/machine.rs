//! The machine that golden vectors run on: an arena, allocators, devices, live mappings, pool numbers.

use super::ground::Ground;
use super::ledger::Ledger;
use super::limits::{MAX_RESERVED_SLOTS, MAX_SPAN, Refusal, at_most, in_words, inside_arena};
use super::unknown::Unknown;
use crate::subject::{AreaFacts, Build, MappingFacts, PoolFacts, Subject};
use crate::verify::script::ScriptedBlocks;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::device::{DeviceLimits, Direction};
use swiotlb_core::error::PageError;
use swiotlb_core::policy::Reproduces;
use workloads::golden::{Area, Arena, Map, PoolAdded, fill_pattern};

/// A live mapping, by its handle.
#[derive(Clone, Copy)]
pub struct Handle {
    pub dev: u64,
    pub orig: u64,
    pub size: u64,
    pub dir: Direction,
    pub addr: PhysAddr,
}

/// A device: its allocator, its number there, what it declared, and whether it ever had a bounce buffer.
#[derive(Clone, Copy)]
pub struct Device {
    pub mem: u64,
    pub number: usize,
    pub limits: DeviceLimits,
    pub uses_io_tlb: bool,
}

/// Everything that an `init` throws away.
pub struct Machine {
    /// Makes the allocators.
    pub build: Build,
    pub ground: Ground,
    /// Where originals lie.
    pub arena: Arena,
    pub blocks: ScriptedBlocks,
    /// Allocators by number; 0 is the default one.
    pub mems: BTreeMap<u64, Box<dyn Subject>>,
    /// Restricted pools that no device uses yet: base and slots.
    pub declared_pools: HashMap<u64, (u64, u64)>,
    /// Devices by the vectors' numbers.
    pub devices: BTreeMap<u64, Device>,
    /// Live mappings and page allocations; they share their numbers.
    pub mappings: HashMap<u64, Handle>,
    /// Those that have ended: a mistake may name them.
    pub ended: HashMap<u64, Handle>,
    /// Whose slots are whose.
    pub ledger: Ledger,
    /// Originals whose bytes may differ from the vector's.
    pub unknown: Unknown,
    /// The start of every pool that ever was, by its number.
    pub bases: Vec<u64>,
    /// Pools that are there now: start to number.
    pub live: BTreeMap<u64, i64>,
    /// What [`Machine::pools_may_differ`] saw last.
    counts: Counts,
    /// What the policy declares.
    pub declared: Reproduces,
    /// Whether it was set up late, from the page source.
    pub late: bool,
    /// Bytes on their way to or from memory, kept to be used again.
    buffer: RefCell<Vec<u8>>,
}

/// What changes whenever a pool comes or goes: allocators, pools that stay, slots of those that do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    allocators: usize,
    pools: u64,
    transient_nslabs: u64,
}

impl Machine {
    /// An empty machine.
    pub fn new(
        build: Build,
        blocks: ScriptedBlocks,
        arena: Arena,
        ground: Ground,
        declared: Reproduces,
    ) -> Self {
        blocks.forget();
        Self {
            build,
            ground: ground.cleaned(),
            arena,
            blocks,
            mems: BTreeMap::new(),
            declared_pools: HashMap::new(),
            devices: BTreeMap::new(),
            mappings: HashMap::new(),
            ended: HashMap::new(),
            ledger: Ledger::default(),
            unknown: Unknown::default(),
            bases: Vec::new(),
            live: BTreeMap::new(),
            counts: Counts::default(),
            declared,
            late: false,
            buffer: RefCell::default(),
        }
    }

    /// Refuses `nslabs` more slots of reserved pools if there are too many.
    pub fn may_reserve(&self, nslabs: u64) -> Result<(), Refusal> {
        let reserved: u64 = self.mems.values().map(|mem| mem.default_geometry().nslabs).sum();
        at_most("the number of slots", reserved.saturating_add(nslabs), MAX_RESERVED_SLOTS)
    }

    /// CRC-32 over `bytes` bytes at `addr`.
    pub fn crc(&self, addr: PhysAddr, bytes: u64) -> Result<u64, PageError> {
        let buffer = &mut *self.buffer.borrow_mut();
        resize(buffer, bytes);
        self.ground.memory.read(addr, buffer)?;
        Ok(u64::from(crc32fast::hash(buffer)))
    }

    /// Writes `bytes` bytes of the pattern of `seed` at `addr`.
    pub fn fill(&self, addr: PhysAddr, bytes: u64, seed: u64) -> Result<(), PageError> {
        let buffer = &mut *self.buffer.borrow_mut();
        resize(buffer, bytes);
        fill_pattern(buffer, seed);
        self.ground.memory.write(addr, buffer)
    }

    /// What the CPU does before a map: its bytes are in the original, whoever maps it then.
    pub fn fill_original(&self, op: &Map) -> Result<(), Refusal> {
        inside_arena(self.arena, op.orig, op.size)?;
        let Some(seed) = op.fill else { return Ok(()) };
        at_most("the size", op.size, MAX_SPAN)?;
        self.ground.dirty(PhysAddr(op.orig), op.size);
        self.fill(PhysAddr(op.orig), op.size, seed).map_err(in_words)
    }

    /// What a handle stands for, or stood for.
    pub fn named(&self, h: u64) -> Option<Handle> {
        self.mappings.get(&h).or_else(|| self.ended.get(&h)).copied()
    }

    /// What a handle stands for has ended.
    pub fn end(&mut self, h: u64) {
        let Some(handle) = self.mappings.remove(&h) else { return };
        self.ledger.release(h, handle.addr);
        self.ended.insert(h, handle);
    }

    /// The number of the pool that starts at `base`.
    pub fn number(&self, base: PhysAddr) -> i64 {
        self.live.get(&base.0).copied().unwrap_or(-1)
    }

    /// Compares the pools that are there with those that were: numbers the new ones, drops the gone.
    pub fn update_pools(&mut self) -> (Vec<PoolAdded>, Vec<i64>) {
        if !self.pools_may_differ() {
            return (Vec::new(), Vec::new());
        }
        let now = self.pools_now();
        let removed: Vec<i64> =
            self.live.iter().filter(|(base, _)| !now.contains_key(base)).map(|(_, &number)| number).collect();
        self.live.retain(|base, _| now.contains_key(base));
        let mut added = Vec::new();
        for (base, pool) in now {
            if !self.live.contains_key(&base) {
                let number = i64::try_from(self.bases.len()).unwrap_or(i64::MAX);
                self.bases.push(base);
                self.live.insert(base, number);
                added.push(PoolAdded { pool: number, ..pool });
            }
        }
        (added, removed)
    }

    /// Whether a pool came or went since the last call; most operations change none.
    fn pools_may_differ(&mut self) -> bool {
        let mut counts = Counts { allocators: self.mems.len(), ..Counts::default() };
        for stats in self.mems.values().map(|mem| mem.stats()) {
            counts.pools += stats.pools;
            counts.transient_nslabs += stats.transient_nslabs;
        }
        core::mem::replace(&mut self.counts, counts) != counts || !self.declared.statistics
    }

    fn pools_now(&self) -> BTreeMap<u64, PoolAdded> {
        let mut now = BTreeMap::new();
        for (&number, mem) in &self.mems {
            let caller = mem.caller(0);
            for pool in caller.enter().pools() {
                now.insert(pool.start.0, described(&pool, -1, number));
            }
        }
        for (&dev, device) in &self.devices {
            let Some(mem) = self.mems.get(&device.mem) else { continue };
            let caller = mem.caller(0);
            for pool in caller.enter().transient_pools(device.number) {
                now.insert(
                    pool.start.0,
                    described(&pool, i64::try_from(dev).unwrap_or(i64::MAX), device.mem),
                );
            }
        }
        now
    }
}

fn described(pool: &PoolFacts, dev: i64, mem: u64) -> PoolAdded {
    PoolAdded {
        pool: -1,
        base: pool.start.0,
        nslabs: u64::from(pool.nslabs),
        nareas: u64::from(pool.nareas),
        area_nslabs: u64::from(pool.area_nslabs),
        transient: pool.transient,
        dev,
        mem,
    }
}

/// An area as the vectors describe it.
pub fn area_state(area: AreaIndex, facts: AreaFacts) -> Area {
    Area { idx: u64::from(area.0), used: facts.used, index: u64::from(facts.index) }
}

/// Gives the buffer a length; what it holds does not matter. `bytes` is at most [`MAX_SPAN`].
fn resize(buffer: &mut Vec<u8>, bytes: u64) {
    let len = usize::try_from(bytes.min(MAX_SPAN)).unwrap_or(0);
    debug_assert_eq!(len as u64, bytes);
    buffer.resize(len, 0);
}

/// Whether the mapping at `handle` keeps the rules that hold for every policy: address bits kept, inside
/// one segment, no boundary crossed. The words say which one it breaks.
pub fn broken_rule(mapping: Option<&MappingFacts>, limits: &DeviceLimits, handle: &Handle) -> Option<String> {
    let Some(mapping) = mapping else {
        return Some("find_pool does not know a live mapping".to_owned());
    };
    let keep = limits.min_align_mask;
    if handle.orig != 0 && (handle.addr.0 ^ handle.orig) & keep & 0x7ff != 0 {
        return Some(format!("{} does not keep the original's low bits under {keep:#x}", handle.addr));
    }
    let first = u64::from(mapping.first.0);
    if first / 128 != (first + mapping.nslots - 1) / 128 {
        return Some(format!("slots {first} to {} cross a segment", first + mapping.nslots - 1));
    }
    let start = mapping.pool.slot_addr(mapping.first).0;
    let end = start + mapping.nslots * 2048 - 1;
    let boundary = limits.seg_boundary_mask.max(2047);
    if start & !boundary != end & !boundary {
        return Some(format!("{start:#x} to {end:#x} cross a boundary of {boundary:#x}"));
    }
    None
}
