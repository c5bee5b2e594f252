//! The one look of all figures.
//!
//! Colours are Okabe and Ito's, which people with any common colour blindness tell apart; yellow is left
//! out, since it vanishes on white. No two of the first seven series differ by colour alone: each has its
//! own dash and its own marker, so that a grey print can be read too. Sizes are chosen for a figure shown
//! at half its size.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::TextStyle;
use plotters::style::text_anchor::Pos;

/// Width of every figure, px.
pub const WIDTH: u32 = 1_000;
/// Height of the plotted area with its axes, px.
pub const PLOT_HEIGHT: u32 = 532;
/// Height of a line of the legend, px.
pub const LEGEND_LINE: u32 = 30;
/// Height of the title, px.
pub const TITLE_HEIGHT: u32 = 48;
/// Text at axes and in the legend, px.
pub const TEXT: f64 = 19.0;
/// The title, px.
pub const TITLE: f64 = 23.0;
/// Room for a name, in columns of [`fit`].
pub const NAME_COLUMNS: usize = 34;
/// Room for a title, in columns of [`fit`].
pub const TITLE_COLUMNS: usize = 72;
/// Width of a curve, px.
pub const STROKE: u32 = 3;
/// How much of a band's colour is seen.
pub const TINT: f64 = 0.25;
/// Axes and text.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Lines of the grid.
pub const GRID: RGBColor = RGBColor(0xd8, 0xd8, 0xd8);

/// Okabe and Ito's colours, ordered so that neighbours differ in brightness too.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2), // blue
    RGBColor(0xe6, 0x9f, 0x00), // orange
    RGBColor(0x00, 0x00, 0x00), // black
    RGBColor(0x56, 0xb4, 0xe9), // sky blue
    RGBColor(0xd5, 0x5e, 0x00), // vermilion
    RGBColor(0x00, 0x9e, 0x73), // bluish green
    RGBColor(0xcc, 0x79, 0xa7), // reddish purple
];

/// Length of a dash and of the gap after it, px; a gap of 0 is a solid line.
const DASHES: [(i32, i32); 7] = [(1, 0), (14, 6), (4, 5), (22, 6), (9, 9), (6, 3), (28, 12)];

const MARKERS: [Marker; 7] = [
    Marker::Disc,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Ring,
    Marker::Frame,
    Marker::Cross,
];

/// The shape at a curve's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A filled circle.
    Disc,
    /// A filled square.
    Square,
    /// A filled triangle.
    Triangle,
    /// A filled square on its corner.
    Diamond,
    /// A circle's outline, filled with white.
    Ring,
    /// A square's outline, filled with white.
    Frame,
    /// Two strokes.
    Cross,
}

/// How one series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its colour.
    pub colour: RGBColor,
    /// Dash and gap, px; a gap of 0 is a solid line.
    pub dash: (i32, i32),
    /// Its marker.
    pub marker: Marker,
}

/// The look of series `i`. After seven series colours begin again with other dashes and markers; 343 looks
/// differ.
#[must_use]
pub fn look(i: usize) -> Look {
    let (turn, turns) = (i / 7, i / 49);
    Look { colour: COLOURS[i % 7], dash: DASHES[(i + turn) % 7], marker: MARKERS[(i + 2 * turn + turns) % 7] }
}

/// Text of `px` pixels, anchored at `pos`. The SVG backend divides the size that it is given by 1.24.
#[must_use]
pub fn text(px: f64, pos: Pos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", px * 1.24).into_font()).color(&INK).pos(pos)
}

/// `content` on one line and in at most `columns` columns, shortened where it is longer. No font is measured:
/// a character of the wide scripts counts as two columns.
#[must_use]
pub fn fit(content: &str, columns: usize) -> String {
    let content = reports::text::visible(content);
    let mut left = columns;
    let kept = content.chars().take_while(|&c| {
        let rest = left.checked_sub(if c >= '\u{1100}' { 2 } else { 1 });
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    let kept = kept.count();
    if kept == content.chars().count() { content } else { reports::text::shorten(&content, kept) }
}

impl Look {
    /// The stroke of its line.
    #[must_use]
    pub fn stroke(self) -> ShapeStyle {
        self.colour.stroke_width(STROKE)
    }

    /// Draws its line through `points`, px from the area's corner.
    ///
    /// # Errors
    /// As the drawing backend.
    pub fn draw_line<DB: DrawingBackend>(
        self,
        area: &DrawingArea<DB, plotters::coord::Shift>,
        points: Vec<(i32, i32)>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        if self.dash.1 == 0 {
            return area.draw(&PathElement::new(points, self.stroke()));
        }
        area.draw(&DashedPathElement::new(points, self.dash.0, self.dash.1, self.stroke()))
    }

    /// Draws its marker at a point, px from the area's corner.
    ///
    /// # Errors
    /// As the drawing backend.
    pub fn draw_marker<DB: DrawingBackend>(
        self,
        area: &DrawingArea<DB, plotters::coord::Shift>,
        (x, y): (i32, i32),
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let (fill, edge, white) = (self.colour.filled(), self.colour.stroke_width(2), WHITE.filled());
        let square = |r: i32| [(x - r, y - r), (x + r, y + r)];
        match self.marker {
            Marker::Disc => area.draw(&Circle::new((x, y), 6, fill)),
            Marker::Square => area.draw(&Rectangle::new(square(5), fill)),
            Marker::Triangle => area.draw(&TriangleMarker::new((x, y), 8, fill)),
            Marker::Diamond => {
                area.draw(&Polygon::new(vec![(x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y)], fill))
            }
            Marker::Ring => {
                area.draw(&Circle::new((x, y), 6, white))?;
                area.draw(&Circle::new((x, y), 6, edge))
            }
            Marker::Frame => {
                area.draw(&Rectangle::new(square(5), white))?;
                area.draw(&Rectangle::new(square(5), edge))
            }
            Marker::Cross => area.draw(&Cross::new((x, y), 6, edge)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brightness as a grey print shows it, 0 to 255.
    fn grey(c: RGBColor) -> f64 {
        0.299 * f64::from(c.0) + 0.587 * f64::from(c.1) + 0.114 * f64::from(c.2)
    }

    #[test]
    fn no_two_of_343_series_look_alike() {
        let looks: Vec<_> = (0..343).map(look).collect();
        for (i, a) in looks.iter().enumerate() {
            assert!(looks[..i].iter().all(|b| a != b), "{i}");
        }
    }

    #[test]
    fn the_first_seven_differ_without_colour() {
        let looks: Vec<_> = (0..7).map(look).collect();
        for (i, a) in looks.iter().enumerate() {
            assert!(looks[..i].iter().all(|b| a.dash != b.dash && a.marker != b.marker), "{i}");
            assert!(grey(a.colour) < 190.0, "{i} is too pale on white");
        }
        for pair in looks[..4].windows(2) {
            assert!((grey(pair[0].colour) - grey(pair[1].colour)).abs() > 50.0, "{pair:?}");
        }
    }

    #[test]
    fn names_fit_their_room() {
        assert_eq!(fit("find_pool", 9), "find_pool");
        assert_eq!(fit("find_pools", 9), "find_poo…");
        assert_eq!(fit("漢字漢字", 8), "漢字漢字");
        assert_eq!(fit("漢字漢字漢", 8), "漢字漢…");
        assert_eq!((fit("\u{202e}", 99), fit("ab", 0)), ("\\u{202e}".into(), String::new()));
    }

    #[test]
    fn text_keeps_nine_pixels_at_half_size() {
        const { assert!(TEXT >= 18.0 && TITLE >= TEXT) };
    }
}
