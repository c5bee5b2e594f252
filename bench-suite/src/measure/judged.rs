//! The table of a comparison: each pair's verdict with every number behind it.

use super::calibrated::quote;
use super::comparison::{Comparison, Pair};
use super::paired::Paired;
use super::table::{INTERFACE, decimals, interface_note};
use super::trial::Trial;
use super::why::{self, Why};
use reports::compare::effect::{from_percent, percent};
use reports::compare::rules::{ADVICE_BELOW, Correction, Outlook};
use reports::compare::verdict::{Interval, State, Verdict};
use reports::stats::median;
use reports::stats::power::Supposed;
use reports::table::{Column, Table, Unit, Value};

/// The change and the spread between blocks for which the power is told, percent.
const SUPPOSED: (f64, f64) = (3.0, 2.0);

/// Promises whose logarithms differ by less are shown alike.
const SAME_PROMISE: f64 = 0.01;

/// Who reads a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Whoever has the room of a page.
    Page,
    /// Whoever has the hundred columns of a terminal or two.
    Terminal,
}

/// One row a pair, and everything that differs; `paired` are the records of all pairs, in their order.
#[must_use]
pub fn table(trial: &Trial, paired: &[Paired<'_>]) -> Table {
    for_whom(trial, paired, For::Page)
}

/// The same for a terminal, and below it a few of the steps that differ; nothing where none does.
#[must_use]
pub fn narrow(trial: &Trial, paired: &[Paired<'_>]) -> (Table, Option<Table>) {
    let cells = trial.comparison().pairs.iter().zip(paired);
    let steps = why::few(cells.map(|(pair, paired)| (pair.name.as_str(), Why::of(paired))));
    (for_whom(trial, paired, For::Terminal), steps)
}

fn for_whom(trial: &Trial, paired: &[Paired<'_>], whom: For) -> Table {
    let comparison = trial.comparison();
    let Comparison { a, b, metric, .. } = comparison;
    let mut columns = vec![Column::text("cell"), Column::number("A", Unit::None)];
    columns.extend(match whom {
        For::Page => ["change, B / A - 1 (%)", "verdict", "floor (%)", "finds (%)"].map(Column::text),
        For::Terminal => ["change (%)", "verdict", "floor", "finds"].map(Column::text),
    });
    columns.push(Column::number("blocks", Unit::None));
    columns.extend((whom == For::Page).then(|| Column::number("discarded", Unit::None)));
    columns.extend(comparison.null.then(|| Column::text("null, A again (%)")));
    columns.extend((whom == For::Page).then(|| Column::text("steps that differ, A -> B")));
    let mut table = Table::new(format!("{metric}: B = {b} against A = {a}"), columns);
    for (pair, paired) in comparison.pairs.iter().zip(paired) {
        table.push(row(trial, pair, paired, whom));
    }
    if whom == For::Terminal {
        table.notes.push(
            "Change (B / A - 1), floor and finds in percent; of 12 blocks with one discarded it says 11 of 12."
                .to_owned(),
        );
    }
    table.notes.extend(notes(comparison));
    let calls: Vec<f64> =
        paired.iter().flat_map(|pair| ["A", "B"].map(|arm| pair.median(arm, INTERFACE))).flatten().collect();
    table.notes.extend(median(&calls).map(interface_note));
    if paired.iter().any(Paired::has_several_threads) {
        table
            .notes
            .push("Steps of several threads differ from launch to launch: shown are medians.".to_owned());
    }
    if paired.iter().any(Paired::is_contended) {
        table
            .notes
            .push("Cells of several threads only advise: who waits for whom differs by launch.".to_owned());
    }
    table
}

fn row(trial: &Trial, pair: &Pair, paired: &Paired<'_>, whom: For) -> Vec<Value> {
    let comparison = trial.comparison();
    let a = paired.median("A", &comparison.metric);
    let mut row = vec![Value::Text(pair.name.clone())];
    row.push(a.map_or(Value::Missing, |a| Value::Real(a, decimals(a))));
    let (said, kept, discarded) = match trial.verdict(&pair.name) {
        Some(verdict) => judged(verdict, paired),
        None => not_judged(trial, pair, paired),
    };
    row.extend(said);
    row.extend(match whom {
        For::Page => vec![Value::Count(kept.into()), Value::Count(discarded.into())],
        For::Terminal if discarded == 0 => vec![Value::Count(kept.into())],
        For::Terminal => vec![Value::Text(format!("{kept} of {}", kept + discarded))],
    });
    if comparison.null {
        let null = trial.verdict(&pair.name).and_then(|verdict| verdict.null);
        row.push(null.map_or(Value::Missing, |null| change(null.estimate, null.interval)));
    }
    row.extend((whom == For::Page).then(|| Value::Text(Why::of(paired).words())));
    row
}

/// Change, verdict, floor and what can be found; blocks that were kept, and those that were not.
type Said = ([Value; 4], u32, u32);

fn judged(verdict: &Verdict, paired: &Paired<'_>) -> Said {
    let some = |effect: Option<f64>| effect.map_or(Value::Missing, |e| Value::Text(magnitude(e)));
    let said = [
        change(verdict.estimate, verdict.interval),
        Value::Text(words(verdict, paired)),
        some(Some(verdict.floor.value())),
        some(verdict.minimum_detectable),
    ];
    (said, verdict.blocks, verdict.discarded)
}

/// The median of the first look's blocks, and no verdict.
fn not_judged(trial: &Trial, pair: &Pair, paired: &Paired<'_>) -> Said {
    let comparison = trial.comparison();
    let blocks = paired.blocks(&comparison.metric, false, comparison.first_look().min(trial.looked()));
    let kept: Vec<f64> = blocks.differences.iter().flatten().copied().collect();
    let why = if pair.judged { "not looked at" } else { "oversubscribed: none" };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let lost = blocks.differences.len() - kept.len();
    let words = Value::Text(why.to_owned());
    ([change(median(&kept), None), words, Value::Missing, Value::Missing], count(kept.len()), count(lost))
}

fn words(verdict: &Verdict, paired: &Paired<'_>) -> String {
    let mut words = verdict.state.to_string();
    if verdict.null_moved() {
        words.push_str(", but A against itself moved too: not to be believed");
    } else if (verdict.advice || paired.is_contended()) && verdict.state != State::Inconclusive {
        words.push_str(" (advice)");
    }
    let void = paired.void();
    if void > 0 {
        words.push_str(&format!(", {void} launches void"));
    }
    words
}

/// `+30.1 [+29.0, +31.2]`.
pub(super) fn change(estimate: Option<f64>, interval: Option<Interval>) -> Value {
    let Some(estimate) = estimate else { return Value::Missing };
    let signed = |effect: f64| format!("{:+.1$}", percent(effect), places(effect));
    let interval = interval.map(|i| format!(" [{}, {}]", signed(i.low), signed(i.high)));
    Value::Text(format!("{}{}", signed(estimate), interval.unwrap_or_default()))
}

pub(super) fn magnitude(effect: f64) -> String {
    format!("{:.1$}", percent(effect), places(effect))
}

/// Decimals of a percentage: two below one percent.
fn places(effect: f64) -> usize {
    if percent(effect).abs() < 1.0 { 2 } else { 1 }
}

/// What the rules can find in this family, as if one cell changed.
#[must_use]
pub fn outlook(comparison: &Comparison) -> Outlook {
    let judged = comparison.pairs.iter().filter(|pair| pair.judged);
    let floor = judged.map(|pair| pair.floor.value()).fold(0.0, f64::max);
    let (effect, spread) = (from_percent(SUPPOSED.0), from_percent(SUPPOSED.1));
    comparison.rules.outlook(comparison.questions().len(), &Supposed { effect, spread, floor })
}

/// What was declared, in sentences.
#[must_use]
pub fn notes(comparison: &Comparison) -> Vec<String> {
    let looks: Vec<String> =
        comparison.rules.looks.all().iter().map(|look| look.blocks.to_string()).collect();
    let family = match comparison.rules.correction {
        Correction::Holm => "the cells are one family (Holm): the probability of any false change is at most",
        Correction::BenjaminiHochberg => {
            "the cells are a sweep (Benjamini-Hochberg): the share of false ones among the changes is at most"
        }
    };
    let alpha = 100.0 * comparison.rules.alpha;
    let declared = format!("Declared: looks at {} blocks; {family} {alpha:.0} %.", looks.join(", "));
    let block = if comparison.null {
        "ABNNBA or another order and its mirror (N is A again)"
    } else {
        "ABBA or BAAB"
    };
    let taken = format!(
        "A block is {block} of fresh processes; the change is the median over blocks, its interval the exact sign test's. \
         Finds: the change that as many blocks, spread as these, find in 80 %."
    );
    let mut notes = vec![declared, taken, power(comparison)];
    notes.retain(|note| !note.is_empty());
    notes.extend(comparison.calibration.as_ref().map(quote));
    notes.extend(other_promise(comparison));
    if comparison.is_wrong_too_often() {
        notes.push(
            "WARNING: on this machine the rate's lower bound (95 %) is above twice what was promised: this only advises."
                .to_owned(),
        );
    }
    if comparison.rules.looks.last() < ADVICE_BELOW {
        notes.push(format!("Fewer than {ADVICE_BELOW} blocks only advise."));
    }
    notes
}

/// What each cell is promised, where it is not what it was when the error rate was learned.
fn other_promise(comparison: &Comparison) -> Option<String> {
    let (learned, cells) = (comparison.calibration?.nominal, comparison.questions().len());
    #[expect(clippy::cast_precision_loss, reason = "cells are some hundreds")]
    let here = comparison.rules.alpha / cells.max(1) as f64;
    let differs = learned > 0.0 && (here / learned).ln().abs() > SAME_PROMISE;
    differs.then(|| {
        let (here, learned) = (100.0 * here, 100.0 * learned);
        format!(
            "That was seen where {learned:.2} % is promised; each of the {cells} cells here is promised {here:.2} %, and at \
             another level the rate is another one."
        )
    })
}

/// How many blocks can decide, and what they find.
fn power(comparison: &Comparison) -> String {
    let outlook = outlook(comparison);
    if outlook.cells == 0 {
        return String::new();
    }
    let (effect, spread) = SUPPOSED;
    let power = 100.0 * outlook.power();
    match (outlook.fewest_blocks(), outlook.first_deciding()) {
        (Some(fewest), Some(_)) => format!(
            "A single change can be told from {fewest} blocks on; one of {effect} % is found in {power:.0} % where blocks spread by {spread} %."
        ),
        (Some(fewest), None) => {
            format!("No look can tell a single change: one of {} cells wants {fewest} blocks.", outlook.cells)
        }
        (None, _) => "No look can tell a single change: there are too many cells.".to_owned(),
    }
}
