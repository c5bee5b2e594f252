//! Latency by quantile: one curve for each operation.
//!
//! Horizontally the percentile, so that each further nine takes as much room as the one before; vertically
//! the time, on a log scale. A curve ends where the sample rule ends (ten samples lie beyond its last
//! point), never at the maximum; markers stand at the percentiles of the tables. The legend gives N and the
//! maximum, and says so where samples are too few or too long to be drawn.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use reports::latency::{Latency, MAX_NS};
use reports::quantile::{Cell, Quantile};
use reports::units;

use crate::PlotError;
use crate::axis::{Axis, place_of_quantile, place_of_time};
use crate::svg::{Sheet, refused, sheet};
use crate::theme::{self, Look, look};

/// Samples that a curve needs: with fewer, not even the median is printed.
const NEEDED: u64 = 20;

/// Points of a curve for each power of ten.
const POINTS: u32 = 24;

/// One operation's latencies under a name.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The name in the legend; shortened where it is long.
    pub name: &'a str,
    /// Its samples.
    pub latency: &'a Latency,
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError::TooFew`] where no series has samples enough for a curve.
pub fn by_quantile(title: &str, series: &[Series<'_>]) -> Result<String, PlotError> {
    let curves: Vec<_> = series.iter().map(|s| Curve::of(s.latency)).collect();
    let furthest = curves.iter().filter_map(Curve::furthest).max();
    let (Some(furthest), Some((least, most))) = (furthest, extent(&curves)) else {
        return Err(PlotError::TooFew { series: series.len(), needed: NEEDED });
    };
    let lines = u32::try_from(series.len()).unwrap_or(u32::MAX);
    let plot_end = theme::TITLE_HEIGHT + theme::PLOT_HEIGHT;
    let height = lines.saturating_mul(theme::LEGEND_LINE).saturating_add(plot_end + 14);
    let legend: Vec<_> = series.iter().map(legend_text).collect();
    let words = format!("Latency by percentile. {}", legend.join("; "));
    sheet((theme::WIDTH, height), (title, &words), |root| {
        let (head, rest) = root.split_vertically(theme::TITLE_HEIGHT);
        let (body, foot) = rest.split_vertically(theme::PLOT_HEIGHT);
        draw_title(&head, title)?;
        draw_curves(&body, (Axis::percentiles(furthest), Axis::times(least, most)), &curves)?;
        draw_legend(&foot, &legend, &curves)
    })
}

/// The points of one series, as far as the sample rule allows; empty where that is nowhere.
struct Curve(Vec<(Quantile, u64)>);

impl Curve {
    fn of(latency: &Latency) -> Self {
        let samples = latency.samples();
        let drawn = share(latency.histogram().len(), samples);
        let furthest = Quantile::furthest(samples).filter(|_| samples >= NEEDED);
        let Some(end) = furthest.zip(drawn).map(|(a, b)| a.min(b)) else { return Self(Vec::new()) };
        let mut wanted: Vec<_> = grid().into_iter().filter(|q| *q < end).chain([end]).collect();
        wanted.extend(Quantile::TABLE.into_iter().filter(|q| *q < end));
        wanted.sort_unstable();
        wanted.dedup();
        let points = wanted.iter().zip(latency.at(&wanted)).map_while(|(q, cell)| match cell {
            Cell::Value(ns) => Some((*q, ns)),
            Cell::Above(_) | Cell::TooFew(_) => None,
        });
        Self(points.collect())
    }

    fn furthest(&self) -> Option<Quantile> {
        self.0.last().map(|(q, _)| *q)
    }

    fn markers(&self) -> impl Iterator<Item = &(Quantile, u64)> {
        self.0.iter().filter(|(q, _)| Quantile::TABLE.contains(q))
    }
}

/// The highest quantile that the first `part` of `samples` samples answer.
fn share(part: u64, samples: u64) -> Option<Quantile> {
    let ppm = u128::from(part) * 1_000_000 / u128::from(samples.max(1));
    Quantile::from_ppm(u32::try_from(ppm.min(999_999)).ok()?)
}

/// Evenly spread on the axis, from the smallest sample to one in a million.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and a million
fn grid() -> Vec<Quantile> {
    let beyond = |step: u32| 10_f64.powf(6.0 - f64::from(step) / f64::from(POINTS)).round() as u32;
    (0..=6 * POINTS).filter_map(|step| Quantile::from_ppm(1_000_000_u32.checked_sub(beyond(step))?)).collect()
}

/// The shortest and the longest time on any curve, ns.
fn extent(curves: &[Curve]) -> Option<(u64, u64)> {
    let times = || curves.iter().flat_map(|c| c.0.iter().map(|(_, ns)| *ns));
    times().min().zip(times().max())
}

fn draw_title(area: &Sheet<'_>, title: &str) -> Result<(), PlotError> {
    let title = theme::fit(title, theme::TITLE_COLUMNS);
    let style = theme::text(theme::TITLE, Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(title, (16, 26), style)).map_err(refused)
}

fn draw_curves(area: &Sheet<'_>, (x, y): (Axis, Axis), curves: &[Curve]) -> Result<(), PlotError> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(36)
        .margin_top(12)
        .margin_bottom(20)
        .margin_left(16)
        .x_label_area_size(66)
        .y_label_area_size(110)
        .build_cartesian_2d(x, y)
        .map_err(refused)?;
    let label = theme::text(theme::TEXT, Pos::new(HPos::Left, VPos::Top));
    chart
        .configure_mesh()
        .bold_line_style(theme::GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(theme::INK)
        .label_style(label.clone())
        .axis_desc_style(label)
        .x_desc("percentile (%), log scale of the share beyond")
        .y_desc("latency, log scale")
        .draw()
        .map_err(refused)?;
    let place = |(q, ns): &(Quantile, u64)| chart.backend_coord(&(place_of_quantile(*q), place_of_time(*ns)));
    for (i, curve) in curves.iter().enumerate() {
        draw_curve(area, look(i), curve, place)?;
    }
    Ok(())
}

/// Draws one curve; `place` answers in px from the sheet's corner.
fn draw_curve(
    area: &Sheet<'_>,
    look: Look,
    curve: &Curve,
    place: impl Fn(&(Quantile, u64)) -> (i32, i32),
) -> Result<(), PlotError> {
    let (left, top) = area.get_base_pixel();
    let inside = |point| {
        let (x, y) = place(point);
        (x - left, y - top)
    };
    if !curve.0.is_empty() {
        look.draw_line(area, curve.0.iter().map(inside).collect()).map_err(refused)?;
    }
    curve.markers().map(inside).try_for_each(|at| look.draw_marker(area, at).map_err(refused))
}

fn draw_legend(area: &Sheet<'_>, legend: &[String], curves: &[Curve]) -> Result<(), PlotError> {
    let mut y = 15;
    for (i, (words, curve)) in legend.iter().zip(curves).enumerate() {
        if !curve.0.is_empty() {
            look(i).draw_line(area, vec![(126, y), (186, y)]).map_err(refused)?;
            look(i).draw_marker(area, (156, y)).map_err(refused)?;
        }
        let style = theme::text(theme::TEXT, Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(words.clone(), (200, y), style)).map_err(refused)?;
        y += i32::try_from(theme::LEGEND_LINE).unwrap_or(i32::MAX);
    }
    Ok(())
}

/// `map: N 20,001, max 12.3 us`, and what is not drawn.
fn legend_text(series: &Series<'_>) -> String {
    let name = theme::fit(series.name, theme::NAME_COLUMNS);
    let latency = series.latency;
    let mut words = format!("{name}: N {}", units::count(latency.samples()));
    if let Some(max) = latency.max_ns() {
        words += &format!(", max {}", units::time(max));
    }
    if latency.overflow() > 0 {
        words += &format!(", {} above {}", units::count(latency.overflow()), units::time(MAX_NS));
    }
    if latency.samples() < NEEDED {
        words += ", too few for a curve";
    }
    words
}

#[cfg(test)]
#[path = "latency_tests.rs"]
mod tests;
