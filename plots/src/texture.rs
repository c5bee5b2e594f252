//! Fills that differ without colour: each part of a bar has its own hatching.

use plotters::prelude::*;

use crate::PlotError;
use crate::svg::{Sheet, refused};
use crate::theme;

/// How a box is hatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hatch {
    Plain,
    Rising,
    Falling,
    Upright,
    Level,
    Crossed,
    Empty,
}

const HATCHES: [Hatch; 7] =
    [Hatch::Plain, Hatch::Rising, Hatch::Upright, Hatch::Falling, Hatch::Empty, Hatch::Level, Hatch::Crossed];

/// Between two strokes, px.
const GAP: i32 = 9;

/// The fill of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texture {
    colour: RGBColor,
    hatch: Hatch,
}

/// The texture of part `i`; 49 differ.
#[must_use]
pub fn texture(i: usize) -> Texture {
    Texture { colour: theme::look(i).colour, hatch: HATCHES[(i + i / 7) % 7] }
}

impl Texture {
    /// Fills the box between two corners, px: upper left and lower right.
    ///
    /// # Errors
    /// [`PlotError::Draw`].
    pub fn draw(self, area: &Sheet<'_>, corners: [(i32, i32); 2]) -> Result<(), PlotError> {
        let fill = match self.hatch {
            Hatch::Plain => self.colour.filled(),
            Hatch::Empty => WHITE.filled(),
            _ => self.colour.mix(theme::TINT).filled(),
        };
        area.draw(&Rectangle::new(corners, fill)).map_err(refused)?;
        for line in self.strokes(corners) {
            area.draw(&PathElement::new(line.to_vec(), self.colour.stroke_width(2))).map_err(refused)?;
        }
        area.draw(&Rectangle::new(corners, self.colour.stroke_width(2))).map_err(refused)
    }

    fn strokes(self, [(left, top), (right, bottom)]: [(i32, i32); 2]) -> Vec<[(i32, i32); 2]> {
        let level = || steps(top, bottom).map(|y| [(left, y), (right, y)]);
        let upright = || steps(left, right).map(|x| [(x, top), (x, bottom)]);
        let high = bottom - top;
        // Every slanted stroke, cut where it leaves the box.
        let slanted = || {
            steps(left - high, right).map(move |x| {
                let (from, to) = (x.max(left), (x + high).min(right));
                [(from, from - x), (to, to - x)]
            })
        };
        match self.hatch {
            Hatch::Plain | Hatch::Empty => Vec::new(),
            Hatch::Level => level().collect(),
            Hatch::Upright => upright().collect(),
            Hatch::Crossed => level().chain(upright()).collect(),
            Hatch::Rising => slanted().map(|ends| ends.map(|(x, up)| (x, bottom - up))).collect(),
            Hatch::Falling => slanted().map(|ends| ends.map(|(x, down)| (x, top + down))).collect(),
        }
    }
}

fn steps(from: i32, to: i32) -> impl Iterator<Item = i32> {
    (1..).map(move |i| from.saturating_add(GAP * i)).take_while(move |at| *at < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_stay_in_the_box() {
        for i in 0..49 {
            for (width, height) in [(0, 18), (3, 18), (200, 18), (5, 300)] {
                for (x, y) in texture(i).strokes([(10, 20), (10 + width, 20 + height)]).into_iter().flatten()
                {
                    assert!((10..=10 + width).contains(&x) && (20..=20 + height).contains(&y), "{i} {width}");
                }
            }
        }
    }

    #[test]
    fn no_two_of_49_look_alike() {
        let all: Vec<_> = (0..49).map(texture).collect();
        assert!(all.iter().enumerate().all(|(i, a)| all[..i].iter().all(|b| a != b)));
        assert!((0..7).all(|i| (0..i).all(|j| texture(i).hatch != texture(j).hatch)));
    }
}
