//! The kernel's own events `swiotlb:*` and `dma:*` in a tracer's text, as records: what can be recorded without
//! probes.
//!
//! | event | gives |
//! | --- | --- |
//! | `swiotlb_bounced` | the entry of a map that will be bounced |
//! | `dma_map_page` (`dma_map_phys` since 6.18), `dma_map_sg` | its return, if the buffer was bounced; passed over if not |
//! | `dma_map_sg_err` (not in 6.12) | the return of a list that failed |
//! | `dma_unmap_page` (`dma_unmap_phys`), `dma_unmap_sg` | an unmap, if a bounced mapping is live there |
//! | `dma_sync_single_for_cpu`, `_device`, `dma_sync_sg_for_cpu`, `_device` | syncs, likewise |
//!
//! An entry and its return have one task, device, original and size. `dma_unmap_sg` names originals and no bounce
//! addresses: the latest live list of that device with that original is meant. A list of which an element finds no
//! room leaves entries without a return: the last of each such list is the element that failed. Of a list that the
//! kernel truncated (to 128 elements) nothing is known of the rest: it is passed over and counted.
//!
//! Events are printed when the call is over, but for `swiotlb_bounced`. They do not hold the device's alignment
//! and boundary masks (see `masks.rs`), and the CPU's context only as far as the tracer prints flags.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::rules::IO_TLB_SHIFT;

use super::builder::{self, Builder};
use super::call::{RawMap, RawRange};
use super::ftrace::TextLine;
use super::probes::Stop;
use super::record::{DeviceId, Event, Record};
use super::skipped::Reason;
use super::static_args::{self, Fields};

/// Most entries of one task that wait for their return: a list has no more elements than this.
const MAX_OPEN: usize = 4096;
/// Unmaps that are remembered, for maps that were under way meanwhile.
const MAX_FREED: usize = 1024;
/// `DMA_MAPPING_ERROR`: what a failed map is printed with.
const MAPPING_ERROR: u64 = u64::MAX;

/// A map that was entered.
#[derive(Clone, Copy)]
struct Entry {
    line: u64,
    t_ns: u64,
    cpu: u32,
    dev: DeviceId,
    orig: u64,
    size: u64,
}

/// A bounced mapping that is live.
#[derive(Clone, Copy)]
struct Live {
    dev: DeviceId,
    orig: u64,
    size: u64,
}

/// Reads the events, line by line.
#[derive(Default)]
pub(super) struct StaticReader {
    /// By task; idle tasks by CPU.
    open: HashMap<(u32, u64), Vec<Entry>>,
    live: BTreeMap<u64, Live>,
    /// Elements of lists that are live, by device and original, the latest last.
    lists: HashMap<(DeviceId, u64), Vec<u64>>,
    /// The latest unmaps: line, time, first and last slot.
    freed: VecDeque<(u64, u64, u64, u64)>,
    /// Mappings that were not bounced.
    direct: HashSet<(DeviceId, u64)>,
    /// Events that became records, or part of one.
    pub(super) taken: u64,
}

impl StaticReader {
    /// Takes an event.
    pub(super) fn event(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        line: u64,
    ) -> Result<(), Stop> {
        let task = (parts.pid, if parts.pid == 0 { parts.cpu } else { 0 });
        match parts.event {
            "swiotlb_bounced" => self.bounced(builder, parts, line, task),
            "dma_map_page" | "dma_map_phys" | "dma_map_sg" => self.mapped(builder, parts, line, task),
            "dma_map_sg_err" => {
                let open = self.open.remove(&task).unwrap_or_default();
                self.failed(builder, parts, &Fields::of(parts.rest)?, &open)
            }
            "dma_unmap_page" | "dma_unmap_phys" => {
                let fields = Fields::of(parts.rest)?;
                let dev = builder.device(fields.device)?;
                let (tlb, size) = (fields.hex("dma_addr")?, fields.decimal("size")?);
                self.unmap(builder, parts, line, (dev, tlb, size))
            }
            "dma_unmap_sg" => self.unmap_list(builder, parts, line),
            "dma_sync_single_for_cpu" | "dma_sync_single_for_device" => {
                let fields = Fields::of(parts.rest)?;
                let range = (fields.hex("dma_addr")?, fields.decimal("size")?);
                self.sync(builder, parts, line, &fields, range)
            }
            "dma_sync_sg_for_cpu" | "dma_sync_sg_for_device" => {
                let fields = Fields::of(parts.rest)?;
                let sizes = fields.list("sizes")?;
                for range in fields.list("dma_addrs")?.into_iter().zip(sizes) {
                    self.sync(builder, parts, line, &fields, range)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What was entered and never returned was still under way when the recording ended, or failed.
    pub(super) fn finish(&mut self, builder: &mut Builder<'_>) {
        let mut lines: Vec<u64> =
            self.open.drain().flat_map(|(_, calls)| calls).map(|call| call.line).collect();
        lines.sort_unstable();
        for line in lines {
            builder.skip(Reason::EntryWithoutReturn, line);
        }
    }

    fn bounced(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        line: u64,
        task: (u32, u64),
    ) -> Result<(), Stop> {
        let fields = Fields::of(parts.rest.strip_prefix("dev_name:").unwrap_or(parts.rest))?;
        let entry = Entry {
            line,
            t_ns: builder::time(parts.t_ns)?,
            cpu: builder::cpu(parts.cpu)?,
            dev: builder.device(fields.device)?,
            orig: fields.hex("dev_addr")?,
            size: fields.decimal("size")?,
        };
        self.taken += 1;
        let open = self.open.entry(task).or_default();
        open.push(entry);
        if open.len() > MAX_OPEN {
            builder.skip(Reason::EntryWithoutReturn, open.remove(0).line);
        }
        Ok(())
    }

    /// The return of a page's map or of a list's.
    fn mapped(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        line: u64,
        task: (u32, u64),
    ) -> Result<(), Stop> {
        let fields = Fields::of(parts.rest)?;
        let list = parts.event == "dma_map_sg";
        let elements: Vec<(u64, u64, u64)> = if list {
            let (tlbs, sizes) = (fields.list("dma_addrs")?, fields.list("sizes")?);
            fields.list("phys_addrs")?.into_iter().zip(sizes).zip(tlbs).map(|((o, s), t)| (o, s, t)).collect()
        } else {
            vec![(fields.hex("phys_addr")?, fields.decimal("size")?, fields.hex("dma_addr")?)]
        };
        let dev = builder.device(fields.device)?;
        let mut open = self.open.remove(&task).unwrap_or_default();
        let mut bounced = false;
        for (orig, size, tlb) in elements {
            let found = open.iter().rposition(|e| (e.dev, e.orig, e.size) == (dev, orig, size));
            let Some(entry) = found.map(|i| open.remove(i)) else {
                self.direct.insert((dev, tlb));
                continue;
            };
            bounced = true;
            if let Err(reason) = self.map(builder, parts, &fields, entry, tlb, list) {
                match reason {
                    Stop::Skip(reason) => builder.skip(reason, line),
                    fatal @ Stop::Fatal(_) => return Err(fatal),
                }
            }
        }
        self.taken += u64::from(bounced);
        if list && fields.is_truncated() {
            open.iter().for_each(|entry| builder.skip(Reason::EntryWithoutReturn, entry.line));
            return Ok(());
        }
        self.failed(builder, parts, &fields, &open)
    }

    fn map(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        fields: &Fields<'_>,
        entry: Entry,
        tlb: u64,
        list: bool,
    ) -> Result<(), Stop> {
        let raw = raw_map(fields, &entry)?;
        let times = (entry.t_ns, builder::time(parts.t_ns)?.max(entry.t_ns));
        if tlb == MAPPING_ERROR {
            let event = Event::MapFail(raw.failed(entry.dev, times)?);
            return Ok(builder.push(entry.line, record(&entry, parts, event))?);
        }
        let event = Event::Map(raw.mapped(entry.dev, tlb, times)?);
        // It cannot have got slots before they were free.
        let (first, last) = slots(tlb, entry.size);
        let during = self.freed.iter().rev().take_while(|freed| freed.0 > entry.line);
        let behind = during.copied().find(|freed| freed.2 <= last && first <= freed.3);
        let (place, t_ns) = behind.map_or((entry.line, entry.t_ns), |freed| (freed.0, freed.1));
        self.direct.remove(&(entry.dev, tlb));
        self.live.insert(tlb, Live { dev: entry.dev, orig: entry.orig, size: entry.size });
        if list {
            self.lists.entry((entry.dev, entry.orig)).or_default().push(tlb);
        }
        let record = Record { t_ns: t_ns.max(entry.t_ns), ..record(&entry, parts, event) };
        Ok(builder.push(place, record)?)
    }

    /// Entries of a task that something else returned after: lists that failed. A list begins anew where an
    /// original comes again.
    fn failed(
        &self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        fields: &Fields<'_>,
        left: &[Entry],
    ) -> Result<(), Stop> {
        let mut seen = HashSet::new();
        for (entry, i) in left.iter().zip(1..) {
            seen.insert((entry.dev, entry.orig));
            if left.get(i).is_some_and(|next| next.dev == entry.dev && !seen.contains(&(next.dev, next.orig)))
            {
                continue;
            }
            seen.clear();
            let call = raw_map(fields, entry)?.failed(entry.dev, (entry.t_ns, entry.t_ns))?;
            builder.push(entry.line, record(entry, parts, Event::MapFail(call)))?;
        }
        Ok(())
    }

    fn unmap(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        line: u64,
        (dev, tlb, size): (DeviceId, u64, u64),
    ) -> Result<(), Stop> {
        if !self.live.contains_key(&tlb) {
            if self.direct.remove(&(dev, tlb)) {
                return Ok(());
            }
            // Mapped before the recording began, bounced or not.
            return Err(Stop::Skip(Reason::UnmapWithoutMap));
        }
        self.live.remove(&tlb);
        self.taken += 1;
        let fields = Fields::of(parts.rest)?;
        let raw = RawRange { tlb, size, dir: fields.direction()? };
        let event = Event::Unmap(raw.unmap(dev, fields.attrs())?);
        let record = now(parts, line, event)?;
        let (first, last) = slots(tlb, size);
        if self.freed.len() == MAX_FREED {
            self.freed.pop_front();
        }
        self.freed.push_back((line, record.t_ns, first, last));
        Ok(builder.push(line, record)?)
    }

    fn unmap_list(&mut self, builder: &mut Builder<'_>, parts: &TextLine<'_>, line: u64) -> Result<(), Stop> {
        let fields = Fields::of(parts.rest)?;
        let dev = builder.device(fields.device)?;
        for orig in fields.list("phys_addrs")? {
            let Some(tlb) = self.lists.get_mut(&(dev, orig)).and_then(Vec::pop) else { continue };
            let size = self.live.get(&tlb).filter(|live| live.orig == orig).map(|live| live.size);
            if let Some(size) = size {
                self.unmap(builder, parts, line, (dev, tlb, size))?;
            }
        }
        Ok(())
    }

    fn sync(
        &mut self,
        builder: &mut Builder<'_>,
        parts: &TextLine<'_>,
        line: u64,
        fields: &Fields<'_>,
        (tlb, size): (u64, u64),
    ) -> Result<(), Stop> {
        let dev = builder.device(fields.device)?;
        let before = self.live.range(..=tlb).next_back();
        if !before.is_some_and(|(at, live)| live.dev == dev && tlb - at < live.size) {
            return Ok(());
        }
        self.taken += 1;
        let call = RawRange { tlb, size, dir: fields.direction()? }.sync(dev)?;
        let event = if parts.event.ends_with("_cpu") { Event::SyncCpu(call) } else { Event::SyncDev(call) };
        Ok(builder.push(line, now(parts, line, event)?)?)
    }
}

/// The first and the last slot of a mapping.
fn slots(tlb: u64, size: u64) -> (u64, u64) {
    (tlb >> IO_TLB_SHIFT, tlb.saturating_add(size.saturating_sub(1)) >> IO_TLB_SHIFT)
}

fn raw_map(fields: &Fields<'_>, entry: &Entry) -> Result<RawMap, Reason> {
    Ok(RawMap {
        orig: entry.orig,
        size: entry.size,
        alloc_size: None,
        alloc_align_mask: 0,
        min_align_mask: 0,
        seg_boundary_mask: None,
        dir: fields.direction()?,
        attrs: fields.attrs(),
    })
}

fn record(entry: &Entry, parts: &TextLine<'_>, event: Event) -> Record {
    Record { t_ns: entry.t_ns, line: builder::line(entry.line), cpu: entry.cpu, ctx: parts.ctx, event }
}

fn now(parts: &TextLine<'_>, line: u64, event: Event) -> Result<Record, Reason> {
    let (t_ns, cpu) = (builder::time(parts.t_ns)?, builder::cpu(parts.cpu)?);
    Ok(Record { t_ns, line: builder::line(line), cpu, ctx: parts.ctx, event })
}

/// Whether an event is one of the kernel's own on mappings.
pub(super) fn is_static(event: &str) -> bool {
    event == "swiotlb_bounced" || (event.starts_with("dma_") && static_args::is_dma(event))
}

/// An address that a list cannot have: keeps [`PhysAddr::INVALID`] and the text's error value together.
const _: () = assert!(PhysAddr::INVALID.0 == MAPPING_ERROR);
