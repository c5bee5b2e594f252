//! Throughput against threads: one curve for each policy, with a scaling law where one is allowed.
//!
//! A law is fitted to at least six thread counts that are not oversubscribed, else the points are joined and
//! the legend says why there is none. Counts with more threads than CPUs stand to the right of a line, are
//! joined to nothing and take no part in a fit.

use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{Axis, MANY};
use crate::curves::{self, Curve};
use crate::measured::Measured;
use crate::page::{Entry, Page};
use crate::panel::{MARGINS, Margins, Panel};
use crate::scaling::{self, Law};
use crate::theme::{self, look};
use crate::{PlotError, label};

/// Points of a law's line.
const STEPS: u32 = 60;

/// One policy's throughput.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The policy.
    pub name: &'a str,
    /// Threads, one at least, and operations a second of all threads together.
    pub points: &'a [(u32, Measured)],
}

/// The figure, as SVG text; a point with more than `cpus` threads is oversubscribed.
///
/// # Errors
/// [`PlotError`] for no points, too many series, and throughputs that are not above zero.
pub fn by_threads(title: &str, cpus: u32, series: &[Series<'_>]) -> Result<String, PlotError> {
    let curves: Vec<_> = series.iter().map(|s| of_threads(s.name, s.points, cpus)).collect();
    curves::check(&curves)?;
    let fits: Vec<_> = curves.iter().map(Fit::of).collect();
    let page = Page {
        title,
        kind: "Throughput by threads",
        panels: vec![theme::PLOT_HEIGHT],
        legend: legend(&curves, &fits),
        notes: notes(&curves, &fits),
    };
    let y_title = format!("throughput (operations a second), {} launches a point", curves::samples(&curves));
    let most = fits.iter().filter_map(Fit::highest).fold(curves::extent_up(&curves).1, f64::max);
    page.draw(|areas| {
        let y = Axis::linear(0.0, most, MANY, short_number);
        let margins = Margins { top: 44, ..MARGINS };
        let x = (threads_axis(&curves), "threads (count)");
        let panel = Panel::draw(&areas[0], margins, x, (y, &y_title))?;
        draw_limit(&panel, cpus, &curves)?;
        for (i, fit) in fits.iter().enumerate() {
            panel.band(look(i).colour, &fit.band)?;
            panel.line(look(i), &fit.line)?;
        }
        curves::draw(&panel, &without_lines(&curves, &fits))
    })
}

/// A curve over threads whose oversubscribed points stand apart.
pub(crate) fn of_threads<'a>(name: &'a str, points: &[(u32, Measured)], cpus: u32) -> Curve<'a> {
    Curve::with_apart(name, points.iter().map(|(n, y)| (f64::from((*n).max(1)), *y, *n > cpus)))
}

/// Linear up to 16 threads, above that powers of two.
pub(crate) fn threads_axis(curves: &[Curve<'_>]) -> Axis {
    let (first, last) = curves::extent_across(curves);
    if last > 16.0 {
        return Axis::powers_of_two(first, last, MANY, label::number);
    }
    let whole = |v: f64| if v.fract() == 0.0 { label::number(v) } else { String::new() };
    Axis::between(first, last.max(first + 1.0), 16, whole).labelled().with_room(0.07)
}

/// Draws the line beyond which threads are more than CPUs, where there are such.
pub(crate) fn draw_limit(panel: &Panel<'_, '_>, cpus: u32, curves: &[Curve<'_>]) -> Result<(), PlotError> {
    if !curves::points(curves).any(|p| p.apart) {
        return Ok(());
    }
    let x = panel.at((f64::from(cpus) + 0.5, 0.0)).0;
    let (bottom, top) = panel.up();
    panel.path(vec![(x, bottom), (x, top - 8)], theme::INK.into())?;
    if panel.across().1 - x > 170 {
        return panel.text("oversubscribed", (x, top - 12), (HPos::Left, VPos::Bottom));
    }
    panel.text("oversubscribed >", (x, top - 12), (HPos::Right, VPos::Bottom))
}

/// `1.5 M`: short enough for an axis.
fn short_number(value: f64) -> String {
    let units = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    match units.iter().find(|(scale, _)| value.abs() >= *scale) {
        Some((scale, unit)) => format!("{}{unit}", label::number(value / scale)),
        None => label::number(value),
    }
}

/// A law, if there is one, and its line.
struct Fit {
    law: Option<Law>,
    counts: usize,
    line: Vec<(f64, f64)>,
    /// Lowest and highest of the laws that leave one count out.
    band: Vec<(f64, f64, f64)>,
}

impl Fit {
    fn of(curve: &Curve<'_>) -> Self {
        let points: Vec<_> = curve.points.iter().filter(|p| !p.apart).map(|p| (p.x, p.y.value)).collect();
        let law = scaling::fit(&points);
        let ends = points.first().zip(points.last()).filter(|_| law.is_some());
        let (first, last) = ends.map_or((1.0, 1.0), |(a, b)| (a.0, b.0));
        let places = (0..=STEPS).map(|i| first + (last - first) * f64::from(i) / f64::from(STEPS));
        let others = if law.is_some() { scaling::without_one(&points) } else { Vec::new() };
        let ends = |n: f64| others.iter().map(move |law| law.at(n));
        let band = places.clone().map(|n| (n, ends(n).fold(f64::MAX, f64::min), ends(n).fold(0.0, f64::max)));
        Self {
            law,
            counts: points.len(),
            line: law.map(|law| places.clone().map(|n| (n, law.at(n))).collect()).unwrap_or_default(),
            band: if others.is_empty() { Vec::new() } else { band.collect() },
        }
    }

    fn highest(&self) -> Option<f64> {
        self.band.iter().map(|(_, _, high)| *high).chain(self.line.iter().map(|(_, x)| *x)).reduce(f64::max)
    }

    fn words(&self) -> String {
        let Some(law) = self.law else {
            return format!("no fit: {} thread counts of {} needed", self.counts, scaling::NEEDED);
        };
        let percent = |share: f64| label::number(share * 100.0);
        format!("contention {} %, coherence {} %", percent(law.sigma), percent(law.kappa))
    }
}

fn legend(curves: &[Curve<'_>], fits: &[Fit]) -> Vec<Entry> {
    let with_fit =
        |(entry, fit): (Entry, &Fit)| Entry { words: format!("{}; {}", entry.words, fit.words()), ..entry };
    curves::legend(curves).into_iter().zip(fits).map(with_fit).collect()
}

/// A law's line stands for that of the points.
fn without_lines<'a>(curves: &[Curve<'a>], fits: &[Fit]) -> Vec<Curve<'a>> {
    let mut curves = curves.to_vec();
    for (curve, _) in curves.iter_mut().zip(fits).filter(|(_, fit)| fit.law.is_some()) {
        curve.points.iter_mut().for_each(|p| p.apart = true);
    }
    curves
}

fn notes(curves: &[Curve<'_>], fits: &[Fit]) -> Vec<String> {
    let mut notes = curves::notes(curves);
    if fits.iter().any(|fit| fit.law.is_some()) {
        notes.push(
            "Line: the universal scalability law; band: its fits without one thread count each.".to_owned(),
        );
    }
    notes
}

#[cfg(test)]
#[path = "throughput_tests.rs"]
mod tests;
