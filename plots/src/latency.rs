//! Latency by quantile: one curve for each operation.
//!
//! Horizontally the percentile, so that each further nine takes as much room as the one before; vertically
//! the time, on a log scale. A curve ends where the sample rule ends (ten samples lie beyond its last
//! point), never at the maximum; markers stand at the percentiles of the tables. The legend gives N and the
//! maximum, and says so where samples are too few or too long to be drawn. A band shows how far the launches
//! lie apart: samples of one launch say nothing of that, so that a single one has no band and a note.
//!
//! Service time, response time and the machine's own empty loop are series of their own, named so.

use std::borrow::Cow;

use plotters::style::text_anchor::{HPos, VPos};
use reports::latency::{Latency, MAX_NS};
use reports::quantile::{Cell, Quantile};
use reports::units;

use crate::PlotError;
use crate::axis::{Axis, place_of_quantile};
use crate::label;
use crate::page::{Entry, Key, Page};
use crate::panel::{MARGINS, Panel};
use crate::theme::{self, look};

/// Samples that a curve needs: with fewer, not even the median is printed.
const NEEDED: u64 = 20;

/// Points of a curve for each power of ten.
const POINTS: u32 = 24;

/// One operation's latencies under a name, all samples together.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The name in the legend; shortened where it is long.
    pub name: &'a str,
    /// Its samples.
    pub latency: &'a Latency,
}

/// One operation's latencies under a name, launch by launch.
#[derive(Debug, Clone, Copy)]
pub struct Launches<'a> {
    /// The name in the legend, such as `map, response`; shortened where it is long.
    pub name: &'a str,
    /// The samples of each launch.
    pub launches: &'a [Latency],
    /// The empty loop of the same processes: where it takes over half as long, the tail is the machine's.
    pub idle: Option<&'a Latency>,
}

/// The figure of samples whose launch is one or is not known, as SVG text.
///
/// # Errors
/// [`PlotError::TooFew`] where no series has samples enough for a curve.
pub fn by_quantile(title: &str, series: &[Series<'_>]) -> Result<String, PlotError> {
    let of = |s: &Series<'_>| Drawn {
        words: words(s.name, s.latency, 1),
        curve: Curve::of(s.latency),
        band: Vec::new(),
        machines: Vec::new(),
        samples: s.latency.samples(),
    };
    figure(title, &series.iter().map(of).collect::<Vec<_>>())
}

/// The figure of launches put together, with the band between the lowest and the highest launch, as SVG
/// text.
///
/// # Errors
/// As [`by_quantile`].
pub fn by_quantile_of_launches(title: &str, series: &[Launches<'_>]) -> Result<String, PlotError> {
    let of = |s: &Launches<'_>| {
        let all = together(s.launches);
        let words = words(s.name, &all, s.launches.len());
        let curve = Curve::of(&all);
        let machines = s.idle.map(|idle| curve.of_machine(idle)).unwrap_or_default();
        Drawn { words, curve, band: band(s.launches), machines, samples: all.samples() }
    };
    figure(title, &series.iter().map(of).collect::<Vec<_>>())
}

/// What is drawn of one series.
struct Drawn {
    words: String,
    curve: Curve,
    /// Quantile, lowest and highest launch in ns.
    band: Vec<(Quantile, u64, u64)>,
    /// Markers over half of which is the empty loop's.
    machines: Vec<(Quantile, u64)>,
    samples: u64,
}

fn figure(title: &str, series: &[Drawn]) -> Result<String, PlotError> {
    let furthest = series.iter().filter_map(|s| s.curve.furthest()).max();
    let (Some(furthest), Some((least, most))) = (furthest, extent(series)) else {
        return Err(PlotError::TooFew { series: series.len(), needed: NEEDED });
    };
    let entry = |(i, s): (usize, &Drawn)| {
        let key = if s.curve.0.is_empty() { Key::Nothing } else { Key::Curve(look(i)) };
        Entry { key, words: s.words.clone() }
    };
    let page = Page {
        title,
        kind: "Latency by percentile",
        panels: vec![theme::PLOT_HEIGHT],
        legend: series.iter().enumerate().map(entry).collect(),
        notes: notes(series),
    };
    let y_title = format!("latency, log scale, {} samples", label::samples(series.iter().map(|s| s.samples)));
    page.draw(|areas| {
        let x = (Axis::percentiles(furthest), "percentile (%), log scale of the share beyond");
        let panel = Panel::draw(&areas[0], MARGINS, x, (Axis::times(least, most), &y_title))?;
        series.iter().enumerate().try_for_each(|(i, s)| draw_series(&panel, i, s))
    })
}

fn notes(series: &[Drawn]) -> Vec<String> {
    let mut notes = Vec::new();
    if series.iter().any(|s| !s.band.is_empty()) {
        notes.push("Band: from the lowest to the highest launch, where each has samples enough.".to_owned());
    }
    if series.iter().any(|s| s.band.is_empty() && !s.curve.0.is_empty()) {
        notes.push("No band: how far launches lie apart is not known.".to_owned());
    }
    if series.iter().any(|s| !s.machines.is_empty()) {
        notes.push("m: over half of it is the empty loop's, so it is the machine's.".to_owned());
    }
    notes
}

fn draw_series(panel: &Panel<'_, '_>, i: usize, series: &Drawn) -> Result<(), PlotError> {
    let band: Vec<_> =
        series.band.iter().map(|(q, low, high)| (place_of_quantile(*q), *low as f64, *high as f64)).collect();
    panel.band(look(i).colour, &band)?;
    let place = |(q, ns): &(Quantile, u64)| (place_of_quantile(*q), *ns as f64);
    panel.line(look(i), &series.curve.0.iter().map(place).collect::<Vec<_>>())?;
    series.curve.markers().try_for_each(|point| panel.marker(look(i), place(point)))?;
    series.machines.iter().try_for_each(|point| {
        let (x, y) = panel.at(place(point));
        panel.text("m", (x, y - 8), (HPos::Center, VPos::Bottom))
    })
}

fn together(launches: &[Latency]) -> Cow<'_, Latency> {
    if let [one] = launches {
        return Cow::Borrowed(one);
    }
    let mut all = Latency::new();
    launches.iter().for_each(|launch| all.merge(launch));
    Cow::Owned(all)
}

/// The lowest and the highest launch at each quantile that all of them answer; nothing for one launch.
fn band(launches: &[Latency]) -> Vec<(Quantile, u64, u64)> {
    let ends = launches.iter().map(end_of_curve).collect::<Option<Vec<_>>>().unwrap_or_default();
    let (Some(end), true) = (ends.into_iter().min(), launches.len() > 1) else { return Vec::new() };
    let wanted = places(end);
    let mut band: Vec<_> = wanted.iter().map(|q| (*q, u64::MAX, 0)).collect();
    for launch in launches {
        for ((_, low, high), cell) in band.iter_mut().zip(launch.at(&wanted)) {
            if let Cell::Value(ns) = cell {
                (*low, *high) = (ns.min(*low), ns.max(*high));
            }
        }
    }
    band.retain(|(_, low, high)| low <= high);
    band
}

/// The points of one series, as far as the sample rule allows; empty where that is nowhere.
struct Curve(Vec<(Quantile, u64)>);

impl Curve {
    fn of(latency: &Latency) -> Self {
        let wanted = end_of_curve(latency).map(places).unwrap_or_default();
        let points = wanted.iter().zip(latency.at(&wanted)).map_while(|(q, cell)| match cell {
            Cell::Value(ns) => Some((*q, ns)),
            Cell::Above(_) | Cell::TooFew(_) => None,
        });
        Self(points.collect())
    }

    fn furthest(&self) -> Option<Quantile> {
        self.0.last().map(|(q, _)| *q)
    }

    /// The markers over half of which is the empty loop's.
    fn of_machine(&self, idle: &Latency) -> Vec<(Quantile, u64)> {
        let is_machine = |(q, ns): &&(Quantile, u64)| match idle.at(&[*q]).first() {
            Some(Cell::Value(idle)) => idle.saturating_mul(2) > *ns,
            Some(Cell::Above(_)) => true,
            Some(Cell::TooFew(_)) | None => false,
        };
        self.markers().filter(is_machine).copied().collect()
    }

    fn markers(&self) -> impl Iterator<Item = &(Quantile, u64)> {
        self.0.iter().filter(|(q, _)| Quantile::TABLE.contains(q))
    }
}

/// Where the curve of these samples ends; nothing where they are too few.
fn end_of_curve(latency: &Latency) -> Option<Quantile> {
    let samples = latency.samples();
    let furthest = Quantile::furthest(samples).filter(|_| samples >= NEEDED);
    furthest.zip(share(latency.histogram().len(), samples)).map(|(a, b)| a.min(b))
}

/// The quantiles of a curve that ends at `end`.
fn places(end: Quantile) -> Vec<Quantile> {
    let mut wanted: Vec<_> = grid().into_iter().filter(|q| *q < end).chain([end]).collect();
    wanted.extend(Quantile::TABLE.into_iter().filter(|q| *q < end));
    wanted.sort_unstable();
    wanted.dedup();
    wanted
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

/// The shortest and the longest time that is drawn, ns.
fn extent(series: &[Drawn]) -> Option<(u64, u64)> {
    let curves = || series.iter().flat_map(|s| s.curve.0.iter().map(|(_, ns)| *ns));
    let low = series.iter().flat_map(|s| s.band.iter().map(|(_, low, _)| *low));
    let high = series.iter().flat_map(|s| s.band.iter().map(|(_, _, high)| *high));
    curves().chain(low).min().zip(curves().chain(high).max())
}

/// `map: N 20,001, max 12.3 us`, and what is not drawn.
fn words(name: &str, latency: &Latency, launches: usize) -> String {
    let name = theme::fit(name, theme::NAME_COLUMNS);
    let mut words = format!("{name}: N {}", units::count(latency.samples()));
    if launches > 1 {
        words += &format!(" in {launches} launches");
    }
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
