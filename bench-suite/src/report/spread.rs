//! A table in which cells that differ in one key share a row, each with its number and what speaks against it.

use super::against::against;
use crate::measure::groups::Group;
use crate::measure::metrics::NS_PER_OP;
use crate::measure::table::{decimals, estimate as written, varying};
use crate::measure::verdict::Groups;
use crate::policies::BASELINE;
use reports::stats::sign_test::{ALPHA, Estimate, estimate};
use reports::table::{Column, Table, Unit, Value};
use std::collections::BTreeMap;
use workloads::suite::Cell;

/// What speaks against a number, where it does.
struct Mark {
    /// What stands behind the number.
    sign: &'static str,
    holds: fn(&Group<'_>) -> bool,
    means: &'static str,
}

/// The same that the suite's own table has as a remark.
const MARKS: [Mark; 3] = [
    Mark {
        sign: " †",
        holds: |group| group.oversubscribed(),
        means: "oversubscribed: more threads than cores, no verdict",
    },
    Mark {
        sign: " ‡", holds: |group| !group.void.is_empty(), means: "some launches are void and left out"
    },
    Mark { sign: " §", holds: |group| group.unpinned(), means: "threads were not pinned" },
];

/// A row: the values of all other axes, and its cells by their value of the axis that is spread.
type Row<'a> = (Vec<&'a str>, BTreeMap<&'a str, &'a Cell>);

/// One row for all cells that differ in `key` alone.
pub(super) struct Spread<'a> {
    pub key: &'a str,
    pub metric: &'a str,
    pub cells: &'a [Cell],
    pub groups: &'a Groups<'a>,
}

impl Spread<'_> {
    /// The table, its title `title`.
    pub fn table(&self, title: &str) -> Table {
        let axes: Vec<String> = varying(self.cells).into_iter().filter(|axis| axis != self.key).collect();
        let (values, rows) = self.rows(&axes);
        let is_policy = self.key == "policy" && values.contains(&BASELINE);
        let others: Vec<&str> = values.iter().copied().filter(|v| is_policy && *v != BASELINE).collect();
        let ratios: BTreeMap<String, String> = others
            .iter()
            .flat_map(|policy| against(policy, self.metric, self.cells, self.groups))
            .map(|compared| (compared.cell, written(compared.estimate)))
            .collect();
        let mut table = Table::new(title, self.columns(&axes, &values, &others));
        for (place, row) in rows {
            let number = |value: &&str| row.get(value).and_then(|cell| self.number(cell));
            let ratio = |value: &&str| row.get(value).and_then(|cell| ratios.get(&cell.id).cloned());
            let place = place.into_iter().map(|value| Some(value.to_owned()));
            let all = place.chain(values.iter().map(number)).chain(others.iter().map(ratio));
            table.push(all.map(|text| text.map_or(Value::Missing, Value::Text)).collect());
        }
        table.notes.push(self.note(!others.is_empty()));
        table.notes.extend(self.legend());
        table
    }

    /// The values of the key, and the rows, both as the cells come.
    fn rows<'s>(&'s self, axes: &'s [String]) -> (Vec<&'s str>, Vec<Row<'s>>) {
        let (mut values, mut rows): (Vec<&str>, Vec<Row<'_>>) = Default::default();
        for cell in self.cells {
            let value = cell.values.get(self.key).map_or("", String::as_str);
            let place: Vec<&str> =
                axes.iter().map(|axis| cell.values.get(axis).map_or("-", String::as_str)).collect();
            if !values.contains(&value) {
                values.push(value);
            }
            match rows.iter_mut().find(|(known, _)| *known == place) {
                Some((_, row)) => drop(row.insert(value, cell)),
                None => rows.push((place, BTreeMap::from([(value, cell)]))),
            }
        }
        (values, rows)
    }

    fn columns(&self, axes: &[String], values: &[&str], others: &[&str]) -> Vec<Column> {
        let is_time = self.metric == NS_PER_OP;
        let heading = |value: &&str| {
            let name =
                if self.key == "policy" { (*value).to_owned() } else { format!("{}={value}", self.key) };
            Column::number(name, if is_time { Unit::Named("ns".to_owned()) } else { Unit::None })
        };
        let ratio = |value: &&str| Column::number(format!("{value} / {BASELINE}"), Unit::None);
        let axes = axes.iter().map(Column::text);
        axes.chain(values.iter().map(heading)).chain(others.iter().map(ratio)).collect()
    }

    /// `97.5 [97.1, 98.0]`; nothing where the cell has no number.
    fn number(&self, cell: &Cell) -> Option<String> {
        let group = self.groups.get(&(cell.id.clone(), None))?;
        let numbers: Vec<f64> = group.numbers(self.metric).into_values().collect();
        let Some(Estimate { median, interval, n }) = estimate(&numbers, ALPHA) else {
            return (group.launches.is_empty() && !group.void.is_empty()).then(|| "void".to_owned());
        };
        let decimals = decimals(median);
        let signs: String = MARKS.iter().filter(|mark| (mark.holds)(group)).map(|mark| mark.sign).collect();
        Some(match interval {
            Some((low, high, _)) => {
                format!("{median:.decimals$} [{low:.decimals$}, {high:.decimals$}]{signs}")
            }
            None if self.launches() == (1, 1) => format!("{median:.decimals$}{signs}"),
            None => format!("{median:.decimals$} (n {n}){signs}"),
        })
    }

    /// What the signs in the table mean; nothing where it has none.
    fn legend(&self) -> Option<String> {
        let groups = || self.cells.iter().filter_map(|cell| self.groups.get(&(cell.id.clone(), None)));
        let found = MARKS.iter().filter(|mark| groups().any(|group| (mark.holds)(group)));
        let words: Vec<String> = found.map(|mark| format!("{} {}", mark.sign.trim(), mark.means)).collect();
        (!words.is_empty()).then(|| format!("{}.", words.join("; ")))
    }

    /// How many launches a cell has: the fewest and the most.
    fn launches(&self) -> (usize, usize) {
        let group = |cell: &Cell| self.groups.get(&(cell.id.clone(), None));
        let all = self.cells.iter().map(|cell| group(cell).map_or(0, |group| group.launches.len()));
        (all.clone().min().unwrap_or(0), all.max().unwrap_or(0))
    }

    fn note(&self, ratios: bool) -> String {
        let (least, most) = self.launches();
        let launches = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let paired = if ratios { "; ratios are paired by launch" } else { "" };
        let metric = self.metric;
        if (least, most) == (1, 1) {
            return format!("{metric} of one process launch{paired}.");
        }
        format!("{metric}: median over {launches} process launches, with its exact 95 % interval{paired}.")
    }
}
