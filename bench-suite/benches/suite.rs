//! The end of `cargo bench`: a real trace replayed, then slot search, fallback and `find_pool` in one table.
//!
//! Accepts and ignores what cargo and its relatives pass to a benchmark; with `--test`, or without
//! `--bench`, it only tries every cell once, and with `--list` it names itself.

use bench_suite::policies::{Entry, KERNEL, LOOKUP_SORTED, SEARCH_BITMAP};
use bench_suite::replay::{self, Overrides, ReplayClock, ReplayJob};
use bench_suite::scenario::{
    Address, Effort, Fallback, FallbackPart, FindPool, Measured, Meter, NSLABS, Occupancy, Scenario, Section,
    SlotSearch,
};
use reports::table::{Column, Table, Unit, Value};
use reports::terminal;
use reports::text::visible;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use workloads::trace::TraceOptions;

/// The kernel's policy, and a rival for each table.
const SLOT_SEARCH: [Entry; 2] = [KERNEL, SEARCH_BITMAP];
const FALLBACK: [Entry; 2] = [KERNEL, LOOKUP_SORTED];
const FIND_POOL: [Entry; 2] = [KERNEL, LOOKUP_SORTED];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if has("--list") {
        println!("suite: benchmark");
        return ExitCode::SUCCESS;
    }
    let test = has("--test") || !has("--bench");
    let effort = if test {
        Effort { warm_up: 1, batches: 1, ops: 64, patience: Duration::ZERO }
    } else {
        Effort { warm_up: 20, batches: 200, ops: 512, patience: Duration::from_millis(800) }
    };
    match replay_bundled_trace(test).and_then(|()| summary(effort)) {
        Ok(table) if test => {
            println!("suite: {} cells ran", table.rows().len());
            ExitCode::SUCCESS
        }
        Ok(table) => {
            println!("\n{}", terminal::render(&table));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Replays the bundled trace under the kernel's policy and prints what it cost.
fn replay_bundled_trace(test: bool) -> Result<(), String> {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../workloads/data/traces/boot_probe.jsonl.gz"));
    let script =
        replay::load(path, &TraceOptions::default(), &Overrides::default()).map_err(|e| e.to_string())?;
    let job = ReplayJob { script: &script, clock: &ReplayClock::new(), check: test };
    let replayed = replay::run(&KERNEL, &job).map_err(|e| e.to_string())?;
    if let Some(placement) = replayed.record.placement {
        println!("{}: {placement}", script.name);
        return Ok(());
    }
    println!("\n{}\n", visible(&script.headline()));
    for table in replayed.tables() {
        println!("{}", terminal::render(&table));
    }
    Ok(())
}

/// Every cell under the kernel's policy and under a rival.
fn summary(effort: Effort) -> Result<Table, String> {
    let ns = || Unit::Named("ns".to_owned());
    let columns = vec![
        Column::text("what"),
        Column::text("cell"),
        Column::number("kernel", ns()),
        Column::text("rival"),
        Column::number("rival's", ns()),
        Column::number("rival / kernel", Unit::None),
    ];
    let mut table = Table::new("Slot search, fallback and find_pool", columns);
    let mut meter = Meter::new(effort);
    for (what, [kernel, rival], name, scenario) in cells() {
        let ours = measured(&kernel, &scenario, &mut meter)?.median;
        let theirs = measured(&rival, &scenario, &mut meter)?.median;
        table.push(vec![
            Value::Text(what.to_owned()),
            Value::Text(name),
            number(ours),
            Value::Text(rival.name.to_owned()),
            number(theirs),
            Value::Real(theirs / ours, 2),
        ]);
    }
    table.notes.push(
        "ns per operation: medians of batch means in this one process. A ratio within a few percent of 1 is \
         no difference; docs/METHODOLOGY.md says what else these numbers are not."
            .to_owned(),
    );
    Ok(table)
}

type Cell = (&'static str, [Entry; 2], String, Scenario);

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (occupancy, slots) in [
        (Occupancy::Empty, 2),
        (Occupancy::Empty, 128),
        (Occupancy::Fragmented(90), 2),
        (Occupancy::Aged(90), 32),
    ] {
        let scenario =
            Scenario::SlotSearch(SlotSearch { nslabs: NSLABS, occupancy, slots, copy: false, fails: false });
        cells.push(("slot search", SLOT_SEARCH, format!("{slots} slots, {occupancy}"), scenario));
    }
    for slots in [1, 2, 32, 128] {
        let hit = SlotSearch { nslabs: NSLABS, occupancy: Occupancy::Empty, slots, copy: true, fails: false };
        let trip = Fallback { slots, part: FallbackPart::RoundTrip };
        let reclaim = Fallback { slots, part: FallbackPart::Reclaim };
        cells.push(("fallback", FALLBACK, format!("{slots} slots, found"), Scenario::SlotSearch(hit)));
        cells.push(("fallback", FALLBACK, format!("{slots} slots, transient"), Scenario::Fallback(trip)));
        cells.push((
            "fallback",
            FALLBACK,
            format!("{slots} slots, its reclaim"),
            Scenario::Fallback(reclaim),
        ));
    }
    for pools in [1, 16, 256, 1_024] {
        let lookup = FindPool { pools, address: Address::Tail, section: Section::PerBatch };
        cells.push(("find_pool", FIND_POOL, format!("last of {pools}"), Scenario::FindPool(lookup)));
    }
    cells
}

fn measured(entry: &Entry, scenario: &Scenario, meter: &mut Meter) -> Result<Measured, String> {
    let measured = (entry.prepare)(scenario).and_then(|mut state| meter.measure(&mut *state));
    measured.map_err(|error| format!("{}: {error}", entry.name))
}

fn number(ns: f64) -> Value {
    Value::Real(ns, if ns < 10.0 { 1 } else { 0 })
}
