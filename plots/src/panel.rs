//! One pair of axes, and marks placed by values on it.
//!
//! Axis titles carry the unit and the count of samples; the family writes them. Whatever is drawn stays
//! between the axes, since an [`Axis`] places no value outside of itself.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::PlotError;
use crate::axis::Axis;
use crate::label;
use crate::measured::Measured;
use crate::svg::{Sheet, refused};
use crate::theme::{self, Look};

/// Width of a column of text at axes, px; that of the widest common fonts.
const COLUMN: i32 = 12;
/// Height of a line of a title, px.
const LINE: i32 = 24;

/// Space around the plotted area, px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// For marks' labels and the title of the vertical axis.
    pub left: i32,
    /// For the half of a label.
    pub right: i32,
    /// For the half of a label.
    pub top: i32,
    /// For marks' labels and the title of the horizontal axis.
    pub bottom: i32,
}

/// The usual space: labels of eight columns, and two lines of vertical title.
pub const MARGINS: Margins = Margins { left: 166, right: 44, top: 16, bottom: 66 };

/// A pair of axes on a part of the sheet.
pub struct Panel<'s, 'a> {
    area: &'s Sheet<'a>,
    x: Axis,
    y: Axis,
    /// Left and right end, px.
    across: (i32, i32),
    /// Lower and upper end, px.
    up: (i32, i32),
}

impl<'s, 'a> Panel<'s, 'a> {
    /// Draws axes, marks, grid and titles. An axis whose title is empty has none.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn draw(
        area: &'s Sheet<'a>,
        margins: Margins,
        (x, x_title): (Axis, &str),
        (y, y_title): (Axis, &str),
    ) -> Result<Self, PlotError> {
        let (width, height) = area.dim_in_pixel();
        let end = |size: u32, margin| i32::try_from(size).unwrap_or(i32::MAX).saturating_sub(margin);
        let across = (margins.left, end(width, margins.right));
        let up = (end(height, margins.bottom), margins.top);
        let panel = Self { area, x, y, across, up };
        panel.draw_marks()?;
        panel.draw_frame()?;
        panel.draw_titles(x_title, y_title)?;
        Ok(panel)
    }

    /// Where a pair of values stands, px from the corner of the area.
    #[must_use]
    pub fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.x.place(x, self.across), self.y.place(y, self.up))
    }

    /// Left and right end of the plotted area, px.
    #[must_use]
    pub fn across(&self) -> (i32, i32) {
        self.across
    }

    /// Lower and upper end of the plotted area, px.
    #[must_use]
    pub fn up(&self) -> (i32, i32) {
        self.up
    }

    /// The area below.
    #[must_use]
    pub fn area(&self) -> &'s Sheet<'a> {
        self.area
    }

    fn draw_marks(&self) -> Result<(), PlotError> {
        let grid = theme::GRID.stroke_width(1);
        let step = self.labelled();
        for (i, (at, words)) in self.x.marks().iter().enumerate() {
            let x = self.x.place(*at, self.across);
            self.path(vec![(x, self.up.0), (x, self.up.1)], grid)?;
            if i % step == 0 {
                // Below the lowest mark of the vertical axis, which may stand beside it.
                self.text(words, (x, self.up.0 + 12), (HPos::Center, VPos::Top))?;
            }
        }
        let mut free = i32::MAX;
        for (at, words) in self.y.marks() {
            let y = self.y.place(*at, self.up);
            self.path(vec![(self.across.0, y), (self.across.1, y)], grid)?;
            if y + LINE / 2 <= free {
                self.text(words, (self.across.0 - 8, y), (HPos::Right, VPos::Center))?;
                free = y - LINE / 2;
            }
        }
        Ok(())
    }

    /// Every how many marks of the horizontal axis have a label: as many as leave each its room.
    fn labelled(&self) -> usize {
        let ends = |(at, words): &(f64, String)| {
            let (x, half) = (self.x.place(*at, self.across), columns(words) * COLUMN / 2);
            (x - half, x + half + COLUMN / 2)
        };
        let marks: Vec<(i32, i32)> = self.x.marks().iter().map(ends).collect();
        let apart = |step: &usize| {
            let shown: Vec<_> = marks.iter().step_by(*step).collect();
            shown.windows(2).all(|pair| pair[0].1 <= pair[1].0)
        };
        (1..=marks.len()).find(apart).unwrap_or(1)
    }

    fn draw_frame(&self) -> Result<(), PlotError> {
        let corner = (self.across.0, self.up.0);
        let ink = theme::INK.stroke_width(2);
        self.path(vec![(self.across.0, self.up.1), corner, (self.across.1, self.up.0)], ink)
    }

    fn draw_titles(&self, x_title: &str, y_title: &str) -> Result<(), PlotError> {
        let middle = i32::midpoint(self.across.0, self.across.1);
        self.text(x_title, (middle, self.up.0 + 38), (HPos::Center, VPos::Top))?;
        let long = usize::try_from((self.up.0 - self.up.1) / (COLUMN - 2)).unwrap_or(0);
        let lines = label::wrap(y_title, long.max(8));
        let middle = i32::midpoint(self.up.0, self.up.1);
        for (x, line) in (0..).map(|i| 8 + LINE * i).zip(lines) {
            let style = theme::text(theme::TEXT, Pos::new(HPos::Center, VPos::Top));
            let style = style.transform(FontTransform::Rotate270);
            self.area.draw(&Text::new(line, (x, middle), style)).map_err(refused)?;
        }
        Ok(())
    }

    /// Text at a place in px.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn text(&self, words: &str, at: (i32, i32), (across, up): (HPos, VPos)) -> Result<(), PlotError> {
        write_text(self.area, words, at, (across, up))
    }

    /// A line through places in px.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn path(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Result<(), PlotError> {
        self.area.draw(&PathElement::new(points, style)).map_err(refused)
    }

    /// A line of a look through values; nothing for fewer than two.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn line(&self, look: Look, points: &[(f64, f64)]) -> Result<(), PlotError> {
        if points.len() < 2 {
            return Ok(());
        }
        look.draw_line(self.area, points.iter().map(|p| self.at(*p)).collect()).map_err(refused)
    }

    /// A marker at a pair of values.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn marker(&self, look: Look, at: (f64, f64)) -> Result<(), PlotError> {
        look.draw_marker(self.area, self.at(at)).map_err(refused)
    }

    /// The vertical interval of `y` at `x`, moved aside by `aside` px so that neighbours do not hide it.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn whisker(&self, look: Look, (x, y): (f64, Measured), aside: i32) -> Result<(), PlotError> {
        let Some((low, high)) = y.interval else { return Ok(()) };
        let (x, bottom) = self.at((x, low));
        let (x, top) = (x + aside, self.at((0.0, high)).1);
        let style = look.colour.stroke_width(2);
        for points in [
            vec![(x, bottom), (x, top)],
            vec![(x - 6, bottom), (x + 6, bottom)],
            vec![(x - 6, top), (x + 6, top)],
        ] {
            self.path(points, style)?;
        }
        Ok(())
    }

    /// The horizontal interval of `x` at a height of `y` px.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn whisker_across(&self, style: ShapeStyle, x: (f64, f64), y: i32) -> Result<(), PlotError> {
        let (left, right) = (self.x.place(x.0, self.across), self.x.place(x.1, self.across));
        for points in [
            vec![(left, y), (right, y)],
            vec![(left, y - 6), (left, y + 6)],
            vec![(right, y - 6), (right, y + 6)],
        ] {
            self.path(points, style)?;
        }
        Ok(())
    }

    /// A tinted band between two curves of (x, low, high).
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn band(&self, colour: RGBColor, points: &[(f64, f64, f64)]) -> Result<(), PlotError> {
        let there = points.iter().map(|(x, low, _)| self.at((*x, *low)));
        let back = points.iter().rev().map(|(x, _, high)| self.at((*x, *high)));
        let outline: Vec<_> = there.chain(back).collect();
        if points.len() < 2 {
            return Ok(());
        }
        self.area.draw(&Polygon::new(outline, colour.mix(theme::TINT).filled())).map_err(refused)
    }
}

/// Text at a place in px, nothing where it is empty.
///
/// # Errors
/// [`PlotError::Draw`].
pub fn write_text(
    area: &Sheet<'_>,
    words: &str,
    at: (i32, i32),
    (across, up): (HPos, VPos),
) -> Result<(), PlotError> {
    if words.is_empty() {
        return Ok(());
    }
    let style = theme::text(theme::TEXT, Pos::new(across, up));
    area.draw(&Text::new(reports::text::visible(words), at, style)).map_err(refused)
}

/// Width of `words` in columns.
#[must_use]
pub fn columns(words: &str) -> i32 {
    i32::try_from(words.chars().count()).unwrap_or(i32::MAX / COLUMN)
}
