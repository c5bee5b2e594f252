//! Tables as Markdown, into a file of the user's choice and into a workflow's summary.

use super::Failure;
use super::out::{all, summarise};
use crate::measure::whole;
use reports::table::Table;
use std::path::PathBuf;

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
        let file = |path: &PathBuf| {
            whole::write(path, &text).map_err(|error| Failure::error(format!("{}: {error}", path.display())))
        };
        all([
            self.markdown.as_ref().map_or(Ok(()), file),
            step.map_or(Ok(()), |step| summarise(step, &format!("{text}\n"))),
        ])
    }
}
