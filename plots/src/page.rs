//! The frame of every figure: a title, panels below each other, a legend, notes.
//!
//! The legend stands below the panels, so that it covers no data. The figure's description in words is its
//! kind, its legend and its notes.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::PlotError;
use crate::label;
use crate::panel::write_text;
use crate::svg::{Sheet, refused, sheet};
use crate::texture::Texture;
use crate::theme::{self, Look};

/// Columns of a note.
const NOTE_COLUMNS: usize = 92;
/// Columns of an entry that leaves room for a second one beside it.
const HALF_COLUMNS: usize = 38;

/// What stands before the words of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key {
    /// A line with its marker.
    Curve(Look),
    /// A line alone.
    Line(Look),
    /// A marker alone.
    Marker(Look),
    /// A tinted band.
    Band(Look),
    /// A filled box.
    Box(Texture),
    /// Nothing, since nothing of it is drawn.
    Nothing,
}

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it explains.
    pub key: Key,
    /// In words; names in it are already shortened.
    pub words: String,
}

/// What surrounds the panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'a> {
    /// The title; shortened where it is long.
    pub title: &'a str,
    /// What kind of figure it is, for those who do not see it.
    pub kind: &'a str,
    /// Heights of the panels, px.
    pub panels: Vec<u32>,
    /// The legend.
    pub legend: Vec<Entry>,
    /// What a reader has to know beside it.
    pub notes: Vec<String>,
}

impl Page<'_> {
    /// Draws the figure; `draw` gets the panels' areas.
    ///
    /// # Errors
    /// Whatever `draw` answers, and [`PlotError::Draw`].
    pub fn draw(
        &self,
        draw: impl FnOnce(&[Sheet<'_>]) -> Result<(), PlotError>,
    ) -> Result<String, PlotError> {
        let notes: Vec<_> = self.notes.iter().flat_map(|note| label::wrap(note, NOTE_COLUMNS)).collect();
        let lines = count(self.legend.len().div_ceil(self.across())) + count(notes.len());
        let ends = self.panels.iter().scan(theme::TITLE_HEIGHT, |end, height| {
            *end = end.saturating_add(*height);
            Some(*end)
        });
        let ends: Vec<u32> = ends.collect();
        let plot_end = ends.last().copied().unwrap_or(theme::TITLE_HEIGHT);
        let height = lines.saturating_mul(theme::LEGEND_LINE).saturating_add(plot_end).saturating_add(14);
        sheet((theme::WIDTH, height), (self.title, &self.words()), |root| {
            let (head, _) = root.split_vertically(theme::TITLE_HEIGHT);
            draw_title(&head, self.title)?;
            let mut parts = root.split_by_breakpoints([] as [u32; 0], with_start(&ends));
            let foot = parts.pop();
            draw(parts.get(1..).unwrap_or_default())?;
            foot.map_or(Ok(()), |foot| self.draw_foot(&foot, &notes))
        })
    }

    fn words(&self) -> String {
        let legend: Vec<_> = self.legend.iter().map(|entry| entry.words.as_str()).collect();
        let notes = self.notes.join(" ");
        format!("{}. {} {notes}", self.kind, legend.join("; ")).trim_end().to_owned()
    }

    /// How many entries stand beside each other.
    fn across(&self) -> usize {
        let short = self.legend.iter().all(|entry| entry.words.chars().count() <= HALF_COLUMNS);
        if short && self.legend.len() > 2 { 2 } else { 1 }
    }

    fn draw_foot(&self, area: &Sheet<'_>, notes: &[String]) -> Result<(), PlotError> {
        let across = self.across();
        let line = i32::try_from(theme::LEGEND_LINE).unwrap_or(i32::MAX);
        let mut y = 15;
        for row in self.legend.chunks(across) {
            for (entry, x) in row.iter().zip([16, 508]) {
                draw_key(area, entry.key, (x, y))?;
                write_text(area, &entry.words, (x + 72, y), (HPos::Left, VPos::Center))?;
            }
            y = y.saturating_add(line);
        }
        for note in notes {
            write_text(area, note, (16, y), (HPos::Left, VPos::Center))?;
            y = y.saturating_add(line);
        }
        Ok(())
    }
}

fn with_start(ends: &[u32]) -> Vec<u32> {
    [theme::TITLE_HEIGHT].into_iter().chain(ends.iter().copied()).collect()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn draw_title(area: &Sheet<'_>, title: &str) -> Result<(), PlotError> {
    let title = theme::fit(title, theme::TITLE_COLUMNS);
    let style = theme::text(theme::TITLE, Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(title, (16, 26), style)).map_err(refused)
}

fn draw_key(area: &Sheet<'_>, key: Key, (x, y): (i32, i32)) -> Result<(), PlotError> {
    let (ends, middle) = (vec![(x, y), (x + 60, y)], (x + 30, y));
    let around = [(x, y - 9), (x + 60, y + 9)];
    match key {
        Key::Curve(look) => {
            look.draw_line(area, ends).map_err(refused)?;
            look.draw_marker(area, middle).map_err(refused)
        }
        Key::Line(look) => look.draw_line(area, ends).map_err(refused),
        Key::Marker(look) => look.draw_marker(area, middle).map_err(refused),
        Key::Band(look) => {
            area.draw(&Rectangle::new(around, look.colour.mix(theme::TINT).filled())).map_err(refused)
        }
        Key::Box(texture) => texture.draw(area, around),
        Key::Nothing => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn page(words: &str, entries: usize) -> Page<'static> {
        let entry = Entry { key: Key::Nothing, words: words.to_owned() };
        Page {
            title: "t",
            kind: "k",
            panels: vec![100, 50],
            legend: vec![entry; entries],
            notes: vec!["a b".into()],
        }
    }

    #[test]
    fn panels_lie_below_each_other() {
        let sizes = |areas: &[Sheet<'_>]| {
            areas.iter().map(|a| (a.get_base_pixel(), a.dim_in_pixel())).collect::<Vec<_>>()
        };
        let mut seen = Vec::new();
        page("x", 1)
            .draw(|areas| {
                seen = sizes(areas);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [((0, 48), (1_000, 100)), ((0, 148), (1_000, 50))]);
    }

    #[test]
    fn short_entries_stand_beside_each_other() {
        let height = |page: Page<'_>| {
            page.draw(|_| Ok(())).unwrap().split("height=\"").nth(1).unwrap()[..3].to_owned()
        };
        assert_eq!(height(page("x", 4)), "302");
        assert_eq!(height(page(&"x".repeat(60), 4)), "362");
    }

    #[test]
    fn the_description_has_the_legend_and_the_notes() {
        assert!(page("x<", 2).draw(|_| Ok(())).unwrap().contains("<desc>k. x&lt;; x&lt; a b</desc>"));
    }
}
