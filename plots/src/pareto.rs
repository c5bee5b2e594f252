//! The Pareto front of tuning parameters: memory, tail latency and delayed requests.
//!
//! A candidate is beaten by another that is no worse in any of the three and better in one of them by more
//! than the intervals. Two candidates of the front that no interval sets apart are a tie: they are rings joined by
//! a dotted line, and the legend names the other. The three measures take two panels above each other with the
//! same memory axis.

use std::ops::Not;

use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{Axis, MANY};
use crate::label::{self, Unit};
use crate::measured::{self, Measured, check_positive};
use crate::page::{Entry, Key, Page};
use crate::panel::{MARGINS, Margins, Panel};
use crate::place::Places;
use crate::svg::refused;
use crate::theme::{self, Look, Marker, look};
use crate::{PlotError, check_count};

/// Candidates of one figure.
const CANDIDATES: usize = 500;
/// Candidates that are named: all if they are no more than these, else as many of the front; the others are counted.
const NAMED: usize = 16;

/// Ties of one candidate that the legend names.
const TIES: usize = 3;

/// One choice of parameters.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What is chosen, such as `swiotlb=32768,4`.
    pub name: &'a str,
    /// Memory in bytes, above zero.
    pub memory: Measured,
    /// Tail latency in ns, above zero.
    pub tail: Measured,
    /// Requests that were delayed.
    pub delayed: Measured,
}

impl Candidate<'_> {
    fn measures(&self) -> [Measured; 3] {
        [self.memory, self.tail, self.delayed]
    }

    /// Whether it is no worse anywhere and surely better somewhere.
    fn beats(&self, other: &Self) -> bool {
        let pairs = || self.measures().into_iter().zip(other.measures());
        pairs().all(|(a, b)| a.value <= b.value) && pairs().any(|(a, b)| a.surely_below(b))
    }

    /// Whether no measure sets the two apart.
    fn ties(&self, other: &Self) -> bool {
        let apart = |(a, b): (Measured, Measured)| a.surely_below(b) || b.surely_below(a);
        self.measures().into_iter().zip(other.measures()).any(apart).not()
    }
}

/// The candidates that none beats, by rising memory; never empty where there are candidates.
#[must_use]
pub fn front<'c, 'a>(candidates: &'c [Candidate<'a>]) -> Vec<&'c Candidate<'a>> {
    let unbeaten = |c: &&Candidate<'_>| !candidates.iter().any(|other| other.beats(c));
    let mut front: Vec<_> = candidates.iter().filter(unbeaten).collect();
    front.sort_by(|a, b| {
        a.memory.value.total_cmp(&b.memory.value).then(a.tail.value.total_cmp(&b.tail.value))
    });
    front
}

/// The figure, as SVG text; `tail` says which tail, such as `p99.9 of map`.
///
/// # Errors
/// [`PlotError`] for no candidates, too many of them, and numbers that have no place on a log axis.
pub fn of_candidates(title: &str, tail: &str, candidates: &[Candidate<'_>]) -> Result<String, PlotError> {
    check_count("candidates", candidates.len(), CANDIDATES)?;
    candidates.iter().try_for_each(check)?;
    let front = front(candidates);
    let page = Page {
        title,
        kind: "Pareto front of memory, tail latency and delayed requests",
        panels: vec![400, 400],
        legend: legend(candidates, &front),
        notes: notes(&front),
    };
    let samples = label::samples(candidates.iter().map(|c| c.tail.n));
    let titles = (
        format!("{}, log scale, {samples} rounds", theme::fit(tail, 30)),
        format!("requests delayed (count), log, {samples}"),
    );
    let x_title = format!("memory, log scale, {} candidates", candidates.len());
    page.draw(|areas| {
        let memory = |c: &Candidate<'_>| c.memory;
        let (least, most) = ends(candidates, memory);
        let x = Axis::powers_of_two(least, most, MANY - 2, label::bytes);
        let (least, most) = ends(candidates, |c| c.tail);
        let upper = Margins { bottom: 20, ..MARGINS };
        let y = (Axis::log(least, most, label::time), titles.0.as_str());
        let panel = Panel::draw(&areas[0], upper, (x.clone().unlabelled(), ""), y)?;
        draw(&panel, candidates, &front, |c| c.tail)?;
        let y = (Axis::counts(ends(candidates, |c| c.delayed).1), titles.1.as_str());
        let panel = Panel::draw(&areas[1], MARGINS, (x, &x_title), y)?;
        draw(&panel, candidates, &front, |c| c.delayed)
    })
}

fn check(candidate: &Candidate<'_>) -> Result<(), PlotError> {
    candidate.memory.check_positive(candidate.name)?;
    candidate.tail.check_positive(candidate.name)?;
    let delayed = candidate.delayed.check(candidate.name)?;
    if delayed.value < 0.0 { check_positive(delayed.value, candidate.name).map(drop) } else { Ok(()) }
}

fn ends(candidates: &[Candidate<'_>], of: impl Fn(&Candidate<'_>) -> Measured) -> (f64, f64) {
    let all: Vec<_> = candidates.iter().map(of).collect();
    measured::extent_above_zero(&all).unwrap_or((1.0, 10.0))
}

fn front_look(tied: bool) -> Look {
    if tied { tie_look() } else { Look { marker: Marker::Diamond, ..look(0) } }
}

fn beaten_look() -> Look {
    Look { colour: look(1).colour, dash: (1, 0), marker: Marker::Cross }
}

fn tie_look() -> Look {
    Look { colour: look(4).colour, dash: (3, 4), marker: Marker::Ring }
}

fn draw(
    panel: &Panel<'_, '_>,
    candidates: &[Candidate<'_>],
    front: &[&Candidate<'_>],
    of: impl Fn(&Candidate<'_>) -> Measured,
) -> Result<(), PlotError> {
    let at = |c: &Candidate<'_>| panel.at((c.memory.value, of(c).value));
    // Words may stand in the margin at the right.
    let (left, right) = panel.across();
    let mut places = Places::new((left, right + MARGINS.right), panel.up());
    let beaten = beaten(candidates, front);
    for candidate in &beaten {
        draw_candidate(panel, beaten_look(), (candidate.memory, of(candidate)), 0)?;
        take(&mut places, panel, at(candidate), of(candidate));
    }
    // The front last, so that nothing covers it.
    let asides = asides(&front.iter().map(|c| at(c).0).collect::<Vec<_>>());
    let found: Vec<_> = front.iter().zip(&asides).map(|(c, aside)| (at(c).0 + aside, at(c).1)).collect();
    let ties = ties(front);
    for (i, j) in nearest(&ties) {
        tie_look().draw_line(panel.area(), vec![found[i], found[j]]).map_err(refused)?;
    }
    for (i, (candidate, aside)) in front.iter().zip(asides).enumerate() {
        draw_candidate(panel, front_look(is_tied(&ties, i)), (candidate.memory, of(candidate)), aside)?;
        take(&mut places, panel, found[i], of(candidate));
    }
    let beaten = beaten.into_iter().map(at).filter(|_| candidates.len() <= NAMED);
    for (i, at) in found.into_iter().chain(beaten).enumerate().take(NAMED) {
        let words = (i + 1).to_string();
        panel.text(&words, places.beside(at, &words), (HPos::Center, VPos::Center))?;
    }
    Ok(())
}

/// The candidates that are not of the front, by rising memory.
fn beaten<'c, 'a>(candidates: &'c [Candidate<'a>], front: &[&Candidate<'a>]) -> Vec<&'c Candidate<'a>> {
    let of_front = |c: &&Candidate<'_>| front.iter().any(|f| std::ptr::eq(*f, *c));
    let mut beaten: Vec<_> = candidates.iter().filter(|c| !of_front(c)).collect();
    beaten.sort_by(|a, b| a.memory.value.total_cmp(&b.memory.value));
    beaten
}

/// Takes what a marker and its interval cover.
fn take(places: &mut Places, panel: &Panel<'_, '_>, (x, y): (i32, i32), measured: Measured) {
    let (low, high) = (panel.at((0.0, measured.low())).1, panel.at((0.0, measured.high())).1);
    let (top, bottom) = (high.min(y - 9), low.max(y + 9));
    places.take((x, i32::midpoint(top, bottom)), (9, (bottom - top) / 2));
}

/// By how many px each of the rising places is moved, so that none covers another of the same memory.
fn asides(places: &[i32]) -> Vec<i32> {
    let group = |same: &[i32]| {
        let of = i32::try_from(same.len()).unwrap_or(i32::MAX);
        let step = (80 / of).min(26);
        (0..of).map(move |i| step * (2 * i - (of - 1)) / 2)
    };
    places.chunk_by(|a, b| a == b).flat_map(group).collect()
}

fn draw_candidate(
    panel: &Panel<'_, '_>,
    look: Look,
    (memory, y): (Measured, Measured),
    aside: i32,
) -> Result<(), PlotError> {
    panel.whisker(look, (memory.value, y), aside)?;
    let (x, height) = panel.at((memory.value, y.value));
    if let Some(ends) = memory.interval.filter(|(low, high)| low < high) {
        panel.whisker_across(look.colour.stroke_width(2), ends, height)?;
    }
    look.draw_marker(panel.area(), (x + aside, height)).map_err(refused)
}

fn is_tied(ties: &[(usize, usize)], i: usize) -> bool {
    ties.iter().any(|(a, b)| *a == i || *b == i)
}

/// Of each candidate's ties the one nearest before it: enough to show who belongs together.
fn nearest(ties: &[(usize, usize)]) -> Vec<(usize, usize)> {
    ties.chunk_by(|a, b| a.1 == b.1).filter_map(|same| same.last().copied()).collect()
}

/// All pairs of the front that are ties.
fn ties(front: &[&Candidate<'_>]) -> Vec<(usize, usize)> {
    let pairs = (0..front.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
    pairs.filter(|(i, j)| front[*i].ties(front[*j])).collect()
}

fn legend(candidates: &[Candidate<'_>], front: &[&Candidate<'_>]) -> Vec<Entry> {
    let ties = ties(front);
    let name = |i: usize, c: &Candidate<'_>, end: &str| {
        let words = [
            Unit::Bytes.write(c.memory.value),
            Unit::Time.write_measured(c.tail),
            Unit::Count.write(c.delayed.value),
        ];
        let [memory, tail, delayed] = words;
        format!("{}: {}: {memory}, {tail}, {delayed} delayed{end}", i + 1, theme::fit(c.name, 28))
    };
    let of_front = |(i, c): (usize, &&Candidate<'_>)| {
        let others = ties.iter().filter_map(|(a, b)| if *a == i { Some(b) } else { (*b == i).then_some(a) });
        let mut others: Vec<_> = others.map(|j| (j + 1).to_string()).collect();
        if others.len() > TIES {
            others.splice(TIES.., [format!("{} more", others.len() - TIES)]);
        }
        let tie = if others.is_empty() { String::new() } else { format!("; tie with {}", others.join(", ")) };
        Entry { key: Key::Marker(front_look(!others.is_empty())), words: name(i, c, &tie) }
    };
    let mut legend: Vec<_> = front.iter().enumerate().take(NAMED).map(of_front).collect();
    if front.len() > NAMED {
        let words = format!("and {} more of the front, without a number", front.len() - NAMED);
        legend.push(Entry { key: Key::Nothing, words });
    }
    let beaten = beaten(candidates, front);
    if candidates.len() <= NAMED {
        let named = (front.len()..).zip(&beaten).map(|(i, c)| name(i, c, "; beaten"));
        legend.extend(named.map(|words| Entry { key: Key::Marker(beaten_look()), words }));
    } else if !beaten.is_empty() {
        let words = format!("beaten: {}", beaten.len());
        legend.push(Entry { key: Key::Marker(beaten_look()), words });
    }
    if !ties.is_empty() {
        let words = "tie: no interval sets one apart from the other".to_owned();
        legend.push(Entry { key: Key::Curve(tie_look()), words });
    }
    legend
}

fn notes(front: &[&Candidate<'_>]) -> Vec<String> {
    let mut note =
        "Beaten: another is no worse in all three and better in one beyond the intervals. Points of the same memory stand beside each other.".to_owned();
    if front.iter().any(|c| c.tail.interval.is_none()) {
        note += " (?): too few rounds for an interval.";
    }
    vec![note]
}

#[cfg(test)]
#[path = "pareto_tests.rs"]
mod tests;
