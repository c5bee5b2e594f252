//! What a search came to, in one line: a rate, none, or no answer where a run says nothing of a rate.

use crate::run::{Bound, Searched, Tried};
use reports::quantile::{Cell, Quantile};
use reports::units::{count, time};

/// The end of a search.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The highest rate that held.
    Rate(f64),
    /// The lowest rate failed, in words why.
    None(String),
    /// The runs at the lowest rate say nothing of it, in words why.
    NoAnswer(String),
}

/// What `searched` came to; `empty` is the empty loop's quantile of each run, `under` and `from` are the bound and the
/// lowest rate as they were written.
pub(super) fn found(
    bound: &Bound,
    searched: &Searched,
    empty: &[Option<Cell>],
    (under, from): (&str, &str),
) -> Found {
    if let Some(rate) = searched.highest {
        return Found::Rate(rate);
    }
    let lowest = searched.tried.first().map_or(0.0, |row| row.rate);
    let at_lowest =
        || searched.tried.iter().zip(empty).filter(|(row, _)| row.rate.total_cmp(&lowest).is_eq());
    let quantile = bound.quantile;
    let most = at_lowest().filter_map(|(row, _)| samples(row)).max();
    if let Some(samples) = most {
        return Found::NoAnswer(few(quantile, samples));
    }
    let under_bound = |row: &Tried| ns(row.value).is_some_and(|ns| ns <= bound.at_most_ns);
    if at_lowest().all(|(row, empty)| !under_bound(row) && is_machine_s(bound, row, *empty)) {
        let least = at_lowest().filter_map(|(_, empty)| ns((*empty)?)).min().unwrap_or(0);
        let alone = format!("the empty loop alone is above the bound ({quantile} {})", time(least));
        let half = format!("more than half of {quantile} is the empty loop's ({})", time(least));
        let what = if least > bound.at_most_ns { alone } else { half };
        return Found::NoAnswer(format!("{what}: `doctor` says why"));
    }
    Found::None(match at_lowest().find(|(row, _)| under_bound(row)) {
        Some((row, _)) => format!("of {from} no more than {:.0}/s were achieved", row.achieved),
        None => format!("{quantile} is above {under} at {from} already"),
    })
}

/// Whether a quantile is the machine's: the same schedule without work has more than half of it.
pub(super) fn machine_s(empty: Option<Cell>, measured: Cell) -> bool {
    empty.and_then(ns).zip(ns(measured)).is_some_and(|(empty, measured)| empty > measured / 2)
}

/// That a quantile wants more samples than a run has.
pub(super) fn few(quantile: Quantile, samples: u64) -> String {
    let needed = quantile.samples_needed();
    format!("too few samples for {quantile}: it wants {} and a run has {}", count(needed), count(samples))
}

fn is_machine_s(bound: &Bound, row: &Tried, empty: Option<Cell>) -> bool {
    empty.and_then(ns).is_some_and(|ns| ns > bound.at_most_ns) || machine_s(empty, row.value)
}

/// How many samples a run has of which the quantile wants more.
fn samples(row: &Tried) -> Option<u64> {
    if let Cell::TooFew(samples) = row.value { Some(samples) } else { None }
}

fn ns(cell: Cell) -> Option<u64> {
    match cell {
        Cell::Value(ns) | Cell::Above(ns) => Some(ns),
        Cell::TooFew(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { quantile: Quantile::P99, at_most_ns: 10_000, achieved: 0.99 };

    /// What three runs at the lowest rate come to that failed with `value` beside `empty`.
    fn failed(value: Cell, empty: Cell, achieved: f64) -> Found {
        let row = Tried { rate: 10_000.0, achieved, value, held: false };
        let searched = Searched { tried: vec![row; 3], highest: None, crossed: false };
        found(&BOUND, &searched, &[Some(empty); 3], ("10us", "10k/s"))
    }

    #[test]
    fn a_tail_that_an_empty_loop_has_too_is_the_machine_s() {
        let measured = Cell::Value(1_000);
        assert!(machine_s(Some(Cell::Value(501)), measured) && !machine_s(Some(Cell::Value(500)), measured));
        assert!(!machine_s(None, measured) && !machine_s(Some(Cell::TooFew(9)), measured));
        assert!(!machine_s(Some(Cell::Value(501)), Cell::TooFew(9)));
    }

    #[test]
    fn what_says_nothing_of_a_rate_is_no_answer() {
        let said = |found| match found {
            Found::NoAnswer(why) => why,
            other => format!("{other:?}"),
        };
        let loud = said(failed(Cell::Value(90_000), Cell::Value(20_000), 1e4));
        assert_eq!(loud, "the empty loop alone is above the bound (p99 20.0 us): `doctor` says why");
        let half = said(failed(Cell::Value(12_000), Cell::Value(9_000), 1e4));
        assert!(half.starts_with("more than half of p99 is the empty loop's (9"), "{half}");
        let few = said(failed(Cell::TooFew(900), Cell::TooFew(900), 1e4));
        assert_eq!(few, "too few samples for p99: it wants 1,000 and a run has 900");
    }

    #[test]
    fn what_fails_by_itself_is_none() {
        let above = failed(Cell::Value(90_000), Cell::Value(1_000), 1e4);
        assert_eq!(above, Found::None("p99 is above 10us at 10k/s already".to_owned()));
        let late = failed(Cell::Value(5_000), Cell::Value(4_000), 7_000.0);
        assert_eq!(late, Found::None("of 10k/s no more than 7000/s were achieved".to_owned()));
    }
}
