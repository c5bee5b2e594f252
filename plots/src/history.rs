//! A measure night by night, with its change points.
//!
//! A new machine starts a new line and never a change. A change point stands between two nights and has a
//! number, under which the legend tells its size and what was accepted. The limit is that of each night, as
//! it was known then; a ring stands around a night above it. The vertical axis need not begin at zero.

use plotters::element::Circle;
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};
use reports::stats::{median, sorted};

use crate::axis::{Axis, FEW};
use crate::label::{self, Unit};
use crate::measured::{self, Measured, check_number};
use crate::page::{Entry, Key, Page};
use crate::panel::{MARGINS, Margins, Panel};
use crate::svg::refused;
use crate::theme::{self, Look, Marker, look};
use crate::{PlotError, check_count};

/// Nights of one figure.
const NIGHTS: usize = 2_000;
/// Change points of one figure.
const CHANGES: usize = 30;
/// More nights than this have no markers.
const MARKED: usize = 90;

/// One night's number.
#[derive(Debug, Clone, Copy)]
pub struct Night<'a> {
    /// Its date.
    pub label: &'a str,
    /// Which machine it ran on: its name or fingerprint.
    pub machine: &'a str,
    /// The median over launches.
    pub value: Measured,
    /// Above this it is an alarm: third quartile + 3 IQR of the nights before, where they are enough.
    pub limit: Option<f64>,
}

/// A shift that lasted.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The first night of the new level, counted from 0.
    pub night: usize,
    /// Its size in percent.
    pub percent: Measured,
    /// Why it was accepted, if it was.
    pub accepted: Option<&'a str>,
}

/// What a history shows.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// The title.
    pub title: &'a str,
    /// The measure, such as `time of map and unmap`.
    pub quantity: &'a str,
    /// What the bars of nights are, such as `intervals`.
    pub bars: &'a str,
    /// Its unit.
    pub unit: Unit,
    /// In order of time.
    pub nights: &'a [Night<'a>],
    /// In order of time.
    pub changes: &'a [Change<'a>],
}

/// Most decimals of a label in full.
const DECIMALS: usize = 6;

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no nights, too many nights or changes, a change at no night, and numbers that are not
/// finite.
pub fn by_night(history: &History<'_>) -> Result<String, PlotError> {
    check(history)?;
    let machines = machines(history.nights);
    let page = Page {
        title: history.title,
        kind: "A measure night by night with its change points",
        panels: vec![theme::PLOT_HEIGHT],
        legend: legend(history, &machines),
        notes: notes(history),
    };
    let samples = label::samples(history.nights.iter().map(|night| night.value.n));
    let y_title = format!("{}, {samples} launches a night", theme::fit(history.quantity, 44));
    let x_title = format!("night (date), {} nights", history.nights.len());
    let (least, most) = extent(history.nights);
    page.draw(|areas| {
        let names = history.nights.iter().map(|night| theme::fit(night.label, 12));
        let y = levels(history.unit, least, most);
        let margins = Margins { top: 66, right: 60, ..MARGINS };
        let panel = Panel::draw(&areas[0], margins, (Axis::some_names(names, 6), &x_title), (y, &y_title))?;
        draw_changes(&panel, history.changes)?;
        draw_limits(&panel, history.nights)?;
        for (i, machine) in machines.iter().enumerate() {
            draw_machine(&panel, look(i), machine, history)?;
        }
        Ok(())
    })
}

/// The axis of the measure. Nights that differ in later digits only have labels in full.
fn levels(unit: Unit, least: f64, most: f64) -> Axis {
    let short = Axis::linear(least, most, FEW + 2, |v| unit.write(v));
    let in_full = |decimals| Axis::linear(least, most, FEW + 2, |v| unit.write_in_full(v, decimals));
    if !short.is_ambiguous() {
        return short;
    }
    (0..=DECIMALS).map(in_full).find(|axis| !axis.is_ambiguous()).unwrap_or(short)
}

fn check(history: &History<'_>) -> Result<(), PlotError> {
    check_count("nights", history.nights.len(), NIGHTS)?;
    check_count("change points", history.changes.len().max(1), CHANGES)?;
    for night in history.nights {
        night.value.check(night.label)?;
        night.limit.map_or(Ok(0.0), |limit| check_number(limit, night.label))?;
    }
    for change in history.changes {
        change.percent.check("change")?;
        if change.night >= history.nights.len() {
            let number = change.night.to_string();
            return Err(PlotError::Number { what: "change".to_owned(), number, wanted: "of a night" });
        }
    }
    check_count("machines", machines(history.nights).len(), crate::curves::SERIES)
}

/// Each machine once, in order.
fn machines<'a>(nights: &[Night<'a>]) -> Vec<&'a str> {
    let mut machines: Vec<&str> = Vec::new();
    for night in nights {
        if !machines.contains(&night.machine) {
            machines.push(night.machine);
        }
    }
    machines
}

fn extent(nights: &[Night<'_>]) -> (f64, f64) {
    let (least, most) = measured::extent(nights.iter().map(|night| &night.value)).unwrap_or((0.0, 1.0));
    let limit = nights.iter().filter_map(|night| night.limit).fold(most, f64::max);
    // A limit far above all nights would press them flat.
    (least, limit.min(most + (most - least).max(most.abs() * 0.01)))
}

fn draw_changes(panel: &Panel<'_, '_>, changes: &[Change<'_>]) -> Result<(), PlotError> {
    let (bottom, top) = panel.up();
    let mut last = [i32::MIN; 2];
    for (i, change) in changes.iter().enumerate() {
        let x = panel.at((change.night as f64 - 0.5, 0.0)).0;
        change_look(change).draw_line(panel.area(), vec![(x, bottom), (x, top - 6)]).map_err(refused)?;
        // Two heights, so that neighbours' numbers can be told apart.
        let row = usize::from(x < last[0].saturating_add(30));
        last[row] = x;
        let up = if row == 0 { 8 } else { 30 };
        panel.text(&(i + 1).to_string(), (x, top - up), (HPos::Center, VPos::Bottom))?;
    }
    Ok(())
}

fn change_look(change: &Change<'_>) -> Look {
    Look {
        colour: theme::INK,
        dash: if change.accepted.is_some() { (6, 5) } else { (1, 0) },
        marker: Marker::Cross,
    }
}

fn limit_look() -> Look {
    Look { colour: look(4).colour, dash: (3, 5), marker: Marker::Ring }
}

/// Draws the limit from night to night; it has gaps where there is none and between machines.
fn draw_limits(panel: &Panel<'_, '_>, nights: &[Night<'_>]) -> Result<(), PlotError> {
    let mut run = Vec::new();
    let mut machine = "";
    for (i, night) in nights.iter().enumerate() {
        if night.machine != machine {
            panel.line(limit_look(), &std::mem::take(&mut run))?;
            machine = night.machine;
        }
        match night.limit {
            Some(limit) => run.push((i as f64, limit)),
            None => panel.line(limit_look(), &std::mem::take(&mut run))?,
        }
        if night.limit.is_some_and(|limit| night.value.value > limit) {
            let ring =
                Circle::new(panel.at((i as f64, night.value.value)), 12, look(4).colour.stroke_width(2));
            panel.area().draw(&ring).map_err(refused)?;
        }
    }
    panel.line(limit_look(), &run)
}

/// Draws one machine's nights, and a level between its changes.
fn draw_machine(
    panel: &Panel<'_, '_>,
    look: Look,
    machine: &str,
    history: &History<'_>,
) -> Result<(), PlotError> {
    let own = |i: &usize| history.nights[*i].machine == machine;
    let all: Vec<usize> = (0..history.nights.len()).filter(own).collect();
    for level in all.chunk_by(|a, b| !history.changes.iter().any(|c| *a < c.night && c.night <= *b)) {
        let values: Vec<_> = level.iter().map(|i| history.nights[*i].value.value).collect();
        if let (Some(middle), [first, .., last]) = (median(&sorted(&values)), level) {
            panel.line(look, &[(*first as f64, middle), (*last as f64, middle)])?;
        }
    }
    for i in &all {
        let night = &history.nights[*i];
        panel.whisker(look, (*i as f64, night.value), 0)?;
        if history.nights.len() <= MARKED {
            panel.marker(look, (*i as f64, night.value.value))?;
        }
    }
    Ok(())
}

fn legend(history: &History<'_>, machines: &[&str]) -> Vec<Entry> {
    let machine = |(i, name): (usize, &&str)| {
        let nights = history.nights.iter().filter(|night| night.machine == *name).count();
        Entry {
            key: Key::Curve(look(i)),
            words: format!("{}: {nights} nights", theme::fit(name, theme::NAME_COLUMNS)),
        }
    };
    let change = |(i, change): (usize, &Change<'_>)| {
        let night = theme::fit(history.nights[change.night].label, 12);
        let accepted =
            change.accepted.map(|why| format!(", accepted: {}", theme::fit(why, 34))).unwrap_or_default();
        let words = format!("{}: {night}, {}{accepted}", i + 1, percent(change.percent));
        Entry { key: Key::Line(change_look(change)), words }
    };
    let mut legend: Vec<_> = machines.iter().enumerate().map(machine).collect();
    if history.nights.iter().any(|night| night.limit.is_some()) {
        let words = "limit, and a night above it: third quartile + 3 IQR of the nights before";
        legend.push(Entry { key: Key::Curve(limit_look()), words: words.to_owned() });
    }
    legend.extend(history.changes.iter().enumerate().map(change));
    legend
}

fn percent(change: Measured) -> String {
    let ends =
        change.interval.map(|(low, high)| format!(" [{}, {}]", label::number(low), label::number(high)));
    format!("{}{}", label::change(change.value), ends.unwrap_or_else(|| " (?)".to_owned()))
}

fn notes(history: &History<'_>) -> Vec<String> {
    let mut note = format!(
        "Points: medians of launches; bars: {}; line: median between changes.",
        theme::fit(history.bars, 30)
    );
    if history.nights.iter().any(|night| night.value.interval.is_none()) {
        note += " Without a bar: too few launches for one, or a bar inside its marker.";
    }
    vec![note, "The vertical axis need not begin at zero.".to_owned()]
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
