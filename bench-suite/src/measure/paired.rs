//! What a comparison's records say of each pair: differences by block, steps, what was void.
//!
//! Per block d = mean(ln B) - mean(ln A) over its two launches of each arm, and the same of the null arm. A
//! block with a launch that is void, or without its number, is no block: the rule is declared here.

use super::fit;
use super::plan::RunPlan;
use reports::compare::judge::Blocks;
use reports::metric;
use reports::record::RunRecord;
use reports::stats::{mean, median};
use std::collections::{BTreeMap, BTreeSet};

/// The records of one pair.
#[derive(Debug, Default)]
pub struct Paired<'r> {
    records: Vec<&'r RunRecord>,
    contended: bool,
}

/// A step counter: its name, and its medians of A and of B; nothing of a side that does not count it.
pub type Steps = (String, Option<f64>, Option<f64>);

/// The records by pair, in the order of the plan's pairs.
#[must_use]
pub fn paired<'r>(plan: &RunPlan, records: &'r [RunRecord]) -> Vec<Paired<'r>> {
    let numbers: BTreeMap<(bool, &str), usize> =
        plan.cells.iter().enumerate().map(|(n, (_, cell))| ((n % 2 == 1, cell.id.as_str()), n / 2)).collect();
    let contended =
        plan.cells.chunks_exact(2).map(|pair| pair.iter().any(|(_, cell)| fit::is_contended(cell)));
    let mut pairs: Vec<Paired<'r>> =
        contended.map(|contended| Paired { contended, ..Paired::default() }).collect();
    for record in records {
        let number = arm(record).and_then(|arm| numbers.get(&(arm == "B", record.scenario.as_str())));
        if let Some(pair) = number.and_then(|&number| pairs.get_mut(number)) {
            pair.records.push(record);
        }
    }
    pairs
}

fn arm(record: &RunRecord) -> Option<&str> {
    record.place.as_ref()?.arm.as_deref()
}

impl Paired<'_> {
    /// The first `count` blocks' differences in the metric `name`, with those of the null arm if it ran.
    #[must_use]
    pub fn blocks(&self, name: &str, with_null: bool, count: u32) -> Blocks {
        let mut logs: BTreeMap<(u32, &str), Vec<f64>> = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.void.is_none()) {
            let place = record.place.as_ref().and_then(|place| Some((place.block?, place.arm.as_deref()?)));
            if let Some((place, number)) = place.zip(metric::of(record, name)).filter(|(_, n)| *n > 0.0) {
                logs.entry(place).or_default().push(number.ln());
            }
        }
        let middle =
            |block, arm| logs.get(&(block, arm)).filter(|logs| logs.len() == 2).and_then(|l| mean(l));
        let minus_a = |arm| (0..count).map(|block| Some(middle(block, arm)? - middle(block, "A")?)).collect();
        Blocks { differences: minus_a("B"), null: with_null.then(|| minus_a("N")) }
    }

    /// Its launches in blocks, void ones too, each with its arm.
    pub(super) fn in_blocks(&self) -> impl Iterator<Item = (&str, &RunRecord)> {
        let in_block =
            |record: &&&RunRecord| record.place.as_ref().is_some_and(|place| place.block.is_some());
        self.records.iter().filter(in_block).filter_map(|record| Some((arm(record)?, *record)))
    }

    /// Launches whose numbers may not be used.
    #[must_use]
    pub fn void(&self) -> usize {
        self.records.iter().filter(|record| record.void.is_some()).count()
    }

    /// Why the first launch whose numbers may not be used is void.
    #[must_use]
    pub fn why_void(&self) -> Option<&str> {
        self.records.iter().find_map(|record| record.void.as_deref())
    }

    /// Whether its cells' threads wait for each other: its times are advice.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        self.contended
    }

    /// The revisions that ran one arm.
    #[must_use]
    pub fn revisions(&self, of_arm: &str) -> BTreeSet<&str> {
        let ran = self.records.iter().filter(|record| record.void.is_none() && arm(record) == Some(of_arm));
        ran.map(|record| record.revision.as_str()).collect()
    }

    /// Whether its cells run more than one thread, so that no count is exact.
    #[must_use]
    pub fn has_several_threads(&self) -> bool {
        self.records.iter().any(|record| record.threads.len() > 1)
    }

    /// The median of a metric over one arm's launches.
    #[must_use]
    pub fn median(&self, of_arm: &str, name: &str) -> Option<f64> {
        let usable = self.records.iter().filter(|r| r.void.is_none() && arm(r) == Some(of_arm));
        median(&usable.filter_map(|record| metric::of(record, name)).collect::<Vec<_>>())
    }

    /// Step counters per operation, where the runner gave them; else the counters themselves.
    #[must_use]
    pub fn steps(&self) -> Vec<Steps> {
        let names: BTreeSet<&String> =
            self.records.iter().flat_map(|record| record.counters.keys()).collect();
        let side = |arm: &str, name: &str| {
            let per_op = self.median(arm, &format!("{name}_per_op"));
            per_op.or_else(|| self.median(arm, &format!("counter.{name}")))
        };
        let both = |name: &&String| ((*name).clone(), side("A", name), side("B", name));
        let counted = |steps: &Option<f64>| steps.is_some_and(|steps| steps > 0.0);
        names.iter().map(both).filter(|(_, a, b)| counted(a) || counted(b)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use reports::evidence::Place;
    use reports::record::{Kind, PolicyName};

    fn record(block: u32, launch: u32, arm: &str, ns: f64) -> RunRecord {
        let mut record = RunRecord::new(Kind::Cell, format!("s/policy={arm}"), PolicyName::default());
        let arm = Some(arm.to_owned());
        record.place = Some(Place { launch, block: Some(block), arm, ..Place::default() });
        record.metrics.insert("ns_per_op".into(), ns);
        record
    }

    fn arms(block: u32, numbers: [(&'static str, [f64; 2]); 3]) -> Vec<RunRecord> {
        let two = |(arm, two): (&'static str, [f64; 2])| {
            two.into_iter().zip(0..).map(move |(ns, i)| record(block, 2 * block + i, arm, ns))
        };
        numbers.into_iter().flat_map(two).collect()
    }

    fn blocks(records: &[RunRecord], count: u32) -> Blocks {
        Paired { records: records.iter().collect(), contended: false }.blocks("ns_per_op", true, count)
    }

    #[test]
    fn a_slow_spell_of_the_host_cancels() {
        // Every block is slower than the one before; B is always a tenth above A, the null arm like A.
        let all = (0..12_u32).flat_map(|n| {
            let base = 100.0 * f64::from(n + 1);
            arms(n, [("A", [base, base * 1.5]), ("B", [base * 1.1, base * 1.65]), ("N", [base * 1.5, base])])
        });
        let found = blocks(&all.collect::<Vec<_>>(), 12);
        assert!(found.differences.iter().all(|d| (d.unwrap() - 1.1_f64.ln()).abs() < 1e-9), "{found:?}");
        assert!(found.null.unwrap().iter().all(|d| d.unwrap().abs() < 1e-9));
    }

    #[test]
    fn blocks_that_are_not_whole_are_discarded() {
        let whole = |n| arms(n, [("A", [1.0, 1.0]), ("B", [2.0, 2.0]), ("N", [1.0, 1.0])]);
        let mut records = whole(0);
        records.extend(whole(1).into_iter().filter(|r| r.place.as_ref().unwrap().launch != 3));
        let mut void = whole(2);
        void[3].void = Some("oracle".into());
        records.extend(void);
        let found = blocks(&records, 4);
        let there = |d: &[Option<f64>]| d.iter().map(Option::is_some).collect::<Vec<_>>();
        assert_eq!(there(&found.differences), [true, false, false, false]);
        // The launch that is void is one of B's: the null arm has lost nothing by it.
        assert_eq!(there(&found.null.unwrap()), [true, false, true, false]);
    }

    #[test]
    fn arms_of_one_id_are_told_apart() {
        let mut records = arms(0, [("A", [1.0, 1.0]), ("B", [2.0, 2.0]), ("N", [3.0, 3.0])]);
        for record in &mut records {
            record.scenario = "s/policy=kernel".into();
            record.counters.insert("slots_scanned".into(), 7);
        }
        let pair = Paired { records: records.iter().collect(), contended: false };
        let medians = ["A", "B", "N"].map(|arm| pair.median(arm, "ns_per_op"));
        assert_eq!(medians, [Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!(pair.steps(), [("slots_scanned".to_owned(), Some(7.0), Some(7.0))]);
    }
}
