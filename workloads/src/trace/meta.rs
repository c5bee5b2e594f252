//! The file of facts beside a trace, `NAME.meta.json`: the kernel, its first pool, its CPUs.
//!
//! A trace without one is readable; one that is there and malformed is an error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::rules;

use super::ftrace::number;
use super::record::{Event, Record};
use super::{MAX_CPUS, Marker, TraceError};

/// Endings of traces, longest first.
const ENDINGS: [&str; 10] = [
    ".tracecmd-report.txt.gz",
    ".tracecmd-report.txt",
    ".trace.txt.gz",
    ".trace.txt",
    ".jsonl.gz",
    ".jsonl",
    ".txt.gz",
    ".txt",
    ".json",
    ".gz",
];
/// Most bytes that are read of a file of facts.
const MAX_META: u64 = 16 << 20;

/// The allocator that a trace begins with, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    /// Start of the first pool.
    pub base: Option<PhysAddr>,
    /// Its slots.
    pub nslabs: Option<u64>,
    /// Its areas.
    pub nareas: Option<u32>,
    /// Slots in each of its areas.
    pub area_nslabs: Option<u32>,
    /// Whether the kernel adds pools (`CONFIG_SWIOTLB_DYNAMIC`).
    pub can_grow: Option<bool>,
    /// CPUs of the machine.
    pub cpus: Option<u32>,
}

/// What the file of facts says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The trace's name.
    pub name: Option<String>,
    /// What ran, in a sentence.
    pub title: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// How the kernel was built.
    pub kernel_build: Option<String>,
    /// What the kernel was started with, as far as it concerns this allocator.
    pub kernel_cmdline: Option<String>,
    /// What emulated the machine's CPUs; `None` for a real machine's, and where nobody says.
    pub emulation: Option<String>,
    /// What the kernel printed about the allocator when it started.
    pub boot_lines: Vec<String>,
    /// Remarks with their times.
    pub markers: Vec<Marker>,
    /// The first pool and the machine.
    pub geometry: Geometry,
}

/// Where the file of facts of a trace is looked for; `None` for a path without a file name.
#[must_use]
pub fn meta_path(trace: &Path) -> Option<PathBuf> {
    trace.file_name()?;
    Some(trace.with_file_name(format!("{}.meta.json", name_of(trace))))
}

/// A trace's file name without its endings.
pub(super) fn name_of(trace: &Path) -> String {
    let name = trace.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let ending = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).filter(|n| !n.is_empty());
    ending.map_or(name.clone(), str::to_owned)
}

impl Meta {
    /// Reads the file of facts beside `trace`; `None` if there is none.
    ///
    /// # Errors
    /// It is there and cannot be read, or is malformed.
    pub fn find(trace: &Path) -> Result<Option<Self>, TraceError> {
        let Some(path) = meta_path(trace) else { return Ok(None) };
        match Self::read(&path) {
            Err(TraceError::MetaRead { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads a file of facts.
    ///
    /// # Errors
    /// It cannot be read, or is malformed.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let fault = |source| TraceError::MetaRead { path: path.to_owned(), source };
        let file = File::open(path).map_err(fault)?;
        let mut text = String::new();
        file.take(MAX_META).read_to_string(&mut text).map_err(fault)?;
        Self::parse(&text).map_err(|what| TraceError::Meta { path: path.to_owned(), what })
    }

    /// Parses the text of a file of facts.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let geometry = wire.geometry()?;
        Ok(Self {
            name: wire.name,
            title: wire.title,
            kernel: wire.kernel,
            kernel_build: wire.kernel_build,
            kernel_cmdline: wire.kernel_cmdline,
            emulation: wire.emulation,
            boot_lines: wire.boot_lines,
            markers: wire.markers.into_iter().map(|m| Marker { t_ns: m.t_ns, text: m.text }).collect(),
            geometry,
        })
    }
}

impl Geometry {
    /// What the file of facts says, filled up from the trace itself.
    pub(super) fn of(meta: Option<&Meta>, cpus: Option<u32>, records: &[Record]) -> Self {
        let mut geometry = meta.map(|m| m.geometry).unwrap_or_default();
        geometry.cpus = geometry.cpus.or(cpus);
        if records.iter().any(|r| matches!(r.event, Event::PoolAdd(_))) {
            geometry.can_grow = Some(true);
        }
        geometry
    }
}

#[derive(Deserialize)]
struct Wire {
    name: Option<String>,
    title: Option<String>,
    kernel: Option<String>,
    kernel_build: Option<String>,
    kernel_cmdline: Option<String>,
    emulation: Option<String>,
    guest_cpus: Option<u32>,
    #[serde(default)]
    boot_lines: Vec<String>,
    #[serde(default)]
    markers: Vec<WireMarker>,
    #[serde(default)]
    probes: Vec<String>,
    #[serde(default)]
    io_tlb_debugfs: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
    pool: Option<WirePool>,
}

#[derive(Deserialize)]
struct WireMarker {
    t_ns: u64,
    text: String,
}

#[derive(Deserialize)]
struct WirePool {
    start: Option<String>,
    nslabs_initial: Option<u64>,
    nareas: Option<u32>,
    area_nslabs: Option<u32>,
}

impl Wire {
    fn geometry(&self) -> Result<Geometry, String> {
        in_range("guest_cpus", self.guest_cpus.map(u64::from), MAX_CPUS.into())?;
        let mut geometry =
            Geometry { can_grow: self.can_grow(), cpus: self.guest_cpus, ..Geometry::default() };
        let Some(pool) = &self.pool else { return Ok(geometry) };
        if let Some(start) = &pool.start {
            let base = number(start).ok_or_else(|| format!("pool.start `{start}` is no address"))?;
            geometry.base = Some(PhysAddr(base));
        }
        in_range("pool.nslabs_initial", pool.nslabs_initial, rules::MAX_POOL_SLABS)?;
        in_range("pool.nareas", pool.nareas.map(u64::from), rules::MAX_AREAS.into())?;
        geometry.nslabs = pool.nslabs_initial;
        geometry.nareas = pool.nareas;
        geometry.area_nslabs = pool.area_nslabs;
        Ok(geometry)
    }

    /// Kernels that add pools print a counter of slots in transient pools, and their functions that make
    /// pools can be probed; `None` if the file tells nothing either way.
    fn can_grow(&self) -> Option<bool> {
        let built = self.kernel_build.as_deref().unwrap_or("").contains("CONFIG_SWIOTLB_DYNAMIC=y");
        let probed = self.probes.iter().any(|probe| probe.contains("/pool_alloc "));
        let counters = || self.io_tlb_debugfs.values();
        let counted = counters().any(|c| c.contains_key("io_tlb_transient_nslabs"));
        if built || probed || counted {
            return Some(true);
        }
        counters().any(|c| c.contains_key("io_tlb_nslabs")).then_some(false)
    }
}

fn in_range(field: &str, number: Option<u64>, most: u64) -> Result<(), String> {
    match number {
        Some(n) if n == 0 || n > most => Err(format!("{field} {n} is not 1 to {most}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_file_beside_the_trace() {
        for ending in ["jsonl.gz", "jsonl", "trace.txt.gz", "trace.txt", "txt", "gz"] {
            let path = PathBuf::from(format!("dir/boot.{ending}"));
            assert_eq!(meta_path(&path), Some(PathBuf::from("dir/boot.meta.json")), "{ending}");
        }
        assert_eq!(meta_path(Path::new("dir/.jsonl")), Some(PathBuf::from("dir/.jsonl.meta.json")));
        assert_eq!(meta_path(Path::new("/")), None);
        assert_eq!(Meta::find(Path::new("/nonexistent/x.jsonl")).unwrap(), None);
    }

    #[test]
    fn facts_are_checked() {
        let parse = |pool: &str| Meta::parse(&format!(r#"{{"pool":{{{pool}}},"guest_cpus":4}}"#));
        let geometry = parse(r#""start":"0x1000","nslabs_initial":128,"nareas":2"#).unwrap().geometry;
        assert_eq!((geometry.base, geometry.nslabs), (Some(PhysAddr(0x1000)), Some(128)));
        assert_eq!((geometry.nareas, geometry.cpus, geometry.can_grow), (Some(2), Some(4), None));
        assert_eq!(parse(r#""start":"here""#).unwrap_err(), "pool.start `here` is no address");
        assert!(parse(r#""nslabs_initial":0"#).is_err());
        assert!(parse(r#""nareas":70000"#).is_err());
        let cpus = |number: u32| Meta::parse(&format!(r#"{{"guest_cpus":{number}}}"#)).unwrap_err();
        assert_eq!(cpus(u32::MAX), "guest_cpus 4294967295 is not 1 to 65536");
        assert_eq!(cpus(0), "guest_cpus 0 is not 1 to 65536");
        assert!(Meta::parse("{").is_err());
        assert_eq!(Meta::parse("{}").unwrap(), Meta::default());
    }

    #[test]
    fn growth_is_told_by_build_probes_or_counters() {
        let grows = |text: &str| Meta::parse(text).unwrap().geometry.can_grow;
        assert_eq!(grows(r#"{"kernel_build":"x CONFIG_SWIOTLB_DYNAMIC=y"}"#), Some(true));
        assert_eq!(grows(r#"{"probes":["f16:swiotlb_kp/pool_alloc f start=1"]}"#), Some(true));
        let counters = |names: &str| grows(&format!(r#"{{"io_tlb_debugfs":{{"at_start":{{{names}}}}}}}"#));
        assert_eq!(counters(r#""io_tlb_nslabs":"1","io_tlb_transient_nslabs":"0""#), Some(true));
        assert_eq!(counters(r#""io_tlb_nslabs":"1""#), Some(false));
    }
}
