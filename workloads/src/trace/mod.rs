//! Traces: what a real kernel's software IO TLB was asked, call by call, and where it put each mapping.
//!
//! Three forms are read. The first line that is not blank tells JSON Lines (one object per call) from a tracer's
//! text; text with probe events is read for these, text without them for the kernel's own events `swiotlb:*` and
//! `dma:*`, as `trace-cmd report` and, as far as it prints the same, `perf script` show them. The first two give
//! the same records in the same order; a text's times are in microseconds, so calls of one microsecond that JSON
//! tells apart keep the text's order.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `record.rs` | one record |
//! | `jsonl.rs`, `scalar.rs` | the JSON form: a record, one value of it |
//! | `call.rs`, `builder.rs` | checks and bookkeeping that both forms share |
//! | `ftrace.rs`, `probes.rs`, `calls.rs` | the text: a line, its probe events, entry joined with return |
//! | `static_events.rs`, `static_args.rs` | the kernel's own events, their arguments |
//! | `masks.rs` | what a recording does not hold of its devices |
//! | `meta.rs` | facts beside a trace: kernel, pool, CPUs |
//! | `live.rs` | which mapping each unmap and sync belongs to |
//! | `skipped.rs` | what was left out and why |
//! | `foreign.rs` | files that are none, and what prints them |

mod builder;
mod call;
mod calls;
mod device;
mod error;
mod foreign;
mod ftrace;
mod jsonl;
mod live;
mod masks;
mod meta;
mod probes;
mod record;
mod scalar;
mod skipped;
mod static_args;
mod static_events;

use std::path::{Path, PathBuf};

use crate::lines::{LineFault, Lines};

use builder::Builder;

pub use device::TraceDevice;
pub use error::TraceError;
pub use live::{Paired, PairedAction, PairedOp, pair};
pub use masks::{Masks, MasksError};
pub use meta::{Geometry, Meta, meta_path};
pub use record::{Context, DeviceId, Event, MapCall, PoolSpan, Record, SyncCall, UnmapCall};
pub use skipped::{Count, LINES_KEPT, Reason, Skipped};

/// Most records that are read unless [`TraceOptions::max_records`] says otherwise.
pub const MAX_RECORDS: u64 = 50_000_000;
/// Most devices that a trace can name.
pub const MAX_DEVICES: u32 = 1 << 16;

/// Most CPUs that a machine can have; they are numbered below this.
pub const MAX_CPUS: u32 = 1 << 16;

/// How a trace is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// Most records; a trace with more is an error. A record takes about 100 bytes.
    pub max_records: u64,
    /// Whether a gzip file that ends too early is read up to there ([`Reason::CutFile`]) instead of being
    /// an error.
    pub allow_cut: bool,
    /// The file of facts; `None` looks for `NAME.meta.json` beside the trace.
    pub meta: Option<PathBuf>,
    /// What is said of devices beside the recording.
    pub masks: Masks,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self { max_records: MAX_RECORDS, allow_cut: false, meta: None, masks: Masks::default() }
    }
}

/// Which form a trace was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// JSON Lines; times in nanoseconds.
    Jsonl,
    /// ftrace's text of probe events; times in microseconds.
    Ftrace,
    /// A tracer's text of the kernel's own events; times in microseconds.
    Static,
}

/// A remark that was written into the trace while it was recorded (`trace_marker`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When, in nanoseconds.
    pub t_ns: u64,
    /// What.
    pub text: String,
}

/// A trace in memory.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The file's name without its endings.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Which form it has.
    pub source: SourceKind,
    /// Devices, by [`DeviceId`].
    pub devices: Vec<TraceDevice>,
    /// Records in order; their times never go backwards.
    pub records: Vec<Record>,
    /// Remarks, from the text or from the file of facts.
    pub markers: Vec<Marker>,
    /// The pool that the kernel began with, as far as it is known.
    pub geometry: Geometry,
    /// The file of facts beside the trace, if there is one.
    pub meta: Option<Meta>,
    /// What was left out.
    pub skipped: Skipped,
    /// Events of other kinds, passed over (`swiotlb_bounced`, `dma_*` and the like).
    pub ignored: u64,
}

/// What a reader brings back besides what the [`Builder`] holds.
#[derive(Debug, Default)]
struct Extras {
    markers: Vec<Marker>,
    ignored: u64,
    cpus: Option<u32>,
    /// The kernel's own events on mappings, and those that say that one was bounced.
    dma: u64,
    bounced: u64,
}

impl Extras {
    /// Which of the kernel's own events were not recorded, if some were.
    const fn lacks(&self) -> Option<&'static str> {
        match (self.dma, self.bounced) {
            (1.., 0) => Some(
                "there are events of dma: and none of swiotlb:, so nothing was bounced or they were not recorded: \
                 record with -e swiotlb -e dma (docs/CAPTURE.md)",
            ),
            (0, 1..) => Some(
                "there are events of swiotlb: and none of dma:, which say where each buffer went: record with \
                 -e swiotlb -e dma (docs/CAPTURE.md)",
            ),
            _ => None,
        }
    }
}

/// A reader of one of the forms, chosen by the first line that is not blank.
enum Reader<'a> {
    Undecided,
    Jsonl,
    Text(Box<probes::ProbeReader<'a>>),
}

impl<'a> Reader<'a> {
    fn feed(
        &mut self,
        builder: &mut Builder<'a>,
        new: impl FnOnce() -> probes::ProbeReader<'a>,
        bytes: &[u8],
        line: u64,
    ) -> Result<(), TraceError> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Ok(());
        }
        if matches!(self, Self::Undecided) {
            *self = if bytes.starts_with(b"{") { Self::Jsonl } else { Self::Text(Box::new(new())) };
        }
        match self {
            Self::Undecided => Ok(()),
            Self::Jsonl => jsonl::feed(builder, bytes, line),
            Self::Text(reader) => reader.feed(builder, &String::from_utf8_lossy(bytes), line),
        }
    }

    fn finish(self, builder: &mut Builder<'a>) -> (SourceKind, Extras) {
        match self {
            Self::Undecided | Self::Jsonl => (SourceKind::Jsonl, Extras::default()),
            Self::Text(reader) => reader.finish(builder),
        }
    }
}

/// A trace as it is named: from the working directory, else from the root of this source tree.
#[must_use]
pub fn find(name: &str) -> PathBuf {
    let here = PathBuf::from(name);
    let in_tree = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name);
    if !here.exists() && in_tree.exists() { in_tree } else { here }
}

impl Trace {
    /// Reads a trace, and the file of facts beside it if there is one.
    ///
    /// # Errors
    /// [`TraceError`]: the file cannot be read, is cut off, damaged or of another program, is not JSON after a first line that
    /// was, holds no usable event or too many; the file of facts is malformed.
    pub fn open(path: &Path, options: &TraceOptions) -> Result<Self, TraceError> {
        let meta = match &options.meta {
            Some(named) => Some(Meta::read(named)?),
            None => Meta::find(path)?,
        };
        Self::from_lines(Lines::open(path)?, meta, options)
    }

    /// Reads a trace from lines that are already open; [`TraceOptions::meta`] is not looked at.
    ///
    /// # Errors
    /// As [`Trace::open`].
    pub fn from_lines(
        mut lines: Lines,
        meta: Option<Meta>,
        options: &TraceOptions,
    ) -> Result<Self, TraceError> {
        let path = lines.path().to_owned();
        if let Some((what, prints)) = foreign::foreign(lines.peek()) {
            return Err(TraceError::Foreign { path, what, prints });
        }
        let mut builder = Builder::new(&path, options);
        let mut reader = Reader::Undecided;
        loop {
            let line = lines.number() + 1;
            match lines.next_bytes() {
                Ok(Some(bytes)) => {
                    let new = || probes::ProbeReader::new(&path, options);
                    reader.feed(&mut builder, new, bytes, line)?;
                }
                Ok(None) => break,
                Err(e) if options.allow_cut && matches!(e.fault, LineFault::CutGzip) => {
                    builder.skip(Reason::CutFile, line);
                    break;
                }
                Err(e) => return Err(e.into()),
            }
        }
        let (source, extras) = reader.finish(&mut builder);
        if builder.is_empty() {
            let skipped = builder.skipped.to_string();
            let expected = extras.lacks().unwrap_or_else(|| source.expected());
            let (lines, ignored) = (lines.number(), extras.ignored);
            return Err(TraceError::NoEvents { path, lines, skipped, ignored, expected });
        }
        let (mut devices, mut records, skipped) = builder.finish();
        devices.iter_mut().for_each(|device| device.masks_known = source != SourceKind::Static);
        options.masks.apply(&path, &mut devices, &mut records)?;
        let geometry = Geometry::of(meta.as_ref(), extras.cpus, &records);
        let mut markers = extras.markers;
        if let (true, Some(meta)) = (markers.is_empty(), &meta) {
            markers.clone_from(&meta.markers);
        }
        let name = meta::name_of(&path);
        let ignored = extras.ignored;
        Ok(Self { name, path, source, devices, records, markers, geometry, meta, skipped, ignored })
    }

    /// The device of that number.
    ///
    /// # Panics
    /// The number is not from this trace.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> &TraceDevice {
        &self.devices[id.0 as usize]
    }
}

impl SourceKind {
    const fn expected(self) -> &'static str {
        match self {
            Self::Jsonl => {
                "expected one JSON object per line with \"op\": map, map_fail, unmap, sync_cpu, sync_dev, pool_add \
                 or pool_del, and \"t_ns\", \"cpu\", \"dev\", \"size\", \"dir\", \"tlb\""
            }
            Self::Ftrace => {
                "expected ftrace's text of the probe events map_entry, map_ret, unmap, sync_cpu, sync_dev, \
                 pool_alloc, pool_free, or a report of the events swiotlb:* and dma:* with bounced mappings"
            }
            Self::Static => "expected a report of the events swiotlb:* and dma:* with bounced mappings",
        }
    }
}
