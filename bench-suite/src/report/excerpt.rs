//! A part of a suite for another file: figures and a table of some of its cells, as a marker asks for them.
//!
//! `SUITE [FILTER] [by KEY] [of METRIC[|METRIC…]] [figures|table]`: of the first run that has cells of SUITE which FILTER
//! chooses. With `by`, cells that differ in KEY alone share a row, and policies stand beside the kernel's. Without `of`, the
//! table shows what the suite's does, and one by KEY the time. Below a table a line says when, where and of what revision.

use super::runs::drawn;
use super::source::Source;
use super::spread::Spread;
use super::{lead, of_suite};
use crate::figures::{self, Given};
use crate::measure::groups;
use crate::measure::metrics::NS_PER_OP;
use crate::measure::table;
use crate::measure::verdict::Groups;
use reports::document::Block;
use workloads::suite::filter::Filter;
use workloads::suite::{Cell, Suite};

/// What a marker asks for.
#[derive(Debug, PartialEq)]
pub struct Excerpt {
    suite: String,
    filter: Filter,
    by: Option<String>,
    /// What a table shows; nothing for what it shows anyway.
    metrics: Vec<String>,
    figures: bool,
    table: bool,
}

impl Excerpt {
    /// Reads the words of a marker; nothing of a single word, which is a section's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let mut words = text.split_whitespace().peekable();
        let suite = words.next().unwrap_or_default().to_owned();
        if words.peek().is_none() {
            return Ok(None);
        }
        let filter = Filter::default();
        let mut excerpt = Self { suite, filter, by: None, metrics: Vec::new(), figures: true, table: true };
        while let Some(word) = words.next() {
            match word {
                "by" => excerpt.by = Some(words.next().ok_or("by what? write `by KEY`")?.to_owned()),
                "of" => {
                    let metrics = words.next().ok_or("of what? write `of METRIC`")?;
                    excerpt.metrics = metrics.split('|').map(str::to_owned).collect();
                }
                "figures" => excerpt.table = false,
                "table" => excerpt.figures = false,
                filter if excerpt.filter == Filter::default() => excerpt.filter = Filter::parse(filter)?,
                more => {
                    return Err(format!(
                        "`{more}` is one word too many: SUITE [FILTER] [by KEY] [of METRIC] [figures|table]"
                    ));
                }
            }
        }
        if excerpt.by.is_some() && excerpt.metrics.len() > 1 {
            return Err("a table by a key shows one metric".to_owned());
        }
        Ok(Some(excerpt))
    }

    /// What it is of the first source that has such cells; nothing where none has the suite.
    ///
    /// # Errors
    /// A filter that leaves no cell, or a KEY or METRIC that no cell has.
    pub fn of(&self, sources: &[Source]) -> Result<Option<Vec<Block>>, String> {
        let mut known = false;
        for source in sources {
            let Some(plan) = source.plan.as_ref().filter(|plan| plan.comparison.is_none()) else { continue };
            for (number, suite) in source.suites.iter().enumerate().filter(|(_, s)| s.name == self.suite) {
                known = true;
                let mut cells = of_suite(plan, number);
                cells.retain(|cell| self.filter.matches(&cell.id, &cell.values));
                if cells.is_empty() {
                    continue;
                }
                if let Some(key) =
                    self.by.as_ref().filter(|key| cells.iter().all(|c| !c.values.contains_key(*key)))
                {
                    return Err(format!("no cell of {} has a `{key}`", self.suite));
                }
                let groups = groups::by_cell(&source.records);
                let measured = |metric: &str| groups.values().any(|group| group.summary(metric).is_some());
                if let Some(metric) = self.metrics.iter().find(|metric| !measured(metric)) {
                    return Err(format!("no cell of {} has a metric `{metric}`", self.suite));
                }
                return Ok(Some(self.blocks(source, suite, &cells, &groups)));
            }
        }
        if known { Err(format!("no cell of {} is left by its filter", self.suite)) } else { Ok(None) }
    }

    fn blocks(&self, source: &Source, suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Vec<Block> {
        let mut blocks = Vec::new();
        if self.figures {
            let given =
                Given { suite, cells, groups, cpus: source.cpus(), whole: &|cells| source.whole(cells) };
            blocks.extend(drawn(figures::of_suite(&given)));
        }
        if self.table {
            blocks.push(Block::Table(match &self.by {
                Some(key) => {
                    let metric = self.metrics.first().map_or(NS_PER_OP, String::as_str);
                    Spread { key, metric, cells, groups }.table(&suite.title)
                }
                None if self.metrics.is_empty() => table::cells(suite, cells, groups),
                None => table::chosen(suite, cells, groups, self.metrics.clone()),
            }));
            blocks.push(Block::Text(lead(std::slice::from_ref(source))));
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::super::made_up::{run, source};
    use super::*;
    use reports::markdown;

    const SUITE: &str = "name = \"s\"\ntitle = \"What is asked\"\nanalysis = \"a\"\nscenario = \"find_pool\"\npolicies = [\"kernel\", \"lookup-sorted\"]\n[axes]\npools = [1, 16]\nposition = [\"tail\", \"miss\"]";

    fn blocks(marker: &str) -> Result<Option<Vec<Block>>, String> {
        let folder = run(SUITE, 6, |record| {
            let policy = if record.parameters["policy"] == "kernel" { 100.0 } else { 50.0 };
            let launch = record.place.as_ref().map_or(0, |place| place.launch);
            let ns = policy + f64::from(launch) / 10.0;
            record.metrics.insert("ns_per_op".into(), ns);
            record.metrics.insert("doubled".into(), 2.0 * ns);
        });
        Excerpt::parse(marker)?.unwrap().of(&[source(&folder)])
    }

    fn table(blocks: &[Block]) -> String {
        let table = blocks.iter().find_map(|b| if let Block::Table(table) = b { Some(table) } else { None });
        markdown::render(table.unwrap())
    }

    #[test]
    fn policies_stand_beside_the_kernel_s() {
        let all = blocks("s position=tail by policy").unwrap().unwrap();
        assert!(matches!(all[..], [Block::Figure(_), Block::Table(_), Block::Text(_)]), "{all:?}");
        let text = table(&all);
        for line in [
            "| pools | kernel (ns) | lookup-sorted (ns) | lookup-sorted / kernel |",
            r"| 16 | 100 \[100, 100\] | 50.2 \[50.0, 50.5\] | 0.501 \[0.500, 0.502\] |",
            "ns_per_op: median over 6 process launches, with its exact 95 % interval; ratios are paired by launch.",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(matches!(&all[2], Block::Text(text) if text.contains("of revision 0123456789ab")));
    }

    #[test]
    fn any_key_is_spread_and_parts_are_left_out() {
        let all = blocks("s policy=kernel by pools table").unwrap().unwrap();
        assert!(matches!(all[..], [Block::Table(_), Block::Text(_)]));
        let text = table(&all);
        assert!(text.contains("| position | pools=1 (ns) | pools=16 (ns) |"), "{text}");
        let text = table(&blocks("s policy=kernel of doubled table").unwrap().unwrap());
        assert!(text.contains("| pools | position | doubled | range | launches |"), "{text}");
        let text = table(&blocks("s position=miss by policy of doubled table").unwrap().unwrap());
        assert!(text.contains(r"| 16 | 200 \[200, 201\] | 100 \[100, 101\] | 0.501 "), "{text}");
        let all = blocks("s pools=1 figures").unwrap().unwrap();
        assert!(all.iter().all(|block| !matches!(block, Block::Table(_))));
        assert!(table(&blocks("s policy=kernel table").unwrap().unwrap()).contains("| miss | "));
    }

    #[test]
    fn what_speaks_against_a_number_stands_in_its_cell() {
        let folder = run(SUITE, 7, |record| {
            record.metrics.insert("ns_per_op".into(), 100.0);
            let is = |key: &str, value: &str| record.parameters[key] == value;
            let (kernel, first) =
                (is("policy", "kernel"), record.place.as_ref().is_some_and(|p| p.launch == 0));
            record.counts.insert("oversubscribed".into(), u64::from(kernel && is("pools", "16")));
            record.void = (!kernel && is("pools", "1") && first).then(|| "disturbed".to_owned());
        });
        let marked = |marker: &str| {
            table(&Excerpt::parse(marker).unwrap().unwrap().of(&[source(&folder)]).unwrap().unwrap())
        };
        let text = marked("s position=tail by policy table");
        for line in [
            r"| 1 | 100 \[100, 100\] | 100 \[100, 100\] ‡ | 1.000 |",
            r"| 16 | 100 \[100, 100\] † | 100 \[100, 100\] | 1.000 |",
            "† oversubscribed: more threads than cores, no verdict; ‡ some launches are void and left out.",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let text = marked("s pools=1,policy=kernel by position table");
        assert!(!text.contains(['†', '‡', '§']), "{text}");
    }

    #[test]
    fn one_launch_has_no_interval_and_a_cell_that_is_void_says_so() {
        let folder = run(SUITE, 1, |record| {
            record.metrics.insert("ns_per_op".into(), 100.0);
            record.void = (record.parameters["pools"] == "16").then(|| "stopped".to_owned());
        });
        let shown = |marker: &str| {
            table(&Excerpt::parse(marker).unwrap().unwrap().of(&[source(&folder)]).unwrap().unwrap())
        };
        let text = shown("s policy=kernel,pools=1 by position table");
        assert!(
            text.contains("| 100 | 100 |") && text.contains("ns_per_op of one process launch."),
            "{text}"
        );
        let text = shown("s policy=kernel by pools table");
        assert!(text.contains("| tail | 100 (n 1) | void |"), "{text}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(Excerpt::parse("summary"), Ok(None));
        for (marker, what) in [
            ("s by", "write `by KEY`"),
            ("s pools=1 pools=2", "one word too many"),
            ("s pools=3", "no cell of s is left"),
            ("s of", "write `of METRIC`"),
            ("s of ns_pr_op", "no cell of s has a metric `ns_pr_op`"),
            ("s by pools of ns_per_op|pools", "shows one metric"),
            ("s by threads", "no cell of s has a `threads`"),
            ("s =1", "is no condition"),
        ] {
            assert!(blocks(marker).unwrap_err().contains(what), "{marker}: {:?}", blocks(marker));
        }
        assert_eq!(blocks("t by pools"), Ok(None));
    }
}
