//! Two stored runs side by side: differences with what may be said of them, as rows or spread over an axis.
//!
//! Invariant: nothing is averaged over cells. An axis that is spread over columns leaves rows that differ in
//! everything else.

use super::groups::is_oversubscribed;
use super::stored::{Stored, StoredRun, different};
use super::table::decimals;
use reports::compare::cmp::{Difference, Launches, Measure, Origin, Statement, Unpaired, differences};
use reports::metric;
use reports::record::RunRecord;
use reports::table::{Column, Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::filter::Filter;

/// The share of false ones among the cells that are called apart.
const RATE: f64 = 0.05;

/// How the cells are sliced.
#[derive(Debug, Default)]
pub struct Slices {
    /// The parameters that rows begin with.
    pub rows: Vec<String>,
    /// The parameter that is spread over columns.
    pub column: Option<String>,
}

/// A difference with its cell's parameters.
#[derive(Debug)]
pub struct Sliced {
    parameters: BTreeMap<String, String>,
    /// More threads than cores, in either run.
    oversubscribed: bool,
    difference: Difference,
}

/// What two runs say of one metric.
#[derive(Debug)]
pub struct Comparison {
    /// One for each cell that passed the filter, by name.
    pub cells: Vec<Sliced>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Whether any launch of any cell has the metric.
    #[must_use]
    pub fn has_numbers(&self) -> bool {
        self.cells.iter().any(|cell| cell.difference.old.n + cell.difference.new.n > 0)
    }
}

/// Compares the cells that `filter` chooses.
#[must_use]
pub fn compare(old: &StoredRun, new: &StoredRun, name: &str, filter: &Filter) -> Comparison {
    let origin = if old.machine == new.machine { Origin::SameMachine } else { Origin::OtherMachine };
    let mut notes: Vec<String> = old.notes.iter().chain(&new.notes).cloned().collect();
    if origin == Origin::OtherMachine {
        notes.push(format!(
            "The runs are of two machines ({} and {}): times are not compared, exact counts are.",
            old.machine, new.machine
        ));
    }
    let nothing = Stored::default();
    let names: BTreeSet<&String> = old.cells.keys().chain(new.cells.keys()).collect();
    let (mut asked, mut of) = (Vec::new(), Vec::new());
    for cell in names {
        let [a, b] = [old, new].map(|run| run.cells.get(cell).unwrap_or(&nothing));
        let parameters = if b.parameters.is_empty() { &a.parameters } else { &b.parameters };
        if !filter.matches(cell, parameters) {
            continue;
        }
        let both = !a.parameters.is_empty() && !b.parameters.is_empty();
        if let Some((key, one, other)) = different(&a.parameters, &b.parameters).filter(|_| both) {
            notes.push(format!("{cell} is left out: {key} was {one} and is {other}."));
            continue;
        }
        asked.push(unpaired(cell, name, a, b));
        let oversubscribed = a.launches.iter().chain(&b.launches).any(is_oversubscribed);
        of.push((parameters.clone(), oversubscribed));
    }
    let differences = differences(&asked, origin, RATE);
    let sliced =
        |((parameters, oversubscribed), difference)| Sliced { parameters, oversubscribed, difference };
    Comparison { cells: of.into_iter().zip(differences).map(sliced).collect(), notes }
}

fn unpaired(cell: &str, name: &str, old: &Stored, new: &Stored) -> Unpaired {
    let numbers = |stored: &Stored| stored.launches.iter().filter_map(|r| metric::of(r, name)).collect();
    let measure = if is_exact(name, old) && is_exact(name, new) { Measure::Exact } else { Measure::Noisy };
    Unpaired { cell: cell.to_owned(), measure, old: numbers(old), new: numbers(new) }
}

/// Whether a metric is a count that follows from the seed: steps, and what happened, of one thread.
fn is_exact(name: &str, stored: &Stored) -> bool {
    let one_thread = stored.parameters.get("threads").is_none_or(|threads| threads == "1");
    let is_count = |record: &RunRecord| {
        let step = name.strip_prefix("counter.").or_else(|| name.strip_suffix("_per_op"));
        step.is_some_and(|step| record.counters.contains_key(step)) || name.starts_with("failed")
    };
    one_thread && stored.launches.iter().all(is_count)
}

/// The parameters that the cells have.
#[must_use]
pub fn keys(runs: [&StoredRun; 2]) -> BTreeSet<String> {
    let cells = runs.into_iter().flat_map(|run| run.cells.values());
    cells.flat_map(|cell| cell.parameters.keys().cloned()).collect()
}

/// The comparison as a table.
#[must_use]
pub fn table(title: String, comparison: &Comparison, slices: &Slices) -> Table {
    let mut table = match &slices.column {
        None => long(title, &comparison.cells, &slices.rows),
        Some(column) => spread(title, &comparison.cells, &slices.rows, column),
    };
    table.notes.extend(comparison.notes.iter().cloned());
    table.notes.push(format!(
        "Medians over launches with their exact 95 % intervals. Apart: by ranks, at most {:.0} % of them by chance \
         (Benjamini-Hochberg). The runs met different hours of the machine: no verdict follows, `ab` gives one.",
        100.0 * RATE
    ));
    table
}

/// One row a cell.
fn long(title: String, cells: &[Sliced], rows: &[String]) -> Table {
    let mut columns: Vec<Column> = rows.iter().map(Column::text).collect();
    columns.extend(["cell", "old", "new", "new / old", "what may be said"].map(Column::text));
    let mut table = Table::new(title, columns);
    let mut ordered: Vec<&Sliced> = cells.iter().collect();
    ordered.sort_by_key(|cell| labels(cell, rows));
    for cell in ordered {
        let difference = &cell.difference;
        let mut row: Vec<Value> = labels(cell, rows).into_iter().map(Value::Text).collect();
        row.extend([
            Value::Text(difference.cell.clone()),
            launches(&difference.old),
            launches(&difference.new),
            ratio(difference).map_or(Value::Missing, Value::Text),
            Value::Text(said(cell)),
        ]);
        table.push(row);
    }
    table
}

/// One row for all cells that differ in `column` alone; in each place the ratio and what may be said.
fn spread(title: String, cells: &[Sliced], rows: &[String], column: &str) -> Table {
    let value = |cell: &Sliced| cell.parameters.get(column).cloned().unwrap_or_default();
    let mut values: Vec<String> = Vec::new();
    let mut places: BTreeMap<(Vec<String>, String), BTreeMap<String, &Sliced>> = BTreeMap::new();
    for cell in cells {
        let value = value(cell);
        let rest = without(&cell.difference.cell, column);
        places.entry((labels(cell, rows), rest)).or_default().insert(value.clone(), cell);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let mut columns: Vec<Column> = rows.iter().map(Column::text).collect();
    columns.push(Column::text("cell"));
    columns.extend(values.iter().map(|value| Column::text(format!("{column}={value}"))));
    let mut table = Table::new(format!("{title}, new / old"), columns);
    for ((labels, rest), cells) in places {
        let mut row: Vec<Value> = labels.into_iter().map(Value::Text).collect();
        row.push(Value::Text(rest));
        row.extend(values.iter().map(|value| cells.get(value).map_or(Value::Missing, |cell| place(cell))));
        table.push(row);
    }
    table
}

fn place(cell: &Sliced) -> Value {
    let (ratio, said) = (ratio(&cell.difference), said(cell));
    Value::Text(ratio.map_or_else(|| said.clone(), |ratio| format!("{ratio}: {said}")))
}

fn labels(cell: &Sliced, rows: &[String]) -> Vec<String> {
    rows.iter().map(|key| cell.parameters.get(key).cloned().unwrap_or_default()).collect()
}

/// An id without one of its axes.
fn without(id: &str, key: &str) -> String {
    let (suite, rest) = id.split_once('/').unwrap_or(("", id));
    let is_key = |pair: &&str| pair.split_once('=').is_none_or(|(name, _)| name != key);
    format!("{suite}/{}", rest.split(',').filter(is_key).collect::<Vec<_>>().join(","))
}

fn said(cell: &Sliced) -> String {
    let word = match cell.difference.statement {
        Statement::Apart => "apart".to_owned(),
        statement => statement.to_string(),
    };
    if cell.oversubscribed { format!("{word}, oversubscribed") } else { word }
}

/// `97.5 [97.1, 98.0], n 12`.
fn launches(side: &Launches) -> Value {
    let Some(median) = side.median else { return Value::Missing };
    let decimals = decimals(median);
    let interval = side.interval.map(|(low, high)| format!(" [{low:.decimals$}, {high:.decimals$}]"));
    Value::Text(format!("{median:.decimals$}{}, n {}", interval.unwrap_or_default(), side.n))
}

fn ratio(difference: &Difference) -> Option<String> {
    let interval = difference.ratio_interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]"));
    difference.ratio.map(|ratio| format!("{ratio:.3}{}", interval.unwrap_or_default()))
}

#[cfg(test)]
#[path = "unpaired_tests.rs"]
mod tests;
