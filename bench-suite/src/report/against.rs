//! Each policy against the kernel's: over all cells of a suite that both have.
//!
//! A cell's ratio is paired by launch, as everywhere; a row says its median over cells and how far cells lie apart,
//! and in how many the whole interval lies on one side.

use crate::measure::metrics::NS_PER_OP;
use crate::measure::verdict::{Compared, Groups, compared};
use crate::policies::BASELINE;
use reports::document::{Finding, Tone};
use reports::stats::median;
use reports::table::{Column, Table, Unit, Value};
use workloads::suite::expect::Subject;
use workloads::suite::filter::Filter;
use workloads::suite::{Cell, Suite};

/// A suite's policies, the fastest first.
pub(super) struct Answer {
    suite: String,
    run: String,
    /// Where the numbers stand.
    section: String,
    rows: Vec<Row>,
}

/// One policy's ratios.
struct Row {
    policy: String,
    cells: u64,
    median: f64,
    least: f64,
    most: f64,
    /// Cells that are surely faster, and surely slower; nothing where no cell has an interval.
    sure: Option<(u64, u64)>,
}

impl Answer {
    /// What `cells` say; without rows where there is no kernel's policy, or nothing beside it.
    pub(super) fn of(
        suite: &Suite,
        cells: &[Cell],
        groups: &Groups<'_>,
        run: String,
        section: String,
    ) -> Self {
        let mut policies: Vec<&str> = Vec::new();
        for cell in cells {
            if cell.policy != BASELINE && !policies.contains(&cell.policy.as_str()) {
                policies.push(&cell.policy);
            }
        }
        let row = |policy| Row::of(policy, &against(policy, NS_PER_OP, cells, groups));
        let mut rows: Vec<Row> = policies.into_iter().filter_map(row).collect();
        rows.sort_by(|a, b| a.median.total_cmp(&b.median));
        Self { suite: suite.name.clone(), run, section, rows }
    }

    /// The fastest policy in a sentence; nothing where it is surely faster nowhere.
    pub(super) fn finding(&self) -> Option<Finding> {
        let Row { policy, cells, median, least, most, sure } =
            self.rows.iter().find(|row| row.sure.is_none_or(|(faster, _)| faster > 0))?;
        let sure = match sure {
            Some((faster, _)) => format!("surely less in {faster}"),
            None => "too few launches for an interval".to_owned(),
        };
        let [median, least, most] = [*median, *least, *most].map(plots::label::number);
        let (suite, cells) =
            (&self.suite, if *cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") });
        let text = format!(
            "{suite}: {policy} takes {median} of the kernel's time in the median of {cells} ({least} to {most}; {sure})."
        );
        Some(Finding::new(Tone::Result, text).see(self.section.clone()))
    }
}

impl Row {
    fn of(policy: &str, cells: &[Compared]) -> Option<Self> {
        let ratios: Vec<f64> = cells.iter().map(|cell| cell.estimate.median).collect();
        let intervals: Vec<_> = cells.iter().filter_map(|cell| cell.estimate.interval).collect();
        let count = |side: &dyn Fn(f64, f64) -> bool| {
            intervals.iter().filter(|(low, high, _)| side(*low, *high)).count() as u64
        };
        Some(Self {
            policy: policy.to_owned(),
            cells: ratios.len() as u64,
            median: median(&ratios)?,
            least: ratios.iter().copied().fold(f64::MAX, f64::min),
            most: ratios.iter().copied().fold(f64::MIN, f64::max),
            sure: (!intervals.is_empty()).then(|| (count(&|_, high| high < 1.0), count(&|low, _| low > 1.0))),
        })
    }

    fn values(&self, suite: &str, sure: bool) -> Vec<Value> {
        let texts = [suite, &self.policy].map(|text| Value::Text(text.to_owned()));
        let ratios = [self.median, self.least, self.most].map(|ratio| Value::Real(ratio, 3));
        let counts = [self.sure.map(|(faster, _)| faster), self.sure.map(|(_, slower)| slower)];
        let counts = counts.map(|count| count.map_or(Value::Missing, Value::Count));
        let row = texts.into_iter().chain([Value::Count(self.cells)]).chain(ratios);
        if sure { row.chain(counts).collect() } else { row.collect() }
    }
}

/// Names the run beside each suite that several runs have.
pub(super) fn tell_apart(answers: &mut [Answer]) {
    let names: Vec<String> = answers.iter().map(|answer| answer.suite.clone()).collect();
    for answer in answers {
        if names.iter().filter(|name| **name == answer.suite).count() > 1 {
            answer.suite = format!("{} ({})", answer.suite, answer.run);
        }
    }
}

/// All suites' policies in one table; nothing where there are none.
pub(super) fn table(answers: &[Answer]) -> Option<Table> {
    let sure = answers.iter().flat_map(|answer| &answer.rows).any(|row| row.sure.is_some());
    let mut columns = ["suite", "policy"].map(Column::text).to_vec();
    let numbers: &[&str] = &["cells", "median", "least", "most", "surely faster", "surely slower"];
    let numbers = if sure { numbers } else { &numbers[..4] };
    columns.extend(numbers.iter().map(|name| Column::number(*name, Unit::None)));
    let mut table = Table::new("Time against the kernel's policy (= 1)", columns);
    for answer in answers {
        answer.rows.iter().for_each(|row| table.push(row.values(&answer.suite, sure)));
    }
    let rule = if sure {
        "surely: the whole interval says so"
    } else {
        "too few launches (fewer than six) for any interval"
    };
    table.notes.push(format!(
        "Over a suite's cells: {NS_PER_OP} divided by the kernel's, paired by launch; {rule}."
    ));
    (!table.rows().is_empty()).then_some(table)
}

/// The ratios in `metric` of one policy's cells, those that are oversubscribed left out.
pub(super) fn against(policy: &str, metric: &str, cells: &[Cell], groups: &Groups<'_>) -> Vec<Compared> {
    let is = |policy: &str| Filter::equal([("policy", policy.to_owned())]);
    let subject = Subject {
        metric: metric.to_owned(),
        place: None,
        compare: is(policy),
        against: Some(is(BASELINE)),
        within: Filter::equal([]),
    };
    compared(&subject, cells, groups)
}
