//! A trace's records in the JSON form, whatever form they were read from.

use serde_json::{Map, Value, json};
use swiotlb_core::device::Attrs;
use workloads::trace::{Context, DeviceId, Event, MapCall, PoolSpan, Record, Trace};

/// The text of a file with the records of `trace`, one a line.
#[must_use]
pub fn text(trace: &Trace) -> String {
    trace.records.iter().map(|record| format!("{}\n", Value::Object(object(trace, record)))).collect()
}

fn object(trace: &Trace, record: &Record) -> Map<String, Value> {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| _ = object.insert(name.to_owned(), value);
    set("t_ns", record.t_ns.into());
    set("cpu", record.cpu.into());
    set("op", record.event.name().into());
    set("ctx", record.ctx.map(word).into());
    set("dev", record.event.dev().map(|dev| name(trace, dev)).into());
    match &record.event {
        Event::Map(call) | Event::MapFail(call) => map(&mut set, call),
        Event::Unmap(call) => {
            range(&mut set, call.tlb.0, call.size, call.dir as u64);
            set("attrs", bits(call.attrs).into());
        }
        Event::SyncCpu(call) | Event::SyncDev(call) => {
            range(&mut set, call.tlb.0, call.size, call.dir as u64);
        }
        Event::PoolAdd(pool) | Event::PoolDel(pool) => span(&mut set, pool),
    }
    object
}

fn map(set: &mut impl FnMut(&str, Value), call: &MapCall) {
    range(set, call.tlb.0, call.size, call.dir as u64);
    set("t_in_ns", call.t_in_ns.into());
    set("t_ret_ns", call.t_ret_ns.into());
    // Addresses as the recorder writes them; both spellings are read.
    set("orig", format!("{:#x}", call.orig.0).into());
    set("alloc_size", call.alloc_size.into());
    set("alloc_align_mask", call.alloc_align_mask.into());
    set("min_align_mask", call.min_align_mask.into());
    set("seg_boundary_mask", call.seg_boundary_mask.into());
    set("attrs", bits(call.attrs).into());
}

fn range(set: &mut impl FnMut(&str, Value), tlb: u64, size: u32, dir: u64) {
    set("tlb", tlb.into());
    set("size", size.into());
    set("dir", dir.into());
}

fn span(set: &mut impl FnMut(&str, Value), pool: &PoolSpan) {
    set("start", pool.start.0.into());
    set("end", pool.end.0.into());
    set("nareas", pool.nareas.into());
    set("area_nslabs", pool.area_nslabs.into());
    set("transient", json!(u8::from(pool.transient)));
}

fn name(trace: &Trace, dev: DeviceId) -> &str {
    &trace.device(dev).name
}

fn bits(attrs: Attrs) -> u64 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(attrs.skip_cpu_sync, Attrs::SKIP_CPU_SYNC) | bit(attrs.no_warn, Attrs::NO_WARN)
}

const fn word(context: Context) -> &'static str {
    match context {
        Context::Task => "task",
        Context::Softirq => "softirq",
        Context::Hardirq => "hardirq",
        Context::HardirqInSoftirq => "hardirq+softirq",
        Context::Nmi => "nmi",
    }
}
