//! A trace as steps that a pass can run without looking anything up: made before any clock starts.
//!
//! Invariant: every unmap and sync names a mapping that an earlier step makes, each mapping ends at most
//! once, and the originals of live mappings share no byte with each other or with a pool.

use super::originals::{FirstWindows, Moved, Originals, too_large_to_copy};
use super::setup::FirstPool;
use super::space::{Layout, Span, Spans, Windows};
use std::collections::HashMap;
use std::path::PathBuf;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::rules::{IO_TLB_MAX_BYTES, IO_TLB_SHIFT, PAGE_SIZE};
use workloads::trace::{
    DeviceId, Event, MapCall, PairedAction, PairedOp, PoolSpan, Skipped, SourceKind, SyncCall, Trace, pair,
};

/// Most slots of recorded pools that came later: 4 GiB of pools.
const MAX_ADDED_SLABS: u64 = 1 << 21;
/// Most recorded pools that came later.
const MAX_ADDED: u64 = 4096;

/// One step of a replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The recorded CPU.
    pub(super) cpu: u32,
    /// What is done.
    pub(super) act: Act,
}

/// What a step does. A mapping is named by a number below [`Script::mappings`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Map a buffer, which the kernel placed at `recorded`.
    Map { number: u32, device: u32, recorded: PhysAddr, request: MapRequest },
    /// Map a buffer for which the kernel had no room.
    MapFail { device: u32, request: MapRequest },
    /// End a mapping.
    Unmap { number: u32, device: u32, size: u32, dir: Direction, attrs: Attrs },
    /// Sync a part of a mapping for the CPU.
    SyncForCpu { number: u32, device: u32, offset: u32, size: u32, dir: Direction },
    /// Sync a part of a mapping for the device.
    SyncForDevice { number: u32, device: u32, offset: u32, size: u32, dir: Direction },
    /// The kernel added a pool that stays.
    PoolAdd { base: PhysAddr, nslabs: u64, nareas: u32 },
}

/// What compiling left out or changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    /// Left out by the reader.
    pub(super) read: Skipped,
    /// Left out while unmaps and syncs were paired with their maps.
    pub(super) paired: Skipped,
    /// Originals that were moved.
    pub(super) moved: Moved,
    /// Recorded pools that cannot be added: overlapping, misaligned, too many.
    pub(super) pools_left_out: u64,
    /// Syncs of another direction than their map's, which is used.
    pub(super) redirected: u64,
    /// Maps of Linux 6.1 whose `alloc_size` was larger than the mapping; the rest is not allocated.
    pub(super) larger_allocations: u64,
    /// Events of other kinds.
    pub(super) ignored: u64,
    /// Mappings that the trace never ends.
    pub(super) live_at_end: u64,
}

/// A trace, ready to run.
pub struct Script {
    /// The trace's name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Which form it was read from.
    pub source: SourceKind,
    /// Records that were read.
    pub records: u64,
    /// The pool that the allocator begins with.
    pub first: FirstPool,
    pub(super) steps: Vec<Step>,
    /// When each step was recorded, ns. Beside the steps, so that a loop that is timed does not read them.
    pub(super) times: Vec<u64>,
    pub(super) mappings: usize,
    pub(super) devices: Vec<DeviceLimits>,
    pub(super) layout: Layout,
    /// What is touched before the clock starts, and whether that is not all of it.
    pub(super) touched: (Vec<Span>, bool),
    pub(super) remarks: Remarks,
}

/// Makes a trace ready to run over an allocator that begins with `first`.
pub(super) fn compile(trace: &Trace, first: FirstPool) -> Script {
    let paired = pair(trace);
    let mut windows = Windows::new();
    let mut seen = FirstWindows::default();
    for record in &trace.records {
        if let Event::Map(call) | Event::MapFail(call) = &record.event {
            seen.note(call.orig, u64::from(call.size));
        }
    }
    seen.mark(&mut windows);
    let pools = Pools::of(trace, first, &mut windows);
    let layout = Layout::around(&windows);
    let mut compiler = Compiler {
        trace,
        originals: Originals::new(&pools.spans, seen, layout.moved),
        added: pools.added,
        devices: Devices::default(),
        steps: Vec::with_capacity(paired.ops.len()),
        times: Vec::with_capacity(paired.ops.len()),
        remarks: Remarks {
            read: trace.skipped.clone(),
            paired: paired.skipped,
            pools_left_out: pools.left_out,
            ignored: trace.ignored,
            live_at_end: paired.live_at_end,
            ..Remarks::default()
        },
    };
    paired.ops.iter().for_each(|op| compiler.op(op));
    let touched = compiler.originals.touched();
    let remarks = Remarks { moved: compiler.originals.moved, ..compiler.remarks };
    Script {
        name: trace.name.clone(),
        path: trace.path.clone(),
        source: trace.source,
        records: trace.records.len() as u64,
        first,
        steps: compiler.steps,
        times: compiler.times,
        mappings: trace.records.len(),
        devices: compiler.devices.limits,
        layout,
        touched,
        remarks,
    }
}

/// The pools of a trace that stay, and the records that add them.
struct Pools {
    spans: Spans,
    /// Indices of records, in order.
    added: Vec<u32>,
    left_out: u64,
}

impl Pools {
    fn of(trace: &Trace, first: FirstPool, windows: &mut Windows) -> Self {
        let mut pools = Self { spans: Spans::default(), added: Vec::new(), left_out: 0 };
        pools.spans.add(first.base, first.bytes());
        windows.mark(first.base, first.bytes());
        let mut slabs = 0;
        for (record, index) in trace.records.iter().zip(0_u32..) {
            let Event::PoolAdd(pool) = &record.event else { continue };
            if pool.transient {
                continue;
            }
            let room = slabs + pool.nslabs <= MAX_ADDED_SLABS && (pools.added.len() as u64) < MAX_ADDED;
            if room && addable(pool) && pools.spans.add(pool.start, pool.nslabs << IO_TLB_SHIFT) {
                slabs += pool.nslabs;
                windows.mark(pool.start, pool.nslabs << IO_TLB_SHIFT);
                pools.added.push(index);
            } else {
                pools.left_out += 1;
            }
        }
        pools
    }
}

/// Whether a recorded pool can be built as it was recorded.
fn addable(pool: &PoolSpan) -> bool {
    let nareas = pool.nareas.unwrap_or(1);
    nareas.is_power_of_two()
        && (nareas == 1 || pool.nslabs.is_multiple_of(u64::from(nareas) * 128))
        && pool.start.0.is_multiple_of(PAGE_SIZE)
        && PhysMemory::in_space(pool.start, pool.nslabs << IO_TLB_SHIFT)
}

/// Devices by what they declare: one whose masks change in the trace is one for each.
#[derive(Default)]
struct Devices {
    limits: Vec<DeviceLimits>,
    numbers: HashMap<(DeviceId, DeviceLimits), u32>,
}

impl Devices {
    fn number(&mut self, call: &MapCall) -> u32 {
        let limits = call.limits();
        *self.numbers.entry((call.dev, limits)).or_insert_with(|| {
            self.limits.push(limits);
            // There are at most as many as records, which are numbered by 32 bits.
            u32::try_from(self.limits.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

struct Compiler<'a> {
    trace: &'a Trace,
    originals: Originals<'a>,
    added: Vec<u32>,
    devices: Devices,
    steps: Vec<Step>,
    times: Vec<u64>,
    remarks: Remarks,
}

impl Compiler<'_> {
    fn op(&mut self, op: &PairedOp) {
        let Some(record) = self.trace.records.get(op.record as usize) else { return };
        let act = match (&record.event, op.map.and_then(|number| self.mapping(number))) {
            (_, Some((number, call))) if op.action == PairedAction::End => {
                self.unmap(number, &call, call.size, call.attrs)
            }
            (Event::Map(call), _) => self.map(op.record, call),
            (Event::MapFail(call), _) => self.map_fail(call),
            (Event::Unmap(unmap), Some((number, call))) => self.unmap(number, &call, unmap.size, unmap.attrs),
            (Event::SyncCpu(sync), Some((number, call))) => {
                let (device, dir) = self.sync(sync, &call);
                Some(Act::SyncForCpu { number, device, offset: op.offset, size: sync.size, dir })
            }
            (Event::SyncDev(sync), Some((number, call))) => {
                let (device, dir) = self.sync(sync, &call);
                Some(Act::SyncForDevice { number, device, offset: op.offset, size: sync.size, dir })
            }
            (Event::PoolAdd(pool), _) => self.pool_add(op.record, pool),
            _ => None,
        };
        if let Some(act) = act {
            self.steps.push(Step { cpu: record.cpu, act });
            self.times.push(record.t_ns);
        }
    }

    /// The map call of a mapping.
    fn mapping(&self, number: u32) -> Option<(u32, MapCall)> {
        match self.trace.records.get(number as usize)?.event {
            Event::Map(call) => Some((number, call)),
            _ => None,
        }
    }

    fn map(&mut self, number: u32, call: &MapCall) -> Option<Act> {
        self.remarks.larger_allocations += u64::from(call.alloc_size.is_some_and(|size| size > call.size));
        let orig = self.originals.place(number, call.orig, u64::from(call.size))?;
        let request = MapRequest { orig, ..call.request() };
        Some(Act::Map { number, device: self.devices.number(call), recorded: call.tlb, request })
    }

    /// A map that failed is tried and, if it succeeds here, undone at once.
    fn map_fail(&mut self, call: &MapCall) -> Option<Act> {
        /// No mapping has this number: there are fewer than 2^32 records.
        const TRIED: u32 = u32::MAX;
        let size = u64::from(call.size);
        let orig = if size > IO_TLB_MAX_BYTES {
            too_large_to_copy(call.orig)
        } else {
            let placed = self.originals.place(TRIED, call.orig, size);
            self.originals.ended(TRIED);
            placed?
        };
        let request = MapRequest { orig, ..call.request() };
        Some(Act::MapFail { device: self.devices.number(call), request })
    }

    /// Never copies more than was mapped, whatever the record says.
    fn unmap(&mut self, number: u32, call: &MapCall, size: u32, attrs: Attrs) -> Option<Act> {
        self.originals.ended(number);
        let size = size.min(call.size);
        Some(Act::Unmap { number, device: self.devices.number(call), size, dir: call.dir, attrs })
    }

    fn sync(&mut self, sync: &SyncCall, call: &MapCall) -> (u32, Direction) {
        self.remarks.redirected += u64::from(sync.dir != call.dir);
        (self.devices.number(call), call.dir)
    }

    fn pool_add(&self, record: u32, pool: &PoolSpan) -> Option<Act> {
        self.added.binary_search(&record).ok()?;
        Some(Act::PoolAdd { base: pool.start, nslabs: pool.nslabs, nareas: pool.nareas.unwrap_or(1) })
    }
}
