//! The section of a piece of advice that `tune --out` left in a folder: what to boot with, why, how far to trust it.

use super::runs::drawn;
use super::source::Source;
use crate::figures::advice;
use crate::tune::Tuned;
use reports::document::{Block, Document, Finding, Tone};
use std::path::Path;

/// The file in the folder.
pub(super) const FILE: &str = "tune.json";

/// Reads the advice at `path`.
///
/// # Errors
/// The system's answer, or what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Tuned, String> {
    let text = reports::compressed::read(path).map_err(|error| format!("cannot read: {error}"))?;
    serde_json::from_slice(&text)
        .map_err(|error| format!("no advice of this version ({error}): run `tune` again"))
}

/// Adds the section of `source`'s advice, if it has some.
pub(super) fn push(source: &Source, document: &mut Document, findings: &mut Vec<Finding>) {
    let Some(tuned) = &source.advice else { return };
    let of = |tone, sentences: Vec<String>| {
        sentences.into_iter().map(move |text| Finding::new(tone, text)).collect::<Vec<_>>()
    };
    let answers = [of(Tone::Result, tuned.reasons()), of(Tone::Caution, tuned.limits())].concat();
    let mut blocks = vec![Block::Text(format!("{}.", capital(&tuned.headline()))), Block::Findings(answers)];
    if !tuned.next().is_empty() {
        blocks.push(Block::Text(format!("Record next: {}.", tuned.next().join("; "))));
    }
    blocks.extend(drawn(advice::draw(tuned)));
    blocks.extend(tuned.tables().into_iter().map(Block::Table));
    let name = &tuned.recording.name;
    let section = document.push("advice", format!("Advice: {name}"), blocks);
    let tone = if tuned.enough && !tuned.unsure { Tone::Result } else { Tone::Caution };
    findings.push(Finding::new(tone, format!("{name}: {}.", tuned.headline())).see(section));
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
