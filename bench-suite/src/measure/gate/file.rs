//! A gate's file: the two sides, alpha, and the cells with what each is held to.
//!
//! ```toml
//! a = "kernel"
//! b = "fast"
//! alpha = "5%"
//! effort = "full"
//!
//! [[cells]]
//! suite = "quick-search"
//! filter = "slots=1|128"
//! metrics = ["counters", "instructions", "memory", "ns_per_op"]
//! floor = "1.5%"
//! ```
//!
//! Invariant: what was read is within bounds; a mistake names the file, the line, the key and what to write.

use super::check::mistake;
use reports::compare::effect::from_percent;
use std::ops::Range;
use std::path::Path;
use workloads::suite::error::Place;
use workloads::suite::filter::Filter;
use workloads::suite::table::{Keys, Source, Table};
use workloads::suite::{Mode, SuiteError};

/// What a gate's file may have.
const GATE: &[&str] = &["a", "b", "alpha", "effort", "cells"];
/// What an entry of its cells may have.
const CELLS: &[&str] = &["suite", "filter", "set", "metrics", "floor"];
/// The error of the whole family where none is given.
const ALPHA: f64 = 0.05;
/// The floor where none is given, percent.
const FLOOR: f64 = 1.0;
/// The largest file that is read, bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct GateFile {
    /// What messages call the file.
    pub name: String,
    /// The base, if the file names it, and where.
    pub a: Option<(String, Place)>,
    /// What is compared with it, if the file names it, and where.
    pub b: Option<(String, Place)>,
    /// The probability of any false regression or improvement in the family, in (0, 1).
    pub alpha: f64,
    /// How long each launch measures: a quick one has fewer batches, and waits less for quiet ones. The cells are
    /// those of a full run all the same.
    pub effort: Mode,
    /// The cells, never none.
    pub cells: Vec<Entry>,
}

/// Cells of one suite with what they are held to.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The suite: a shipped one by name, or a path.
    pub suite: String,
    /// Which of its cells, as `--filter` takes it.
    pub filter: String,
    /// Other values, as `--set` takes them.
    pub set: Vec<String>,
    /// What they are held to, never nothing.
    pub metrics: Vec<String>,
    /// What a paired change has to pass, ln(B / A), above 0.
    pub floor: f64,
    /// Where the suite is written.
    pub place: Place,
    /// Where the filter is, if it is written.
    pub filter_at: Place,
    /// Where the other values are, if they are written.
    pub set_at: Place,
}

impl GateFile {
    /// Reads the file at `path`. A suite that is a path is meant from where the file lies.
    ///
    /// # Errors
    /// A file that cannot be read, or the first mistake in it.
    pub fn read(path: &Path) -> Result<Self, SuiteError> {
        let name = path.display().to_string();
        let error = |message: String| SuiteError { source_name: name.clone(), place: None, message };
        let unread = |e: std::io::Error| error(format!("cannot read this gate: {e}"));
        let bytes = std::fs::metadata(path).map_err(unread)?.len();
        if bytes > MOST_BYTES {
            return Err(error(format!("{bytes} bytes are no gate: it has at most {MOST_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(unread)?;
        let mut file = Self::parse(&name, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for entry in &mut file.cells {
            if entry.suite.contains('/') || Path::new(&entry.suite).extension().is_some_and(|e| e == "toml") {
                entry.suite = folder.join(&entry.suite).display().to_string();
            }
        }
        Ok(file)
    }

    /// Reads what is declared in `text`; `name` is what messages call the file.
    ///
    /// # Errors
    /// The first mistake, with its line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, SuiteError> {
        let mut file = Table::file(Source { name, text }, "gate", Keys::Known(GATE))?;
        let (a, b) = (named(&mut file, "a")?, named(&mut file, "b")?);
        let (alpha, effort) = (alpha(&mut file)?, effort(&mut file)?);
        let cells = file.tables("cells", Keys::Known(CELLS))?;
        let cells = cells.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        if cells.is_empty() {
            return Err(file.error(
                "the gate has no cells: write [[cells]] with `suite` and `metrics`, as suite = \"quick-search\"",
            ));
        }
        Ok(Self { name: name.to_owned(), a, b, alpha, effort, cells })
    }

    /// A mistake in an entry.
    #[must_use]
    pub fn error(&self, entry: &Entry, message: impl Into<String>) -> SuiteError {
        self.mistake(entry.place, message)
    }

    /// What is wrong at a place of the file.
    #[must_use]
    pub fn mistake(&self, place: Place, message: impl Into<String>) -> SuiteError {
        SuiteError { source_name: self.name.clone(), place: Some(place), message: message.into() }
    }
}

fn entry(mut table: Table<'_>) -> Result<Entry, SuiteError> {
    let (suite, place) = table.text_at("suite")?;
    let [filter_at, set_at] = ["filter", "set"].map(|key| table.source().place(place_of(&table, key)));
    let (metrics, floor) = (metrics(&mut table)?, floor(&mut table)?);
    let set = table.texts("set")?.into_iter().map(|(text, _)| text).collect();
    Ok(Entry { suite, filter: filter(&mut table)?, set, metrics, floor, place, filter_at, set_at })
}

/// A text that may lack, and where it is.
fn named(file: &mut Table<'_>, key: &'static str) -> Result<Option<(String, Place)>, SuiteError> {
    if place_of(file, key).is_empty() { Ok(None) } else { file.text_at(key).map(Some) }
}

fn alpha(file: &mut Table<'_>) -> Result<f64, SuiteError> {
    let Some((percent, place)) = percentage(file, "alpha")? else { return Ok(ALPHA) };
    match percent {
        // More than half is no promise, and less than a millionth cannot be kept by any number of blocks.
        percent if (0.000_1..=50.0).contains(&percent) => Ok(percent / 100.0),
        percent => Err(at(
            file,
            place,
            format!("`alpha` is {percent} %: write at least 0.0001% and at most 50%, as alpha = \"5%\""),
        )),
    }
}

fn effort(file: &mut Table<'_>) -> Result<Mode, SuiteError> {
    let place = place_of(file, "effort");
    match file.text_if("effort")?.as_deref() {
        None | Some("full") => Ok(Mode::Full),
        Some("quick") => Ok(Mode::Quick),
        Some(other) => {
            let message = format!("`effort` is `{}`: write \"full\" or \"quick\"", other.escape_debug());
            Err(at(file, file.source().place(place), message))
        }
    }
}

/// Where a key is written.
fn place_of(table: &Table<'_>, key: &str) -> Range<usize> {
    table.keys().into_iter().find(|(there, _)| *there == key).map(|(_, span)| span).unwrap_or_default()
}

fn floor(table: &mut Table<'_>) -> Result<f64, SuiteError> {
    let Some((percent, place)) = percentage(table, "floor")? else { return Ok(from_percent(FLOOR)) };
    match percent {
        percent if percent <= 0.0 => Err(at(
            table,
            place,
            "a `floor` of 0 % makes any difference a change, and no cell can end as equivalent: write what \
             is too small to matter, as floor = \"1%\"",
        )),
        percent if (0.01..=1_000.0).contains(&percent) => Ok(from_percent(percent)),
        percent => Err(at(
            table,
            place,
            format!("`floor` is {percent} %: write at least 0.01% and at most 1000%, as floor = \"1%\""),
        )),
    }
}

/// A percentage that may lack, and where it is.
fn percentage(table: &mut Table<'_>, key: &'static str) -> Result<Option<(f64, Place)>, SuiteError> {
    let span = place_of(table, key);
    if span.is_empty() {
        return Ok(None);
    }
    let place = table.source().place(span);
    let text = table.text(key).map_err(|error| SuiteError {
        message: format!("`{key}` has to be a percentage in quotes, as {key} = \"1%\""),
        ..error
    })?;
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let wrong = || at(table, place, format!("`{key}` is `{text}`: write a percentage, as {key} = \"1%\""));
    let number = number.filter(|number| number.is_finite()).ok_or_else(wrong)?;
    Ok(Some((number, place)))
}

/// The metrics: some, each known, none twice.
fn metrics(table: &mut Table<'_>) -> Result<Vec<String>, SuiteError> {
    let found = table.texts("metrics")?;
    if found.is_empty() {
        return Err(table.error(
            "these cells have no `metrics`: write what they are held to, as metrics = [\"counters\", \"ns_per_op\"]",
        ));
    }
    let mut names: Vec<String> = Vec::new();
    for (name, span) in found {
        let wrong =
            mistake(&name).or_else(|| names.contains(&name).then(|| format!("`{name}` is there twice")));
        if let Some(message) = wrong {
            return Err(table.source().error(span, format!("`metrics`: {message}")));
        }
        names.push(name);
    }
    Ok(names)
}

fn filter(table: &mut Table<'_>) -> Result<String, SuiteError> {
    let span = place_of(table, "filter");
    let text = table.text_if("filter")?.unwrap_or_default();
    Filter::parse(&text).map_err(|message| table.source().error(span, format!("`filter`: {message}")))?;
    Ok(text)
}

fn at(table: &Table<'_>, place: Place, message: impl Into<String>) -> SuiteError {
    SuiteError { source_name: table.source().name.to_owned(), place: Some(place), message: message.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    const CELL: &str = "[[cells]]\nsuite = \"areas\"\nmetrics = [\"counters\"]\n";

    #[test]
    fn what_is_declared() {
        let text =
            format!("a = \"kernel\"\nalpha = \"1%\"\n{CELL}filter = \"nslabs=4096\"\nfloor = \"2 %\"\n");
        let file = GateFile::parse("g.toml", &text).unwrap();
        assert_eq!((file.a, file.b, file.alpha), (Some(("kernel".to_owned(), (1, 5))), None, 0.01));
        let entry = &file.cells[0];
        assert_eq!((entry.suite.as_str(), entry.filter.as_str()), ("areas", "nslabs=4096"));
        assert!((entry.floor - 1.02_f64.ln()).abs() < 1e-12 && entry.place == (4, 9), "{entry:?}");
        let usual = GateFile::parse("g.toml", CELL).unwrap();
        assert_eq!(usual.alpha, 0.05);
        assert!((usual.cells[0].floor - 1.01_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn mistakes_name_the_line_the_key_and_what_to_write() {
        for (text, says) in [
            ("", "g.toml:1:1: the gate has no cells: write [[cells]]"),
            ("a = ", "g.toml:1:"),
            ("alhpa = \"5%\"\n", "g.toml:1:1: there is no key of the gate `alhpa`; the nearest is alpha"),
            ("a = 7\n", "g.toml:1:5: `a` has to be a text"),
            ("alpha = \"0%\"\n", "g.toml:1:1: `alpha` is 0 %: write at least"),
            ("alpha = 0.05\n", "g.toml:1:9: `alpha` has to be a percentage in quotes, as alpha = \"1%\""),
            ("[[cells]]\nsuite = \"areas\"\n", "g.toml:1:1: these cells have no `metrics`: write"),
            ("[[cells]]\nmetrics = [\"memory\"]\n", "g.toml:1:1: the cells lacks `suite`"),
            ("effort = \"much\"\n", "g.toml:1:1: `effort` is `much`: write \"full\" or \"quick\""),
            ("cells = 3\n", "`cells` has to be written as [[cells]]"),
        ] {
            let error = GateFile::parse("g.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(says) || error.contains(says), "{text}: {error}");
        }
        for (more, says) in [
            ("floor = \"0%\"\n", "g.toml:4:1: a `floor` of 0 % makes any difference a change"),
            ("floor = \"1\"\n", "g.toml:4:1: `floor` is `1`: write a percentage"),
            ("floor = \"nan%\"\n", "write a percentage"),
            ("flor = \"1%\"\n", "the nearest is floor"),
            ("filter = \"=3\"\n", "g.toml:4:1: `filter`: `=3` is no condition"),
        ] {
            let error = GateFile::parse("g.toml", &format!("{CELL}{more}")).unwrap_err().to_string();
            assert!(error.starts_with(says) || error.contains(says), "{more}: {error}");
        }
        let metrics = CELL.replace("counters", "bogomips");
        let error = GateFile::parse("g.toml", &metrics).unwrap_err().to_string();
        assert!(error.starts_with("g.toml:3:12: `metrics`: there is no metric `bogomips`"), "{error}");
    }
}
