//! An allocator: its pools, what it may do, what it counts.

use super::pool::{Pool, SEGMENT};
use super::want::Want;

/// Slots of a default pool.
pub(super) const DEFAULT_SLOTS: u64 = 32_768;
/// Fewest slots that growth and set-up fall back to: 1 MiB.
pub(super) const MIN_SLOTS: u64 = 512;
/// Slots of the largest page block, 4 MiB: growth adds no larger pool.
pub(super) const MAX_GROWN: u64 = 2048;
/// Most bytes of one allocation.
pub(super) const MAX_BYTES: u64 = 256 << 10;

/// An allocator.
#[derive(Debug)]
pub(super) struct Mem {
    /// Pools that are not transient, newest first.
    pub(super) pools: Vec<Pool>,
    /// Slots and areas of later pools; the areas also bound the search.
    pub(super) default_nslabs: u64,
    pub(super) default_nareas: u64,
    pub(super) can_grow: bool,
    /// Highest address of pools that growth adds.
    pub(super) phys_limit: u64,
    /// Whether it is a restricted pool's.
    pub(super) restricted: bool,
    /// Slots in use, the most that ever were, slots in transient pools.
    pub(super) used: u64,
    pub(super) hiwater: u64,
    pub(super) transient_nslabs: u64,
    /// Whether the worker was asked for a pool and has not run yet.
    pub(super) asked: bool,
    /// Transient pools that wait for their grace period.
    pub(super) retired: Vec<Pool>,
}

/// At most one area for each segment.
pub(super) fn limited_areas(nareas: u64, nslabs: u64) -> u64 {
    if nslabs < nareas * SEGMENT as u64 { (nslabs / SEGMENT as u64).max(1) } else { nareas }
}

impl Mem {
    /// An allocator without a pool.
    pub(super) fn new(nslabs: u64, nareas: u64) -> Self {
        Self {
            pools: Vec::new(),
            default_nslabs: nslabs,
            default_nareas: nareas,
            can_grow: false,
            phys_limit: u64::MAX,
            restricted: false,
            used: 0,
            hiwater: 0,
            transient_nslabs: 0,
            asked: false,
            retired: Vec::new(),
        }
    }

    /// Slots in all pools but transient ones.
    pub(super) fn nslabs(&self) -> u64 {
        self.pools.iter().map(|pool| pool.nslabs() as u64).sum()
    }

    /// Takes slots from the pools: the pool's number and the first slot.
    pub(super) fn take(&mut self, cpu: u64, want: &Want) -> Option<(i64, usize)> {
        for k in 0..self.default_nareas {
            for pool in self.pools.iter_mut().filter(|pool| k < pool.nareas() as u64) {
                let area = usize::try_from((cpu + k) & (pool.nareas() as u64 - 1)).ok()?;
                if let Some(first) = pool.take(area, want) {
                    return Some((pool.number, first));
                }
            }
        }
        None
    }

    /// So many slots more are in use.
    pub(super) fn add_used(&mut self, slots: u64) {
        self.used += slots;
        self.hiwater = self.hiwater.max(self.used);
    }
}

/// The sizes that are tried while there is no memory: half of what was tried before, down to the least.
pub(super) fn halvings(nslabs: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(nslabs), |&tried| (tried > MIN_SLOTS).then_some(tried / 2))
}
