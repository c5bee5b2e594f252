//! The course of a replay over the trace's time.

use super::Drawn;
use plots::timeline::{Interval, Spread, Timeline, over_time};
use reports::course::{self, Course};
use reports::quantile::{Cell, Quantile};

/// What fragmentation is a share of.
const FRAGMENTATION: &str = "free slots in runs below 128";

/// The figure of a course, or why there is none.
#[must_use]
pub fn draw(title: &str, course: &Course) -> Drawn {
    let mut drawn = Drawn::default();
    let quantile = Quantile::TABLE.into_iter().find(|quantile| quantile.to_string() == course.quantile);
    let Some(quantile) = quantile else {
        drawn.notes.push(format!("No figure \"{title}\": nobody knows the quantile {}.", course.quantile));
        return drawn;
    };
    let intervals: Vec<Interval> = course.intervals.iter().map(interval).collect();
    let operation = &course.operation;
    let timeline =
        Timeline { title, operation, fragmentation: FRAGMENTATION, quantile, intervals: &intervals };
    drawn.take(title.to_owned(), over_time(&timeline));
    drawn
}

fn interval(interval: &course::Interval) -> Interval {
    let spread = |spread: course::Spread| Spread { mean: spread.mean, low: spread.low, high: spread.high };
    Interval {
        end_ns: interval.end_ns,
        occupancy: spread(interval.occupancy),
        fragmentation: spread(interval.fragmentation),
        pools: spread(interval.pools),
        samples: interval.samples,
        tail: interval.tail_ns.map_or(Cell::TooFew(interval.samples), Cell::Value),
        max_ns: interval.max_ns,
    }
}
