//! The tables of one record: what happened, how long it took, and how many steps it was.
//!
//! Only a reading of the record: no number is computed here that the record does not hold whole.

use crate::latency::{Latency, MAX_NS};
use crate::quantile::{BEYOND, Quantile};
use crate::record::RunRecord;
use crate::table::{Column, Table, Unit, Value};
use crate::units;

/// The operations in the order in which a mapping goes through them; others follow by name.
const ORDER: [&str; 4] = ["map", "unmap", "sync", "find_pool"];

/// Counts with failures by reason, latencies, and step counters; a table without rows is left out.
#[must_use]
pub fn tables(record: &RunRecord) -> Vec<Table> {
    let all = [counts(record), latencies(record), counters(record)];
    all.into_iter().filter(|table| !table.rows().is_empty()).collect()
}

/// What happened, and every failure with its reason.
#[must_use]
pub fn counts(record: &RunRecord) -> Table {
    let columns = vec![Column::text("what"), Column::number("count", Unit::None)];
    let mut table = Table::new(format!("Counts: {}", subject(record)), columns);
    let failures = record.failures.iter().map(|(reason, n)| (format!("failed: {reason}"), n));
    for (name, n) in record.counts.iter().map(|(name, n)| (name.clone(), n)).chain(failures) {
        table.push(vec![Value::Text(name), Value::Count(*n)]);
    }
    table.notes.extend(record.placement.map(|p| p.to_string()));
    table.notes.extend(record.notes.iter().cloned());
    table
}

/// Quantiles of every operation that was timed, by the sample rule.
#[must_use]
pub fn latencies(record: &RunRecord) -> Table {
    let mut columns = vec![Column::text("operation")];
    columns.extend(Quantile::TABLE.iter().map(|q| Column::number(q.to_string(), Unit::Time)));
    columns.extend([Column::number("max", Unit::Time), Column::number("N", Unit::None)]);
    let mut table = Table::new(format!("Latency: {}", subject(record)), columns);
    let operations = in_order(record);
    for (name, latency) in &operations {
        let quantiles = latency.quantiles();
        let mut row = vec![Value::Text((*name).to_owned())];
        row.extend(quantiles.cells.map(Value::Quantile));
        row.extend([Value::Quantile(quantiles.max), Value::Count(quantiles.samples)]);
        table.push(row);
    }
    table.notes.push(format!("n/a (N): of N samples fewer than {BEYOND} lie beyond the quantile."));
    for (name, latency) in operations.iter().filter(|(_, l)| l.overflow() > 0) {
        let (n, limit) = (units::count(latency.overflow()), units::time(MAX_NS));
        table.notes.push(format!("{name}: {n} above {limit}, counted and not in the histogram."));
    }
    table.notes.extend(record.clock.as_ref().map(|clock| {
        let (name, cost, step) = (&clock.name, clock.overhead_ns, clock.precision_ns);
        format!("Clock {name}: a reading costs {cost:.1} ns and its step is {step:.1} ns; not subtracted.")
    }));
    table
}

/// Step counters.
#[must_use]
pub fn counters(record: &RunRecord) -> Table {
    let columns = vec![Column::text("step"), Column::number("count", Unit::None)];
    let mut table = Table::new(format!("Steps: {}", subject(record)), columns);
    for (name, n) in &record.counters {
        table.push(vec![Value::Text(name.clone()), Value::Count(*n)]);
    }
    table
}

fn subject(record: &RunRecord) -> String {
    format!("{} under {}", record.scenario, record.policy_name())
}

fn in_order(record: &RunRecord) -> Vec<(&str, &Latency)> {
    let known = ORDER.iter().filter_map(|name| record.latencies.get_key_value(*name));
    let others = record.latencies.iter().filter(|(name, _)| !ORDER.contains(&name.as_str()));
    known.chain(others).map(|(name, latency)| (name.as_str(), latency)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;
    use crate::record::{Kind, PolicyName};
    use crate::terminal;

    #[test]
    fn a_replay_in_full() {
        let text: Vec<_> = tables(&sample()).iter().map(terminal::render).collect();
        let expected = "\
Counts: nvme-randread under kernel

 what                  |  count
-----------------------+--------
 maps                  | 20,001
 unmaps                | 19,990
 failed: capacity      |      3
 failed: fragmentation |      1
placement: 20001 of 20001 identical
12 unmaps without a map were skipped

Latency: nvme-randread under kernel

 operation |    p50 |      p90 |      p99 |    p99.9 |       p99.99 |    max |      N
-----------+--------+----------+----------+----------+--------------+--------+--------
 map       | 590 ns |   990 ns | 1,080 ns | 1,089 ns | n/a (20,001) | 60.0 s | 20,001
 find_pool |  19 ns | n/a (30) | n/a (30) | n/a (30) |     n/a (30) |  34 ns |     30
n/a (N): of N samples fewer than 10 lie beyond the quantile.
map: 1 above 60.0 s, counted and not in the histogram.
Clock tsc: a reading costs 9.5 ns and its step is 0.4 ns; not subtracted.

Steps: nvme-randread under kernel

 step               |   count
--------------------+---------
 areas_tried        |  20,010
 slots_stepped_over | 123,456
";
        assert_eq!(text.join("\n"), expected);
    }

    #[test]
    fn operations_come_in_their_order() {
        let mut record = RunRecord::new(Kind::Micro, "x", PolicyName::default());
        for name in ["a_new_one", "find_pool", "unmap", "map"] {
            record.latencies.insert(name.into(), Latency::new());
        }
        let names: Vec<_> = in_order(&record).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["map", "unmap", "find_pool", "a_new_one"]);
    }

    #[test]
    fn nothing_measured_gives_no_table() {
        assert!(tables(&RunRecord::new(Kind::Micro, "x", PolicyName::default())).is_empty());
    }
}
