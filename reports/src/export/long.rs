//! CSV, one number a row: every metric of every launch, with all that tells launches apart.

use super::cells::{Cell, Export, Run};
use super::measure::unit;
use super::{Exported, Form};
use crate::csv;
use crate::metric;
use crate::record::RunRecord;
use crate::table::{Column, Table, Unit, Value};

/// The columns before `metric`.
const TEXTS: [&str; 6] = ["run", "machine", "revision", "cell", "arm", "policy"];

/// The runs as CSV.
#[must_use]
pub fn text(export: &Export<'_>) -> Exported {
    let mut columns: Vec<Column> = TEXTS.iter().map(|name| Column::text(*name)).collect();
    columns.extend(["launch", "block", "seed", "started"].map(|name| Column::number(name, Unit::None)));
    columns.extend([Column::text("parameters"), Column::text("metric"), Column::text("unit")]);
    columns.push(Column::number("value", Unit::None));
    let mut table = Table::new("", columns);
    for (run, cell, _) in export.cells() {
        let metrics = export.all_metrics(cell);
        for record in cell.launches {
            for (name, number) in metrics.iter().filter_map(|m| Some((m, metric::of(record, m)?))) {
                let mut row = launch(run, cell, record);
                row.extend([Value::Text(name.clone()), Value::Text(unit(name)), exact(number)]);
                table.push(row);
            }
        }
    }
    let entries = table.rows().len();
    Exported { form: Form::Text(csv::render(&table)), entries, notes: Vec::new() }
}

fn launch(run: &Run<'_>, cell: &Cell<'_>, record: &RunRecord) -> Vec<Value> {
    let arm = cell.arm().unwrap_or_default().to_owned();
    let parameters: Vec<String> =
        record.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let place = record.place.as_ref();
    let number = |n: Option<u32>| n.map_or(Value::Missing, |n| Value::Count(n.into()));
    let texts = [&run.label, &run.machine, &record.revision, &cell.id(), &arm, &record.policy.label]
        .map(|text| Value::Text(text.clone()));
    let mut row = Vec::from(texts);
    row.extend([number(place.map(|place| place.launch)), number(place.and_then(|place| place.block))]);
    row.extend([Value::Count(record.seed), Value::Count(record.started)]);
    row.push(Value::Text(parameters.join(";")));
    row
}

/// A number with as many decimals as it takes to read the same one again.
fn exact(number: f64) -> Value {
    let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    Value::Real(number, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::{export, launch as record, run, text as of, timed};

    #[test]
    fn one_number_a_row() {
        let mut launches = [record("s/x=1", Some("B"), 3, 97.25)];
        launches[0].parameters =
            [("x".to_owned(), "1".to_owned()), ("copy".to_owned(), "off".to_owned())].into();
        launches[0].failures = [("capacity".to_owned(), 2)].into();
        launches[0].policy.label = "=cmd()".to_owned();
        let found = of(text(&export(vec![run("night", &[&launches])], &[])));
        let head = "night,0123456789abcdef,408f583,s/x=1,B,'=cmd(),3,,0,1700000003,copy=off;x=1";
        let rows = [
            "counter.areas_tried,1,7",
            "failed,1,2",
            "failed.capacity,1,2",
            "jain,1,1",
            "ns_per_op,ns/op,97.25",
        ];
        let rows: String = rows.iter().map(|row| format!("{head},{row}\r\n")).collect();
        let columns =
            "run,machine,revision,cell,arm,policy,launch,block,seed,started,parameters,metric,unit,value\r\n";
        assert_eq!(found, format!("{columns}{rows}"));
    }

    #[test]
    fn numbers_are_exact_and_plain_and_what_is_absent_has_no_row() {
        let numbers = [0.1 + 0.2, -1.5, 1e-7, 1e21, 9_007_199_254_740_991.0, f64::INFINITY];
        let launches: Vec<RunRecord> =
            (0..).zip(numbers).map(|(n, ns)| record("s/x=1", None, n, ns)).collect();
        let timed = [timed(record("s/y=1", None, 0, 1.0), 50)];
        let export = export(vec![run("r", &[&launches, &timed])], &["ns_per_op", "map.p99.9", "map.p50"]);
        let found = of(text(&export));
        let values: Vec<&str> = found.lines().skip(1).filter_map(|row| row.rsplit(',').next()).collect();
        let expected = [
            "0.30000000000000004",
            "-1.5",
            "0.0000001",
            "1000000000000000000000",
            "9007199254740991",
            "",
            "1",
            "549",
        ];
        // 1,000 samples are too few for p99.9.
        assert_eq!(values, expected);
    }
}
