//! Facts about the machine that a number was taken on.
//!
//! Read from `/proc` and `/sys` once per process. A fact that cannot be read is absent, never an error and
//! never a guess: containers and other systems hide many of them. Parsing is pure and tested on samples;
//! only [`Machine::read`] touches files.

use std::path::Path;

use serde::{Deserialize, Serialize};

#[path = "machine_parse.rs"]
pub mod parse;

/// What is known of the machine; `None` where it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The processor's own name.
    pub cpu_model: Option<String>,
    /// Logical cores that the kernel runs.
    pub logical_cores: Option<u32>,
    /// Logical cores that this process may use.
    pub usable_cores: Option<u32>,
    /// The first core's caches, as the kernel lists them.
    pub caches: Option<Vec<Cache>>,
    /// The first core's frequency governor.
    pub governor: Option<String>,
    /// The running kernel's release.
    pub kernel: Option<String>,
    /// Vulnerabilities in one line: which are open, which mitigated, how many do not apply.
    pub mitigations: Option<String>,
    /// Bytes of a page.
    pub page_bytes: Option<u64>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// The kernel's clock source, `tsc` on a machine fit to measure on.
    pub clock_source: Option<String>,
    /// Load averages over 1, 5 and 15 minutes when they were read.
    pub load_average: Option<[f64; 3]>,
    /// Whether the processor says that it is a virtual one; absent where it does not say.
    pub hypervisor: Option<bool>,
    /// Bytes of memory that the kernel manages.
    pub memory_bytes: Option<u64>,
}

/// One cache of the first core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// 1, 2 or 3.
    pub level: u32,
    /// `Data`, `Instruction` or `Unified`.
    pub kind: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Which logical cores share it, in the kernel's notation (`0-3,8`).
    pub shared_by: String,
}

impl Machine {
    /// Reads what this machine shows.
    #[must_use]
    pub fn read() -> Self {
        Self::read_under(Path::new("/"))
    }

    /// Reads the same files under another root.
    #[must_use]
    pub fn read_under(root: &Path) -> Self {
        let text = |path: &str| short_file(&root.join(path));
        let cpuinfo = text("proc/cpuinfo");
        let cpuinfo = cpuinfo.as_deref();
        Self {
            cpu_model: cpuinfo.and_then(parse::cpu_model),
            logical_cores: cpuinfo.and_then(parse::logical_cores),
            usable_cores: std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()),
            caches: caches(&root.join("sys/devices/system/cpu/cpu0/cache")),
            governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").and_then(parse::word),
            kernel: text("proc/sys/kernel/osrelease").and_then(parse::word),
            mitigations: mitigations(&root.join("sys/devices/system/cpu/vulnerabilities")),
            page_bytes: std::fs::read(root.join("proc/self/auxv")).ok().and_then(|b| parse::page_bytes(&b)),
            transparent_huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
                .as_deref()
                .and_then(parse::chosen),
            clock_source: text("sys/devices/system/clocksource/clocksource0/current_clocksource")
                .and_then(parse::word),
            load_average: text("proc/loadavg").as_deref().and_then(parse::load_average),
            hypervisor: cpuinfo.and_then(parse::hypervisor),
            memory_bytes: text("proc/meminfo").as_deref().and_then(parse::memory_bytes),
        }
    }
}

/// A file's text, if it is readable and UTF-8.
fn short_file(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The names in a folder, sorted; nothing where it cannot be read.
fn names(folder: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<_> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    Some(names)
}

fn caches(folder: &Path) -> Option<Vec<Cache>> {
    let cache = |index: &String| {
        let text = |file: &str| short_file(&folder.join(index).join(file)).and_then(parse::word);
        Some(Cache {
            level: text("level")?.parse().ok()?,
            kind: text("type")?,
            bytes: parse::size(&text("size")?)?,
            shared_by: text("shared_cpu_list")?,
        })
    };
    let caches: Vec<_> = names(folder)?.iter().filter(|n| n.starts_with("index")).filter_map(cache).collect();
    (!caches.is_empty()).then_some(caches)
}

fn mitigations(folder: &Path) -> Option<String> {
    let states = names(folder)?
        .into_iter()
        .filter_map(|name| short_file(&folder.join(&name)).map(|state| (name, state)))
        .collect::<Vec<_>>();
    parse::mitigations(&states)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn a_machine_that_shows_nothing_is_not_an_error() {
        let empty = tempfile::tempdir().unwrap();
        let machine = Machine::read_under(empty.path());
        assert_eq!(machine, Machine { usable_cores: machine.usable_cores, ..Machine::default() });
        let junk = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(junk.path().join("proc/self")).unwrap();
        for file in ["proc/cpuinfo", "proc/loadavg", "proc/meminfo", "proc/self/auxv"] {
            std::fs::write(junk.path().join(file), b"\xff\xfe:::\n\n: \nMemTotal:\nprocessor").unwrap();
        }
        assert_eq!(Machine::read_under(junk.path()).memory_bytes, None);
    }

    #[test]
    fn this_machine_round_trips_and_the_facts_have_sense() {
        let machine = Machine::read();
        let text = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
        assert!(machine.page_bytes.is_none_or(|b| b.is_power_of_two() && b >= 4_096), "{machine:?}");
        assert!(machine.logical_cores.is_none_or(|n| n > 0), "{machine:?}");
    }

    #[test]
    fn a_record_without_facts_is_read() {
        assert_eq!(serde_json::from_str::<Machine>("{\"later\": 1}").unwrap(), Machine::default());
    }

    #[test]
    fn caches_are_listed_as_the_kernel_does() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path().join("sys/devices/system/cpu/cpu0/cache");
        for (index, size) in [("index0", "32K"), ("index1", "nonsense"), ("uevent", "1K")] {
            std::fs::create_dir_all(cache.join(index)).unwrap();
            for (file, text) in [("level", "1"), ("type", "Data"), ("size", size), ("shared_cpu_list", "0-1")]
            {
                std::fs::write(cache.join(index).join(file), format!("{text}\n")).unwrap();
            }
        }
        let found = Machine::read_under(root.path()).caches.unwrap();
        let expected = Cache { level: 1, kind: "Data".into(), bytes: 32_768, shared_by: "0-1".into() };
        assert_eq!(found, [expected]);
    }
}
