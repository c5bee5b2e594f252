//! The record and the tables that a replay becomes.

use super::check::Checked;
use super::clock::as_f64;
use super::counted::Tally;
use super::grouped::BatchMean;
use super::script::{Remarks, Script};
use super::{BATCH, ReplayJob, Timings};
use crate::policies::Entry;
use reports::latency::{Latency, MAX_NS};
use reports::machine::Machine;
use reports::quantile::{BEYOND, Cell, Quantile};
use reports::record::{Kind, RunRecord};
use reports::table::{Column, Table, Unit, Value};
use reports::{summary, units};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use workloads::trace::SourceKind;

/// The operations in the order of a mapping's life.
const ORDER: [&str; 5] = ["map", "map_failed", "unmap", "sync", "find_pool"];

/// What one replay of one trace under one policy gave.
pub struct Replayed {
    /// The record, without the machine's facts. It holds every histogram whole; what of them can be printed
    /// is for [`Replayed::tables`] to say.
    pub record: RunRecord,
    /// What each operation costs, measured by the batch.
    pub means: Vec<BatchMean>,
    /// How the placement compares with the recorded one, if that was asked for.
    pub checked: Option<Checked>,
    /// The time, in ns, below which an operation is too short to be timed one by one.
    pub shortest_ns: f64,
}

impl Replayed {
    /// Everything that is printed below the headline, but the line on placement.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        let mut counts = summary::counts(&self.record);
        let placement = self.record.placement.map(|placement| placement.to_string());
        counts.notes.retain(|note| Some(note) != placement.as_ref());
        let steps = summary::counters(&self.record);
        let titled = [("Counts", counts), ("Latency", self.latencies()), ("Steps", steps)];
        let titled = titled.map(|(title, mut table)| {
            title.clone_into(&mut table.title);
            table
        });
        titled.into()
    }

    /// The record as it is kept, with the machine's facts.
    #[must_use]
    pub fn kept(&self, machine: &Machine) -> RunRecord {
        let mut record = self.record.clone();
        record.machine.clone_from(machine);
        record
    }

    /// Operations that can be timed one by one: their median is at least ten readings of the clock.
    pub fn timed(&self) -> impl Iterator<Item = (&str, &Latency)> {
        let latencies = self.record.latencies.iter();
        latencies
            .filter(|(_, latency)| !too_short(latency, self.shortest_ns))
            .map(|(name, l)| (name.as_str(), l))
    }

    /// Every operation with its batch mean and its quantiles. A quantile is a number if the sample rule
    /// allows it and if it is at least ten readings of the clock.
    fn latencies(&self) -> Table {
        let mut columns =
            vec![Column::text("operation"), Column::number("batch mean", Unit::Named("ns".to_owned()))];
        columns.extend(Quantile::TABLE.iter().map(|q| Column::number(q.to_string(), Unit::Time)));
        columns.extend([Column::number("max", Unit::Time), Column::number("N", Unit::None)]);
        let mut table = Table::new("Latency", columns);
        for name in ORDER {
            let Some(latency) = self.record.latencies.get(name) else { continue };
            let quantiles = latency.quantiles();
            let mean = self.mean(name).map_or(Value::Missing, |ns| Value::Real(ns, 1));
            let mut row = vec![Value::Text(name.to_owned()), mean];
            row.extend(quantiles.cells.into_iter().chain([quantiles.max]).map(|cell| self.shown(cell)));
            row.push(Value::Count(quantiles.samples));
            table.push(row);
        }
        table.notes = self.latency_notes();
        table
    }

    fn shown(&self, cell: Cell) -> Value {
        match cell {
            Cell::Value(ns) if as_f64(ns) < self.shortest_ns => {
                Value::Text(format!("< {:.0} ns", self.shortest_ns))
            }
            cell => Value::Quantile(cell),
        }
    }

    fn latency_notes(&self) -> Vec<String> {
        let mut notes = vec![format!("n/a (N): of N samples fewer than {BEYOND} lie beyond the quantile.")];
        notes.extend(self.record.clock.as_ref().map(|clock| {
            let (name, cost) = (&clock.name, clock.overhead_ns);
            format!(
                "Clock {name}: a reading costs {cost:.1} ns, not subtracted; < {:.0} ns: under ten readings, too \
                 short to be timed one by one, so only the batch mean counts.",
                self.shortest_ns
            )
        }));
        notes.push(format!(
            "Batch mean: median of the means of batches of {BATCH} operations, in a pass of its own that does a \
             batch's maps, lookups, syncs and unmaps kind by kind, less one reading of the clock for each kind."
        ));
        let overflown = self.record.latencies.iter().filter(|(_, latency)| latency.overflow() > 0);
        notes.extend(overflown.map(|(name, latency)| {
            let (n, limit) = (units::count(latency.overflow()), units::time(MAX_NS));
            format!("{name}: {n} above {limit}, counted and not in the histogram.")
        }));
        notes
    }

    fn mean(&self, operation: &str) -> Option<f64> {
        self.means.iter().find(|mean| mean.operation == operation)?.median_ns
    }
}

/// Puts the passes together.
pub(super) fn replayed(
    policy: &Entry,
    job: &ReplayJob<'_>,
    tally: &Tally,
    Timings { timed, grouped }: Timings,
    checked: Option<Checked>,
) -> Replayed {
    let script = job.script;
    let mut record = RunRecord::new(Kind::Replay, script.name.clone(), policy.policy_name());
    record.started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    record.revision = crate::cell::REVISION.to_owned();
    record.parameters = parameters(script);
    record.counts = counts(tally, &script.remarks, timed.page_faults);
    record.failures = tally.failures.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect();
    if policy.build.abilities().steps {
        record.counters = tally.steps.named().map(|(name, n)| (name.to_owned(), n)).collect();
    }
    record.placement = checked.map(|checked| checked.placement());
    record.clock = Some(job.clock.described());
    record.notes = notes(script, tally, checked.as_ref());
    let found = [("find_pool", grouped.find_pool)].into_iter().filter(|(_, latency)| latency.samples() > 0);
    record.latencies =
        timed.latencies.into_iter().chain(found).map(|(name, l)| (name.to_owned(), l)).collect();
    keep_means(&grouped.means, &mut record);
    Replayed { record, means: grouped.means, checked, shortest_ns: job.clock.shortest_ns() }
}

/// Whether the median is under ten readings of the clock; where there are too few samples for a median, the
/// longest is looked at.
fn too_short(latency: &Latency, shortest_ns: f64) -> bool {
    let median = latency.at(&[Quantile::P50]).first().copied();
    let ns = match median {
        Some(Cell::Value(ns) | Cell::Above(ns)) => ns,
        Some(Cell::TooFew(_)) | None => latency.max_ns().unwrap_or(0),
    };
    as_f64(ns) < shortest_ns
}

/// The batch means as metrics, `map_ns_per_op` and so on; with how many operations each is of.
fn keep_means(means: &[BatchMean], record: &mut RunRecord) {
    for BatchMean { operation, median_ns, operations, .. } in means {
        if let Some(ns) = median_ns {
            record.metrics.insert(format!("{operation}_ns_per_op"), *ns);
            record.counts.insert(format!("{operation}_in_batch_means"), *operations);
        }
    }
}

fn parameters(script: &Script) -> BTreeMap<String, String> {
    let first = script.first;
    let form = match script.source {
        SourceKind::Jsonl => "jsonl",
        SourceKind::Ftrace => "ftrace",
        SourceKind::Static => "static",
    };
    let known = [
        ("form", form.to_owned()),
        ("pool_base", first.base.to_string()),
        ("pool_slots", first.geometry.nslabs.to_string()),
        ("pool_areas", first.geometry.nareas.to_string()),
        ("grow", if first.can_grow { "on" } else { "off" }.to_owned()),
        ("read_section", format!("{BATCH} operations")),
    ];
    known.map(|(name, value)| (name.to_owned(), value)).into()
}

fn counts(tally: &Tally, remarks: &Remarks, page_faults: Option<u64>) -> BTreeMap<String, u64> {
    let always = [
        ("maps", tally.maps),
        ("unmaps", tally.unmaps),
        ("syncs_for_cpu", tally.syncs_for_cpu),
        ("syncs_for_device", tally.syncs_for_device),
        ("maps_failed", tally.failures.values().sum()),
        ("slots_high_water", tally.stats.used_hiwater),
        ("slots_at_end", tally.stats.nslabs),
        ("transient_pools", tally.steps.transient_made),
        ("pools_added", tally.pools_added),
        ("bytes_copied", tally.steps.bytes_copied),
    ];
    let where_any = [
        ("maps_kernel_failed", tally.maps_kernel_failed),
        ("calls_on_failed_maps", tally.dropped),
        ("calls_refused", tally.refused),
        ("growth_failed", tally.growth_failed),
        ("live_at_end_of_trace", remarks.live_at_end),
        ("page_faults_while_timed", page_faults.unwrap_or(0)),
    ];
    let logged = tally.logged.iter().map(|(name, n)| (format!("logged_{name}"), *n));
    let named = always.into_iter().chain(where_any.into_iter().filter(|(_, n)| *n > 0));
    named.map(|(name, n)| (name.to_owned(), n)).chain(logged).collect()
}

fn notes(script: &Script, tally: &Tally, checked: Option<&Checked>) -> Vec<String> {
    let remarks = &script.remarks;
    let mut notes = Vec::new();
    for (what, skipped) in [("reading", &remarks.read), ("pairing", &remarks.paired)] {
        if !skipped.is_empty() {
            notes.push(format!("left out or changed while {what}: {skipped}"));
        }
    }
    let moved = remarks.moved;
    let said = [
        (moved.overlapping, "originals overlapped another live one and were moved"),
        (moved.in_pool, "originals overlapped a pool and were moved"),
        (moved.far, "originals lay beyond 1 TiB or in too many windows of 32 MiB and were moved"),
        (moved.left_out, "maps left out: no room to move their originals to"),
        (remarks.pools_left_out, "recorded pools left out: they overlap, lie beyond 1 TiB, or are too many"),
        (remarks.redirected, "syncs of another direction than their map's, done in the map's"),
        (remarks.larger_allocations, "maps whose alloc_size is above their size, placed by their size"),
        (remarks.ignored, "events of other kinds passed over"),
        (u64::from(script.touched.1), "originals exceed 1 GiB: the rest is touched while the clock runs"),
        (tally.maps_kernel_failed, "maps that failed in the kernel succeeded here and were undone at once"),
    ];
    notes
        .extend(said.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{}: {what}", units::count(*n))));
    notes.extend(checked.into_iter().flat_map(check_notes));
    notes
}

fn check_notes(checked: &Checked) -> Vec<String> {
    let said = [
        (checked.transient, "of the identical maps needed a transient pool, as in the kernel"),
        (checked.unclaimable, "recorded addresses could not be claimed after a difference"),
        (checked.kernel_failed, "maps that failed in the kernel succeeded in the check and were released"),
        (checked.pools_refused, "recorded pools could not be added"),
    ];
    said.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{}: {what}", units::count(*n))).collect()
}

impl Script {
    /// The trace, and the pool that the allocator begins with, on one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let form = match self.source {
            SourceKind::Jsonl => "JSON Lines",
            SourceKind::Ftrace => "ftrace text",
            SourceKind::Static => "text of the kernel's own events",
        };
        let first = self.first;
        format!(
            "{}: {form}, {} records; first pool of {} slots in {} areas at {}, growth {}",
            self.name,
            units::count(self.records),
            units::count(first.geometry.nslabs),
            first.geometry.nareas,
            first.base,
            if first.can_grow { "on" } else { "off" },
        )
    }
}
