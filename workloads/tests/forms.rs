//! The two forms of a trace say the same: same records in the same order.
//!
//! The text's times are in microseconds. Calls of one nanosecond have no order of their own (they ran on
//! different CPUs), so these are compared as a set; all else must agree record by record.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use workloads::trace::{Event, Reason, Record, SourceKind, Trace, TraceOptions, pair};

/// A record without its times, line and CPU-side details that only one form has.
fn essence(trace: &Trace, record: &Record) -> String {
    let device = record.event.dev().map_or("", |id| trace.device(id).name.as_str());
    let rest = match record.event {
        Event::Map(c) | Event::MapFail(c) => format!(
            "{:?} {} {:?} {:?} {} {} {:?} {:x} {:?}",
            c.orig,
            c.size,
            c.tlb,
            c.dir,
            c.alloc_align_mask,
            c.min_align_mask,
            c.attrs,
            c.seg_boundary_mask,
            c.alloc_size
        ),
        Event::Unmap(c) => format!("{:?} {} {:?} {:?}", c.tlb, c.size, c.dir, c.attrs),
        Event::SyncCpu(c) | Event::SyncDev(c) => format!("{:?} {} {:?}", c.tlb, c.size, c.dir),
        Event::PoolAdd(p) | Event::PoolDel(p) => format!("{p:?}"),
    };
    format!("{} {device} {rest} cpu {} {:?}", record.event.name(), record.cpu, record.ctx)
}

/// Sorts what JSON says happened in one nanosecond.
fn sort_ties(keys: &mut [String], json: &[Record]) {
    let mut from = 0;
    for tie in json.chunk_by(|a, b| a.t_ns == b.t_ns) {
        keys[from..from + tie.len()].sort_unstable();
        from += tie.len();
    }
}

fn moved(trace: &Trace) -> usize {
    let late = |r: &&Record| matches!(r.event, Event::Map(c) if c.t_in_ns != r.t_ns);
    trace.records.iter().filter(late).count()
}

#[test]
fn text_and_json_agree() {
    let mut compared = 0;
    for json_path in common::traces(".jsonl.gz") {
        let text_path = json_path.with_file_name(format!("{}.trace.txt.gz", common::stem(&json_path)));
        if !text_path.exists() {
            continue;
        }
        let json = Trace::open(&json_path, &TraceOptions::default()).unwrap();
        let text = Trace::open(&text_path, &TraceOptions::default()).unwrap();
        assert_eq!((json.source, text.source), (SourceKind::Jsonl, SourceKind::Ftrace));
        assert!(json.skipped.is_empty() && text.skipped.is_empty(), "{} {}", json.skipped, text.skipped);
        assert_eq!(json.records.len(), text.records.len(), "{}", json.name);
        let mut a: Vec<String> = json.records.iter().map(|r| essence(&json, r)).collect();
        let mut b: Vec<String> = text.records.iter().map(|r| essence(&text, r)).collect();
        let before = a.iter().zip(&b).filter(|(a, b)| a != b).count();
        sort_ties(&mut a, &json.records);
        sort_ties(&mut b, &json.records);
        for (i, (a, b)) in a.iter().zip(&b).enumerate() {
            assert_eq!(a, b, "{} record {i}", json.name);
        }
        for (a, b) in json.records.iter().zip(&text.records) {
            assert!(a.t_ns.abs_diff(b.t_ns) <= 500, "{}: {a:?} {b:?}", json.name);
        }
        println!(
            "{}: {} records equal; {before} places differ within one nanosecond; {} maps moved behind an unmap (JSON says {})",
            json.name,
            json.records.len(),
            moved(&text),
            moved(&json),
        );
        assert_eq!(pair(&json).skipped.get(Reason::MapOverLiveMap).count, 0);
        assert!(pair(&text).skipped.is_empty(), "{}", pair(&text).skipped);
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn pairing_agrees_with_the_facts_beside_the_trace() {
    for path in common::traces(".jsonl.gz") {
        let trace = Trace::open(&path, &TraceOptions::default()).unwrap();
        let paired = pair(&trace);
        assert!(paired.skipped.is_empty(), "{}", paired.skipped);
        let meta = std::fs::read_to_string(workloads::trace::meta_path(&path).unwrap()).unwrap();
        let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
        assert_eq!(meta["counts"]["records"], trace.records.len());
        assert_eq!(meta["validation"]["live_at_end"], paired.live_at_end);
        assert_eq!(meta["stats"]["live_high_water_maps"], paired.high_water_maps);
        assert_eq!(
            meta["stats"]["live_high_water_slots_computed"], paired.high_water_slots,
            "{}",
            trace.name
        );
        let pool = &meta["pool"];
        assert_eq!(pool["nslabs_initial"].as_u64(), trace.geometry.nslabs);
        assert_eq!(trace.geometry.can_grow, Some(trace.name == "dyn_growth"));
        assert_eq!(trace.geometry.cpus, Some(4));
        assert_eq!(trace.markers.len(), meta["markers"].as_array().unwrap().len());
        for device in &trace.devices {
            let seen = &meta["devices_seen"][&device.name];
            assert_eq!((&seen["maps"], &seen["map_fails"]), (&device.maps.into(), &device.map_fails.into()));
        }
    }
}
