//! Vectors as text: the form that [`super::GoldenFile`] reads. For vectors that are made here.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map as Object, Value, to_value};
use swiotlb_core::device::{Attrs, Direction};

use super::{
    Api, Device, FindAt, Header, Init, InitMode, Map, Op, Out, Ralloc, Rfree, Span, Step, Sync, Unmap, Write,
};

/// The text of a file with these steps. Steps are numbered in their order, whatever their numbers.
#[must_use]
pub fn to_text(header: &Header, steps: &[Step]) -> String {
    let mut text = format!("{{\"kind\":\"header\",{}\n", json(header).trim_start_matches('{'));
    for (i, step) in steps.iter().enumerate() {
        _ = write!(text, "{{\"i\":{i},\"op\":\"{}\"", step.op.name());
        for (name, value) in inputs(&step.op).0 {
            _ = write!(text, ",\"{name}\":{value}");
        }
        _ = write!(text, ",\"out\":{}", out(&step.out));
        if let Some(why) = &step.why {
            _ = write!(text, ",\"why\":{}", json(why));
        }
        text.push_str("}\n");
    }
    text
}

/// Plain data as JSON; it has no maps whose keys are no strings, so this cannot fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What was observed, without what is absent.
fn out(out: &Out) -> String {
    let Ok(Value::Object(fields)) = to_value(out) else { return "{}".to_owned() };
    let absent = |name: &str, value: &Value| match value {
        Value::Null => true,
        // A snapshot of no pools is one.
        Value::Array(all) => name != "pools" && all.is_empty(),
        Value::Bool(held) => name == "work_scheduled" && !held,
        Value::Number(count) => name == "rcu_queued" && count.as_u64() == Some(0),
        _ => false,
    };
    json(&fields.into_iter().filter(|(name, value)| !absent(name, value)).collect::<Object<_, _>>())
}

/// Inputs in the order in which they are written; what has its default is left out.
struct Inputs(Vec<(&'static str, Value)>);

impl Inputs {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// A number, if it is given.
    fn some(self, name: &'static str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A number, unless it is the default.
    fn unless(self, name: &'static str, default: u64, value: u64) -> Self {
        self.some(name, Some(value).filter(|&value| value != default))
    }

    /// A flag, if it is set.
    fn flag(self, name: &'static str, set: bool) -> Self {
        if set { self.with(name, true) } else { self }
    }

    fn dir(self, dir: Option<Direction>) -> Self {
        match dir {
            Some(Direction::ToDevice) => self.with("dir", "to"),
            Some(Direction::FromDevice) => self.with("dir", "from"),
            Some(Direction::Bidirectional) => self.with("dir", "bidi"),
            None => self,
        }
    }

    fn attrs(self, attrs: Attrs) -> Self {
        self.flag("no_warn", attrs.no_warn).flag("skip_sync", attrs.skip_cpu_sync)
    }
}

fn inputs(op: &Op) -> Inputs {
    let none = Inputs(Vec::new());
    match op {
        Op::Init(op) => init(none, op),
        Op::Restricted(op) => none.with("mem", op.mem).with("base", op.base).with("nslabs", op.nslabs),
        Op::Device(op) => device(none, op),
        Op::Map(op) => map(none, op),
        Op::Unmap(Unmap { h, off, dev, size, dir, attrs, crc }) => none
            .with("h", *h)
            .unless("off", 0, *off)
            .some("dev", *dev)
            .some("size", *size)
            .dir(*dir)
            .attrs(*attrs)
            .flag("crc", *crc),
        Op::SyncDev(op) | Op::SyncCpu(op) => sync(none, op),
        Op::DevWrite(Write { h, off, len, seed }) | Op::CpuWrite(Write { h, off, len, seed }) => {
            none.with("h", *h).with("off", *off).with("len", *len).with("seed", *seed)
        }
        Op::Check(Span { h, off, len }) => none.with("h", *h).unless("off", 0, *off).some("len", *len),
        Op::FindPool(op) => match op.at {
            FindAt::Pool { pool, off } => none.with("dev", op.dev).with("pool", pool).with("off", off),
            FindAt::Paddr(paddr) => none.with("dev", op.dev).with("paddr", paddr),
        },
        Op::Stats { mem } => none.unless("mem", 0, *mem),
        Op::HiwaterReset { value } => none.with("value", *value),
        Op::FailPages { count } => none.with("count", *count),
        Op::MaxOrder { order } => none.with("order", *order),
        Op::Ralloc(Ralloc { h, dev, cpu, size }) => {
            none.with("h", *h).with("dev", *dev).with("cpu", *cpu).with("size", *size)
        }
        Op::Rfree(Rfree { h, dev, paddr }) => none.with("h", *h).some("dev", *dev).some("paddr", *paddr),
        Op::RunWorker | Op::RunRcu | Op::Snapshot => none,
    }
}

fn init(inputs: Inputs, op: &Init) -> Inputs {
    let inputs = match op.mode {
        InitMode::Early => inputs,
        InitMode::Late { late_size } => inputs.with("mode", "late").with("late_size", late_size),
    };
    inputs
        .some("nslabs", op.nslabs)
        .some("nareas", op.nareas)
        .some("base", op.base)
        .unless("cpus", 1, op.cpus)
        .some("adjust_size", op.adjust_size)
        .flag("can_grow", op.can_grow)
        .flag("any", op.any)
        .unless("memblock_fail", 0, op.memblock_fail)
        .unless("page_skew", 0, op.page_skew)
}

fn device(inputs: Inputs, Device { dev, limits, mem }: &Device) -> Inputs {
    inputs
        .with("dev", *dev)
        .unless("min_align_mask", 0, limits.min_align_mask)
        .unless("seg_boundary_mask", u64::MAX, limits.seg_boundary_mask)
        .unless("dma_mask", u64::MAX, limits.dma_mask)
        .unless("bus_dma_limit", 0, limits.bus_dma_limit)
        .unless("mem", 0, *mem)
}

fn map(inputs: Inputs, op: &Map) -> Inputs {
    inputs
        .with("h", op.h)
        .with("cpu", op.cpu)
        .with("dev", op.dev)
        .with("orig", op.orig)
        .with("size", op.size)
        .unless("align_mask", 0, op.align_mask)
        .dir(Some(op.dir))
        .with("api", if op.api == Api::Tbl { "tbl" } else { "stream" })
        .attrs(op.attrs)
        .some("fill", op.fill)
        .flag("crc", op.crc)
}

fn sync(inputs: Inputs, Sync { h, off, dev, len, dir, crc }: &Sync) -> Inputs {
    let inputs = inputs.with("h", *h).unless("off", 0, *off).some("dev", *dev).some("len", *len);
    inputs.dir(*dir).flag("crc", *crc)
}
