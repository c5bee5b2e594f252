//! `swiotlb-bench cells`: the slot-search tables beside what Linux's own code took.

use super::out::Out;
use super::{Exit, Failure};
use crate::policies::{self, Entry};
use crate::scenario::cells::{self, AIM, Cell};
use crate::scenario::{Effort, Meter, ScenarioError, beside_itself};
use reports::date;
use reports::machine::Machine;
use reports::table::{Column, Table, Unit, Value};
use reports::terminal;
use std::time::Duration;

/// What to measure.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Policies to measure; `kernel` if none is given.
    #[arg(long = "policy", value_name = "NAME", env = "SWIOTLB_BENCH_POLICY", value_delimiter = ',')]
    policies: Vec<String>,
    /// A tenth of the batches: a look, not a number.
    #[arg(long, env = "SWIOTLB_BENCH_QUICK", value_parser = super::switch())]
    quick: bool,
    /// Only cells whose table or name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let kernel = ["kernel".to_owned()];
    let names = if args.policies.is_empty() { &kernel[..] } else { &args.policies };
    let effort = if args.quick {
        Effort { warm_up: 20, batches: 40, ops: 512, patience: Duration::from_millis(500) }
    } else {
        Effort { warm_up: 100, batches: 1_000, ops: 512, patience: Duration::from_secs(5) }
    };
    let mut meter = Meter::new(effort);
    let entries = policies::chosen(names).map_err(Failure::usage)?;
    let mut out = Out::stdout();
    out.line(format_args!("{}\n", machine_line(&Machine::read())))?;
    let mut exit = Exit::Ok;
    for entry in entries {
        let (table, complete) = table(entry, &args.filter, &mut meter);
        out.line(terminal::render(&table))?;
        exit = if complete { exit } else { Exit::Error };
    }
    out.flush()?;
    Ok(exit)
}

/// The cells under one policy, and whether each gave its number or had a reason not to.
fn table(entry: &Entry, filter: &str, meter: &mut Meter) -> (Table, bool) {
    let ns = || Unit::Named("ns".to_owned());
    let mut table = Table::new(
        format!("{}: {}", entry.name, entry.label()),
        vec![
            Column::text("table"),
            Column::text("cell"),
            Column::number("Linux 6.12's code", ns()),
            Column::number("here", ns()),
            Column::number("middle half", ns()),
            Column::number("here / Linux", Unit::None),
            Column::text(""),
        ],
    );
    let mut complete = true;
    let wanted = |cell: &Cell| cell.group.contains(filter) || cell.name.contains(filter);
    for cell in cells::all().into_iter().filter(wanted) {
        let (row, has_reason) = row(entry, &cell, meter);
        table.push(row);
        complete &= has_reason;
    }
    table.notes.push(
        "ns per operation on each thread: the median, and the middle half, of batch means in this one \
         process. Batches beside which a control loop (none of our code) was slowed down by others on the \
         core are dropped; \"busy machine\" where too few were left, so that all count."
            .to_owned(),
    );
    table.notes.push(format!(
        "Linux's figures were taken apart from these, on a machine of this kind, for orientation; {} to {} \
         times them is the aim.",
        AIM.0, AIM.1
    ));
    (table, complete)
}

fn row(entry: &Entry, cell: &Cell, meter: &mut Meter) -> (Vec<Value>, bool) {
    let mut row = vec![Value::Text(cell.group.to_owned()), Value::Text(cell.name.clone())];
    row.push(cell.linux_ns.map_or(Value::Missing, number));
    let measured = entry.runs.prepare(&cell.scenario).and_then(|mut state| meter.measure(&mut *state));
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            row.extend([Value::Missing, Value::Missing, Value::Missing, Value::Text(error.to_string())]);
            return (row, matches!(error, ScenarioError::TooFewCores { .. } | ScenarioError::Unable { .. }));
        }
    };
    row.push(number(measured.median));
    row.push(Value::Text(format!("{} to {}", short(measured.lower), short(measured.upper))));
    let ratio = cell.ratio(measured.median);
    row.push(ratio.map_or(Value::Missing, |ratio| Value::Real(ratio, 2)));
    let busy = if measured.busy { "busy machine" } else { "" };
    row.push(Value::Text([ratio.map_or("", judged), busy].join(" ").trim().to_owned()));
    (row, true)
}

/// What the ratio means for the aim.
fn judged(ratio: f64) -> &'static str {
    match ratio {
        low if low < AIM.0 => "faster",
        high if high > AIM.1 => "slower",
        _ => "",
    }
}

/// Three significant digits or so.
fn number(ns: f64) -> Value {
    Value::Real(ns, if ns < 10.0 { 1 } else { 0 })
}

fn short(ns: f64) -> String {
    number(ns).shown()
}

/// The machine in one line, with the day.
fn machine_line(machine: &Machine) -> String {
    let unknown = || "unknown".to_owned();
    let load = machine.load_average.map_or_else(unknown, |load| format!("{:.1}", load[0]));
    let shared = beside_itself().map_or_else(unknown, |times| format!("{times:.1} times"));
    format!(
        "{}: {}, {} of {} cores, Linux {}, clock {}, load {load}; on two cores at once the control takes {shared} as long",
        today(),
        machine.cpu_model.clone().unwrap_or_else(unknown),
        machine.usable_cores.unwrap_or(0),
        machine.logical_cores.unwrap_or(0),
        machine.kernel.clone().unwrap_or_else(unknown),
        machine.clock_source.clone().unwrap_or_else(unknown),
    )
}

/// The day in UTC, as 2024-02-29.
fn today() -> String {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date::day(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aim_is_a_band() {
        assert_eq!([0.8, 0.9, 1.1, 1.2].map(judged), ["faster", "", "", "slower"]);
    }
}
