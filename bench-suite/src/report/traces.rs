//! The section of a trace: what its devices asked for, how large and for how long, and how full that made the pools.
//!
//! The course is that of the kernel's policy under the recorded calls, with the tails of the map calls as they were
//! recorded; no clock is read here. A trace that does not say which pool the kernel had has no course.

use super::runs::drawn;
use crate::figures::{mappings, timeline};
use crate::policies::{self, BASELINE};
use crate::replay::{self, Overrides};
use reports::course::Course;
use reports::document::{Block, Document, Finding, Tone};
use reports::table::{Column, Table, Unit, Value};
use std::path::{Path, PathBuf};
use workloads::trace::{Trace, TraceError, TraceOptions};

/// A trace, read and played.
pub struct Recorded {
    path: PathBuf,
    trace: Trace,
    course: Result<Course, String>,
}

impl Recorded {
    /// Reads the trace at `path` and plays it.
    ///
    /// # Errors
    /// [`TraceError`]; a course that cannot be had is told in the section.
    pub fn read(path: &Path, options: &TraceOptions) -> Result<Self, TraceError> {
        let trace = Trace::open(path, options)?;
        let course = replay::load(path, options, &Overrides::default())
            .map_err(|error| error.to_string())
            .and_then(|script| {
                let policy = policies::by_name(BASELINE)?;
                replay::course_of(policy, &script, &trace).map_err(|error| error.to_string())
            });
        Ok(Self { path: path.to_owned(), trace, course })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.trace.name
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Adds the section.
pub(super) fn push(recorded: &Recorded, document: &mut Document, findings: &mut Vec<Finding>) {
    let Recorded { trace, course, .. } = recorded;
    let (name, mut blocks) = (&trace.name, vec![Block::Text(words(trace))]);
    blocks.extend(drawn(mappings::draw(&format!("{name}: sizes and lifetimes of mappings"), trace)));
    match course {
        Ok(course) => {
            let title = format!("{name}: pools of the {BASELINE} policy over the recorded time");
            blocks.extend(drawn(timeline::draw(&title, course)));
        }
        Err(why) => blocks.push(Block::Text(format!("No timeline: {why}."))),
    }
    blocks.push(Block::Table(devices(trace)));
    let section = document.push("trace", format!("Trace: {name}"), blocks);
    let failed: u64 = trace.devices.iter().map(|device| device.map_fails).sum();
    if failed > 0 {
        let text = format!(
            "{name}: {failed} map calls failed when it was recorded: it asks for more than it holds."
        );
        findings.push(Finding::new(Tone::Caution, text).see(section.clone()));
    }
    if !trace.skipped.is_empty() {
        let text = format!("{name}: not everything in it could be used: {}.", trace.skipped);
        findings.push(Finding::new(Tone::Caution, text).see(section));
    }
}

fn words(trace: &Trace) -> String {
    let times = || trace.records.iter().map(|record| record.t_ns);
    let ns = times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0));
    let meta = trace.meta.as_ref();
    let title =
        meta.and_then(|meta| meta.title.clone()).map(|title| format!("{title}. ")).unwrap_or_default();
    let kernel = meta.and_then(|meta| meta.kernel.clone()).map(|kernel| format!(" of Linux {kernel}"));
    let clock = meta.and_then(|meta| meta.emulation.clone()).map_or_else(String::new, |how| {
        format!(" Its clock is emulated ({how}): order and sizes are real, rates and lifetimes are not.")
    });
    format!(
        "{title}{} records over {}{}.{clock}",
        reports::units::count(trace.records.len() as u64),
        reports::units::time(ns),
        kernel.unwrap_or_default()
    )
}

fn devices(trace: &Trace) -> Table {
    let number = |name: &str| Column::number(name, Unit::None);
    let columns = vec![Column::text("device"), number("maps"), number("map calls that failed")];
    let mut table = Table::new("Devices of the trace", columns);
    for device in &trace.devices {
        table.push(vec![
            Value::Text(device.name.clone()),
            Value::Count(device.maps),
            Value::Count(device.map_fails),
        ]);
    }
    table
}
