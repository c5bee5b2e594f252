//! Figures as SVG text, one family per file.
//!
//! A figure is made from what a record holds and nothing else, and comes back as a `String`: writing it to a
//! file or into a page is the caller's. [`png::picture`] makes a PNG of it.
//!
//! Bottom to top: [`theme`] is the one look of all figures, [`shade`] its light and its dark; [`label`] writes
//! numbers, [`axis`] chooses marks, [`measured`] is a number with its interval; [`svg`] is what is added around
//! a finished drawing, [`texture`] fills boxes, [`panel`] is a pair of axes, [`page`] the frame of a figure with
//! its legend; [`curves`], [`rows`] and [`place`] are what families share. The other files are families.
//!
//! No font file and no system font is needed: text stays text, and whoever shows the figure sets it. Texts
//! from outside go through [`reports::text::visible`] and are escaped.

pub mod axis;
pub mod curves;
pub mod fallback;
pub mod find_pool;
pub mod forest;
pub mod histogram;
pub mod history;
pub mod label;
pub mod latency;
pub mod locks;
pub mod measured;
pub mod page;
pub mod panel;
pub mod pareto;
pub mod place;
pub mod png;
pub mod rows;
pub mod scaling;
pub mod sensitivity;
pub mod shade;
pub mod slot_search;
pub mod svg;
pub mod texture;
pub mod theme;
pub mod throughput;
pub mod timeline;

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// Of all series none has enough samples for a curve.
    #[error("nothing to draw: of {series} series none has {needed} samples")]
    TooFew {
        /// How many series were given.
        series: usize,
        /// How many samples one of them needs.
        needed: u64,
    },
    /// Nothing was given that could be drawn.
    #[error("nothing to draw: no {0}")]
    Empty(&'static str),
    /// More was given than one figure shows legibly.
    #[error("{given} {what} are too many for one figure, which shows {most}: make several")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// How many are possible.
        most: usize,
    },
    /// A number that has no place on its axis.
    #[error("{what}: {number} cannot be drawn, a number {wanted} is wanted")]
    Number {
        /// Whose number.
        what: String,
        /// The number.
        number: String,
        /// What is possible.
        wanted: &'static str,
    },
    /// An interval that does not enclose its value.
    #[error("{what}: its interval does not enclose its value")]
    Interval {
        /// Whose interval.
        what: String,
    },
    /// The drawing library refused.
    #[error("the figure could not be drawn: {0}")]
    Draw(String),
    /// The figure could not be made a picture.
    #[error("no picture could be made: {0}")]
    Picture(String),
}

/// Refuses nothing, and more than `most`.
fn check_count(what: &'static str, given: usize, most: usize) -> Result<(), PlotError> {
    match given {
        0 => Err(PlotError::Empty(what)),
        given if given > most => Err(PlotError::TooMany { what, given, most }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod markup;
