//! Named rows with a horizontal interval each, as several families draw them.
//!
//! The name stands left of its row and the number right of it, so that neither covers an interval.

use plotters::element::Rectangle;
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use crate::PlotError;
use crate::axis::{Axis, MANY};
use crate::label;
use crate::measured::{self, Measured};
use crate::panel::{Margins, Panel};
use crate::svg::{Sheet, refused};
use crate::theme::{self, Look};

/// Height of a row, px.
const ROW: u32 = 32;
/// Space around the rows, px; the longest name and the longest number fit.
const MARGINS: Margins = Margins { left: 384, right: 206, top: 10, bottom: 66 };

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// Shortened where it is long.
    pub name: &'a str,
    /// What is drawn, with its look; a heading has nothing.
    pub change: Option<(Measured, Look)>,
    /// Half the width of the band around zero, zero for none.
    pub floor: f64,
    /// What stands right of it.
    pub words: String,
}

/// Height of a panel of `rows` rows, px.
#[must_use]
pub fn height(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX).saturating_mul(ROW).saturating_add(80)
}

/// Draws the rows on a linear axis of percent around zero.
///
/// # Errors
/// [`PlotError::Draw`].
pub fn draw(area: &Sheet<'_>, x_title: &str, rows: &[Row<'_>]) -> Result<(), PlotError> {
    let all = rows.iter().filter_map(|row| row.change.as_ref().map(|(change, _)| change));
    let (least, most) = measured::extent(all).unwrap_or((0.0, 0.0));
    let floor = rows.iter().map(|row| row.floor).fold(0.0, f64::max) * 1.2;
    let x = Axis::linear(least.min(-floor), most.max(floor).max(least + 0.1), MANY - 2, label::change);
    // The mark at zero is drawn over; rows have a heading each, so that names have no marks.
    let y = Axis::names(rows.iter().map(|_| String::new()));
    let panel = Panel::draw(area, MARGINS, (x, x_title), (y, ""))?;
    let zero = panel.at((0.0, 0.0)).0;
    for (i, row) in rows.iter().rev().enumerate() {
        draw_floor(&panel, i as f64, row.floor)?;
        draw_row(&panel, i as f64, row)?;
    }
    panel.path(vec![(zero, panel.up().0), (zero, panel.up().1)], theme::INK.stroke_width(1))
}

fn draw_floor(panel: &Panel<'_, '_>, i: f64, floor: f64) -> Result<(), PlotError> {
    let ((left, y), (right, _)) = (panel.at((-floor, i)), panel.at((floor, i)));
    if right - left < 2 {
        return Ok(());
    }
    let tint = theme::INK.mix(theme::TINT / 2.0).filled();
    panel.area().draw(&Rectangle::new([(left, y - 15), (right, y + 15)], tint)).map_err(refused)
}

fn draw_row(panel: &Panel<'_, '_>, i: f64, row: &Row<'_>) -> Result<(), PlotError> {
    let y = panel.at((0.0, i)).1;
    let name = theme::fit(row.name, theme::NAME_COLUMNS);
    let (left, right) = panel.across();
    panel.text(&row.words, (right + 12, y), (HPos::Left, VPos::Center))?;
    let Some((change, look)) = row.change else {
        return panel.text(&name, (16, y), (HPos::Left, VPos::Center));
    };
    panel.text(&name, (left - 12, y), (HPos::Right, VPos::Center))?;
    if let Some(ends) = change.interval {
        panel.whisker_across(look.colour.stroke_width(3), ends, y)?;
    }
    panel.marker(look, (change.value, i))
}

/// `+2.5 %, N 12`, and a question mark where there is no interval.
#[must_use]
pub fn words(change: Measured) -> String {
    let unsure = if change.interval.is_none() { " (?)" } else { "" };
    format!("{}{unsure}, N {}", label::change(change.value), reports::units::count(change.n))
}
