//! Points for programs: one row or one object for each night of each series, and each shift at its night.

use super::Judged;
use super::series::{Key, Point};
use super::shifts::Shift;
use crate::table::{Column, Table, Unit, Value};
use serde::Serialize;

/// A point with all that is said of it.
#[derive(Serialize)]
struct Row<'a> {
    series: String,
    #[serde(flatten)]
    key: &'a Key,
    #[serde(flatten)]
    point: &'a Point,
    shifts: Vec<&'a Shift>,
}

fn rows(all: &[Judged]) -> impl Iterator<Item = Row<'_>> {
    all.iter().flat_map(|judged| {
        let key = &judged.series.key;
        judged.series.points.iter().enumerate().map(move |(i, point)| {
            let shifts = judged.shifts.iter().filter(|shift| shift.index == i).collect();
            Row { series: key.id(), key, point, shifts }
        })
    })
}

/// JSON: an array of objects.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn json(all: &[Judged]) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&rows(all).collect::<Vec<_>>())?;
    text.push('\n');
    Ok(text)
}

/// The same for CSV ([`crate::csv`]); numbers in full, parameters in one field.
#[must_use]
pub fn table(all: &[Judged]) -> Table {
    let text = ["series", "machine", "suite", "cell", "parameters", "metric", "run"].map(Column::text);
    let mut columns = text.to_vec();
    columns.push(Column::number("started", Unit::None));
    columns.push(Column::text("revision"));
    columns.extend(["median", "n", "spread"].map(|name| Column::number(name, Unit::None)));
    columns.push(Column::text("shift"));
    let mut table = Table::new("points", columns);
    for row in rows(all) {
        let parameters = row.key.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let states = row.shifts.iter().map(|shift| if shift.is_open() { "open" } else { "accepted" });
        table.push(vec![
            Value::Text(row.series.clone()),
            Value::Text(row.key.machine.clone()),
            Value::Text(row.key.suite.clone()),
            Value::Text(row.key.cell.clone()),
            Value::Text(parameters.collect::<Vec<_>>().join(" ")),
            Value::Text(row.key.metric.clone()),
            Value::Text(row.point.run.clone()),
            Value::Count(row.point.started),
            Value::Text(row.point.revision.clone()),
            full(row.point.number.median),
            Value::Count(u64::from(row.point.number.n)),
            row.point.number.spread.map_or(Value::Missing, full),
            Value::Text(states.collect::<Vec<_>>().join(" ")),
        ]);
    }
    table
}

/// As many decimals as it takes to read the same number again.
fn full(x: f64) -> Value {
    let shortest = x.to_string();
    Value::Real(x, shortest.split_once('.').map_or(0, |(_, decimals)| decimals.len()))
}
