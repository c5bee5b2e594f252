//! A report as one HTML file.
//!
//! Nothing is fetched: style and script stand in the page, and its content policy refuses everything else,
//! scripts too unless they are the one whose hash it names. Without scripts the page is the same, except that
//! tables are neither sorted nor filtered. Every text goes through [`visible`] and is escaped by the template;
//! only style, script and finished figures are put in as they are.

mod cell;
mod leading;

use crate::document::{Block, Document, Figure, Finding, Section};
use crate::table::{Align, Table};
use crate::text::visible;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cell::Cell;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");
/// A table of more rows scrolls in a window of its own.
const LONG: usize = 40;
/// A table of fewer rows is not worth a filter.
const FILTERED: usize = 6;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[error("the page could not be written: {0}")]
pub struct PageError(#[from] askama::Error);

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    lead: String,
    style: &'static str,
    script: &'static str,
    /// The script's hash, as a content policy names it.
    hash: String,
    sections: Vec<SectionView>,
}

struct SectionView {
    name: String,
    title: String,
    below: bool,
    blocks: Vec<BlockView>,
}

enum BlockView {
    Text(String),
    Findings(Vec<FindingView>),
    Table(TableView),
    Figure(Figure),
    Commands(String),
}

struct FindingView {
    word: &'static str,
    text: String,
    see: String,
}

struct TableView {
    /// Unique in the page.
    id: String,
    title: String,
    headings: Vec<(String, bool)>,
    rows: Vec<Vec<Cell>>,
    notes: Vec<String>,
    long: bool,
    filtered: bool,
}

/// `document` as the text of an HTML file.
///
/// # Errors
/// [`PageError`] where the template fails, which it does for lack of memory only.
pub fn page(document: &Document) -> Result<String, PageError> {
    let mut tables = 0_usize;
    let page = Page {
        title: visible(&document.title),
        lead: visible(&document.lead),
        style: STYLE,
        script: SCRIPT,
        hash: format!("sha256-{}", BASE64.encode(Sha256::digest(SCRIPT))),
        sections: document.sections().iter().map(|section| section_view(section, &mut tables)).collect(),
    };
    Ok(page.render()?)
}

fn section_view(section: &Section, tables: &mut usize) -> SectionView {
    SectionView {
        name: section.name().to_owned(),
        title: visible(&section.title),
        below: section.below,
        blocks: section.blocks.iter().map(|block| block_view(block, tables)).collect(),
    }
}

fn block_view(block: &Block, tables: &mut usize) -> BlockView {
    match block {
        Block::Text(text) => BlockView::Text(visible(text)),
        Block::Findings(findings) => BlockView::Findings(findings.iter().map(finding_view).collect()),
        Block::Table(table) => {
            *tables += 1;
            BlockView::Table(table_view(table, *tables))
        }
        Block::Figure(figure) => {
            BlockView::Figure(Figure { title: visible(&figure.title), svg: figure.svg.clone() })
        }
        Block::Commands(lines) => {
            BlockView::Commands(lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn finding_view(finding: &Finding) -> FindingView {
    let see = finding.see.clone().unwrap_or_default();
    FindingView { word: finding.tone.word(), text: visible(&finding.text), see }
}

fn table_view(table: &Table, number: usize) -> TableView {
    let aligns: Vec<Align> = table.columns.iter().map(|column| column.align).collect();
    let row = |row: &Vec<_>| row.iter().zip(&aligns).map(|(value, align)| Cell::of(value, *align)).collect();
    TableView {
        id: format!("table-{number}"),
        title: visible(&table.title),
        headings: table.columns.iter().map(|c| (visible(&c.heading()), c.align == Align::Right)).collect(),
        rows: table.rows().iter().map(row).collect(),
        notes: table.notes.iter().map(|note| visible(note)).collect(),
        long: table.rows().len() > LONG,
        filtered: table.rows().len() >= FILTERED,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
