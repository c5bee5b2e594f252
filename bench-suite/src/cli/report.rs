//! `swiotlb-bench report DIR…`: run folders as one page, as Markdown, and spliced into another file.

use super::out::say;
use super::{Exit, Failure, complain};
use crate::report::{compose, source::Source};
use reports::document::{Document, Section, safe};
use reports::{html, outline, splice};
use std::path::{Component, Path, PathBuf};

/// The page's name where none is given.
const PAGE: &str = "report.html";

/// What to report, and where to.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Run folders, as `measure --out`, `ab --out` and `calibrate --out` make them, or files of records; either may be
    /// compressed with gzip (`gzip -9n DIR/*.json*`).
    #[arg(required = true, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Write the page: one HTML file that fetches nothing. Without any of these flags it is report.html in the
    /// first folder.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_REPORT")]
    out: Option<PathBuf>,
    /// Write the same as Markdown.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_MARKDOWN")]
    markdown: Option<PathBuf>,
    /// Write every figure as SVG into this folder, which Markdown then shows them from.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_FIGURES")]
    figures: Option<PathBuf>,
    /// Put sections between the markers of a file: `<!-- swiotlb-bench:begin NAME -->` and the same with `end`,
    /// where NAME is a section's anchor on the page, such as `summary`. May be given several times.
    #[arg(long, value_name = "FILE")]
    splice: Vec<PathBuf>,
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
    let document = compose(&sources);
    let files =
        args.figures.as_deref().map(|folder| draw(&document, folder)).transpose()?.unwrap_or_default();
    let asked = args.markdown.is_some() || !args.splice.is_empty() || args.figures.is_some();
    let beside = |path: &PathBuf| if path.is_dir() { path.join(PAGE) } else { PathBuf::from(PAGE) };
    let page = args.out.clone().or_else(|| if asked { None } else { args.from.first().map(beside) });
    if let Some(path) = page {
        write(&path, &html::page(&document).map_err(Failure::error)?)?;
    }
    if let Some(path) = &args.markdown {
        write(path, &outline::render(&document, &links(&files, path)))?;
    }
    for path in &args.splice {
        spliced(&document, path, &links(&files, path))?;
    }
    summarise(args, &document)?;
    Ok(Exit::Ok)
}

/// Writes every figure, and says where.
fn draw(document: &Document, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::error(format!("{}: {e}", folder.display())))?;
    let mut files: Vec<PathBuf> = Vec::new();
    for figure in document.figures() {
        let name = safe(&figure.title);
        let names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
        let mut paths = names.map(|name| folder.join(format!("{name}.svg")));
        let Some(path) = paths.find(|path| !files.contains(path)) else { break };
        write(&path, &figure.svg)?;
        files.push(path);
    }
    Ok(files)
}

/// The files as links from the folder of `page`.
fn links(files: &[PathBuf], page: &Path) -> Vec<String> {
    let base = absolute(page);
    let base: Vec<Component<'_>> = base.parent().map(|p| p.components().collect()).unwrap_or_default();
    let link = |file: &PathBuf| {
        let file = absolute(file);
        let parts: Vec<Component<'_>> = file.components().collect();
        let same = base.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..".to_owned(), base.len() - same);
        let down = parts.iter().skip(same).map(|part| part.as_os_str().to_string_lossy().into_owned());
        up.chain(down).collect::<Vec<_>>().join("/")
    };
    files.iter().map(link).collect()
}

fn absolute(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned());
    path.file_name().map_or(folder.clone(), |name| folder.join(name))
}

/// Replaces the parts of a file that are sections of the report.
fn spliced(document: &Document, path: &Path, links: &[String]) -> Result<(), Failure> {
    let fail = |e: &dyn core::fmt::Display| Failure::error(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| fail(&e))?;
    let part = |name: &str| document.section(name).map(|_| outline::part(document, name, links));
    let done = splice::splice(&text, part).map_err(|e| fail(&e))?;
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
    write(path, &done.text)
}

fn summarise(args: &Args, document: &Document) -> Result<(), Failure> {
    let step = args.step_summary.as_deref().filter(|path| !path.as_os_str().is_empty());
    let Some(path) = step else { return Ok(()) };
    let text = format!(
        "# {}\n{}\n",
        reports::markdown::escape(&document.title),
        outline::part(document, "summary", &[])
    );
    let append = || {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    append().map_err(|e| Failure::error(format!("{}: {e}", path.display())))
}

/// Writes a file and says so.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
    say(&format!("{}: {} KiB\n", path.display(), text.len().div_ceil(1_024)))
}
