//! The machine that golden vectors run on: an arena, allocators, devices, live mappings, pool numbers.

use crate::policies::Verified;
use crate::verify::script::ScriptedBlocks;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use swiotlb_core::addr::{AreaIndex, PhysAddr};
use swiotlb_core::caller::Session;
use swiotlb_core::device::Direction;
use swiotlb_core::lookup::PoolRange;
use swiotlb_core::mem::{Device, IoTlbMem};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::pool::Pool;
use swiotlb_core::walk::HasAreas;
use workloads::golden::{Area, PoolAdded};

/// A live mapping, by its handle.
#[derive(Clone, Copy)]
pub struct Handle {
    pub dev: u64,
    pub orig: u64,
    pub size: u64,
    pub dir: Direction,
    pub addr: PhysAddr,
}

/// Everything that an `init` throws away.
pub struct Machine<P: Verified> {
    pub memory: Arc<PhysMemory>,
    pub blocks: ScriptedBlocks,
    /// Allocators by number; 0 is the default one.
    pub mems: BTreeMap<u64, Arc<IoTlbMem<P>>>,
    /// Restricted pools that no device uses yet: base and slots.
    pub declared: HashMap<u64, (u64, u64)>,
    /// Devices with the number of their allocator.
    pub devices: BTreeMap<u64, (u64, Device<P>)>,
    /// Live mappings and page allocations; they share their numbers.
    pub mappings: HashMap<u64, Handle>,
    /// The start of every pool that ever was, by its number.
    pub bases: Vec<u64>,
    /// Pools that are there now: start to number.
    pub live: BTreeMap<u64, i64>,
}

impl<P: Verified> Machine<P> {
    /// An empty machine.
    pub fn new(blocks: ScriptedBlocks) -> Self {
        Self {
            memory: Arc::new(PhysMemory::new()),
            blocks,
            mems: BTreeMap::new(),
            declared: HashMap::new(),
            devices: BTreeMap::new(),
            mappings: HashMap::new(),
            bases: Vec::new(),
            live: BTreeMap::new(),
        }
    }

    /// The number of the pool that starts at `base`.
    pub fn number(&self, base: PhysAddr) -> i64 {
        self.live.get(&base.0).copied().unwrap_or(-1)
    }

    /// Compares the pools that are there with those that were: numbers the new ones, drops the gone.
    pub fn update_pools(&mut self) -> (Vec<PoolAdded>, Vec<i64>) {
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

    fn pools_now(&self) -> BTreeMap<u64, PoolAdded> {
        let mut now = BTreeMap::new();
        for (&number, mem) in &self.mems {
            let caller = mem.caller(0);
            for pool in caller.enter().pools() {
                now.insert(pool.start().0, described(pool, -1, number));
            }
        }
        for (&dev, (number, device)) in &self.devices {
            let caller = device.mem().caller(0);
            for pool in caller.enter().transient_pools(device) {
                now.insert(pool.start().0, described(pool, i64::try_from(dev).unwrap_or(i64::MAX), *number));
            }
        }
        now
    }
}

fn described<P: Verified>(pool: &Pool<P>, dev: i64, mem: u64) -> PoolAdded {
    PoolAdded {
        pool: -1,
        base: pool.start().0,
        nslabs: u64::from(pool.nslabs()),
        nareas: u64::from(pool.nareas()),
        area_nslabs: u64::from(pool.area_nslabs()),
        transient: pool.is_transient(),
        dev,
        mem,
    }
}

/// An area as the vectors describe it.
pub fn area_state<P: Verified>(pool: &Pool<P>, area: AreaIndex) -> Area {
    Area { idx: u64::from(area.0), used: pool.area_used(area), index: u64::from(pool.area_index(area)) }
}

/// CRC-32 over `bytes` bytes at `addr`. Memory that cannot be read counts as empty.
pub fn crc(memory: &PhysMemory, addr: PhysAddr, bytes: u64) -> u64 {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(0)];
    if memory.read(addr, &mut buffer).is_err() {
        buffer.clear();
    }
    u64::from(crc32fast::hash(&buffer))
}

/// Whether the mapping at `handle` keeps the rules that hold for every policy: address bits kept, inside
/// one segment, no boundary crossed. The words say which one it breaks.
pub fn broken_rule<P: Verified>(
    session: &Session<'_, P>,
    device: &Device<P>,
    handle: &Handle,
) -> Option<String> {
    let limits = device.limits();
    let Some(mapping) = session.mapping(device, handle.addr) else {
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
