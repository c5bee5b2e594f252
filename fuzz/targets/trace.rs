//! Traces in all forms, plain and gzip: what is read keeps the promises of a record, and reads the same when it is
//! written as JSON.
#![no_main]

use flate2::Compression;
use flate2::write::GzEncoder;
use fuzz::{jsonl, lines, pairing, says_where};
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use swiotlb_core::rules::{IO_TLB_MAX_BYTES, MAX_POOL_SLABS};
use workloads::demand::{Demand, Load, unbounded};
use workloads::trace::{Event, Meta, Record, Trace, TraceError, TraceOptions, pair};

/// Fewer than an input can hold, so that the bound is met too.
const MAX_RECORDS: u64 = 100;

fuzz_target!(|data: &[u8]| {
    let read = open(data);
    if !data.starts_with(&[0x1f, 0x8b]) {
        same(&read, &open(&gzip(data)));
    }
    match &read {
        Ok(trace) => check(trace),
        Err(TraceError::NoEvents { .. } | TraceError::Foreign { .. }) => {}
        Err(error) => says_where(&error.to_string(), data),
    }
    if let Ok(text) = str::from_utf8(data) {
        _ = Meta::parse(text);
    }
});

fn open(data: &[u8]) -> Result<Trace, TraceError> {
    let options = TraceOptions { max_records: MAX_RECORDS, ..TraceOptions::default() };
    Trace::from_lines(lines(data), None, &options)
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(data).expect("memory can be written");
    packed.finish().expect("memory can be written")
}

fn same(plain: &Result<Trace, TraceError>, packed: &Result<Trace, TraceError>) {
    match (plain, packed) {
        (Ok(plain), Ok(packed)) => {
            assert_eq!(plain.records, packed.records);
            assert_eq!((&plain.skipped, &plain.devices), (&packed.skipped, &packed.devices));
        }
        (Err(plain), Err(packed)) => assert_eq!(plain.to_string(), packed.to_string()),
        (plain, packed) => panic!("{plain:?} is {packed:?} in gzip"),
    }
}

fn check(trace: &Trace) {
    assert!((1..=MAX_RECORDS).contains(&(trace.records.len() as u64)));
    assert!(trace.records.is_sorted_by_key(|record| record.t_ns), "time goes backwards");
    trace.records.iter().for_each(one);
    pairing::check(trace, &pair(trace));
    demand(trace);
    again(trace);
}

/// What is promised of a record.
fn one(record: &Record) {
    let in_space = |addr: u64, size: u32| addr.checked_add(size.into()).is_some();
    match &record.event {
        Event::Map(call) => {
            assert!(call.size > 0 && u64::from(call.size) <= IO_TLB_MAX_BYTES);
            assert!(in_space(call.tlb.0, call.size) && in_space(call.orig.0, call.size));
            assert!(call.t_in_ns <= record.t_ns && call.t_in_ns <= call.t_ret_ns);
        }
        Event::MapFail(call) => assert!(call.size > 0 && in_space(call.orig.0, call.size)),
        Event::Unmap(call) => assert!(call.size > 0 && in_space(call.tlb.0, call.size)),
        Event::SyncCpu(call) | Event::SyncDev(call) => assert!(in_space(call.tlb.0, call.size)),
        Event::PoolAdd(pool) | Event::PoolDel(pool) => {
            assert!(pool.nslabs <= MAX_POOL_SLABS && pool.start < pool.end);
        }
    }
}

/// What its devices asked: every request has its buffers, and with room for all everything comes to an end.
fn demand(trace: &Trace) {
    let demand = Demand::of(trace);
    let elements: usize = demand.requests.iter().map(|request| demand.elements_of(request).len()).sum();
    assert!(elements <= demand.elements.len());
    let occupancy = unbounded(&Load::recorded(&demand));
    assert!(occupancy.mean <= occupancy.high_water as f64 * (1.0 + 1e-9));
}

/// Written as JSON and read again, it is the same.
fn again(trace: &Trace) {
    let text = jsonl::text(trace);
    let read = open(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert!(read.skipped.is_empty(), "{} of\n{text}", read.skipped);
    let named = |trace: &Trace| trace.records.iter().map(|record| known(trace, record)).collect::<Vec<_>>();
    assert_eq!(named(trace), named(&read), "{text}");
}

/// A record with its device's name instead of its number, which depends on what was skipped, and without its line.
fn known(trace: &Trace, record: &Record) -> (Record, String) {
    let name = record.event.dev().map(|dev| trace.device(dev).name.clone()).unwrap_or_default();
    let mut record = Record { line: 0, ..*record };
    match &mut record.event {
        Event::Map(call) | Event::MapFail(call) => call.dev.0 = 0,
        Event::Unmap(call) => call.dev.0 = 0,
        Event::SyncCpu(call) | Event::SyncDev(call) => call.dev.0 = 0,
        Event::PoolAdd(_) | Event::PoolDel(_) => {}
    }
    (record, name)
}
