//! What the numbers were taken on, and what else went on meanwhile.

use super::source::Source;
use super::{revisions, short};
use crate::measure::steady::{STEADY, control_spread};
use reports::document::{Block, Finding, Tone};
use reports::evidence::Noise;
use reports::fingerprint;
use reports::machine::Machine;
use reports::record::RunRecord;
use reports::table::{Column, Table, Unit, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Machines that stand beside each other in a table.
const MACHINES: usize = 6;

/// The machines by fingerprint, each as its first record or advice has it.
fn machines_of(sources: &[Source]) -> Vec<(String, &Machine)> {
    let mut all: Vec<(String, &Machine)> = Vec::new();
    for source in sources {
        let advised = source.advice.iter().filter_map(|tuned| tuned.machine.as_ref());
        for machine in source.records.iter().map(|record| &record.machine).chain(advised) {
            let name = fingerprint::of(machine);
            if all.iter().all(|(known, _)| *known != name) {
                all.push((name, machine));
            }
        }
    }
    all
}

/// The machine in a few words.
pub(super) fn place(sources: &[Source]) -> String {
    match machines_of(sources).as_slice() {
        [] => "on an unknown machine".to_owned(),
        [(_, machine)] => {
            let model = machine.cpu_model.as_deref().unwrap_or("an unknown processor");
            let cores = machine.usable_cores.map_or_else(|| "?".to_owned(), |n| n.to_string());
            let guest = if machine.hypervisor == Some(true) { ", virtual" } else { "" };
            format!("on {model} ({cores} cores{guest})")
        }
        several => format!("on {} machines", several.len()),
    }
}

/// One row a fact, one column a machine.
pub(super) fn machines(sources: &[Source]) -> Vec<Block> {
    let machines = machines_of(sources);
    let mut columns = vec![Column::text("fact")];
    columns.extend(machines.iter().take(MACHINES).map(|(name, _)| Column::text(format!("machine {name}"))));
    let mut table = Table::new("What the machine said of itself", columns);
    let shown: Vec<Vec<(&str, Option<String>)>> =
        machines.iter().take(MACHINES).map(|(_, machine)| facts(machine)).collect();
    for (number, (fact, _)) in shown.first().into_iter().flatten().enumerate() {
        let mut row = vec![Value::Text((*fact).to_owned())];
        let value =
            |facts: &Vec<(&str, Option<String>)>| facts.get(number).and_then(|(_, value)| value.clone());
        row.extend(shown.iter().map(|facts| value(facts).map_or(Value::Missing, Value::Text)));
        table.push(row);
    }
    if machines.len() > MACHINES {
        table.notes.push(format!("{} more machines are not shown.", machines.len() - MACHINES));
    }
    table.notes.push("-: it could not be read there; nothing is guessed.".to_owned());
    vec![Block::Table(table)]
}

fn facts(machine: &Machine) -> Vec<(&'static str, Option<String>)> {
    let caches = machine.caches.as_ref().map(|caches| {
        let cache = |c: &reports::machine::Cache| {
            format!(
                "L{} {} {} (cores {})",
                c.level,
                c.kind.to_lowercase(),
                plots::label::bytes(c.bytes as f64),
                c.shared_by
            )
        };
        caches.iter().map(cache).collect::<Vec<_>>().join("; ")
    });
    let cores = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let load = machine.load_average.map(|[one, five, fifteen]| format!("{one} {five} {fifteen}"));
    vec![
        ("processor", machine.cpu_model.clone()),
        (
            "cores usable / there",
            Some(format!("{} / {}", cores(machine.usable_cores), cores(machine.logical_cores))),
        ),
        ("virtual", machine.hypervisor.map(|yes| if yes { "yes" } else { "no" }.to_owned())),
        ("caches", caches),
        ("memory", machine.memory_bytes.map(|bytes| plots::label::bytes(bytes as f64))),
        ("page", machine.page_bytes.map(|bytes| plots::label::bytes(bytes as f64))),
        ("huge pages", machine.transparent_huge_pages.clone()),
        ("kernel", machine.kernel.clone()),
        ("mitigations", machine.mitigations.clone()),
        ("governor", machine.governor.clone()),
        ("clock source", machine.clock_source.clone()),
        ("load before the first launch", load),
    ]
}

/// The records of each suite of each folder.
fn by_suite(sources: &[Source]) -> Vec<(String, Vec<&RunRecord>)> {
    let mut all = Vec::new();
    for source in sources {
        let mut suites: BTreeMap<&str, Vec<&RunRecord>> = BTreeMap::new();
        for record in &source.records {
            suites.entry(record.suite.as_deref().unwrap_or(&record.scenario)).or_default().push(record);
        }
        let several = sources.len() > 1;
        let name =
            |suite: &str| if several { format!("{}: {suite}", source.name()) } else { suite.to_owned() };
        all.extend(suites.into_iter().map(|(suite, records)| (name(suite), records)));
    }
    all
}

/// One row a suite: what else went on while its launches ran.
pub(super) fn noise(sources: &[Source]) -> Vec<Block> {
    let mut columns = vec![Column::text("suite")];
    columns.extend(["launches", "void"].map(|name| Column::number(name, Unit::None)));
    columns.push(Column::number("batches dropped", Unit::Named("%".into())));
    columns.extend(["steal, all", "others' CPU, all"].map(|name| Column::number(name, Unit::Time)));
    columns.push(Column::number("switches a launch, most", Unit::None));
    columns.push(Column::number("page faults a launch, most", Unit::None));
    columns.push(Column::number("longest gap", Unit::Time));
    columns.push(Column::number("load, most", Unit::None));
    let mut table = Table::new("Noise, by suite", columns);
    for (suite, records) in by_suite(sources) {
        table.push(row(suite, &records));
    }
    table.notes.extend([
        "Steal: time that the hypervisor gave to others. Switches: times that a process was taken off its core. Longest \
         gap: what a spinning clock reader saw. Load: average over a minute before a launch."
            .to_owned(),
        "A batch is dropped by one rule that was declared beforehand: the control on either side of it took more than \
         1.1 times the fastest of its process."
            .to_owned(),
    ]);
    vec![Block::Table(table)]
}

fn row(suite: String, records: &[&RunRecord]) -> Vec<Value> {
    let of = |fact: &dyn Fn(&Noise) -> Option<u64>| {
        let all = records.iter().filter_map(|record| record.noise.as_ref().and_then(fact));
        all.collect::<Vec<u64>>()
    };
    let sum = |all: Vec<u64>| if all.is_empty() { Value::Missing } else { Value::Ns(all.iter().sum()) };
    let most = |all: Vec<u64>| all.into_iter().max();
    let load = records.iter().filter_map(|r| r.machine.load_average).map(|load| load[0]).reduce(f64::max);
    vec![
        Value::Text(suite),
        Value::Count(records.len() as u64),
        Value::Count(records.iter().filter(|record| record.void.is_some()).count() as u64),
        dropped(records).map_or(Value::Missing, |share| Value::Real(share, 1)),
        sum(of(&|noise| noise.steal_ns)),
        sum(of(&|noise| noise.other_cpu_ns)),
        most(of(&|noise| noise.involuntary_switches)).map_or(Value::Missing, Value::Count),
        most(of(&|noise| noise.page_faults)).map_or(Value::Missing, Value::Count),
        most(of(&|noise| noise.longest_gap_ns)).map_or(Value::Missing, Value::Ns),
        load.map_or(Value::Missing, |load| Value::Real(load, 2)),
    ]
}

/// The share of all batches that were dropped, %; nothing where there are none.
fn dropped(records: &[&RunRecord]) -> Option<f64> {
    let count = |name: &str| records.iter().filter_map(|record| record.counts.get(name)).sum::<u64>();
    let (kept, dropped) = (count("batches"), count("batches_dropped"));
    (kept + dropped > 0).then(|| 100.0 * dropped as f64 / (kept + dropped) as f64)
}

/// In which suites most batches were dropped.
fn mostly_dropped(sources: &[Source]) -> Option<Finding> {
    let share = |(suite, records): (String, Vec<&RunRecord>)| {
        dropped(&records).filter(|share| *share > 50.0).map(|share| format!("{suite} ({share:.0} %)"))
    };
    let suites: Vec<String> = by_suite(sources).into_iter().filter_map(share).collect();
    let text = format!(
        "More than half of the batches were dropped in {}: the control beside them was not as fast as it can be.",
        suites.join(", ")
    );
    (!suites.is_empty()).then(|| Finding::new(Tone::Caution, text))
}

/// That more wanted to run than there are cores, before any launch began.
fn busy(source: &Source) -> Option<Finding> {
    let load = |record: &RunRecord| {
        let (load, cores) = (record.machine.load_average?[0], record.machine.usable_cores?);
        (load > f64::from(cores)).then_some((load, cores))
    };
    let (load, cores) = source.records.iter().filter_map(load).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let name = source.name();
    let text = format!(
        "{name}: the machine was busy: a load of up to {load:.1} on {cores} cores, these launches included."
    );
    Some(Finding::new(Tone::Caution, text))
}

/// Whether the host was steady, and one.
pub(super) fn findings(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let Some(spread) = control_spread(&source.records) else { continue };
        let (percent, name) = ((spread - 1.0) * 100.0, source.name());
        findings.push(if spread > STEADY {
            let text = format!(
                "{name}: the control, which runs none of our code, spread by {percent:.0} %: the host was not steady."
            );
            Finding::new(Tone::Caution, text)
        } else {
            Finding::new(Tone::Good, format!("{name}: the host was steady: the control spread by {percent:.1} %."))
        });
    }
    findings.extend(sources.iter().filter_map(busy));
    findings.extend(mostly_dropped(sources));
    let records = || sources.iter().flat_map(|source| &source.records);
    if machines_of(sources).len() > 1 {
        findings.push(Finding::new(Tone::Caution, "Records of several machines: compare within one only."));
    }
    let all: BTreeSet<String> = records().map(|record| short(&record.revision)).collect();
    if all.len() > 1 {
        let text = format!("Records of several revisions: {}.", revisions(records()));
        findings.push(Finding::new(Tone::Caution, text));
    }
    if let Some(dirty) = all.iter().find(|revision| revision.ends_with("-dirty")) {
        let text =
            format!("Revision {dirty}: built from files that differ from it, so nobody can build it again.");
        findings.push(Finding::new(Tone::Caution, text));
    }
    findings
}
