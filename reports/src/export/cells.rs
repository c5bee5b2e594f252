//! What every form is made of: cells, and one number per launch and metric.

use super::measure;
use crate::metric;
use crate::record::RunRecord;
use crate::stats::sign_test::{ALPHA, Estimate, estimate};
use std::collections::BTreeSet;

/// What is exported.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// The runs, each with a label of its own.
    pub runs: Vec<Run<'a>>,
    /// The metrics; where there are none, each form takes those that it is good for.
    pub metrics: Vec<String>,
}

/// A stored run, of one machine.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// What the user knows it by: its folder's name.
    pub label: String,
    /// The machine's fingerprint.
    pub machine: String,
    /// Its cells.
    pub cells: Vec<Cell<'a>>,
}

/// The launches of one cell, of one arm where it is a comparison's; none is void.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Its first launch.
    first: &'a RunRecord,
    /// All its launches.
    pub launches: &'a [RunRecord],
}

impl<'a> Cell<'a> {
    /// A cell of these launches; nothing of none.
    #[must_use]
    pub fn new(launches: &'a [RunRecord]) -> Option<Self> {
        Some(Self { first: launches.first()?, launches })
    }

    /// Its first launch: what all launches share stands there too.
    #[must_use]
    pub fn first(&self) -> &'a RunRecord {
        self.first
    }

    /// Its id. A record outside of a suite is known by its policy too, which is no part of its scenario.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.first.place {
            Some(_) => self.first.scenario.clone(),
            None => format!("{},policy={}", self.first.scenario, self.first.policy.label),
        }
    }

    /// The arm of a comparison.
    #[must_use]
    pub fn arm(&self) -> Option<&'a str> {
        self.first.place.as_ref()?.arm.as_deref()
    }

    /// A number per launch that has it, in the order of the launches.
    #[must_use]
    pub fn samples(&self, metric: &str) -> Vec<f64> {
        let numbers = self.launches.iter().filter_map(|record| metric::of(record, metric));
        numbers.filter(|number| number.is_finite()).collect()
    }

    /// The median of a metric over launches, with its exact interval at 95 % or more from six launches on.
    #[must_use]
    pub fn estimate(&self, metric: &str) -> Option<Estimate> {
        estimate(&self.samples(metric), ALPHA)
    }

    /// Every name that any of its launches gives to `names`.
    fn names(&self, names: fn(&RunRecord) -> BTreeSet<String>) -> BTreeSet<String> {
        self.launches.iter().flat_map(names).collect()
    }
}

impl<'a> Export<'a> {
    /// All cells, each with its run and with a name that no other cell has: the id, and what else tells it
    /// apart, in the id's own notation.
    pub fn cells(&self) -> impl Iterator<Item = (&Run<'a>, &Cell<'a>, String)> {
        let several = self.runs.len() > 1;
        let cells = self.runs.iter().flat_map(|run| run.cells.iter().map(move |cell| (run, cell)));
        cells.map(move |(run, cell)| {
            let arm = cell.arm().map(|arm| format!(",arm={arm}")).unwrap_or_default();
            let of = if several { format!(",run={}", run.label) } else { String::new() };
            (run, cell, format!("{}{arm}{of}", cell.id()))
        })
    }

    /// A name that two cells share, which an id that looks like another one's arm or run would lead to.
    #[must_use]
    pub fn twice(&self) -> Option<String> {
        let mut names = BTreeSet::new();
        self.cells().map(|(_, _, name)| name).find(|name| !names.insert(name.clone()))
    }

    /// The metrics that are wanted of a cell, else what it is known by.
    #[must_use]
    pub fn main_metrics(&self, cell: &Cell<'a>) -> Vec<String> {
        self.wanted().unwrap_or_else(|| cell.names(measure::main_names).into_iter().collect())
    }

    /// The metrics that are wanted of a cell, else all that it has.
    #[must_use]
    pub fn all_metrics(&self, cell: &Cell<'a>) -> Vec<String> {
        self.wanted().unwrap_or_else(|| cell.names(measure::all_names).into_iter().collect())
    }

    fn wanted(&self) -> Option<Vec<String>> {
        (!self.metrics.is_empty()).then(|| self.metrics.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::export::tests::{CELL, export, launch, run, six};

    #[test]
    fn arms_and_runs_are_told_apart_by_name() {
        let plain = six();
        let arms = ["A", "B"].map(|arm| [launch("s/x=1", Some(arm), 0, 1.0)]);
        let one = export(vec![run("night", &[&plain, &arms[0], &arms[1]])], &[]);
        let names: Vec<String> = one.cells().map(|(_, _, name)| name).collect();
        assert_eq!(names, [CELL, "s/x=1,arm=A", "s/x=1,arm=B"]);
        assert_eq!(one.twice(), None);
        let posing = [launch("s/x=1,arm=A", None, 0, 1.0)];
        let both = export(vec![run("night", &[&arms[0], &posing])], &[]);
        assert_eq!(both.twice().as_deref(), Some("s/x=1,arm=A"));
        let two = export(vec![run("old", &[&plain]), run("new", &[&plain])], &[]);
        let names: Vec<String> = two.cells().map(|(_, _, name)| name).collect();
        assert_eq!(names, [format!("{CELL},run=old"), format!("{CELL},run=new")]);
    }

    #[test]
    fn what_is_in_no_suite_is_known_by_its_policy() {
        let mut replayed = launch("nvme", None, 0, 1.0);
        replayed.place = None;
        let cells = [replayed];
        let export = export(vec![run("r", &[&cells])], &[]);
        assert_eq!(
            export.cells().next().map(|(_, _, name)| name).as_deref(),
            Some("nvme,policy=lock=queued search=list")
        );
    }

    #[test]
    fn a_number_per_launch() {
        let mut launches = six();
        launches[2].metrics.insert("ns_per_op".to_owned(), f64::NAN);
        launches[3].metrics.clear();
        let export = export(vec![run("r", &[&launches])], &[]);
        let cell = export.runs[0].cells[0];
        assert_eq!(cell.samples("ns_per_op"), [100.0, 101.0, 104.0, 105.0]);
        assert_eq!(
            cell.estimate("ns_per_op").map(|found| (found.median, found.interval)),
            Some((102.5, None))
        );
        assert_eq!(cell.estimate("nothing"), None);
        assert_eq!(export.main_metrics(&cell), ["jain", "ns_per_op"]);
        assert!(export.all_metrics(&cell).contains(&"counter.areas_tried".to_owned()));
    }
}
