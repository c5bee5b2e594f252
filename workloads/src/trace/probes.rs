//! The probe events in ftrace's text, as records. A text without any is read for the kernel's own events
//! (`static_events.rs`).
//!
//! | event | on | gives |
//! | --- | --- | --- |
//! | `map_entry`, `map_ret` | `swiotlb_tbl_map_single` | one map or failed map |
//! | `unmap` | `swiotlb_tbl_unmap_single` | an unmap |
//! | `sync_cpu`, `sync_dev` | `swiotlb_sync_single_for_cpu`, `_device` | a sync |
//! | `pool_alloc` | return of `swiotlb_alloc_pool` | a pool; transient unless the growth work called |
//! | `pool_free` | `swiotlb_dyn_free` | a pool that goes |
//! | `tracing_mark_write` | | a remark |

use std::path::Path;

use swiotlb_core::addr::PhysAddr;

use super::builder::{self, Builder};
use super::call::{RawMap, RawPool, RawRange};
use super::calls::{Caller, OpenCall, OpenCalls};
use super::ftrace::{self, Args, TextLine};
use super::record::{DeviceId, Event, Record};
use super::skipped::Reason;
use super::static_events::{StaticReader, is_static};
use super::{Extras, Marker, SourceKind, TraceError, TraceOptions};

/// The events that say that the text is one of probes.
const PROBES: [&str; 5] = ["map_entry", "map_ret", "unmap", "sync_cpu", "sync_dev"];
/// Remarks kept, and bytes kept of each.
const MAX_MARKERS: usize = 10_000;
const MAX_MARKER: usize = 1_000;

/// Why a line gave no record: a problem to count, or the end of reading.
pub(super) enum Stop {
    Skip(Reason),
    Fatal(TraceError),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Skip(reason)
    }
}

impl From<TraceError> for Stop {
    fn from(e: TraceError) -> Self {
        Self::Fatal(e)
    }
}

/// Reads the text line by line.
pub(super) struct ProbeReader<'a> {
    calls: OpenCalls,
    extras: Extras,
    /// The kernel's own events, for a text without probe events; gone once there was one of these.
    statics: Option<(StaticReader, Builder<'a>)>,
}

impl<'a> ProbeReader<'a> {
    pub(super) fn new(path: &'a Path, options: &TraceOptions) -> Self {
        let statics = Some((StaticReader::default(), Builder::new(path, options)));
        Self { calls: OpenCalls::default(), extras: Extras::default(), statics }
    }

    pub(super) fn feed(
        &mut self,
        builder: &mut Builder<'_>,
        text: &str,
        line: u64,
    ) -> Result<(), TraceError> {
        if let Some(comment) = text.strip_prefix('#') {
            if let Some((lost, cpus)) = ftrace::head(comment) {
                self.extras.cpus = cpus;
                if lost > 0 {
                    builder.skipped.add_many(Reason::LostEvents, line, lost);
                }
            }
            return Ok(());
        }
        if let Some(lost) = ftrace::lost_events(text) {
            builder.skipped.add_many(Reason::LostEvents, line, lost);
            return Ok(());
        }
        if let Some(cpus) = ftrace::report_head(text) {
            self.extras.cpus = self.extras.cpus.or(cpus);
            return Ok(());
        }
        if text.contains("[FAILED TO PARSE]") {
            builder.skip(Reason::FailedToParse, line);
            return Ok(());
        }
        let Some(parts) = ftrace::split(text) else {
            let reason = if ftrace::lacks_cpu(text) { Reason::NoCpu } else { Reason::UnparsedLine };
            builder.skip(reason, line);
            return Ok(());
        };
        self.of_the_kernel(&parts, line)?;
        match self.event(builder, &parts, line) {
            Ok(()) => Ok(()),
            Err(Stop::Skip(reason)) => {
                builder.skip(reason, line);
                Ok(())
            }
            Err(Stop::Fatal(e)) => Err(e),
        }
    }

    /// Takes note of one of the kernel's own events.
    fn of_the_kernel(&mut self, parts: &TextLine<'_>, line: u64) -> Result<(), TraceError> {
        if PROBES.contains(&parts.event) {
            self.statics = None;
        }
        self.extras.bounced += u64::from(parts.event == "swiotlb_bounced");
        self.extras.dma += u64::from(parts.event.starts_with("dma_"));
        let Some((reader, records)) = self.statics.as_mut().filter(|_| is_static(parts.event)) else {
            return Ok(());
        };
        match reader.event(records, parts, line) {
            Ok(()) => Ok(()),
            Err(Stop::Skip(reason)) => {
                records.skip(reason, line);
                Ok(())
            }
            Err(Stop::Fatal(e)) => Err(e),
        }
    }

    /// What was read besides records; where there was no probe event, `builder` gets the records of the kernel's
    /// own events.
    pub(super) fn finish(self, builder: &mut Builder<'a>) -> (SourceKind, Extras) {
        let mut lines: Vec<u64> = self.calls.into_open().map(|call| call.line).collect();
        lines.sort_unstable();
        for line in lines {
            builder.skip(Reason::EntryWithoutReturn, line);
        }
        let mut extras = self.extras;
        let Some((mut reader, mut records)) = self.statics.filter(|(_, records)| !records.is_empty()) else {
            return (SourceKind::Ftrace, extras);
        };
        reader.finish(&mut records);
        records.skipped.merge(&builder.skipped);
        // Of what the probes' reader passed over, what became a record is not passed over.
        extras.ignored = extras.ignored.saturating_sub(reader.taken);
        *builder = records;
        (SourceKind::Static, extras)
    }

    fn event(&mut self, builder: &mut Builder<'_>, parts: &TextLine<'_>, line: u64) -> Result<(), Stop> {
        let args = Args::of(parts.rest);
        let event = match parts.event {
            "map_entry" => return self.map_entry(builder, parts, &args, line),
            "map_ret" => return self.map_ret(builder, parts, &args),
            "unmap" => {
                let size = args.number("mapping_size").or_else(|| args.number("size"));
                let raw = range(&args, size)?;
                let attrs = args.number("attrs").unwrap_or(0);
                let call = raw.unmap(device(builder, &args)?, attrs)?;
                self.calls.freed(line, builder::time(parts.t_ns)?, &call);
                Event::Unmap(call)
            }
            "sync_cpu" => Event::SyncCpu(range(&args, args.number("size"))?.sync(device(builder, &args)?)?),
            "sync_dev" => Event::SyncDev(range(&args, args.number("size"))?.sync(device(builder, &args)?)?),
            "pool_alloc" if args.number("pool") == Some(0) => {
                self.extras.ignored += 1;
                return Ok(());
            }
            "pool_alloc" => {
                let transient = !args.place.contains("swiotlb_dyn_alloc");
                Event::PoolAdd(pool(&args, transient)?.span()?)
            }
            "pool_free" => {
                let transient = args.number("transient").is_some_and(|flag| flag != 0);
                Event::PoolDel(pool(&args, transient)?.span()?)
            }
            "tracing_mark_write" => {
                self.mark(parts);
                return Ok(());
            }
            _ => {
                self.extras.ignored += 1;
                return Ok(());
            }
        };
        let t_ns = builder::time(parts.t_ns)?;
        let cpu = builder::cpu(parts.cpu)?;
        let record = Record { t_ns, line: builder::line(line), cpu, ctx: parts.ctx, event };
        Ok(builder.push(line, record)?)
    }

    fn map_entry(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        args: &Args<'_>,
        line: u64,
    ) -> Result<(), Stop> {
        let t_ns = builder::time(parts.t_ns)?;
        let cpu = builder::cpu(parts.cpu)?;
        let found = map(args).and_then(|raw| Ok((device(builder, args)?, raw)));
        let call = OpenCall { line, t_ns, cpu, args: found.ok() };
        let caller = Caller::new(parts.pid, parts.cpu, parts.ctx);
        if let Some(lost) = self.calls.enter(caller, call) {
            builder.skip(Reason::EntryWithoutReturn, lost.line);
        }
        found.map(|_| ()).map_err(Stop::Skip)
    }

    fn map_ret(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        args: &Args<'_>,
    ) -> Result<(), Stop> {
        let caller = Caller::new(parts.pid, parts.cpu, parts.ctx);
        let call = self.calls.leave(caller).ok_or(Reason::ReturnWithoutEntry)?;
        let placed = self.map_record(parts, args, &call);
        self.calls.forget();
        match placed? {
            Some((place, record)) => Ok(builder.push(place, record)?),
            None => Ok(()),
        }
    }

    /// The finished call and its place; `None` if its entry was unusable, which has been counted.
    fn map_record(
        &self,
        parts: &TextLine<'_>,
        args: &Args<'_>,
        call: &OpenCall,
    ) -> Result<Option<(u64, Record)>, Reason> {
        let Some((dev, raw)) = call.args else { return Ok(None) };
        let tlb = args.number("tlb_addr").ok_or(Reason::BadField)?;
        let times = (call.t_ns, builder::time(parts.t_ns)?.max(call.t_ns));
        let mut record = Record {
            t_ns: call.t_ns,
            line: builder::line(call.line),
            cpu: call.cpu,
            ctx: parts.ctx,
            event: Event::MapFail(raw.failed(dev, times)?),
        };
        if PhysAddr(tlb) == PhysAddr::INVALID {
            return Ok(Some((call.line, record)));
        }
        let mapped = raw.mapped(dev, tlb, times)?;
        let (place, t_ns) = self.calls.place(call.line, call.t_ns, &mapped);
        record.t_ns = t_ns;
        record.event = Event::Map(mapped);
        Ok(Some((place, record)))
    }

    fn mark(&mut self, parts: &TextLine<'_>) {
        if self.extras.markers.len() < MAX_MARKERS {
            let text = parts.rest.chars().take(MAX_MARKER).collect();
            self.extras.markers.push(Marker { t_ns: parts.t_ns, text });
        }
    }
}

/// The device's name; its address where the probe prints no name.
fn device(builder: &mut Builder<'_>, args: &Args<'_>) -> Result<DeviceId, Reason> {
    builder.device(args.text("devname").or_else(|| args.text("dev")).unwrap_or(""))
}

fn map(args: &Args<'_>) -> Result<RawMap, Reason> {
    let need = |name| args.number(name).ok_or(Reason::BadField);
    Ok(RawMap {
        orig: need("orig_addr")?,
        size: need("mapping_size")?,
        alloc_size: args.number("alloc_size"),
        alloc_align_mask: args.number("alloc_align_mask").unwrap_or(0),
        min_align_mask: args.number("min_align").unwrap_or(0),
        seg_boundary_mask: args.number("seg_bound"),
        dir: need("dir")?,
        attrs: args.number("attrs").unwrap_or(0),
    })
}

fn range(args: &Args<'_>, size: Option<u64>) -> Result<RawRange, Reason> {
    Ok(RawRange {
        tlb: args.number("tlb_addr").ok_or(Reason::BadField)?,
        size: size.ok_or(Reason::BadField)?,
        dir: args.number("dir").ok_or(Reason::BadField)?,
    })
}

fn pool(args: &Args<'_>, transient: bool) -> Result<RawPool, Reason> {
    Ok(RawPool {
        start: args.number("start").ok_or(Reason::BadField)?,
        end: args.number("end").ok_or(Reason::BadField)?,
        nareas: args.number("nareas"),
        area_nslabs: args.number("area_nslabs"),
        transient,
    })
}
