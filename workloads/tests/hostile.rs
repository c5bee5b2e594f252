//! Traces that are damaged, cut, odd or meant to harm: one bad record costs that record, a bad file is an
//! error that says where.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use workloads::lines::{LineFault, Lines};
use workloads::trace::{Context, Event, Reason, SourceKind, Trace, TraceError, TraceOptions};

fn open_with(data: &[u8], options: &TraceOptions) -> Result<Trace, TraceError> {
    let lines = Lines::from_reader(Path::new("t"), Cursor::new(data.to_vec()))?;
    Trace::from_lines(lines, None, options)
}

fn open(text: &str) -> Result<Trace, TraceError> {
    open_with(text.as_bytes(), &TraceOptions::default())
}

fn gz(data: &str) -> Vec<u8> {
    let mut enc = GzEncoder::new(Vec::new(), Compression::default());
    enc.write_all(data.as_bytes()).unwrap();
    enc.finish().unwrap()
}

fn entry(who: &str, us: u32, orig: u64) -> String {
    format!(
        "{who} 1.{us:06}: map_entry: (swiotlb_tbl_map_single+0x4/0x770) dev=0xff01 devname=\"00:01.0\" \
         orig_addr={orig:#x} mapping_size=512 alloc_align_mask=0x0 dir=2 attrs=0x20 min_align=4095 seg_bound=0xffff\n"
    )
}

fn ret(who: &str, us: u32, tlb: u64) -> String {
    format!(
        "{who} 1.{us:06}: map_ret: (swiotlb_map+0x6c/0x280 <- swiotlb_tbl_map_single) tlb_addr={tlb:#x}\n"
    )
}

fn unmap(who: &str, us: u32, tlb: u64) -> String {
    format!(
        "{who} 1.{us:06}: unmap: (swiotlb_tbl_unmap_single+0x4/0x60) dev=0xff01 devname=\"00:01.0\" \
         tlb_addr={tlb:#x} mapping_size=512 dir=2 attrs=0x20 pool=0x100000 pool_end=0x200000\n"
    )
}

fn json(t_ns: u64, tlb: &str) -> String {
    format!(
        "{{\"t_ns\":{t_ns},\"cpu\":0,\"op\":\"map\",\"dev\":\"d\",\"orig\":\"0x1000\",\"size\":512,\
         \"dir\":1,\"tlb\":\"{tlb}\"}}\n"
    )
}

/// Name, address of the original (its last digits) and bounce address.
fn calls(trace: &Trace) -> Vec<(&'static str, u64, u64)> {
    let one = |e: &Event| match e {
        Event::Map(c) | Event::MapFail(c) => (e.name(), c.orig.0, c.tlb.0),
        Event::Unmap(c) => (e.name(), 0, c.tlb.0),
        _ => (e.name(), 0, 0),
    };
    trace.records.iter().map(|r| one(&r.event)).collect()
}

#[test]
fn calls_nest_and_move() {
    let task = "a-5 [000] .....";
    let irq = "a-5 [000] d.h1.";
    let later = "a-5 [003] .....";
    let text =
        entry(task, 1, 0x1000) + &entry(irq, 2, 0x2000) + &ret(irq, 3, 0x10_0000) + &ret(later, 4, u64::MAX);
    let trace = open(&text).unwrap();
    assert_eq!(trace.source, SourceKind::Ftrace);
    assert_eq!(calls(&trace), [("map_fail", 0x1000, u64::MAX), ("map", 0x2000, 0x10_0000)]);
    assert_eq!((trace.records[0].cpu, trace.records[0].ctx), (0, Some(Context::Task)));
    let Event::MapFail(call) = trace.records[0].event else { unreachable!() };
    assert_eq!((call.t_in_ns, call.t_ret_ns), (1_000_001_000, 1_000_004_000));
    assert_eq!((call.min_align_mask, call.seg_boundary_mask, call.attrs.skip_cpu_sync), (4095, 0xffff, true));
    assert!(trace.skipped.is_empty());
    assert_eq!(trace.devices[0].name, "00:01.0");
}

#[test]
fn a_map_goes_behind_the_unmap_that_made_room() {
    let (slow, quick) = ("a-5 [000] .....", "b-6 [001] .....");
    // The slow call's slots are freed twice while it runs: it can only have got them after the second time.
    let text = entry(slow, 1, 0x1000)
        + &unmap(quick, 2, 0x10_0000)
        + &entry(quick, 3, 0x2000)
        + &ret(quick, 4, 0x10_0000)
        + &unmap(quick, 5, 0x10_0000)
        + &unmap(quick, 6, 0x18_0000)
        + &ret(slow, 7, 0x10_0000);
    let trace = open(&text).unwrap();
    let names: Vec<_> = calls(&trace).into_iter().map(|(name, orig, _)| (name, orig)).collect();
    assert_eq!(names, [("unmap", 0), ("map", 0x2000), ("unmap", 0), ("map", 0x1000), ("unmap", 0)]);
    let Event::Map(call) = trace.records[3].event else { unreachable!() };
    assert_eq!((trace.records[3].t_ns, call.t_in_ns), (1_000_005_000, 1_000_001_000));
}

#[test]
fn losses_are_counted_and_the_rest_is_read() {
    let who = "a-5 [000] .....";
    let text = "# entries-in-buffer/entries-written: 10/13   #P:8\n".to_owned()
        + &ret(who, 1, 0x10_0000)
        + "CPU:3 [LOST 12 EVENTS]\n"
        + &entry(who, 2, 0x1000)
        + &entry(who, 3, 0x2000)
        + &ret(who, 4, 0x10_0000)
        + "no such line\n"
        + "a-5 [000] ..... 1.5: dma_map_page: whatever\n"
        + "a-5 [000] ..... 1.6: pool_alloc: (f+0x1/0x2 <- g) pool=0x0 start=(fault) end=(fault)\n"
        + "a-5 [000] ..... 1.7: tracing_mark_write: begin\n"
        + &entry(who, 800_000, 0x3000);
    let trace = open(&text).unwrap();
    assert_eq!(calls(&trace), [("map", 0x2000, 0x10_0000)]);
    assert_eq!((trace.geometry.cpus, trace.ignored), (Some(8), 2));
    assert_eq!(trace.markers[0].text, "begin");
    assert_eq!(
        trace.skipped.to_string(),
        "unparsed line: 1 (line 7); events lost by the recorder: 15 (line 1, 3); \
         map return without entry: 1 (line 2); map entry without return: 2 (line 4, 11)"
    );
}

#[test]
fn the_caller_says_whether_a_pool_is_transient() {
    let alloc = |caller: &str, start: u64| {
        format!(
            "w-9 [001] ..... 2.0: pool_alloc: ({caller}+0x1/0x2 <- swiotlb_alloc_pool.isra.0) pool=0xff start={start:#x} \
             end={:#x} nslabs=1 nareas=1 area_nslabs=1\n",
            start + 2048
        )
    };
    let text = alloc("swiotlb_dyn_alloc", 0x1000) + &alloc("swiotlb_tbl_map_single", 0x2000);
    let trace = open(&text).unwrap();
    let transient = |r: &_| matches!(r, Event::PoolAdd(pool) if pool.transient);
    assert_eq!(trace.records.iter().map(|r| transient(&r.event)).collect::<Vec<_>>(), [false, true]);
    assert_eq!(trace.geometry.can_grow, Some(true));
}

#[test]
fn a_file_without_events_says_what_was_expected() {
    for (data, form) in [
        ("", "it is empty"),
        ("\n\n", "JSON"),
        ("{}\n", "JSON"),
        ("hello\n", "ftrace"),
        ("\0\u{fffd}", "ftrace"),
    ] {
        let e = open(data).unwrap_err();
        assert!(matches!(e, TraceError::NoEvents { .. }), "{data:?}: {e}");
        assert!(e.to_string().contains(form), "{data:?}: {e}");
    }
}

#[test]
fn files_of_other_programs_and_half_a_recording_are_told() {
    let event = |name: &str| format!("a-5 [000] ..... 1.5: {name}: whatever\n");
    for (data, said) in [
        (
            b"\x17\x08\x44tracing6\0\0".to_vec(),
            "t: this is trace-cmd's binary file: `trace-cmd report t` makes",
        ),
        (b"PERFILE2\x68\0\0\0".to_vec(), "`perf script -i t` makes the text that is read"),
        (gz(&("PERFILE2".to_owned() + &"x".repeat(3 << 20))), "`perf script -i t`"),
        (event("dma_map_page").into_bytes(), "none of swiotlb:, so nothing was bounced"),
        (event("swiotlb_bounced").into_bytes(), "none of dma:"),
        (b"a 5 1.5: dma:dma_map_page: whatever\n".to_vec(), "line without a CPU in brackets"),
    ] {
        let e = open_with(&data, &TraceOptions::default()).unwrap_err();
        assert!(e.to_string().contains(said), "{said}: {e}");
    }
}

#[test]
fn a_cut_file_is_an_error_unless_it_is_allowed() {
    let text: String = (0..2_000).map(|i| json(i, &format!("{:#x}", 0x10_0000 + i * 2048))).collect();
    let whole = gz(&text);
    assert_eq!(open_with(&whole, &TraceOptions::default()).unwrap().records.len(), 2_000);
    let cut = &whole[..whole.len() - 40];
    let e = open_with(cut, &TraceOptions::default()).unwrap_err();
    assert!(matches!(&e, TraceError::Line(e) if matches!(e.fault, LineFault::CutGzip)), "{e}");
    assert!(e.to_string().ends_with("or read what is left of it with --allow-cut"), "{e}");
    let allow = TraceOptions { allow_cut: true, ..TraceOptions::default() };
    let trace = open_with(cut, &allow).unwrap();
    assert!(!trace.records.is_empty() && trace.records.len() < 2_000);
    assert_eq!(trace.skipped.get(Reason::CutFile).count, 1);
}

#[test]
fn records_are_bounded() {
    let text: String = (0..11).map(|i| json(i, "0x100000")).collect();
    let options = TraceOptions { max_records: 10, ..TraceOptions::default() };
    let e = open_with(text.as_bytes(), &options).unwrap_err();
    assert_eq!(
        e.to_string(),
        "t:11: more than 10 records; cut the trace, or raise the limit (--max-records)"
    );
}

#[test]
fn devices_are_bounded() {
    let mut text = String::new();
    for i in 0..70_000 {
        text += &json(i, "0x100000").replace("\"d\"", &format!("\"d{i}\""));
    }
    let trace = open(&text).unwrap();
    assert_eq!((trace.devices.len(), trace.records.len()), (65_536, 65_536));
    assert_eq!(trace.skipped.get(Reason::TooManyDevices).count, 70_000 - 65_536);
}

#[test]
fn a_long_line_of_brackets_costs_little() {
    let who = "a-5 [000] .....";
    let text = "[0]".repeat(300_000) + "\n" + &unmap(who, 1, 0x10_0000);
    assert_eq!(open(&text).unwrap().skipped.get(Reason::UnparsedLine).count, 1);
}

#[test]
fn names_may_hold_any_byte() {
    let mut data = b"\xff\xfe ".to_vec();
    data.extend(unmap("[x]-5 [000] .....", 1, 0x10_0000).bytes());
    let trace = open_with(&data, &TraceOptions::default()).unwrap();
    assert_eq!(trace.records.len(), 1);
}

#[test]
fn the_file_beside_a_trace_must_be_sound() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/traces");
    let not_meta = data.join("boot_probe.jsonl.gz");
    let named = |meta| TraceOptions { meta: Some(meta), ..TraceOptions::default() };
    let e = Trace::open(&not_meta, &named(not_meta.clone())).unwrap_err();
    assert!(matches!(e, TraceError::MetaRead { .. }), "{e}");
    let e = Trace::open(&not_meta, &named(data.join("absent"))).unwrap_err();
    assert!(matches!(e, TraceError::MetaRead { .. }), "{e}");
    let meta = Trace::open(&not_meta, &TraceOptions::default()).unwrap().meta.unwrap();
    assert_eq!(meta.kernel_cmdline.as_deref(), Some("swiotlb=force"));
}
