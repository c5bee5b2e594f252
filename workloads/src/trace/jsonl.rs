//! The JSON form: one object per call. Numbers may be JSON numbers or hexadecimal text (`"0x7d0cb000"`);
//! a field that a record of its kind does not need may be null or absent; unknown fields are passed over.

use serde::de::Error;
use serde_json::error::Category;

use super::TraceError;
use super::builder::{self, Builder};
use super::call::{RawMap, RawPool, RawRange};
use super::record::{Context, DeviceId, Event, Record};
use super::scalar::{Num, Text};
use super::skipped::Reason;

/// A record as it stands in the file.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Wire<'a> {
    t_ns: Num,
    t_in_ns: Num,
    t_ret_ns: Num,
    cpu: Num,
    #[serde(borrow)]
    op: Text<'a>,
    #[serde(borrow)]
    dev: Text<'a>,
    #[serde(borrow)]
    ctx: Text<'a>,
    orig: Num,
    tlb: Num,
    size: Num,
    alloc_size: Num,
    alloc_align_mask: Num,
    min_align_mask: Num,
    seg_boundary_mask: Num,
    dir: Num,
    attrs: Num,
    start: Num,
    end: Num,
    nareas: Num,
    area_nslabs: Num,
    transient: Num,
}

/// Reads one line: a record is kept or counted as skipped. What is not JSON is counted too, once a record was
/// read; before that the file is no trace.
pub(super) fn feed(builder: &mut Builder<'_>, bytes: &[u8], line: u64) -> Result<(), TraceError> {
    if !bytes.starts_with(b"{") {
        return unparsed(builder, &serde_json::Error::custom("not a JSON object"), line);
    }
    let wire: Wire<'_> = match serde_json::from_slice(bytes) {
        Ok(wire) => wire,
        Err(e) if e.classify() == Category::Data => {
            builder.skip(Reason::BadField, line);
            return Ok(());
        }
        Err(e) => return unparsed(builder, &e, line),
    };
    match wire.record(builder, line) {
        Ok(record) => builder.push(line, record),
        Err(reason) => {
            builder.skip(reason, line);
            Ok(())
        }
    }
}

fn unparsed(builder: &mut Builder<'_>, error: &serde_json::Error, line: u64) -> Result<(), TraceError> {
    if builder.is_empty() {
        return Err(builder.json_error(error, line));
    }
    builder.skip(Reason::UnparsedLine, line);
    Ok(())
}

impl Wire<'_> {
    fn record(&self, builder: &mut Builder<'_>, line: u64) -> Result<Record, Reason> {
        let t_ns = builder::time(self.t_ns.need()?)?;
        Ok(Record {
            t_ns,
            line: builder::line(line),
            cpu: builder::cpu(self.cpu.need()?)?,
            ctx: context(&self.ctx.0),
            event: self.event(builder, t_ns)?,
        })
    }

    fn event(&self, builder: &mut Builder<'_>, t_ns: u64) -> Result<Event, Reason> {
        // The device comes last: a record that is skipped should not name one.
        let probe = DeviceId(0);
        let mut event = match &*self.op.0 {
            "map" => Event::Map(self.map()?.mapped(probe, self.tlb.need()?, self.times(t_ns)?)?),
            "map_fail" => Event::MapFail(self.map()?.failed(probe, self.times(t_ns)?)?),
            "unmap" => Event::Unmap(self.range()?.unmap(probe, self.attrs.or(0)?)?),
            "sync_cpu" => Event::SyncCpu(self.range()?.sync(probe)?),
            "sync_dev" => Event::SyncDev(self.range()?.sync(probe)?),
            "pool_add" => Event::PoolAdd(self.pool()?.span()?),
            "pool_del" => Event::PoolDel(self.pool()?.span()?),
            "" => return Err(Reason::BadField),
            _ => return Err(Reason::UnknownOp),
        };
        if let Some(dev) = event.dev_mut() {
            *dev = builder.device(&self.dev.0)?;
        }
        Ok(event)
    }

    /// Entry and return of a map call.
    fn times(&self, t_ns: u64) -> Result<(u64, u64), Reason> {
        let t_in = builder::time(self.t_in_ns.or(t_ns)?)?.min(t_ns);
        let t_ret = builder::time(self.t_ret_ns.or(t_ns)?)?.max(t_in);
        Ok((t_in, t_ret))
    }

    fn map(&self) -> Result<RawMap, Reason> {
        Ok(RawMap {
            orig: self.orig.need()?,
            size: self.size.need()?,
            alloc_size: self.alloc_size.get()?,
            alloc_align_mask: self.alloc_align_mask.or(0)?,
            min_align_mask: self.min_align_mask.or(0)?,
            seg_boundary_mask: self.seg_boundary_mask.get()?,
            dir: self.dir.need()?,
            attrs: self.attrs.or(0)?,
        })
    }

    fn range(&self) -> Result<RawRange, Reason> {
        Ok(RawRange { tlb: self.tlb.need()?, size: self.size.need()?, dir: self.dir.need()? })
    }

    fn pool(&self) -> Result<RawPool, Reason> {
        Ok(RawPool {
            start: self.start.need()?,
            end: self.end.need()?,
            nareas: self.nareas.get()?,
            area_nslabs: self.area_nslabs.get()?,
            transient: self.transient.or(0)? != 0,
        })
    }
}

fn context(word: &str) -> Option<Context> {
    match word {
        "task" => Some(Context::Task),
        "softirq" => Some(Context::Softirq),
        "hardirq" => Some(Context::Hardirq),
        "hardirq+softirq" => Some(Context::HardirqInSoftirq),
        "nmi" => Some(Context::Nmi),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::path::Path;

    use super::*;
    use crate::trace::TraceOptions;

    const MAP: &str = r#"{"t_ns":10,"cpu":1,"op":"map","dev":"d","orig":"0x1000","size":512,"dir":2,"tlb":"0x7d000000","ctx":"hardirq","t_ret_ns":12,"alloc_size":512}"#;

    fn read(lines: &[&str]) -> Result<(Vec<Record>, String), TraceError> {
        let mut builder = Builder::new(Path::new("t.jsonl"), &TraceOptions::default());
        for (line, number) in lines.iter().zip(1..) {
            feed(&mut builder, line.as_bytes(), number)?;
        }
        let (_, records, skipped) = builder.finish();
        Ok((records, skipped.to_string()))
    }

    #[test]
    fn a_map_with_its_optional_fields() {
        let (records, skipped) = read(&[MAP]).unwrap();
        let Event::Map(call) = records[0].event else { unreachable!() };
        assert_eq!((call.t_in_ns, call.t_ret_ns, call.alloc_size), (10, 12, Some(512)));
        assert_eq!((call.seg_boundary_mask, call.min_align_mask), (0xffff_ffff, 0));
        assert_eq!(records[0].ctx, Some(Context::Hardirq));
        assert_eq!(skipped, "nothing skipped");
    }

    #[test]
    fn a_bad_record_is_counted_and_the_rest_kept() {
        let bad = [
            MAP.replace("512,\"dir\"", "-5,\"dir\""),
            MAP.replace("512,\"dir\"", "8589934592,\"dir\""),
            MAP.replace("\"map\"", "\"remap\""),
            MAP.replace("0x7d000000", "0x0"),
            MAP.replace("\"tlb\":", "\"t_ns\":3,\"tlb\":"),
            MAP.replace("\"d\"", "7"),
            r#"{"a":1}"#.to_owned(),
        ];
        let mut lines: Vec<&str> = bad.iter().map(String::as_str).collect();
        lines.push(MAP);
        let (records, skipped) = read(&lines).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(
            skipped,
            "unknown operation: 1 (line 3); missing or malformed field: 4 (line 1, 5, 6, 7); \
             absurd size: 1 (line 2); zero or overflowing address: 1 (line 4)"
        );
    }

    #[test]
    fn time_going_backwards_is_raised() {
        let earlier = MAP.replace("\"t_ns\":10", "\"t_ns\":3");
        let (records, skipped) = read(&[MAP, &earlier]).unwrap();
        assert_eq!([records[0].t_ns, records[1].t_ns], [10, 10]);
        assert_eq!(skipped, "time going backwards (kept, time raised): 1 (line 2)");
    }

    #[test]
    fn what_is_not_json_is_counted_and_at_the_start_it_is_no_trace() {
        let (records, skipped) = read(&[MAP, "[1,2]", MAP, "{\"t_ns\":"]).unwrap();
        assert_eq!((records.len(), skipped.as_str()), (2, "unparsed line: 2 (line 2, 4)"));
        let e = read(&["[1,2]", MAP]).unwrap_err().to_string();
        assert!(e.starts_with("t.jsonl:1: "), "{e}");
        let e = read(&["{\"t_ns\":", MAP]).unwrap_err().to_string();
        assert!(e.starts_with("t.jsonl:1: EOF while parsing"), "{e}");
    }
}
