//! What a comparison's records say: per cell, the ratio of B to A with its interval.
//!
//! Per block d = mean(log B) - mean(log A) over its two launches of each; the estimate is the median of
//! d over blocks, its interval the exact sign test's order statistics.

use super::groups::is_oversubscribed;
use super::table::estimate as shown;
use reports::metric;
use reports::record::RunRecord;
use reports::stats::sign_test::{ALPHA, Estimate, estimate};
use reports::stats::{mean, median};
use reports::table::{Column, Table, Unit, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer blocks than this only advise.
pub const ADVICE_BELOW: usize = 12;

/// One cell's comparison.
#[derive(Debug, PartialEq)]
pub struct Paired {
    /// The cell without its policy.
    pub scenario: String,
    /// B over A.
    pub ratio: Option<Estimate>,
    /// Exact counts per side, by name: medians of A and of B.
    pub steps: Vec<(String, f64, f64)>,
    /// More threads than cores: no verdict.
    pub oversubscribed: bool,
    /// Launches whose numbers may not be used.
    pub void: usize,
}

/// An id without its policy: what both sides share.
#[must_use]
pub fn scenario_of(id: &str) -> String {
    let (suite, rest) = id.split_once('/').unwrap_or(("", id));
    let kept: Vec<&str> = rest.split(',').filter(|pair| !pair.starts_with("policy=")).collect();
    format!("{suite}/{}", kept.join(","))
}

/// Every cell's comparison in `metric`.
#[must_use]
pub fn pairs(records: &[RunRecord], name: &str) -> Vec<Paired> {
    let mut scenarios: BTreeMap<String, Vec<&RunRecord>> = BTreeMap::new();
    for record in records {
        if record.place.as_ref().is_some_and(|place| place.arm.is_some() && place.block.is_some()) {
            scenarios.entry(scenario_of(&record.scenario)).or_default().push(record);
        }
    }
    let paired = |(scenario, records): (String, Vec<&RunRecord>)| Paired {
        scenario,
        ratio: estimate(&differences(&records, name), ALPHA).map(Estimate::exp),
        steps: steps(&records),
        oversubscribed: records.iter().any(|record| is_oversubscribed(record)),
        void: records.iter().filter(|record| record.void.is_some()).count(),
    };
    scenarios.into_iter().map(paired).collect()
}

/// d of every block that is whole: two launches of each side, none void.
#[must_use]
pub fn differences(records: &[&RunRecord], name: &str) -> Vec<f64> {
    let mut blocks: BTreeMap<u32, [Vec<f64>; 2]> = BTreeMap::new();
    for record in records.iter().filter(|record| record.void.is_none()) {
        let Some(place) = &record.place else { continue };
        let (Some(block), Some(number)) = (place.block, metric::of(record, name)) else { continue };
        let side = usize::from(place.arm.as_deref() == Some("B"));
        if let Some(logs) = blocks.entry(block).or_default().get_mut(side).filter(|_| number > 0.0) {
            logs.push(number.ln());
        }
    }
    let whole = blocks.into_values().filter(|[a, b]| a.len() == 2 && b.len() == 2);
    whole.filter_map(|[a, b]| Some(mean(&b)? - mean(&a)?)).collect()
}

/// Step counters per operation, where the runner gave them; else the counters themselves.
fn steps(records: &[&RunRecord]) -> Vec<(String, f64, f64)> {
    let names: BTreeSet<&String> = records.iter().flat_map(|record| record.counters.keys()).collect();
    let side = |arm: &str, name: &str| {
        let of_arm = |record: &&&RunRecord| record.place.as_ref().and_then(|p| p.arm.as_deref()) == Some(arm);
        let numbers = records.iter().filter(of_arm).filter_map(|record| {
            metric::of(record, &format!("{name}_per_op"))
                .or_else(|| metric::of(record, &format!("counter.{name}")))
        });
        median(&numbers.collect::<Vec<_>>())
    };
    let both = |name: &&String| Some(((*name).clone(), side("A", name)?, side("B", name)?));
    names.iter().filter_map(both).filter(|(_, a, b)| a + b > 0.0).collect()
}

/// The table of a comparison.
#[must_use]
pub fn table(title: String, pairs: &[Paired]) -> Table {
    let columns = vec![
        Column::text("cell"),
        Column::text("B / A"),
        Column::number("blocks", Unit::None),
        Column::text("verdict"),
        Column::text("steps that differ, A -> B"),
    ];
    let mut table = Table::new(title, columns);
    for pair in pairs {
        let blocks = pair.ratio.map_or(0, |ratio| ratio.n);
        table.push(vec![
            Value::Text(pair.scenario.clone()),
            pair.ratio.map_or(Value::Missing, |ratio| Value::Text(shown(ratio))),
            Value::Count(blocks as u64),
            Value::Text(verdict(pair)),
            Value::Text(differing(&pair.steps)),
        ]);
    }
    table.notes.push(
        "Each block is ABBA or BAAB of fresh processes; interval: exact sign test, at least 95 % in each row by itself."
            .to_owned(),
    );
    if pairs.iter().filter_map(|pair| pair.ratio).any(|ratio| ratio.n < ADVICE_BELOW) {
        table.notes.push(format!("Fewer than {ADVICE_BELOW} blocks only advise."));
    }
    table
}

fn verdict(pair: &Paired) -> String {
    let void = if pair.void > 0 { format!(", {} void", pair.void) } else { String::new() };
    let word = match pair.ratio {
        _ if pair.oversubscribed => "oversubscribed: none",
        None => "no whole block",
        Some(ratio) if ratio.interval.is_none() => "too few blocks",
        Some(ratio) if ratio.excludes(1.0) && ratio.median < 1.0 => "B lower",
        Some(ratio) if ratio.excludes(1.0) => "B higher",
        Some(_) => "no difference seen",
    };
    format!("{word}{void}")
}

fn differing(steps: &[(String, f64, f64)]) -> String {
    let differ = steps.iter().filter(|(_, a, b)| (a - b).abs() > f64::EPSILON * a.abs().max(b.abs()));
    let shown: Vec<String> = differ.map(|(name, a, b)| format!("{name} {a} -> {b}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use reports::evidence::Place;
    use reports::record::{Kind, PolicyName};

    fn record(block: u32, launch: u32, arm: &str, ns: f64) -> RunRecord {
        let id = format!("s/policy={arm},pools=4");
        let mut record = RunRecord::new(Kind::Cell, id, PolicyName::default());
        let arm = Some(arm.to_owned());
        record.place = Some(Place { launch, block: Some(block), arm, ..Place::default() });
        record.metrics.insert("ns_per_op".into(), ns);
        record
    }

    fn block(block: u32, a: [f64; 2], b: [f64; 2]) -> Vec<RunRecord> {
        let side = |arm: &'static str, numbers: [f64; 2]| {
            numbers.into_iter().zip(0..).map(move |(ns, i)| record(block, 2 * block + i, arm, ns))
        };
        side("A", a).chain(side("B", b)).collect()
    }

    #[test]
    fn a_slow_spell_of_the_host_cancels() {
        // Every block is slower than the one before; B is always a tenth above A.
        let records: Vec<_> = (0..12_u32)
            .flat_map(|n| {
                let base = 100.0 * f64::from(n + 1);
                block(n, [base, base * 1.5], [base * 1.1, base * 1.65])
            })
            .collect();
        let found = pairs(&records, "ns_per_op");
        assert_eq!((found.len(), found[0].scenario.as_str()), (1, "s/pools=4"));
        let ratio = found[0].ratio.unwrap();
        assert!((ratio.median - 1.1).abs() < 1e-9 && ratio.n == 12, "{ratio:?}");
        assert_eq!(verdict(&found[0]), "B higher");
    }

    #[test]
    fn blocks_that_are_not_whole_do_not_count() {
        let mut records = block(0, [1.0, 1.0], [2.0, 2.0]);
        records.extend(block(1, [1.0, 1.0], [2.0, 2.0]).into_iter().take(3));
        let mut void = block(2, [1.0, 1.0], [2.0, 2.0]);
        void[3].void = Some("oracle".into());
        records.extend(void);
        let found = pairs(&records, "ns_per_op");
        assert_eq!((found[0].ratio.unwrap().n, found[0].void), (1, 1));
        assert_eq!(verdict(&found[0]), "too few blocks, 1 void");
    }

    /// The interval against all orders of a small set: the 3rd smallest and the 3rd largest of twelve.
    #[test]
    fn the_interval_is_made_of_the_blocks_own_differences() {
        let d: Vec<f64> = (0..12).map(|n| 0.01 * f64::from(n) - 0.03).collect();
        let records: Vec<_> =
            d.iter().zip(0..).flat_map(|(d, n)| block(n, [100.0; 2], [100.0 * d.exp(); 2])).collect();
        let (low, high, _) = pairs(&records, "ns_per_op")[0].ratio.unwrap().interval.unwrap();
        assert!((low.ln() - d[2]).abs() < 1e-9 && (high.ln() - d[9]).abs() < 1e-9);
    }
}
