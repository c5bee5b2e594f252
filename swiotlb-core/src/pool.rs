//! A pool: one contiguous range of bounce memory cut into areas of equal size (`struct io_tlb_pool`).
//!
//! Invariant: range, areas and slots never change after the pool was made; what changes are the areas'
//! and slots' own words and the link that an index may use.

use crate::addr::{AreaIndex, PhysAddr, SlotIndex};
use crate::area::AreaSlots;
use crate::lookup::PoolRange;
use crate::phys::{Origin, PoolMemory};
use crate::policy::Policy;
use crate::probe::Probe;
use crate::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT, PAGE_SIZE};
use crate::search::{AreaRange, SlotRequest};
use crate::slot::{MappingStart, SlotTable};
use crate::sync::AtomicPtr;
use crate::walk::HasAreas;
use core::ptr;

type TableOf<P> = <<P as Policy>::Area as AreaSlots>::Table;
/// What a pool's table says of one slot.
pub type ViewOf<'a, P> = <TableOf<P> as SlotTable>::View<'a>;

/// A pool of slots.
#[repr(C)]
pub struct Pool<P: Policy> {
    start: PhysAddr,
    end: PhysAddr,
    link: AtomicPtr<Self>,
    nareas: u32,
    area_nslabs: u32,
    areas: Box<[P::Area]>,
    slots: TableOf<P>,
    nslabs: u32,
    transient: bool,
    memory: PoolMemory,
}

impl<P: Policy> Pool<P> {
    /// A pool of `nslabs` free slots in `memory`, cut into `nareas` areas (at least 1; a divisor of the
    /// segments unless it is 1). The memory must be zero already.
    pub(crate) fn new(memory: PoolMemory, nslabs: u32, nareas: u32, transient: bool) -> Self {
        let area_nslabs = nslabs / nareas;
        debug_assert!(nareas == 1 || area_nslabs.is_multiple_of(IO_TLB_SEGSIZE));
        let slots = TableOf::<P>::new(nslabs);
        let areas = (0..nareas)
            .map(|i| P::Area::new(&slots, AreaRange { first: i * area_nslabs, len: area_nslabs }))
            .collect();
        let start = memory.base;
        let end = start.wrapping_add(u64::from(nslabs) << IO_TLB_SHIFT);
        let link = AtomicPtr::new(ptr::null_mut());
        Self { start, end, link, nareas, area_nslabs, areas, slots, nslabs, transient, memory }
    }

    /// Gives the memory back to whoever frees it.
    pub(crate) fn into_memory(self) -> PoolMemory {
        self.memory
    }

    /// Bytes that the pool's memory takes from its source: the whole block, or else whole pages.
    pub(crate) fn memory_bytes(&self) -> u64 {
        match self.memory.origin() {
            Origin::Blocks(block) => block.bytes(),
            _ => self.memory.bytes.next_multiple_of(PAGE_SIZE),
        }
    }

    /// Slots of the pool.
    #[inline]
    pub fn nslabs(&self) -> u32 {
        self.nslabs
    }

    /// Slots of each area.
    #[inline]
    pub fn area_nslabs(&self) -> u32 {
        self.area_nslabs
    }

    /// Whether the pool was made for one mapping.
    #[inline]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// The slot that holds `addr`, which must lie in the pool.
    #[inline]
    pub fn slot_of(&self, addr: PhysAddr) -> SlotIndex {
        let slot = addr.wrapping_offset_from(self.start) >> IO_TLB_SHIFT;
        debug_assert!(slot < u64::from(self.nslabs));
        #[expect(clippy::cast_possible_truncation, reason = "a pool has fewer than 2^32 slots")]
        let slot = slot as u32;
        SlotIndex(slot)
    }

    /// The first byte of `slot`.
    #[inline]
    pub fn slot_addr(&self, slot: SlotIndex) -> PhysAddr {
        self.start.wrapping_add(u64::from(slot.0) << IO_TLB_SHIFT)
    }

    /// What is known of the mapping that `slot` belongs to.
    #[inline]
    pub fn slot(&self, slot: SlotIndex) -> ViewOf<'_, P> {
        self.slots.slot(slot.0)
    }

    /// Slots that the mapping which starts in slot `buffer` took, padding included; the buffer starts `offset`
    /// bytes into its slot.
    #[inline]
    pub fn nslots_of(&self, buffer: SlotIndex, start: MappingStart, offset: u64) -> u32 {
        self.slots.nslots(buffer.0, start, offset)
    }

    /// Remembers what was mapped into the slots from `first` on, which are the caller's.
    #[inline]
    pub(crate) fn remember(
        &self,
        first: SlotIndex,
        req: &SlotRequest,
        start: MappingStart,
        orig: Option<PhysAddr>,
    ) {
        self.slots.remember(first.0, req, start, orig);
    }

    /// The area that holds `slot`.
    #[inline]
    pub fn area_of(&self, slot: SlotIndex) -> AreaIndex {
        AreaIndex(slot.0 / self.area_nslabs)
    }

    #[inline]
    fn range(&self, area: AreaIndex) -> AreaRange {
        AreaRange { first: area.0 * self.area_nslabs, len: self.area_nslabs }
    }

    /// Searches one area; the first slot claimed.
    #[inline(always)]
    pub(crate) fn find_in_area<C: Probe>(
        &self,
        area: AreaIndex,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<SlotIndex> {
        let at = req.in_window(self.start);
        let first = self.areas[area.0 as usize].find_slots(&self.slots, self.range(area), at, req, probe)?;
        Some(SlotIndex(first))
    }

    /// Where a search of one area would succeed now; claims nothing.
    pub(crate) fn peek_in_area(&self, area: AreaIndex, req: &SlotRequest) -> Option<SlotIndex> {
        let at = req.in_window(self.start);
        self.areas[area.0 as usize].peek(&self.slots, self.range(area), at, req).map(SlotIndex)
    }

    /// Gives the `n` slots of the mapping that starts in slot `buffer` back to their area.
    #[inline]
    pub(crate) fn release<C: Probe>(&self, buffer: SlotIndex, start: MappingStart, n: u32, probe: &C) {
        self.slots.end(buffer.0, start);
        let first = SlotIndex(buffer.0 - u32::from(start.pad_slots));
        let area = self.area_of(first);
        self.areas[area.0 as usize].release_slots(&self.slots, self.range(area), first.0, n, probe);
    }

    /// Claims exactly the slots from `first` on; `false` if one of them is taken.
    pub(crate) fn claim_at(&self, first: SlotIndex, req: &SlotRequest) -> bool {
        let inside = first.0.checked_add(req.nslots).is_some_and(|end| end <= self.nslabs);
        let area = self.area_of(first);
        inside && self.areas[area.0 as usize].claim_at(&self.slots, self.range(area), first.0, req)
    }

    /// Whether more slots of `area` are in use than were allowed.
    #[inline]
    pub(crate) fn is_over(&self, area: AreaIndex) -> bool {
        self.areas[area.0 as usize].is_over()
    }

    /// The areas, first to last.
    pub(crate) fn areas(&self) -> impl Iterator<Item = &P::Area> {
        self.areas.iter()
    }

    /// Slots in use in `area`.
    pub fn area_used(&self, area: AreaIndex) -> u64 {
        self.areas[area.0 as usize].used()
    }

    /// Where the next search of `area` starts, relative to the area.
    pub fn area_index(&self, area: AreaIndex) -> u32 {
        self.areas[area.0 as usize].index()
    }

    /// Moves the start of the next search of `area` (for replay and tests).
    pub fn set_area_index(&self, area: AreaIndex, index: u32) {
        self.areas[area.0 as usize].set_index(self.range(area), index);
    }

    /// Free slots from `slot` to the next taken one or the end of its segment or of the pool.
    pub fn free_run(&self, slot: SlotIndex) -> u32 {
        self.areas[self.area_of(slot).0 as usize].free_run(&self.slots, slot.0)
    }
}

impl<P: Policy> HasAreas for Pool<P> {
    #[inline]
    fn nareas(&self) -> u32 {
        self.nareas
    }
}

impl<P: Policy> PoolRange for Pool<P> {
    #[inline]
    fn start(&self) -> PhysAddr {
        self.start
    }

    #[inline]
    fn end(&self) -> PhysAddr {
        self.end
    }

    #[inline]
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}
