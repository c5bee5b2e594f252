//! The saved output of the kernel's tool, read: any number of runs in one file.
//!
//! A run is three lines that follow each other, blank lines aside: the options, the map's figures, the
//! unmap's. What stands between runs is not the tool's (a shell's prompt, a heading); it is counted and left
//! out. Inside a run nothing foreign may stand. Invariant: every number that comes out is within the tool's
//! own limits, and no mean is longer than the run.

use super::figures::{Figures, Spread};
use super::options::{Asked, MAX_GRANULE, MAX_SECONDS, MAX_THREADS, dir_by_name};
use reports::text::{shorten, visible};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;
use workloads::lines::{LineError, Lines};

/// How the first line of a run begins.
const HEAD: &str = "dma mapping benchmark";
/// How the figures' lines begin.
const MAP: &str = "average map latency(us):";
const UNMAP: &str = "average unmap latency(us):";
/// What stands between a mean and its deviation.
const DEVIATION: &str = "standard deviation:";

/// One run of the tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Where it begins, a line counted from 1.
    pub line: u64,
    /// What it was asked, as far as the tool says.
    pub asked: Asked,
    /// What it found.
    pub figures: Figures,
}

/// A file of the tool's output.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// The runs, in the file's order; at least one.
    pub runs: Vec<Imported>,
    /// Lines that are not the tool's.
    pub foreign: u64,
}

/// Why a file was refused.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A line is not what it has to be.
    #[error("{}:{line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// There is no run in it.
    #[error(
        "{}: no run of dma_map_benchmark in it: a run begins with a line `{HEAD}: threads:…`", path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file, plain or gzip.
///
/// # Errors
/// [`ImportError`], with file and line.
pub fn load(path: &Path) -> Result<Saved, ImportError> {
    read(Lines::open(path)?)
}

/// Reads lines.
///
/// # Errors
/// As [`load`].
pub fn read(mut lines: Lines) -> Result<Saved, ImportError> {
    let path = lines.path().to_owned();
    let mut saved = Saved { path: path.clone(), runs: Vec::new(), foreign: 0 };
    let mut open: Option<Begun> = None;
    while let Some(text) = lines.next_text()? {
        let text = text.trim().to_owned();
        let line = lines.number();
        let wrong = |what| ImportError::Wrong { path: path.clone(), line, what };
        if text.is_empty() {
            continue;
        }
        open = match open {
            Some(begun) => begun.next(&text, &mut saved.runs).map_err(wrong)?,
            None if text.starts_with(HEAD) => {
                Some(Begun { line, asked: asked(&text).map_err(wrong)?, map: None })
            }
            None if text.starts_with(MAP) || text.starts_with(UNMAP) => {
                return Err(wrong(format!("figures without a line `{HEAD}: …` before them")));
            }
            None => {
                saved.foreign += 1;
                None
            }
        };
    }
    if let Some(begun) = open {
        let what =
            format!("the file ends inside the run of line {}: {} is missing", begun.line, begun.wants());
        return Err(ImportError::Wrong { path, line: lines.number(), what });
    }
    if saved.runs.is_empty() { Err(ImportError::Empty { path }) } else { Ok(saved) }
}

/// A run whose last line has not come yet.
struct Begun {
    line: u64,
    asked: Asked,
    map: Option<Spread>,
}

impl Begun {
    /// What has to come next.
    fn wants(&self) -> String {
        format!("`{}…`", if self.map.is_some() { UNMAP } else { MAP })
    }

    /// Takes the next line; what is complete goes to `runs`.
    fn next(mut self, text: &str, runs: &mut Vec<Imported>) -> Result<Option<Self>, String> {
        let start = if self.map.is_some() { UNMAP } else { MAP };
        let Some(rest) = text.strip_prefix(start) else {
            let (line, wants) = (self.line, self.wants());
            return Err(format!("the run of line {line} goes on with {wants}, here stands {}", quoted(text)));
        };
        let spread = spread(rest, self.asked.seconds)?;
        let Some(map) = self.map else {
            self.map = Some(spread);
            return Ok(Some(self));
        };
        let figures = Figures { map, unmap: spread };
        runs.push(Imported { line: self.line, asked: self.asked, figures });
        Ok(None)
    }
}

/// The options. After the head anything may stand up to the first colon: later versions name a mode there.
fn asked(text: &str) -> Result<Asked, String> {
    let rest = text.strip_prefix(HEAD).and_then(|rest| rest.split_once(':'));
    let (_, pairs) = rest.ok_or_else(|| format!("no options after `{HEAD}`"))?;
    // `granule: 1` is written with a space.
    let pairs = pairs.replace(": ", ":");
    let value =
        |key: &str| pairs.split_whitespace().find_map(|pair| pair.strip_prefix(key)?.strip_prefix(':'));
    let needed = |key: &str| value(key).ok_or_else(|| format!("no `{key}:` among the options"));
    let dir = needed("dir")?;
    Ok(Asked {
        threads: number("threads", needed("threads")?, 1, MAX_THREADS)?,
        seconds: number("seconds", needed("seconds")?, 1, MAX_SECONDS)?,
        node: value("node").map(|text| number("node", text, -1, i32::MAX)).transpose()?,
        dir: dir_by_name(dir)
            .ok_or_else(|| format!("dir:{}: there are BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE", quoted(dir)))?,
        granule: value("granule").map(|text| number("granule", text, 1, MAX_GRANULE)).transpose()?,
    })
}

fn number<T: FromStr + PartialOrd + core::fmt::Display>(
    key: &str,
    text: &str,
    min: T,
    max: T,
) -> Result<T, String> {
    let read = text.parse().ok().filter(|n| (&min..=&max).contains(&n));
    read.ok_or_else(|| format!("{key}:{}: must be a number from {min} to {max}", quoted(text)))
}

/// `0.3 standard deviation:0.5`, both us, of a run of `seconds`.
fn spread(text: &str, seconds: u32) -> Result<Spread, String> {
    let missing = || format!("no `{DEVIATION}` after the mean");
    let (mean, deviation) = text.split_once(DEVIATION).ok_or_else(missing)?;
    Ok(Spread {
        mean_ns: ns("the mean", mean, seconds)?,
        stddev_ns: ns("the deviation", deviation, seconds)?,
    })
}

/// A time in us, as ns. No call took longer than its run, and no deviation is longer than the longest call.
fn ns(what: &str, text: &str, seconds: u32) -> Result<f64, String> {
    let text = text.trim();
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let us = text.parse::<f64>().ok().filter(|_| text.bytes().all(plain));
    let us = us.ok_or_else(|| format!("{what} is {}, not a time in us", quoted(text)))?;
    if us > f64::from(seconds) * 1e6 {
        return Err(format!("{what} is {} us, longer than the run of {seconds} s", quoted(text)));
    }
    Ok(us * 1e3)
}

fn quoted(text: &str) -> String {
    format!("`{}`", shorten(&visible(text), 60))
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
