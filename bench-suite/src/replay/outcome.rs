//! The record and the tables that a replay becomes.

use super::check::Checked;
use super::counted::Tally;
use super::grouped::{BatchMean, Grouped};
use super::script::{Remarks, Script};
use super::timed::Timed;
use super::{BATCH, ReplayJob};
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use reports::record::{Kind, PolicyName, RunRecord};
use reports::table::{Column, Table, Unit, Value};
use reports::{summary, units};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use swiotlb_core::policy::{Policy, axes, label};
use workloads::trace::SourceKind;

/// What one replay of one trace under one policy gave.
pub struct Replayed {
    /// The record, without the machine's facts. It holds the latencies of operations that are long enough
    /// to be timed one by one.
    pub record: RunRecord,
    /// What each operation costs, measured by the batch.
    pub means: Vec<BatchMean>,
    /// How the placement compares with the recorded one, if that was asked for.
    pub checked: Option<Checked>,
}

impl Replayed {
    /// Everything that is printed.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = summary::tables(&self.record);
        let steps = tables.iter().position(|table| table.title.starts_with("Steps"));
        tables.insert(steps.unwrap_or(tables.len()), self.mean_table());
        tables
    }

    fn mean_table(&self) -> Table {
        let columns = vec![
            Column::text("operation"),
            Column::number("mean", Unit::Named("ns".to_owned())),
            Column::number("batches", Unit::None),
            Column::number("operations", Unit::None),
        ];
        let mut table = Table::new(format!("Batch means: {}", self.record.scenario), columns);
        for mean in &self.means {
            table.push(vec![
                Value::Text(mean.operation.to_owned()),
                mean.median_ns.map_or(Value::Missing, |ns| Value::Real(ns, 1)),
                Value::Count(mean.batches),
                Value::Count(mean.operations),
            ]);
        }
        table.notes.push(format!(
            "Median of the batches' means, less one reading of the clock for each batch: a pass of its own \
             does the {BATCH} operations of a batch kind by kind."
        ));
        table
    }
}

/// Puts the passes together.
pub(super) fn replayed<P: Policy>(
    job: &ReplayJob<'_>,
    tally: &Tally,
    timed: Timed,
    grouped: Grouped,
    checked: Option<Checked>,
) -> Replayed {
    let script = job.script;
    let axes = axes::<P>().map(|(axis, name)| (axis.to_owned(), name.to_owned()));
    let policy = PolicyName { label: label::<P>(), axes: axes.into() };
    let mut record = RunRecord::new(Kind::Replay, script.name.clone(), policy);
    record.started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    record.revision = option_env!("SWIOTLB_BENCH_REVISION").unwrap_or("unknown").to_owned();
    record.parameters = parameters(script);
    record.counts = counts(tally, &script.remarks, timed.page_faults);
    record.failures = tally.failures.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect();
    record.counters = tally.steps.named().map(|(name, n)| (name.to_owned(), n)).into();
    record.placement = checked.map(|checked| checked.placement());
    record.clock = Some(job.clock.described());
    record.notes = notes(script, tally, checked.as_ref());
    let Timed { mut latencies, .. } = timed;
    latencies.insert("find_pool", grouped.find_pool);
    for (name, latency) in latencies {
        if latency.samples() == 0 {
            continue;
        }
        if too_short(&latency, job.clock.shortest_ns()) {
            record.notes.push(short_note(name, &grouped.means, job.clock.overhead_ns()));
        } else {
            record.latencies.insert(name.to_owned(), latency);
        }
    }
    Replayed { record, means: grouped.means, checked }
}

/// Whether the median is under ten readings of the clock; where there are too few samples for a median, the
/// longest is looked at.
fn too_short(latency: &Latency, shortest_ns: f64) -> bool {
    let median = latency.at(&[Quantile::P50]).first().copied();
    let ns = match median {
        Some(Cell::Value(ns) | Cell::Above(ns)) => ns,
        Some(Cell::TooFew(_)) | None => latency.max_ns().unwrap_or(0),
    };
    super::clock::as_f64(ns) < shortest_ns
}

fn short_note(name: &str, means: &[BatchMean], overhead_ns: f64) -> String {
    let mean = means.iter().find(|mean| mean.operation == name).and_then(|mean| mean.median_ns);
    let mean = mean.map_or("too few operations in any batch".to_owned(), |ns| format!("{ns:.1} ns"));
    format!(
        "{name}: its median is under ten readings of the clock (of {overhead_ns:.1} ns each), so there are \
         no quantiles; batch mean: {mean}"
    )
}

fn parameters(script: &Script) -> BTreeMap<String, String> {
    let first = script.first;
    let form = match script.source {
        SourceKind::Jsonl => "jsonl",
        SourceKind::Ftrace => "ftrace",
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
