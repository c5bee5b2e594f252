//! Records by cell: one number per metric and launch, and what a table says of them.

use crate::run::host::UNPINNED;
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

    /// Whether threads of it could not be pinned.
    #[must_use]
    pub fn unpinned(&self) -> bool {
        self.launches.values().any(|record| is_unpinned(record))
    }
}

/// Whether a record's threads could not be pinned.
#[must_use]
pub fn is_unpinned(record: &RunRecord) -> bool {
    record.notes.iter().any(|note| note == UNPINNED)
}

/// Whether a record is of more threads than the machine had cores for: the runner's word where it counted
/// them, else the parameter. Virtual time has one thread, whatever it simulates.
#[must_use]
pub fn is_oversubscribed(record: &RunRecord) -> bool {
    if let Some(&counted) = record.counts.get("oversubscribed") {
        return counted > 0;
    }
    if record.clock.as_ref().is_some_and(|clock| clock.name == "virtual") {
        return false;
    }
    let threads = record.parameters.get("threads").and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    record.machine.usable_cores.is_some_and(|cores| threads > cores)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::record::{Clock, Kind, PolicyName};

    fn record(threads: &str, counted: Option<u64>) -> RunRecord {
        let mut record = RunRecord::new(Kind::Cell, "s/x", PolicyName::default());
        record.machine.usable_cores = Some(2);
        record.parameters.insert("threads".to_owned(), threads.to_owned());
        record.counts.extend(counted.map(|n| ("oversubscribed".to_owned(), n)));
        record
    }

    #[test]
    fn the_runner_s_count_of_threads_comes_before_the_parameter() {
        assert!(is_oversubscribed(&record("64", None)) && !is_oversubscribed(&record("2", None)));
        // One thread maps and sixty-four look up.
        assert!(is_oversubscribed(&record("1", Some(1))));
        assert!(!is_oversubscribed(&record("64", Some(0))));
        let clock = Clock { name: "virtual".to_owned(), overhead_ns: 0.0, precision_ns: 1.0 };
        assert!(!is_oversubscribed(&RunRecord { clock: Some(clock), ..record("64", None) }));
    }
}
