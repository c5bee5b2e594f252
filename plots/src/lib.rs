//! Figures as SVG text, one family per file.
//!
//! A figure is made from what a record holds and nothing else, and comes back as a `String`: writing it to a
//! file or into a page is the caller's. Bottom to top: [`theme`] is the one look of all figures, [`axis`] the
//! logarithmic axes, [`svg`] what is added around a finished drawing; [`latency`] is a family.
//!
//! No font file and no system font is needed: text stays text, and whoever shows the figure sets it. Texts
//! from outside go through [`reports::text::visible`] and are escaped.

pub mod axis;
pub mod latency;
pub mod svg;
pub mod theme;

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
    /// The drawing library refused.
    #[error("the figure could not be drawn: {0}")]
    Draw(String),
}
