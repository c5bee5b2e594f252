//! Runs, series and shifts as tables for people.

use super::night::Run;
use super::shifts::{Rule, Shift, State};
use super::{Judged, Point};
use crate::date;
use crate::table::{Column, Table, Unit, Value};

/// The runs, one a row.
#[must_use]
pub fn runs(runs: &[Run]) -> Table {
    let mut columns: Vec<Column> = ["run", "day", "revision", "machine", "suites"].map(Column::text).into();
    columns.extend(["records", "void"].map(|name| Column::number(name, Unit::None)));
    columns.push(Column::text(""));
    let mut table = Table::new("Runs", columns);
    let joined = |texts: &std::collections::BTreeSet<String>| {
        texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    for run in runs {
        table.push(vec![
            Value::Text(run.name.clone()),
            Value::Text(date::day(run.started)),
            Value::Text(run.revision.clone()),
            Value::Text(joined(&run.machines)),
            Value::Text(joined(&run.suites)),
            Value::Count(run.records),
            Value::Count(run.void),
            run.unfinished.map_or(Value::Missing, |left| Value::Text(format!("unfinished: {left}"))),
        ]);
    }
    table
}

/// The series, one a row: where they stand, and whether a shift is open.
#[must_use]
pub fn overview(all: &[Judged]) -> Table {
    let mut columns: Vec<Column> = ["series", "cell", "metric", "machine"].map(Column::text).into();
    columns.push(Column::number("nights", Unit::None));
    columns.push(Column::number("newest", Unit::None));
    columns.push(Column::text("open shift"));
    let mut table = Table::new("Series", columns);
    let is_zero = |judged: &&Judged| judged.series.points.iter().all(|point| point.number.median == 0.0);
    let (zero, shown): (Vec<_>, Vec<_>) = all.iter().partition(is_zero);
    if !zero.is_empty() {
        table.notes.push(format!("{} series that are 0 in every night are not shown.", zero.len()));
    }
    for judged in shown {
        let (key, newest) = (&judged.series.key, judged.series.points.last());
        table.push(vec![
            Value::Text(key.id()),
            Value::Text(key.cell.clone()),
            Value::Text(key.metric.clone()),
            Value::Text(key.machine.clone()),
            Value::Count(judged.series.points.len() as u64),
            newest.map_or(Value::Missing, |point| real(point.number.median)),
            judged.open().map_or(Value::Missing, |shift| Value::Text(sentence(shift))),
        ]);
    }
    table
}

/// The series with an open shift, one a row.
#[must_use]
pub fn alerts(all: &[Judged]) -> Table {
    let mut columns: Vec<Column> = ["series", "cell", "metric"].map(Column::text).into();
    columns.extend(["before", "after"].map(|name| Column::number(name, Unit::None)));
    columns.extend(["change", "since the run", "found by"].map(Column::text));
    let mut table = Table::new("Shifts that nobody has accepted", columns);
    for (judged, shift) in all.iter().filter_map(|judged| Some((judged, judged.open()?))) {
        let key = &judged.series.key;
        table.push(vec![
            Value::Text(key.id()),
            Value::Text(key.cell.clone()),
            Value::Text(key.metric.clone()),
            real(shift.before),
            real(shift.after),
            Value::Text(change(shift)),
            Value::Text(shift.run.clone()),
            Value::Text(rule(shift.rule)),
        ]);
    }
    table.notes.push(
        "A shift is an alert, not a verdict: `ab` gives one. `history accept --reason TEXT` accepts it."
            .to_owned(),
    );
    table
}

/// One series, one night a row, each shift at its first night.
#[must_use]
pub fn series(judged: &Judged) -> Table {
    let key = &judged.series.key;
    let mut columns: Vec<Column> = ["run", "day", "revision"].map(Column::text).into();
    columns.push(Column::number("median", Unit::None));
    columns.push(Column::number("spread", Unit::None));
    columns.push(Column::number("launches", Unit::None));
    columns.push(Column::text("shift"));
    let mut table = Table::new(format!("{}: {} of {}", key.id(), key.metric, key.cell), columns);
    for (i, point) in judged.series.points.iter().enumerate() {
        let here: Vec<String> = judged.shifts.iter().filter(|shift| shift.index == i).map(sentence).collect();
        table.push(night(point, here.join("; ")));
    }
    let parameters: Vec<String> =
        key.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    table.notes.push(format!("Machine {}; {}.", key.machine, parameters.join(", ")));
    table
}

fn night(point: &Point, shifts: String) -> Vec<Value> {
    vec![
        Value::Text(point.run.clone()),
        Value::Text(date::day(point.started)),
        Value::Text(point.revision.clone()),
        real(point.number.median),
        point.number.spread.map_or(Value::Missing, real),
        Value::Count(u64::from(point.number.n)),
        if shifts.is_empty() { Value::Missing } else { Value::Text(shifts) },
    ]
}

/// `+10.0 % (100 to 110), found by …: open`.
fn sentence(shift: &Shift) -> String {
    let state = match &shift.state {
        State::Open => "open".to_owned(),
        State::Settled => "settled by a later acceptance".to_owned(),
        State::Accepted { reason, by, at } => {
            return format!("{}: accepted by {by} on {}: {reason}", change(shift), date::day(*at));
        }
    };
    format!("{}, {}: {state}", change(shift), rule(shift.rule))
}

/// `+10.0 %`, `from 0 to 12`.
fn change(shift: &Shift) -> String {
    let percent = 100.0 * shift.change();
    if percent.is_finite() {
        return format!("{percent:+.1} %");
    }
    format!("from {} to {}", real(shift.before).shown(), real(shift.after).shown())
}

fn rule(rule: Rule) -> String {
    match rule {
        Rule::ChangePoint { p } if p < 1e-9 => "change point (p below 1e-9)".to_owned(),
        Rule::ChangePoint { p } => format!("change point (p {p:.0e})"),
        Rule::StandsOut { fence } => format!("newest night stands out (above {:.1} %)", 100.0 * fence),
        Rule::Accepted => "accepted".to_owned(),
    }
}

/// Three digits or so; whole numbers as such.
fn real(x: f64) -> Value {
    let decimals = match x.abs() {
        _ if x.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    Value::Real(x, decimals)
}
