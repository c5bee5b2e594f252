//! Ours and the tool's in one table, and where they were asked for different things.

use super::figures::Figures;
use super::import::{Imported, Saved};
use super::options::{Asked, Options, dir_name};
use reports::table::{Column, Table, Unit, Value};

/// A row of ours: its name, what was asked, what was found.
pub type Ours<'a> = (&'a str, &'a Options, &'a Figures);

/// A table of the tool's runs, with ours first if there is one.
#[must_use]
pub fn beside(ours: Option<Ours<'_>>, saved: Option<&Saved>) -> Table {
    let us = || Unit::Named("us".to_owned());
    let mut columns = vec![
        Column::text("run"),
        Column::number("threads", Unit::None),
        Column::number("seconds", Unit::None),
        Column::text("dir"),
        Column::number("granule", Unit::None),
    ];
    for name in ["map", "deviation", "unmap", "deviation"] {
        columns.push(Column::number(name, us()));
    }
    let mut table = Table::new("DMA map benchmark", columns);
    if let Some((name, options, figures)) = ours {
        table.push(row(name.to_owned(), &options.asked(), figures, 3));
    }
    let Some(saved) = saved else { return table };
    for run in &saved.runs {
        table.push(row(name(saved, run), &run.asked, &run.figures, 1));
        if let Some((_, options, _)) = ours {
            table.notes.extend(differences(saved, run, options));
        }
    }
    if saved.foreign > 0 {
        let path = saved.path.display();
        table.notes.push(format!("{path}: lines left out, which are not the tool's: {}.", saved.foreign));
    }
    if let Some((_, options, _)) = ours {
        table.notes.push(unsaid(options));
    }
    table
}

fn row(name: String, asked: &Asked, figures: &Figures, decimals: usize) -> Vec<Value> {
    let us = |ns: f64| Value::Real(ns / 1e3, decimals);
    vec![
        Value::Text(name),
        Value::Count(asked.threads.into()),
        Value::Count(asked.seconds.into()),
        Value::Text(dir_name(asked.dir).to_owned()),
        asked.granule.map_or(Value::Missing, |granule| Value::Count(granule.into())),
        us(figures.map.mean_ns),
        us(figures.map.stddev_ns),
        us(figures.unmap.mean_ns),
        us(figures.unmap.stddev_ns),
    ]
}

/// `FILE:LINE`.
fn name(saved: &Saved, run: &Imported) -> String {
    format!("{}:{}", saved.path.display(), run.line)
}

/// Where a run of the tool was asked for something else than ours.
fn differences(saved: &Saved, run: &Imported, options: &Options) -> Option<String> {
    let (ours, theirs) = (options.asked(), run.asked);
    let shown = |name: &str, theirs: String, ours: String| {
        (theirs != ours).then(|| format!("{name} {theirs}, ours {ours}"))
    };
    let granule = theirs.granule.zip(ours.granule);
    let node = theirs.node.zip(ours.node);
    let all = [
        shown("threads", theirs.threads.to_string(), ours.threads.to_string()),
        shown("seconds", theirs.seconds.to_string(), ours.seconds.to_string()),
        node.and_then(|(theirs, ours)| shown("node", theirs.to_string(), ours.to_string())),
        shown("dir", dir_name(theirs.dir).to_owned(), dir_name(ours.dir).to_owned()),
        granule.and_then(|(theirs, ours)| shown("granule", theirs.to_string(), ours.to_string())),
    ];
    let different: Vec<String> = all.into_iter().flatten().collect();
    (!different.is_empty())
        .then(|| format!("{}: not what ours was asked: {}.", name(saved, run), different.join("; ")))
}

/// What nobody can compare.
fn unsaid(options: &Options) -> String {
    format!(
        "The tool's output names neither mask nor transfer time: ours has {} bits and {} ns. Its unit is \
         100 ns, and it times the whole DMA call, which bounces only where the mask or swiotlb=force makes it.",
        options.dma_bits, options.transfer_ns
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::Spread;
    use std::path::PathBuf;

    fn saved(options: &Options) -> Saved {
        let spread = Spread { mean_ns: 300.0, stddev_ns: 100.0 };
        let run =
            Imported { line: 7, asked: options.asked(), figures: Figures { map: spread, unmap: spread } };
        Saved { path: PathBuf::from("f"), runs: vec![run], foreign: 2 }
    }

    #[test]
    fn different_options_are_said_and_equal_ones_are_not() {
        let options = Options::default();
        let saved = saved(&options);
        let figures = saved.runs[0].figures;
        let notes = |ours: &Options| beside(Some(("kernel", ours, &figures)), Some(&saved)).notes.join("\n");
        assert!(!notes(&options).contains("not what ours was asked"));
        let other = Options { threads: 4, granule: 2, ..options };
        let said = notes(&other);
        assert!(
            said.contains("f:7: not what ours was asked: threads 1, ours 4; granule 1, ours 2."),
            "{said}"
        );
        assert!(said.contains("f: lines left out, which are not the tool's: 2."), "{said}");
    }

    #[test]
    fn ours_stands_first_and_is_finer() {
        let options = Options::default();
        let saved = saved(&options);
        let table = beside(Some(("kernel", &options, &saved.runs[0].figures)), Some(&saved));
        let shown: Vec<String> = table.rows().iter().map(|row| row[5].shown()).collect();
        assert_eq!(shown, ["0.300", "0.3"]);
        assert_eq!(beside(None, Some(&saved)).rows().len(), 1);
    }
}
