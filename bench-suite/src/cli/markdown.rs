//! Tables as Markdown, into a file of the user's choice and into a workflow's summary.

use super::Failure;
use super::out::all;
use crate::measure::whole;
use reports::table::Table;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the summary goes beside standard output.
#[derive(clap::Args)]
pub(super) struct Summary {
    /// Write the tables as Markdown.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_MARKDOWN")]
    markdown: Option<PathBuf>,
    /// The summary of a GitHub workflow's step: what is written is added at its end.
    #[arg(long, value_name = "FILE", env = "GITHUB_STEP_SUMMARY", hide = true)]
    step_summary: Option<PathBuf>,
}

impl Summary {
    /// Writes `tables` wherever they are wanted.
    ///
    /// # Errors
    /// A file that takes them not.
    pub(super) fn write(&self, tables: &[Table]) -> Result<(), Failure> {
        let texts: Vec<String> = tables.iter().map(reports::markdown::render).collect();
        let text = texts.join("\n");
        let step = self.step_summary.as_deref().filter(|path| !path.as_os_str().is_empty());
        let files = [(self.markdown.as_deref(), false), (step, true)];
        let written = files.into_iter().filter_map(|(path, append)| {
            let told = |path: &Path, e| Failure::error(format!("{}: {e}", path.display()));
            path.map(|path| write(path, append, &text).map_err(|e| told(path, e)))
        });
        all(written)
    }
}

fn write(path: &Path, append: bool, text: &str) -> io::Result<()> {
    if append {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        return file.write_all(format!("{text}\n").as_bytes());
    }
    whole::write(path, text)
}
