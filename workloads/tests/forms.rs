//! The two forms of a trace say the same: same records in the same order.
//!
//! The text's times are in microseconds. Calls of one nanosecond have no order of their own (they ran on
//! different CPUs), so these are compared as a set; all else must agree record by record.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;
use workloads::lines::Lines;
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

/// The text of a recording that has probe events and the kernel's own, without the former.
fn without_probes(path: &std::path::Path) -> String {
    let mut lines = Lines::open(path).unwrap();
    let mut text = String::new();
    while let Some(line) = lines.next_text().unwrap() {
        if line.contains(": swiotlb_bounced:") || line.contains(": dma_") {
            text += &format!("{line}\n");
        }
    }
    text
}

fn from_text(text: String) -> Trace {
    let lines = Lines::from_reader(std::path::Path::new("t"), Cursor::new(text.into_bytes())).unwrap();
    Trace::from_lines(lines, None, &TraceOptions::default()).unwrap()
}

/// What a map is, in any form; alignment masks are not in the kernel's own events.
fn maps(trace: &Trace) -> Vec<String> {
    let one = |record: &Record| match record.event {
        Event::Map(c) => {
            let device = &trace.device(c.dev).name;
            Some(format!(
                "{device} {:?} {} {:?} {:?} {:?} {}",
                c.orig, c.size, c.tlb, c.dir, c.attrs, record.cpu
            ))
        }
        _ => None,
    };
    let mut all: Vec<String> = trace.records.iter().filter_map(one).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_kernels_own_events_give_the_same_mappings_as_probes() {
    let path = common::folders("traces")[0].join("boot_probe.trace.txt.gz");
    let probes = Trace::open(&path, &TraceOptions::default()).unwrap();
    let own = from_text(without_probes(&path));
    assert_eq!((probes.source, own.source), (SourceKind::Ftrace, SourceKind::Static));
    assert!(own.skipped.is_empty(), "{}", own.skipped);
    assert_eq!(maps(&own), maps(&probes));
    let (own, probes) = (pair(&own), pair(&probes));
    assert!(own.skipped.is_empty(), "{}", own.skipped);
    assert_eq!(own.live_at_end, probes.live_at_end);
    assert_eq!(own.high_water_maps, probes.high_water_maps);
}

#[test]
fn a_report_of_trace_cmd_is_read() {
    let path = common::folders("traces")[0].join("static_vblk.tracecmd-report.txt.gz");
    let trace = Trace::open(&path, &TraceOptions::default()).unwrap();
    assert_eq!((trace.source, trace.geometry.nslabs), (SourceKind::Static, Some(8192)));
    // Buffers of the NIC that were mapped before the recording began are ended in it; the sample's last line begins
    // a map.
    let skipped: Vec<_> = trace.skipped.iter().map(|(reason, count)| (reason, count.count)).collect();
    assert_eq!(skipped, [(Reason::EntryWithoutReturn, 1), (Reason::UnmapWithoutMap, 32)]);
    let paired = pair(&trace);
    assert!(paired.skipped.is_empty(), "{}", paired.skipped);
    let mut lines = Lines::open(&path).unwrap();
    let mut bounced = 0;
    while let Some(line) = lines.next_text().unwrap() {
        bounced += usize::from(line.contains(" swiotlb_bounced: "));
    }
    assert!(bounced > 1_000);
    assert_eq!(maps(&trace).len() + 1, bounced);
}

const REPORT: &str = "\
cpus=2
  a-1 [000] 1.000001: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=1000 size=512 FORCE
  a-1 [000] 1.000002: dma_map_page: d dir=TO_DEVICE dma_addr=80000 size=512 phys_addr=1000 attrs=
  a-1 [000] 1.000003: dma_map_page: d dir=TO_DEVICE dma_addr=5000 size=64 phys_addr=5000 attrs=
  a-1 [000] 1.000004: dma_unmap_page: d dir=TO_DEVICE dma_addr=5000 size=64 attrs=
  b-2 [001] 1.000005: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=2000 size=512 FORCE
  b-2 [001] 1.000006: dma_map_page: d dir=TO_DEVICE dma_addr=ffffffffffffffff size=512 phys_addr=2000 attrs=
  b-2 [001] 1.000007: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=3000 size=512 FORCE
  b-2 [001] 1.000008: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=4000 size=512 FORCE
  b-2 [001] 1.000009: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=3000 size=512 FORCE
  b-2 [001] 1.000010: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr=4000 size=512 FORCE
  b-2 [001] 1.000011: dma_map_sg: d dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x90000,0x90800} sizes={0x200,0x200} phys_addrs={0x3000,0x4000} attrs=NO_WARN
  b-2 [001] 1.000012: dma_sync_single_for_cpu: d dir=FROM_DEVICE dma_addr=90010 size=16
  b-2 [001] 1.000013: dma_sync_single_for_cpu: d dir=FROM_DEVICE dma_addr=5010 size=16
  b-2 [001] 1.000014: dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x3000,0x4000} attrs=
  b-2 [001] 1.000015: dma_unmap_page: d dir=TO_DEVICE dma_addr=a0000 size=64 attrs=
  b-2 [001] 1.000016: dma_unmap_page: [FAILED TO PARSE] device=d
CPU:1 [3 EVENTS DROPPED]
nonsense
";

/// The same as Linux 6.18 prints it: pages have become physical addresses, and a list that failed says so.
fn as_6_18(report: &str) -> String {
    let failed =
        "  b-2 [001] 1.000008: dma_map_sg_err: d dir=TO_DEVICE dma_addrs={0x3000,0x4000} err=-5 attrs=\n";
    let renamed = report.replace("dma_map_page", "dma_map_phys").replace("dma_unmap_page", "dma_unmap_phys");
    renamed.replace("  b-2 [001] 1.000009:", &format!("{failed}  b-2 [001] 1.000009:"))
}

/// The same as `perf script` prints it.
fn as_perf(report: &str) -> String {
    let renamed = report.replace("a-1 ", "a 1 ").replace("b-2 ", "b 2 ");
    renamed.replace(": swiotlb_", ": swiotlb:swiotlb_").replace(": dma_", ": dma:dma_")
}

#[test]
fn bounced_mappings_are_told_from_direct_ones_and_failures_are_found() {
    for text in [REPORT.to_owned(), as_perf(REPORT), as_6_18(REPORT)] {
        let trace = from_text(text);
        let names: Vec<_> = trace.records.iter().map(|r| (r.event.name(), r.t_ns / 1000 % 1000)).collect();
        let expected = [
            ("map", 1),
            ("map_fail", 5),
            // Of the list that failed, the element that did.
            ("map_fail", 8),
            ("map", 9),
            ("map", 10),
            ("sync_cpu", 12),
            ("unmap", 14),
            ("unmap", 14),
        ];
        assert_eq!(names, expected);
        let count = |reason| trace.skipped.get(reason).count;
        assert_eq!(count(Reason::FailedToParse), 1);
        assert_eq!((count(Reason::LostEvents), count(Reason::UnparsedLine)), (3, 1));
        assert_eq!((count(Reason::UnmapWithoutMap), trace.geometry.cpus), (1, Some(2)));
    }
}

#[test]
fn a_list_that_failed_says_so_and_one_that_was_truncated_is_passed_over() {
    let entry = |us: u32, orig: u32| {
        format!(
            "  b-2 [001] 1.00000{us}: swiotlb_bounced: dev_name: d dma_mask=ffff dev_addr={orig} size=512 FORCE\n"
        )
    };
    let failed = "  b-2 [001] 1.000005: dma_map_sg_err: d dir=TO_DEVICE dma_addrs={0x3000,0x4000} err=-5 attrs=NO_WARN\n";
    let (two, names) = (entry(1, 3000) + &entry(2, 4000), |trace: &Trace| {
        trace.records.iter().map(|record| record.event.name()).collect::<Vec<_>>()
    });
    let trace = from_text(two.clone() + failed);
    assert_eq!((names(&trace), trace.skipped.is_empty()), (vec!["map_fail"], true));
    let whole = "  b-2 [001] 1.000005: dma_map_sg: d dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x90000} sizes={0x200} phys_addrs={0x3000} attrs=\n";
    let trace = from_text(two.clone() + whole);
    assert_eq!(names(&trace), ["map", "map_fail"]);
    let truncated = whole.replace("ents=2/2 dma", "ents=2/2 [TRUNCATED] dma");
    let trace = from_text(two + &truncated);
    assert_eq!((names(&trace), trace.skipped.get(Reason::EntryWithoutReturn).count), (vec!["map"], 1));
}

#[test]
fn masks_are_said_beside_the_recording() {
    let lines =
        || Lines::from_reader(std::path::Path::new("t"), Cursor::new(REPORT.as_bytes().to_vec())).unwrap();
    let with = |flag: &str| {
        let mut options = TraceOptions::default();
        options.masks.add_flag(flag).unwrap();
        Trace::from_lines(lines(), None, &options)
    };
    let trace = with("d,min_align_mask=0xfff").unwrap();
    let masks = |r: &Record| matches!(r.event, Event::Map(c) if c.min_align_mask == 0xfff);
    assert_eq!(trace.records.iter().filter(|r| masks(r)).count(), 3);
    let error = with("e,min_align_mask=0xfff").unwrap_err().to_string();
    assert!(error.contains("no device `e` in this trace; it has d"), "{error}");
}
