//! Quantiles by cell and operation, of those cells that have histograms.
//!
//! A number is the median over launches of each launch's quantile, by the sample rule within each. Where the empty
//! loop of the same processes takes over half as long, the tail is the machine's, and the last column says so;
//! without an empty loop there is no such column.

use super::source::operations;
use crate::cell::EMPTY_LOOP;
use crate::measure::groups::Group;
use crate::measure::table::varying;
use crate::measure::verdict::Groups;
use reports::quantile::{Cell as Answer, Quantile};
use reports::table::{Column, Table, Unit, Value};
use std::collections::BTreeSet;
use workloads::suite::{Cell, Suite};

/// The table; nothing where no cell has a histogram.
pub(super) fn table(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Option<Table> {
    let axes = varying(cells);
    let mut columns: Vec<Column> = axes.iter().map(|axis| Column::text(axis.clone())).collect();
    columns.push(Column::text("operation"));
    columns.extend(Quantile::TABLE.iter().map(|q| Column::number(q.to_string(), Unit::Time)));
    columns.extend([Column::number("max", Unit::Time), Column::number("N a launch", Unit::None)]);
    let operations_of = |cell: &Cell| -> BTreeSet<&str> {
        let group = groups.get(&(cell.id.clone(), None));
        group.into_iter().flat_map(|group| group.launches.values()).flat_map(|r| operations(r)).collect()
    };
    let idle = cells.iter().any(|cell| operations_of(cell).contains(EMPTY_LOOP));
    columns.extend(idle.then(|| Column::text("the machine's")));
    let mut table = Table::new(format!("{}: latency by quantile", suite.name), columns);
    for cell in cells {
        let Some(group) = groups.get(&(cell.id.clone(), None)) else { continue };
        for operation in operations_of(cell) {
            let axis =
                |axis: &String| cell.values.get(axis).map_or(Value::Missing, |v| Value::Text(v.clone()));
            let mut row: Vec<Value> = axes.iter().map(axis).collect();
            row.extend(numbers(group, operation));
            row.truncate(table.columns.len());
            table.push(row);
        }
    }
    table.notes.push(
        "Median over launches of each launch's quantile; the maximum is the longest of all. n/a (N): of a launch's N \
         samples fewer than 10 lie beyond the quantile."
            .to_owned(),
    );
    (!table.rows().is_empty()).then_some(table)
}

fn numbers(group: &Group<'_>, operation: &str) -> Vec<Value> {
    let median = |name: &str| group.summary(&format!("{operation}.{name}")).map(|s| s.median);
    let samples = median("n").map_or(0, plots::label::whole);
    let mut row = vec![Value::Text(operation.to_owned())];
    let mut machines = Vec::new();
    for quantile in Quantile::TABLE {
        let name = quantile.to_string();
        let found = median(&name);
        let idle = group.summary(&format!("{EMPTY_LOOP}.{name}")).map(|s| s.median);
        if found.zip(idle).is_some_and(|(found, idle)| idle > found / 2.0) && operation != EMPTY_LOOP {
            machines.push(name);
        }
        let answer = found.map_or(Answer::TooFew(samples), |ns| Answer::Value(plots::label::whole(ns)));
        row.push(Value::Quantile(answer));
    }
    let longest = group.summary(&format!("{operation}.max")).map(|s| plots::label::whole(s.most));
    row.push(longest.map_or(Value::Missing, Value::Ns));
    row.push(Value::Count(samples));
    row.push(Value::Text(machines.join(", ")));
    row
}
