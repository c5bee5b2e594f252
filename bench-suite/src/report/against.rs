//! Each policy against the kernel's: one row a policy, over all cells that both have.
//!
//! A cell's ratio is paired by launch, as everywhere; the row says its median over cells and how far cells lie
//! apart, and in how many the whole interval lies on one side.

use crate::measure::verdict::{Compared, Groups, compared};
use reports::stats::median;
use reports::table::{Column, Table, Unit, Value};
use workloads::suite::expect::Subject;
use workloads::suite::filter::Filter;
use workloads::suite::{Cell, Suite};

/// Whom the others are held against.
const BASE: &str = "kernel";
/// In what.
const METRIC: &str = "ns_per_op";

/// The table; nothing where there is no kernel's policy, or nothing beside it.
pub(super) fn table(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Option<Table> {
    let mut policies: Vec<&str> = Vec::new();
    for cell in cells {
        if cell.policy != BASE && !policies.contains(&cell.policy.as_str()) {
            policies.push(&cell.policy);
        }
    }
    let numbers = ["cells", "median", "least", "most", "faster", "slower"];
    let columns = std::iter::once(Column::text("policy"));
    let columns = columns.chain(numbers.map(|name| Column::number(name, Unit::None))).collect();
    let mut table = Table::new(format!("{}: time against the kernel's policy (= 1)", suite.name), columns);
    let mut rows: Vec<(f64, Vec<Value>)> =
        policies.into_iter().filter_map(|policy| row(policy, &of(policy, cells, groups))).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.into_iter().for_each(|(_, row)| table.push(row));
    table.notes.push(
        "Median, least and most over cells of ns_per_op / the kernel's, paired by launch; faster and slower: cells \
         whose whole interval says so, which wants six launches."
            .to_owned(),
    );
    (!table.rows().is_empty()).then_some(table)
}

fn of(policy: &str, cells: &[Cell], groups: &Groups<'_>) -> Vec<Compared> {
    let is = |policy: &str| Filter::equal([("policy", policy.to_owned())]);
    let subject = Subject {
        metric: METRIC.to_owned(),
        place: None,
        compare: is(policy),
        against: Some(is(BASE)),
        within: Filter::equal([]),
    };
    compared(&subject, cells, groups)
}

/// The row, and the median that it is ordered by.
fn row(policy: &str, cells: &[Compared]) -> Option<(f64, Vec<Value>)> {
    let ratios: Vec<f64> = cells.iter().map(|cell| cell.estimate.median).collect();
    let middle = median(&ratios)?;
    let ends = ratios.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let intervals: Vec<(f64, f64)> =
        cells.iter().filter_map(|cell| cell.estimate.interval.map(|(low, high, _)| (low, high))).collect();
    let count = |side: &dyn Fn(&(f64, f64)) -> bool| {
        let n = intervals.iter().filter(|interval| side(interval)).count() as u64;
        if intervals.is_empty() { Value::Missing } else { Value::Count(n) }
    };
    let real = |x: f64| Value::Real(x, 3);
    let row = vec![
        Value::Text(policy.to_owned()),
        Value::Count(cells.len() as u64),
        real(middle),
        real(ends.0),
        real(ends.1),
        count(&|(_, high)| *high < 1.0),
        count(&|(low, _)| *low > 1.0),
    ];
    Some((middle, row))
}
