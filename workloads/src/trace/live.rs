//! Which mapping each unmap and sync belongs to: a trace made ready for a replay.
//!
//! Walks the records once with the mappings that are live. Invariant of the result: every unmap and sync
//! refers to a map before it, each mapping ends at most once, and live mappings share no slot. What does
//! not fit is left out and counted.

use std::collections::BTreeMap;

use swiotlb_core::rules::IO_TLB_SIZE;

use super::Trace;
use super::record::{Event, MapCall, Record, SyncCall, UnmapCall};
use super::skipped::{Reason, Skipped};

/// What a replay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairedAction {
    /// What the record says.
    Call,
    /// End the mapping [`PairedOp::map`], as its own map call described it: the record is a map over slots
    /// that it still holds, so its unmap is missing from the trace.
    End,
}

/// One operation of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairedOp {
    /// The record: an index into [`Trace::records`].
    pub record: u32,
    /// The mapping it is about: the index of the map's record. `None` for a failed map and for pools.
    pub map: Option<u32>,
    /// Bytes from the mapping's bounce address, for a sync; else 0.
    pub offset: u32,
    /// What to do.
    pub action: PairedAction,
}

/// A trace with every unmap and sync paired with its map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// Operations in order.
    pub ops: Vec<PairedOp>,
    /// Records left out or bent while pairing; lines are those of the trace's file.
    pub skipped: Skipped,
    /// Mappings that are never ended.
    pub live_at_end: u64,
    /// Most mappings that were live at once.
    pub high_water_maps: u64,
    /// Most slots that live mappings took at once.
    pub high_water_slots: u64,
}

/// A mapping that is live.
struct Live {
    record: u32,
    call: MapCall,
}

#[derive(Default)]
struct Pairing {
    /// By bounce address.
    live: BTreeMap<u64, Live>,
    slots: u64,
    paired: Paired,
}

/// Pairs a trace's records.
#[must_use]
pub fn pair(trace: &Trace) -> Paired {
    pair_records(&trace.records)
}

fn pair_records(records: &[Record]) -> Paired {
    let mut pairing = Pairing::default();
    pairing.paired.ops.reserve(records.len());
    for (record, index) in records.iter().zip(0_u32..) {
        match &record.event {
            Event::Map(call) => pairing.map(record, index, call),
            Event::Unmap(call) => pairing.unmap(record, index, call),
            Event::SyncCpu(call) | Event::SyncDev(call) => pairing.sync(record, index, call),
            Event::MapFail(_) | Event::PoolAdd(_) | Event::PoolDel(_) => pairing.op(index, None, 0),
        }
    }
    pairing.paired.live_at_end = pairing.live.len() as u64;
    pairing.paired
}

impl Pairing {
    fn op(&mut self, record: u32, map: Option<u32>, offset: u32) {
        self.paired.ops.push(PairedOp { record, map, offset, action: PairedAction::Call });
    }

    fn skip(&mut self, reason: Reason, record: &Record) {
        self.paired.skipped.add(reason, u64::from(record.line));
    }

    fn map(&mut self, record: &Record, index: u32, call: &MapCall) {
        while let Some(tlb) = self.overlapping(call) {
            self.skip(Reason::MapOverLiveMap, record);
            if let Some(older) = self.remove(tlb) {
                let action = PairedAction::End;
                let op = PairedOp { record: index, map: Some(older.record), offset: 0, action };
                self.paired.ops.push(op);
            }
        }
        self.live.insert(call.tlb.0, Live { record: index, call: *call });
        self.slots = self.slots.saturating_add(call.slots());
        let paired = &mut self.paired;
        paired.high_water_maps = paired.high_water_maps.max(self.live.len() as u64);
        paired.high_water_slots = paired.high_water_slots.max(self.slots);
        self.op(index, Some(index), 0);
    }

    fn unmap(&mut self, record: &Record, index: u32, call: &UnmapCall) {
        let Some(live) = self.remove(call.tlb.0) else {
            return self.skip(Reason::UnmapWithoutMap, record);
        };
        let same = (live.call.dev, live.call.size, live.call.dir) == (call.dev, call.size, call.dir);
        if !same {
            self.skip(Reason::UnmapMismatch, record);
        }
        self.op(index, Some(live.record), 0);
    }

    fn sync(&mut self, record: &Record, index: u32, call: &SyncCall) {
        let before = self.live.range(..=call.tlb.0).next_back();
        let within = before.and_then(|(tlb, live)| {
            let offset = u32::try_from(call.tlb.0 - tlb).ok()?;
            let left = live.call.size.checked_sub(offset).filter(|&left| left > 0)?;
            Some((live.record, offset, left))
        });
        match within {
            None => self.skip(Reason::SyncOutsideMap, record),
            Some((_, _, left)) if call.size > left => self.skip(Reason::SyncPastEnd, record),
            Some((map, offset, _)) => self.op(index, Some(map), offset),
        }
    }

    fn remove(&mut self, tlb: u64) -> Option<Live> {
        let live = self.live.remove(&tlb)?;
        self.slots = self.slots.saturating_sub(live.call.slots());
        Some(live)
    }

    /// A live mapping that shares a slot with `call`.
    fn overlapping(&self, call: &MapCall) -> Option<u64> {
        let (first, end) = slot_range(call);
        // Live mappings share no slot, so the last one that begins before the end is the only candidate.
        let (tlb, live) = self.live.range(..end).next_back()?;
        (slot_range(&live.call).1 > first).then_some(*tlb)
    }
}

/// First byte of the first slot and first byte after the last one; the end saturates at 2^64 - 1.
fn slot_range(call: &MapCall) -> (u64, u64) {
    let end = call.tlb.0.saturating_add(u64::from(call.size));
    let end = end.checked_next_multiple_of(IO_TLB_SIZE).unwrap_or(u64::MAX);
    (call.tlb.0 & !(IO_TLB_SIZE - 1), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::DeviceId;
    use swiotlb_core::addr::PhysAddr;
    use swiotlb_core::device::{Attrs, Direction};

    fn record(line: u32, event: Event) -> Record {
        Record { t_ns: u64::from(line), line, cpu: 0, ctx: None, event }
    }

    fn map(line: u32, tlb: u64, size: u32) -> Record {
        let call = MapCall {
            orig: PhysAddr(0x1000),
            tlb: PhysAddr(tlb),
            t_in_ns: 0,
            t_ret_ns: 0,
            seg_boundary_mask: u64::MAX,
            dev: DeviceId(0),
            size,
            alloc_size: None,
            alloc_align_mask: 0,
            min_align_mask: 0,
            dir: Direction::ToDevice,
            attrs: Attrs::default(),
        };
        record(line, Event::Map(call))
    }

    fn unmap(line: u32, tlb: u64, size: u32) -> Record {
        let (dev, dir, attrs) = (DeviceId(0), Direction::ToDevice, Attrs::default());
        record(line, Event::Unmap(UnmapCall { tlb: PhysAddr(tlb), dev, size, dir, attrs }))
    }

    fn sync(line: u32, tlb: u64, size: u32) -> Record {
        let (dev, dir) = (DeviceId(0), Direction::ToDevice);
        record(line, Event::SyncCpu(SyncCall { tlb: PhysAddr(tlb), dev, size, dir }))
    }

    fn short(paired: &Paired) -> Vec<(u32, Option<u32>, u32, PairedAction)> {
        paired.ops.iter().map(|op| (op.record, op.map, op.offset, op.action)).collect()
    }

    use PairedAction::{Call, End};

    #[test]
    fn syncs_and_unmaps_find_their_map() {
        let records = [map(1, 0x8000, 4096), map(2, 0x9000, 1), sync(3, 0x8010, 0xff0), unmap(4, 0x9000, 1)];
        let paired = pair_records(&records);
        let expected =
            [(0, Some(0), 0, Call), (1, Some(1), 0, Call), (2, Some(0), 16, Call), (3, Some(1), 0, Call)];
        assert_eq!(short(&paired), expected);
        assert!(paired.skipped.is_empty());
        assert_eq!((paired.live_at_end, paired.high_water_maps, paired.high_water_slots), (1, 2, 3));
    }

    #[test]
    fn what_has_no_map_is_left_out() {
        let records = [
            unmap(1, 0x8000, 1),
            sync(2, 0x8000, 1),
            map(3, 0x8000, 16),
            sync(4, 0x8008, 16),
            sync(5, 0x8010, 0),
            sync(5, 0x8018, 1),
            unmap(6, 0x8001, 16),
            unmap(7, 0x8000, 8),
            unmap(8, 0x8000, 16),
        ];
        let paired = pair_records(&records);
        assert_eq!(short(&paired), [(2, Some(2), 0, Call), (7, Some(2), 0, Call)]);
        assert_eq!(
            paired.skipped.to_string(),
            "unmap without a map: 3 (line 1, 6, 8); unmap unlike its map (kept): 1 (line 7); \
             sync outside a mapping: 3 (line 2, 5, 5); sync past the end of a mapping: 1 (line 4)"
        );
    }

    #[test]
    fn a_map_over_live_ones_ends_them_first() {
        let records = [map(1, 0x8000, 1), map(2, 0x8800, 1), map(3, 0x9000, 1), map(4, 0x8400, 0x800)];
        let paired = pair_records(&records);
        assert_eq!(short(&paired)[3..], [(3, Some(1), 0, End), (3, Some(0), 0, End), (3, Some(3), 0, Call)]);
        assert_eq!(paired.skipped.get(Reason::MapOverLiveMap).count, 2);
        assert_eq!(paired.live_at_end, 2);
    }

    #[test]
    fn the_top_of_memory_overflows_nothing() {
        let top = u64::MAX - 16;
        let paired = pair_records(&[map(1, top, 16), map(2, top, 16), sync(3, top, 16), unmap(4, top, 16)]);
        assert_eq!((paired.ops.len(), paired.live_at_end), (5, 0));
    }
}
