//! Readers take any bytes: they answer or refuse, and never panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use workloads::golden::{GoldenFile, parse_step};
use workloads::lines::Lines;
use workloads::trace::{Meta, PairedAction, Trace, TraceError, TraceOptions, pair};

const STEP: &str = r#"{"i":0,"op":"map","h":1,"cpu":0,"dev":0,"orig":8589934592,"size":2048,"align_mask":0,"dir":"to","api":"tbl","out":{"ok":true,"pool":0,"transient":false,"off":0,"slot":0,"pad_slots":0,"first":0,"nslots":1,"alloc_left":2048,"area":{"idx":0,"used":1,"index":1},"pages":[{"ev":"alloc","order":3,"zone":"dma32","base":null}],"notes":["full"]}}"#;

const JSON: [&str; 4] = [
    r#"{"t_ns":8606530337,"cpu":1,"op":"map","dev":"0000:00:04.0","orig":"0x10167e8c0","size":512,"alloc_align_mask":0,"dir":2,"attrs":0,"tlb":"0x7a87d000","min_align_mask":0,"ctx":"task","t_ret_ns":8607163917}"#,
    r#"{"t_ns":8629070473,"cpu":2,"op":"sync_cpu","dev":"0000:00:04.0","orig":null,"size":512,"alloc_align_mask":null,"dir":2,"attrs":null,"tlb":"0x7a87d000","ctx":"hardirq"}"#,
    r#"{"t_ns":8629171284,"cpu":2,"op":"unmap","dev":"0000:00:04.0","orig":null,"size":512,"alloc_align_mask":null,"dir":2,"attrs":32,"tlb":"0x7a87d000","ctx":"hardirq"}"#,
    r#"{"t_ns":8173664077,"cpu":3,"op":"pool_add","start":"0x200000","end":"0x400000","nslabs":1024,"nareas":4,"area_nslabs":256,"transient":false,"ctx":"task"}"#,
];

const TEXT: [&str; 6] = [
    r#"  modprobe-98  [002] d....     5.201481: map_entry: (swiotlb_tbl_map_single+0x4/0x400) dev=0xff110001004e90a8 devname="0000:00:01.0" orig_addr=0x1101100f0 mapping_size=16 alloc_align_mask=0x0 dir=1 attrs=0x0 min_align=0 seg_bound=0xffffffff"#,
    r#"  modprobe-98  [002] d....     5.202113: map_ret: (swiotlb_map+0x56/0x1d0 <- swiotlb_tbl_map_single) tlb_addr=0x7cf9b000"#,
    r#"  modprobe-98  [002] d.h..     5.202999: unmap: (__swiotlb_tbl_unmap_single+0x4/0x240) dev=0xff110001004e90a8 devname="0000:00:01.0" tlb_addr=0x7cf9b000 mapping_size=16 dir=1 attrs=0x20 pool=0x7ce9b000 pool_end=0x7d09b000"#,
    r#"  fio-208      [003] dN...     8.173207: pool_alloc: (swiotlb_tbl_map_single+0x1e8/0x400 <- swiotlb_alloc_pool.isra.0) pool=0xff1100010fcdfc00 start=0x110940000 end=0x110980000 nslabs=128 nareas=1 area_nslabs=128"#,
    r#"# entries-in-buffer/entries-written: 96061/96061   #P:4"#,
    r#"CPU:3 [LOST 12 EVENTS]"#,
];

/// A line with some of its bytes replaced, dropped or doubled, or with a number made extreme.
fn mutated(lines: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..5_u8);
    (prop::sample::select(lines), prop::collection::vec(edit, 0..6)).prop_map(|(line, edits)| {
        let mut bytes = line.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                3 => bytes.truncate(at),
                _ => {
                    let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
                    let extreme: &[u8] = [&b"18446744073709551615"[..], b"-1", b"0"][usize::from(byte) % 3];
                    bytes.splice(at..at + digits, extreme.iter().copied());
                }
            }
        }
        bytes
    })
}

fn file(lines: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(mutated(lines), 1..30).prop_map(|lines| lines.join(&b'\n'))
}

/// JSON lines that stay JSON: some numbers are made extreme, and some lines repeated out of order.
fn odd_json() -> impl Strategy<Value = Vec<u8>> {
    let values = [
        "0",
        "1",
        "-1",
        "512",
        "262145",
        "4294967296",
        "18446744073709551615",
        "1.5",
        "null",
        "\"0x7a87d200\"",
    ];
    let fields =
        ["t_ns", "cpu", "size", "dir", "tlb", "orig", "attrs", "start", "end", "min_align_mask", "op", "dev"];
    let edit = (prop::sample::select(fields.to_vec()), prop::sample::select(values.to_vec()));
    let line = (prop::sample::select(JSON.to_vec()), prop::option::weighted(0.4, edit));
    let line = line.prop_map(|(line, edit)| {
        let Some((field, value)) = edit else { return line.to_owned() };
        let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
        object[field] = serde_json::from_str(value).unwrap();
        object.to_string()
    });
    prop::collection::vec(line, 1..40).prop_map(|lines| lines.join("\n").into_bytes())
}

fn gz(data: &[u8]) -> Vec<u8> {
    let mut enc = GzEncoder::new(Vec::new(), Compression::fast());
    enc.write_all(data).unwrap();
    enc.finish().unwrap()
}

fn lines(data: Vec<u8>) -> Lines {
    Lines::from_reader(Path::new("t"), Cursor::new(data)).unwrap()
}

/// Reads a trace and checks what every trace promises.
fn read_trace(data: Vec<u8>, options: &TraceOptions) {
    let Ok(trace) = Trace::from_lines(lines(data), None, options) else { return };
    assert!(!trace.records.is_empty());
    assert!(trace.records.is_sorted_by_key(|r| r.t_ns));
    for record in &trace.records {
        assert!(record.event.dev().is_none_or(|id| !trace.device(id).name.is_empty()));
    }
    let paired = pair(&trace);
    let ended = |op: &&workloads::trace::PairedOp| op.action == PairedAction::End;
    assert!(paired.ops.len() <= trace.records.len() + paired.ops.iter().filter(ended).count());
    for op in &paired.ops {
        assert!(op.map.is_none_or(|map| map <= op.record));
    }
}

fn options() -> impl Strategy<Value = TraceOptions> {
    any::<bool>().prop_map(|allow_cut| TraceOptions { allow_cut, ..TraceOptions::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn golden_lines(bytes in mutated(&[STEP])) {
        let _ = parse_step(&String::from_utf8_lossy(&bytes), 1);
    }

    #[test]
    fn golden_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_step(&String::from_utf8_lossy(&bytes), 1);
        if let Ok(file) = GoldenFile::from_lines(lines(bytes)) {
            let _ = file.count();
        }
    }

    #[test]
    fn json_traces(data in file(&JSON), options in options()) {
        read_trace(data, &options);
    }

    #[test]
    fn odd_json_traces(data in odd_json()) {
        read_trace(data.clone(), &TraceOptions::default());
        let e = Trace::from_lines(lines(data), None, &TraceOptions::default()).err();
        let structural = e.filter(|e| !matches!(e, TraceError::NoEvents { .. }));
        prop_assert!(structural.is_none(), "{:?}", structural);
    }

    #[test]
    fn text_traces(data in file(&TEXT), options in options()) {
        read_trace(data, &options);
    }

    #[test]
    fn any_traces(data in prop::collection::vec(any::<u8>(), 0..300), options in options()) {
        read_trace(data.clone(), &options);
        let mut json = b"{".to_vec();
        json.extend(data);
        read_trace(json, &options);
    }

    #[test]
    fn damaged_gzip(
        data in file(&TEXT),
        options in options(),
        at in any::<prop::sample::Index>(),
        flip in 0..=255_u8,
        keep in any::<prop::sample::Index>(),
    ) {
        let mut data = gz(&data);
        let at = at.index(data.len());
        data[at] ^= flip;
        data.truncate(keep.index(data.len()) + 1);
        read_trace(data, &options);
    }

    #[test]
    fn any_lines(data in prop::collection::vec(any::<u8>(), 0..400), zipped in any::<bool>()) {
        let data = if zipped { gz(&data) } else { data };
        let mut lines = lines(data);
        while let Ok(Some(_)) = lines.next_bytes() {}
        let _ = lines.next_text();
    }

    #[test]
    fn any_facts(text in r#"\{("(pool|guest_cpus|probes|markers)":(\{"(start|nareas)":("0x[0-9a-f]{0,20}"|-?[0-9]{1,22})\}|[0-9]{1,12}|\[\]),?){0,4}\}"#) {
        let _ = Meta::parse(&text);
    }
}
