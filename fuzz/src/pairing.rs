//! What a replay relies on in a trace whose unmaps and syncs are paired with their maps, checked naively.

use std::collections::BTreeMap;
use swiotlb_core::rules::IO_TLB_SIZE;
use workloads::trace::{Event, MapCall, Paired, PairedAction, PairedOp, Trace};

/// Checks it: what an operation names is live, a mapping ends once, live mappings share no slot, the counts are true.
///
/// # Panics
/// It does not hold.
pub fn check(trace: &Trace, paired: &Paired) {
    let mut live: BTreeMap<u32, MapCall> = BTreeMap::new();
    let (mut most, mut most_slots) = (0, 0);
    for op in &paired.ops {
        step(trace, op, &mut live);
        most = most.max(live.len() as u64);
        most_slots = most_slots.max(live.values().map(MapCall::slots).sum());
    }
    assert_eq!(paired.live_at_end, live.len() as u64);
    assert_eq!((paired.high_water_maps, paired.high_water_slots), (most, most_slots));
}

fn step(trace: &Trace, op: &PairedOp, live: &mut BTreeMap<u32, MapCall>) {
    let record = &trace.records[op.record as usize];
    let named = op.map.map(|map| (map, live.get(&map).copied()));
    match (op.action, &record.event) {
        (PairedAction::End, Event::Map(_)) => {
            let (map, call) = named.expect("an end names its mapping");
            assert!(call.is_some() && map < op.record, "{op:?} ends what is not live");
            live.remove(&map);
        }
        (PairedAction::Call, Event::Map(call)) => {
            assert_eq!(op.map, Some(op.record));
            assert!(live.values().all(|other| !share(other, call)), "{op:?} shares a slot");
            live.insert(op.record, *call);
        }
        (PairedAction::Call, Event::Unmap(unmap)) => {
            let (map, call) = named.expect("an unmap names its mapping");
            assert_eq!(call.map(|call| call.tlb), Some(unmap.tlb), "{op:?}");
            live.remove(&map);
        }
        (PairedAction::Call, Event::SyncCpu(sync) | Event::SyncDev(sync)) => {
            let call = named.and_then(|(_, call)| call).expect("a sync names a live mapping");
            assert_eq!(call.tlb.0 + u64::from(op.offset), sync.tlb.0, "{op:?}");
            assert!(u64::from(op.offset) + u64::from(sync.size) <= u64::from(call.size), "{op:?}");
        }
        (PairedAction::Call, _) => assert_eq!(op.map, None),
        (PairedAction::End, _) => panic!("{op:?} is no map"),
    }
}

/// Whether two mappings share a slot.
fn share(a: &MapCall, b: &MapCall) -> bool {
    let slots = |call: &MapCall| {
        let last = call.tlb.0 + u64::from(call.size) - 1;
        (call.tlb.0 / IO_TLB_SIZE, last / IO_TLB_SIZE)
    };
    let ((a, a_last), (b, b_last)) = (slots(a), slots(b));
    a <= b_last && b <= a_last
}
