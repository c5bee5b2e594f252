//! Lock strategies by threads and by hold time: one panel for each hold time.
//!
//! All panels have the same threads, and each its own times: the hold time would else hide what sets the
//! strategies apart.
//!
//! Where all have one count of threads, a line would be a point, and the points of all strategies one heap: there
//! each strategy has a place of its own across, in the order of the legend.
//!
//! The time of an operation holds waiting and holding. Counts with more threads than CPUs stand apart: in
//! user space a holder is preempted, in the kernel it is not.

use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::Axis;
use crate::curves::{self, Curve};
use crate::measured::Measured;
use crate::page::Page;
use crate::panel::{MARGINS, Margins, Panel};
use crate::throughput::{draw_limit, of_threads, threads_axis};
use crate::{PlotError, check_count, label, theme};

/// Hold times of one figure.
const HOLDS: usize = 8;
/// Height of a row of panels, px.
const ROW: u32 = 390;
/// What a reader of several panels has to know.
const AXES: &str = "Each panel has its own vertical axis.";
/// What one has to know whose threads are more than the CPUs.
const OVER: &str = "Oversubscribed: more threads than CPUs.";
/// Columns of a panel's name.
const HEAD_COLUMNS: usize = 38;

/// One strategy under one hold time.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The strategy; the same name in every panel is the same curve.
    pub name: &'a str,
    /// Threads, one at least, and the time of an operation in ns.
    pub points: &'a [(u32, Measured)],
}

/// All strategies under one hold time.
#[derive(Debug, Clone, Copy)]
pub struct Hold<'a> {
    /// What sets how long the lock is held: `held for 500 ns`, `sizes=64KiB`; shortened where it is long, and
    /// empty where nothing does.
    pub name: &'a str,
    /// The strategies.
    pub series: &'a [Series<'a>],
}

/// The figure, as SVG text; a point with more than `cpus` threads is oversubscribed.
///
/// # Errors
/// [`PlotError`] for no points, too many hold times or strategies, and times that are not above zero.
pub fn by_threads_and_hold(title: &str, cpus: u32, holds: &[Hold<'_>]) -> Result<String, PlotError> {
    check_count("hold times", holds.len(), HOLDS)?;
    let names = names(holds);
    let mut panels: Vec<Vec<Curve<'_>>> = holds.iter().map(|hold| curves_of(&names, hold, cpus)).collect();
    let mut all = together(&names, &panels);
    curves::check(&all)?;
    let one = one_count(&all);
    if one.is_some() {
        panels.iter_mut().for_each(|curves| part(curves));
        all = together(&names, &panels);
    }
    let (x_axis, x_title) = match &one {
        Some(threads) => (Axis::names(names.iter().map(|_| String::new())), threads.as_str()),
        None => (threads_axis(&all), "threads (count)"),
    };
    let across = if holds.len() == 1 { 1 } else { 2 };
    let over = one.is_some() && curves::points(&all).any(|p| p.apart);
    let more = [(across > 1).then_some(AXES), over.then_some(OVER)].into_iter().flatten().map(str::to_owned);
    let page = Page {
        title,
        kind: "Time of an operation by threads, for each hold time",
        panels: vec![ROW; holds.len().div_ceil(across)],
        legend: curves::legend(&all),
        notes: curves::notes(&all).into_iter().chain(more).collect(),
    };
    let y_title = format!("time an operation, log, {} launches", curves::samples(&all));
    page.draw(|areas| {
        let places = areas.iter().flat_map(|area| area.split_evenly((1, across))).collect::<Vec<_>>();
        for ((area, hold), curves) in places.iter().zip(holds).zip(&panels) {
            let margins = Margins { left: 150, top: 74, right: 30, ..MARGINS };
            let (least, most) = curves::extent_up(curves);
            let y = (Axis::log(least, most, label::time), y_title.as_str());
            let panel = Panel::draw(area, margins, (x_axis.clone(), x_title), y)?;
            let head = theme::fit(hold.name, HEAD_COLUMNS);
            panel.text(&head, (margins.left, 20), (HPos::Left, VPos::Center))?;
            if one.is_none() {
                draw_limit(&panel, cpus, curves)?;
            }
            curves::draw(&panel, curves)?;
        }
        Ok(())
    })
}

/// All names, each once, in order.
fn names<'a>(holds: &[Hold<'a>]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for series in holds.iter().flat_map(|hold| hold.series) {
        if !names.contains(&series.name) {
            names.push(series.name);
        }
    }
    names
}

/// The title of the places across where all points have one count of threads.
fn one_count(curves: &[Curve<'_>]) -> Option<String> {
    let (first, last) = curves::extent_across(curves);
    let several = curves.len() > 1 && first.to_bits() == last.to_bits();
    several.then(|| format!("{} threads (count), as in the legend", label::number(first)))
}

/// A place across for each curve.
fn part(curves: &mut [Curve<'_>]) {
    for (curve, at) in curves.iter_mut().zip(0_u32..) {
        curve.points.iter_mut().for_each(|point| point.x = f64::from(at));
    }
}

/// A curve for each name, empty where this hold time has none.
fn curves_of<'a>(names: &[&'a str], hold: &Hold<'a>, cpus: u32) -> Vec<Curve<'a>> {
    let curve = |name: &&'a str| {
        let of_name = hold.series.iter().filter(|s| s.name == *name);
        of_threads(name, &of_name.flat_map(|s| s.points).copied().collect::<Vec<_>>(), cpus)
    };
    names.iter().map(curve).collect()
}

/// The curves of all panels, for the axes and the legend.
fn together<'a>(names: &[&'a str], panels: &[Vec<Curve<'a>>]) -> Vec<Curve<'a>> {
    let points = |i: usize| panels.iter().flat_map(move |curves| curves[i].points.iter().copied());
    names.iter().enumerate().map(|(i, name)| Curve { name, points: points(i).collect() }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

    fn points(base: f64) -> [(u32, Measured); 3] {
        [1, 2, 4].map(|n| {
            let ns = base * f64::from(n);
            (n, Measured { value: ns, interval: Some((ns * 0.9, ns * 1.2)), n: 12 })
        })
    }

    #[test]
    fn each_hold_time_has_a_panel_with_its_axes() {
        let (spin, mcs) = (points(40.0), points(55.0));
        let both = [Series { name: "queued", points: &spin }, Series { name: "mcs", points: &mcs }];
        let holds = [
            Hold { name: "held for 50 ns", series: &both },
            Hold { name: "held for 1,000 ns", series: &both },
            Hold { name: "held for 20.0 us", series: &both[1..] },
        ];
        let svg = by_threads_and_hold("locks", 2, &holds).unwrap();
        assert_says(
            &svg,
            &["held for 50 ns", "held for 1,000 ns", "held for 20.0 us", "queued: N 12", "mcs: N 12"],
        );
        assert_says(&svg, &["time an operation, log, N 12 launches", "threads (count)", "oversubscribed"]);
        let squares = tags(&svg).iter().filter(|tag| *tag == "circle").count();
        assert_eq!(squares, 3 + 3 + 1, "the first strategy's points in two panels and in the legend");
    }

    #[test]
    fn at_one_count_of_threads_each_strategy_has_its_place() {
        let two = [(2, points(40.0)[1].1)];
        let series = ["queued", "mcs", "ticket"].map(|name| Series { name, points: &two });
        let svg = by_threads_and_hold("locks", 2, &[Hold { name: "", series: &series }]).unwrap();
        assert_says(&svg, &["2 threads (count), as in the legend"]);
        let several = [(2, points(40.0)[1].1), (4, points(40.0)[2].1)];
        let series = [Series { name: "queued", points: &several }, Series { name: "mcs", points: &two }];
        let svg = by_threads_and_hold("locks", 4, &[Hold { name: "", series: &series }]).unwrap();
        assert_says(&svg, &["threads (count)"]);
        assert!(!svg.contains("as in the legend"));
    }

    #[test]
    fn hostile_names_are_text() {
        let points = points(9.0);
        let series: Vec<_> = HOSTILE.iter().map(|name| Series { name, points: &points }).collect();
        HOSTILE.iter().for_each(|name| {
            let holds = [Hold { name, series: &series }];
            assert_harmless(&by_threads_and_hold(name, 2, &holds).unwrap());
        });
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        let draw = |holds: &[Hold<'_>]| by_threads_and_hold("t", 2, holds);
        assert_eq!(draw(&[]), Err(PlotError::Empty("hold times")));
        assert_eq!(draw(&[Hold { name: "x", series: &[] }]), Err(PlotError::Empty("series")));
        let hold = Hold { name: "x", series: &[] };
        assert_eq!(draw(&[hold; 9]), Err(PlotError::TooMany { what: "hold times", given: 9, most: 8 }));
        let nan = [(1, Measured::exact(f64::NAN, 1))];
        let series = [Series { name: "a", points: &nan }];
        assert!(matches!(draw(&[Hold { name: "x", series: &series }]), Err(PlotError::Number { .. })));
    }
}
