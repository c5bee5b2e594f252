//! What a recording can tell, and what it cannot.
//!
//! A recording is *censored* where the kernel had no room: what was not mapped was not seen, and what waited kept
//! others from being asked. Its high-water mark is then no more than a lower bound of what is wanted.

use reports::units::{count, plural};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use swiotlb_core::rules::IO_TLB_SIZE;
use workloads::demand::Demand;
use workloads::trace::{Event, Reason, Skipped, SourceKind, Trace, pair};

/// Lines of which nobody knows what they told.
const UNREAD: [Reason; 5] =
    [Reason::UnparsedLine, Reason::FailedToParse, Reason::NoCpu, Reason::UnknownOp, Reason::BadField];
/// Calls that were thrown away because of their numbers, and what was cut off.
const THROWN_AWAY: [Reason; 5] =
    [Reason::AbsurdSize, Reason::BadAddress, Reason::BadMask, Reason::TooManyDevices, Reason::CutFile];

/// Whose time a trace tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// That of emulated CPUs and devices: order, sizes and addresses are real, rates and lifetimes are not.
    Emulated(String),
    /// Nothing beside the trace says that it is emulated.
    NotSaid,
}

/// Facts about a recording.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Recording {
    /// The trace's name.
    pub name: String,
    /// How long it is, ns.
    pub length_ns: u64,
    /// Whose time it tells.
    pub clock: Clock,
    /// The smallest step of its clock, ns.
    pub resolution_ns: u64,
    /// The kernel, if something says it.
    pub kernel: Option<String>,
    /// What that was started with.
    pub cmdline: Option<String>,
    /// Slots that the kernel had at most, if something says it.
    pub nslabs: Option<u64>,
    /// CPUs.
    pub cpus: u32,
    /// Most slots that its mappings took at once.
    pub high_water: u64,
    /// Map calls that failed.
    pub failed_calls: u64,
    /// Events that the recorder lost.
    pub lost: u64,
    /// Lines and events of it that were left out or changed, by reason; those that were lost are not in it.
    #[serde(default)]
    pub left_out: BTreeMap<String, u64>,
    /// Lines that could not be read, of those.
    #[serde(default)]
    pub unread: u64,
    /// Calls that were thrown away because of their numbers.
    #[serde(default)]
    pub thrown_away: u64,
    /// Devices whose alignment masks neither it nor the command line holds.
    #[serde(default)]
    pub unknown_masks: Vec<String>,
    /// Mappings that it never ends.
    pub live_at_end: u64,
    /// Why its high-water mark is a lower bound; nothing if it is not.
    pub censored: Vec<String>,
}

impl Recording {
    /// Takes the facts of a trace.
    #[must_use]
    pub fn of(trace: &Trace, demand: &Demand) -> Self {
        let paired = pair(trace);
        let failed_calls = trace.devices.iter().map(|device| device.map_fails).sum();
        let grown: u64 = trace.records.iter().map(added).sum();
        let grows = trace.geometry.can_grow == Some(true);
        let nslabs = trace.geometry.nslabs.map(|first| first + grown);
        let meta = trace.meta.as_ref();
        let emulation = meta.and_then(|meta| meta.emulation.clone());
        let mut recording = Self {
            name: trace.name.clone(),
            length_ns: demand.span_ns,
            clock: emulation.map_or(Clock::NotSaid, Clock::Emulated),
            resolution_ns: if trace.source == SourceKind::Jsonl { 1 } else { 1_000 },
            kernel: meta.and_then(|meta| meta.kernel.clone()),
            cmdline: meta.and_then(|meta| meta.kernel_cmdline.clone()),
            nslabs,
            cpus: demand.cpus,
            high_water: paired.high_water_slots,
            failed_calls,
            lost: trace.skipped.get(Reason::LostEvents).count,
            left_out: left_out([&trace.skipped, &paired.skipped]),
            unread: of(trace, &UNREAD),
            thrown_away: of(trace, &THROWN_AWAY),
            unknown_masks: trace
                .devices
                .iter()
                .filter(|device| !device.masks_known)
                .map(|device| device.name.clone())
                .collect(),
            live_at_end: paired.live_at_end,
            censored: Vec::new(),
        };
        recording.censor(demand.largest_slots(), grows);
        recording
    }

    /// Whether more may have been asked for than it shows.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        !self.censored.is_empty() || self.unread > 0 || self.thrown_away > 0 || self.lost > 0
    }

    fn censor(&mut self, largest: u64, grows: bool) {
        if self.failed_calls > 0 {
            let calls = plural(self.failed_calls, "map call");
            self.censored.push(format!("{} {calls} failed", count(self.failed_calls)));
        }
        let full = self.nslabs.filter(|nslabs| self.high_water + largest > *nslabs);
        if let (Some(nslabs), false) = (full, grows) {
            self.censored.push(format!(
                "its high-water mark of {} slots leaves less than the largest buffer's {largest} of the kernel's {}",
                count(self.high_water),
                count(nslabs)
            ));
        }
    }

    /// What to record next so that the next advice is surer, the most pressing wish first. `advised` is how many
    /// slots the advice has.
    #[must_use]
    pub fn next(&self, still_rising: bool, advised: u64) -> Vec<String> {
        let mut next = Vec::new();
        if !self.censored.is_empty() {
            let had = self.high_water.max(self.nslabs.unwrap_or(0));
            let slots = had.saturating_mul(4).max(advised).next_power_of_two();
            let mib = (slots * IO_TLB_SIZE) >> 20;
            next.push(format!(
                "the same load with room: boot with swiotlb={slots},{} ({mib} MiB) for the recording, or a kernel that grows",
                self.cpus.next_power_of_two()
            ));
        }
        if self.lost > 0 {
            let what = if self.lost == 1 { "event was" } else { "events were" };
            next.push(format!(
                "again with a larger buffer of the recorder: {} {what} lost",
                count(self.lost)
            ));
        }
        if self.unread > 0 {
            next.push(format!(
                "printed again by a reporter that knows these events: {} {} could not be read",
                count(self.unread),
                plural(self.unread, "line")
            ));
        }
        if self.thrown_away > 0 {
            next.push(format!(
                "again, whole and with the recorder's own numbers: {} {} thrown away, whose sizes, addresses or masks \
                 cannot be",
                count(self.thrown_away),
                if self.thrown_away == 1 { "call was" } else { "calls were" },
            ));
        }
        if !self.unknown_masks.is_empty() {
            next.push(format!(
                "the alignment masks of {}: with the probes, or give them (--device NAME,min_align_mask=0xfff; docs/CAPTURE.md)",
                some_of(&self.unknown_masks)
            ));
        }
        if self.nslabs.is_none() {
            next.push(
                "its kernel's pool too, slots and areas (docs/CAPTURE.md): nothing says whether it was full"
                    .to_owned(),
            );
        }
        if still_rising {
            let minutes = (self.length_ns * 4).div_ceil(60_000_000_000);
            next.push(format!(
                "longer: the high-water mark was still rising in the last quarter; at least {minutes} min, over the busiest time"
            ));
        }
        if matches!(self.clock, Clock::Emulated(_)) {
            next.push(
                "on the machine itself: an emulated clock makes lifetimes and rates guesses".to_owned(),
            );
        }
        next
    }
}

/// The first names, and how many more there are.
pub(super) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How often one of `reasons` applied.
fn of(trace: &Trace, reasons: &[Reason]) -> u64 {
    reasons.iter().map(|reason| trace.skipped.get(*reason).count).sum()
}

/// Whether a mapping may have been asked for that is not in the trace, for one of these reasons.
pub(super) fn may_hide_maps(reason: Reason) -> bool {
    UNREAD.contains(&reason) || THROWN_AWAY.contains(&reason)
}

/// What is left out of both, by reason.
fn left_out(all: [&Skipped; 2]) -> BTreeMap<String, u64> {
    let mut by_reason = BTreeMap::new();
    for (reason, count) in all.into_iter().flat_map(Skipped::iter).filter(|(r, _)| *r != Reason::LostEvents) {
        *by_reason.entry(reason.text().to_owned()).or_insert(0) += count.count;
    }
    by_reason
}

fn added(record: &workloads::trace::Record) -> u64 {
    match record.event {
        Event::PoolAdd(pool) if !pool.transient => pool.nslabs,
        _ => 0,
    }
}
