//! `swiotlb-bench report DIR…`: run folders as one page, as Markdown, and spliced into another file.

use super::out::{self, say};
use super::reading::Reading;
use super::report_files::Files;
use super::{Exit, Failure, complain};
use crate::report::{
    Beside, broken, compose, excerpt::Excerpt, nights::Nights, source::Source, traces::Recorded,
};
use reports::document::{Document, Section};
use reports::{html, outline, splice};
use std::path::{Path, PathBuf};

/// The page's name where none is given.
const PAGE: &str = "report.html";

/// What to report, and where to.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Run folders, as `measure --out`, `ab --out` and `calibrate --out` make them, or files of records; either may be
    /// compressed with gzip (`gzip -9n DIR/*.json*`).
    #[arg(required_unless_present_any = ["traces", "history"], value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Show a trace too: sizes and lifetimes of its mappings, and how full they made the pools over its time. May be
    /// given several times.
    #[arg(long = "trace", value_name = "FILE")]
    traces: Vec<PathBuf>,
    /// Show a history too: the series of these runs' cells night by night, with their change points.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_REPORT_HISTORY")]
    history: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Write the page: one HTML file that fetches nothing. Without any of these flags it is report.html in the
    /// first folder.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_REPORT")]
    out: Option<PathBuf>,
    /// Write the same as Markdown.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_MARKDOWN")]
    markdown: Option<PathBuf>,
    /// Write figures as SVG into this folder, which Markdown then shows them from: every one, or with --splice alone
    /// those of the sections that are spliced.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_FIGURES")]
    figures: Option<PathBuf>,
    /// Write each of these figures as PNG too.
    #[arg(long, requires = "figures", env = "SWIOTLB_BENCH_PNG", value_parser = super::switch())]
    png: bool,
    /// Put sections between the markers of a file: `<!-- swiotlb-bench:begin NAME -->` and the same with `end`,
    /// where NAME is a section's anchor on the page, such as `summary`, or `SUITE [FILTER] [by KEY] [of METRIC]
    /// [figures|table]` for some of a suite's cells. May be given several times.
    #[arg(long, value_name = "FILE")]
    splice: Vec<PathBuf>,
    /// Write nothing: end with exit code 1 where a file is not what it would be.
    #[arg(long, env = "SWIOTLB_BENCH_REPORT_CHECK", value_parser = super::switch())]
    check: bool,
    /// The summary of a GitHub workflow's step: the report's summary is added at its end.
    #[arg(long, value_name = "FILE", env = "GITHUB_STEP_SUMMARY", hide = true)]
    step_summary: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Everything follows from the folders: the same folders give the same report. Names from traces and suites are \
text in every form.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let read = |path: &PathBuf| Source::read(path).map_err(Failure::error);
    let sources = args.from.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for finding in sources.iter().flat_map(broken) {
        complain(format_args!("warning: {}", finding.text));
    }
    let beside = beside(args)?;
    let document = compose(&sources, &beside);
    let mut files = Files::new(args.check, args.figures.as_deref(), args.png)?;
    let asked = args.markdown.is_some() || !args.splice.is_empty() || args.figures.is_some();
    let in_folder = args.from.first().filter(|path| path.is_dir()).map(|path| path.join(PAGE));
    let page = args.out.clone().or_else(|| (!asked).then(|| in_folder.unwrap_or_else(|| PAGE.into())));
    if let Some(path) = page {
        files.write(&path, html::page(&document).map_err(Failure::error)?.as_bytes(), "--out")?;
    }
    if let Some(path) = &args.markdown {
        let links = files.links(&document, path)?;
        files.write(path, outline::render(&document, &links).as_bytes(), "--markdown")?;
    } else if args.splice.is_empty() {
        files.draw(&document)?;
    }
    for path in &args.splice {
        spliced(&sources, &document, path, &mut files)?;
    }
    if !args.check {
        summarise(args, &document)?;
    }
    files.finish()?;
    Ok(Exit::Ok)
}

/// What is to be shown beside runs.
fn beside(args: &Args) -> Result<Beside, Failure> {
    let options = args.reading.options()?;
    let read = |path: &PathBuf| Recorded::read(path, &options).map_err(Failure::error);
    let traces = args.traces.iter().map(read).collect::<Result<_, _>>()?;
    let nights = args.history.as_deref().map(|path| Nights::read(path).map_err(Failure::error));
    Ok(Beside { traces, reading: args.reading.words(), nights: nights.transpose()? })
}

/// Replaces the parts of a file that are sections of the report, or excerpts of them.
fn spliced(sources: &[Source], document: &Document, path: &Path, files: &mut Files) -> Result<(), Failure> {
    let fail = |e: &dyn core::fmt::Display| Failure::error(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| fail(&e))?;
    let mut failed = None;
    let done = splice::splice(&text, |name| {
        let part = part(sources, document, name).map_err(|why| fail(&format!("`{name}`: {why}")));
        let shown = part.and_then(|part| {
            let Some(part) = part else { return Ok(None) };
            let links = files.links(&part, path)?;
            Ok(part.sections().first().map(|first| outline::part(&part, first.name(), &links)))
        });
        shown.unwrap_or_else(|failure| {
            failed.get_or_insert(failure);
            None
        })
    });
    let done = done.map_err(|e| fail(&e))?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    if done.replaced.is_empty() {
        let names: Vec<&str> = document.sections().iter().map(Section::name).collect();
        let why = format!("no marker of a section of this report, whose names are {}", names.join(", "));
        return Err(fail(&why));
    }
    for name in &done.left {
        complain(format_args!(
            "{}: `{name}` is no section of this report and is left as it is",
            path.display()
        ));
    }
    if done.text == text {
        return say(&format!("{}: nothing has changed\n", path.display()));
    }
    files.write(path, done.text.as_bytes(), "--splice")
}

/// What a marker asks for, as a report of its own; nothing where there is none of that name.
fn part(sources: &[Source], document: &Document, marker: &str) -> Result<Option<Document>, String> {
    let Some(excerpt) = Excerpt::parse(marker)? else { return Ok(document.part(marker)) };
    let Some(blocks) = excerpt.of(sources)? else { return Ok(None) };
    let mut part = Document::new(document.title.clone(), document.lead.clone());
    part.push(marker, marker, blocks);
    Ok(Some(part))
}

fn summarise(args: &Args, document: &Document) -> Result<(), Failure> {
    let step = args.step_summary.as_deref().filter(|path| !path.as_os_str().is_empty());
    let Some(path) = step else { return Ok(()) };
    let text = format!(
        "# {}\n{}\n",
        reports::markdown::escape(&document.title),
        outline::part(document, "summary", &[])
    );
    out::summarise(path, &text)
}
