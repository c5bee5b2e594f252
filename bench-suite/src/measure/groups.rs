//! Records by cell: one number per metric and launch, and what a table says of them.

use reports::metric;
use reports::record::RunRecord;
use reports::stats::{median, sorted};
use std::collections::BTreeMap;

/// The launches of one cell (of one arm, in a comparison).
#[derive(Debug, Default)]
pub struct Group<'a> {
    /// Records by launch, void ones left out.
    pub launches: BTreeMap<u32, &'a RunRecord>,
    /// Launches whose numbers may not be used.
    pub void: Vec<&'a RunRecord>,
}

/// What several launches say of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median over launches.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// How many launches had it.
    pub launches: usize,
}

/// All records of a run by cell id and arm.
#[must_use]
pub fn by_cell(records: &[RunRecord]) -> BTreeMap<(String, Option<String>), Group<'_>> {
    let mut groups: BTreeMap<_, Group<'_>> = BTreeMap::new();
    for record in records {
        let Some(place) = &record.place else { continue };
        let group = groups.entry((record.scenario.clone(), place.arm.clone())).or_default();
        if record.void.is_some() {
            group.void.push(record);
        } else {
            group.launches.insert(place.launch, record);
        }
    }
    groups
}

impl Group<'_> {
    /// A metric of every launch that has it.
    #[must_use]
    pub fn numbers(&self, name: &str) -> BTreeMap<u32, f64> {
        self.launches
            .iter()
            .filter_map(|(&launch, record)| Some((launch, metric::of(record, name)?)))
            .collect()
    }

    /// What the launches say of a metric; nothing where none has it.
    #[must_use]
    pub fn summary(&self, name: &str) -> Option<Summary> {
        let numbers = sorted(&self.numbers(name).into_values().collect::<Vec<_>>());
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        Some(Summary { median: median(&numbers)?, least, most, launches: numbers.len() })
    }

    /// Whether more threads ran than there were cores: kept out of verdicts.
    #[must_use]
    pub fn oversubscribed(&self) -> bool {
        self.launches.values().any(|record| is_oversubscribed(record))
    }
}

/// Whether a record is of more threads than the machine had cores for.
#[must_use]
pub fn is_oversubscribed(record: &RunRecord) -> bool {
    let threads = record.parameters.get("threads").and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    record.machine.usable_cores.is_some_and(|cores| threads > cores)
}
