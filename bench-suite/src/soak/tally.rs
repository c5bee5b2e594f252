//! What a soak did, counted, and the most that there was at once.

use core::ops::AddAssign;
use swiotlb_core::held_back::HeldBack;
use swiotlb_core::mem::MemStats;

/// Counts. Those of threads are added up; high-water marks are the largest of them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Maps that were served.
    pub maps: u64,
    /// Maps that were refused: no room, no page, or a transient pool that could not serve.
    pub refused: u64,
    /// Unmaps, of which so many of what another thread had mapped.
    pub unmaps: u64,
    /// See [`Tally::unmaps`].
    pub foreign_unmaps: u64,
    /// Syncs, either way.
    pub syncs: u64,
    /// Lookups of addresses that were live, and of such as need not be.
    pub lookups: u64,
    /// See [`Tally::lookups`].
    pub idle_lookups: u64,
    /// Transient pools made.
    pub transient: u64,
    /// Pools that growth added, and times it found no memory.
    pub grown: u64,
    /// See [`Tally::grown`].
    pub not_grown: u64,
    /// Page requests that were refused, on demand and for want of memory.
    pub page_faults: u64,
    /// Transient pools that were given back after their grace period.
    pub freed: u64,
    /// Buffers whose every byte was compared when they came back.
    pub whole: u64,
    /// Times that stock was taken, mappings looked at by it, and allocators that ended.
    pub stocks: u64,
    /// See [`Tally::stocks`].
    pub stocked: u64,
    /// See [`Tally::stocks`].
    pub lives: u64,
    /// The most slots that were in use at once.
    pub most_used: u64,
    /// The most pools that an allocator had, transient ones not counted.
    pub most_pools: u64,
    /// The most transient pools that waited for readers at once, and their bytes.
    pub most_held_pools: u64,
    /// See [`Tally::most_held_pools`].
    pub most_held_bytes: u64,
}

impl Tally {
    /// Calls of the allocator.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.maps + self.refused + self.unmaps + self.syncs + self.lookups + self.idle_lookups
    }

    /// Keeps the high-water marks of an allocator.
    pub(super) fn raise(&mut self, stats: &MemStats, held: &HeldBack) {
        self.most_used = self.most_used.max(stats.used_hiwater);
        self.most_pools = self.most_pools.max(stats.pools);
        self.most_held_pools = self.most_held_pools.max(held.most_pools);
        self.most_held_bytes = self.most_held_bytes.max(held.most_bytes);
    }

    /// Every count that a reader wants, with its words.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 20] {
        [
            ("maps", self.maps),
            ("maps refused", self.refused),
            ("unmaps", self.unmaps),
            ("of them, mapped by another thread", self.foreign_unmaps),
            ("syncs", self.syncs),
            ("lookups of live addresses", self.lookups),
            ("other lookups", self.idle_lookups),
            ("transient pools made", self.transient),
            ("transient pools given back", self.freed),
            ("pools added by growth", self.grown),
            ("growth without memory", self.not_grown),
            ("page requests refused", self.page_faults),
            ("buffers compared whole", self.whole),
            ("stock taken", self.stocks),
            ("mappings in stock", self.stocked),
            ("allocators set up and ended", self.lives),
            ("most slots in use", self.most_used),
            ("most pools of an allocator", self.most_pools),
            ("most pools held back", self.most_held_pools),
            ("most bytes held back", self.most_held_bytes),
        ]
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.maps += other.maps;
        self.refused += other.refused;
        self.unmaps += other.unmaps;
        self.foreign_unmaps += other.foreign_unmaps;
        self.syncs += other.syncs;
        self.lookups += other.lookups;
        self.idle_lookups += other.idle_lookups;
        self.transient += other.transient;
        self.grown += other.grown;
        self.not_grown += other.not_grown;
        self.page_faults += other.page_faults;
        self.freed += other.freed;
        self.whole += other.whole;
        self.stocks += other.stocks;
        self.stocked += other.stocked;
        self.lives += other.lives;
        self.most_used = self.most_used.max(other.most_used);
        self.most_pools = self.most_pools.max(other.most_pools);
        self.most_held_pools = self.most_held_pools.max(other.most_held_pools);
        self.most_held_bytes = self.most_held_bytes.max(other.most_held_bytes);
    }
}
