//! The advice's tables, and the whole of it as Markdown.

use super::draws::Spread;
use super::job::{HoldOut, Predicted, Tuned};
use super::row::{DeviceRow, Row};
use super::words::{mib, percent};
use reports::markdown::{self, escape};
use reports::table::{Column, Table, Unit, Value};
use reports::units::count;

impl Tuned {
    /// All tables.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        let mut all = vec![self.devices_table(), sweep_table(&self.tried)];
        all.extend(self.draws_table());
        let requests = self.tried.iter().map(|row| row.requests).max().unwrap_or(0);
        all.extend(self.at.iter().map(|predicted| predicted_table(predicted, requests)));
        all.extend(self.hold_out.iter().map(hold_out_table));
        if !self.timed.is_empty() {
            all.push(self.timed_table());
        }
        all
    }

    /// What is said in sentences, under its headings.
    pub fn sections(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let all =
            [("Why", self.reasons()), ("How far to trust it", self.limits()), ("Record next", self.next())];
        all.into_iter().filter(|(_, sentences)| !sentences.is_empty())
    }

    /// Everything, as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("## {}\n\n**{}**\n\n", escape(&self.recording.name), escape(&self.headline()));
        for (title, sentences) in self.sections() {
            out += &format!("### {title}\n\n");
            out.extend(sentences.iter().map(|sentence| format!("- {}\n", escape(sentence))));
            out.push('\n');
        }
        out += &self.tables().iter().map(markdown::render).collect::<Vec<_>>().join("\n");
        out
    }

    fn devices_table(&self) -> Table {
        let mut table = Table::new(
            "Devices",
            vec![
                Column::text("device"),
                number("requests"),
                number("most in flight"),
                number("delayed when recorded"),
                Column::text("a failure costs"),
                number("delayed one step smaller"),
                Column::number("longest wait there", Unit::Time),
            ],
        );
        for (i, device) in self.devices.iter().enumerate() {
            let smaller = self.smaller_devices.get(i);
            table.push(vec![
                Value::Text(device.device.clone()),
                Value::Count(device.requests),
                Value::Count(device.in_flight as u64),
                Value::Count(device.delayed),
                Value::Text(device.cost.to_string()),
                smaller.map_or(Value::Missing, |row| Value::Count(row.delayed)),
                smaller.map_or(Value::Missing, |row| wait(row.longest_wait_ns)),
            ]);
        }
        table.notes.push(
            "retried: what failed was asked again until it was mapped; dropped: it was not; unknown: nothing failed."
                .to_owned(),
        );
        table
    }

    /// How what is wanted and delayed differs between the draws; nothing where there is one.
    fn draws_table(&self) -> Option<Table> {
        let draws = self.drawn.first()?.draws;
        let mut table = Table::new(
            format!("Over {draws} draws of where copies begin"),
            vec![
                Column::text("what"),
                number("least"),
                number("half have at most"),
                number("nine of ten"),
                number("most"),
            ],
        );
        let mut row = |what: String, of: Spread, value: fn(u64) -> Value| {
            let numbers = [of.least, of.median, of.p90, of.most].map(value);
            table.push([Value::Text(what)].into_iter().chain(numbers).collect());
        };
        row("slots wanted at once".to_owned(), self.wanted.high_water, Value::Count);
        for drawn in &self.drawn {
            row(format!("requests delayed, {}", drawn.boot), drawn.delayed, Value::Count);
            row(format!("longest wait, {}", drawn.boot), drawn.longest_wait_ns, Value::Ns);
        }
        Some(table)
    }

    fn timed_table(&self) -> Table {
        let of = self.timed.first().map_or("", |timed| timed.quantile.as_str());
        let ns = || Unit::Named("ns".to_owned());
        let mut table = Table::new(
            "The best few, replayed on this machine",
            vec![
                Column::text("candidate"),
                Column::number(format!("{of} of map"), ns()),
                Column::number("from", ns()),
                Column::number("to", ns()),
                number("rounds"),
                number("maps without room"),
            ],
        );
        for timed in &self.timed {
            let (low, high) = timed.interval_ns.unzip();
            let real = |x: Option<f64>| x.map_or(Value::Missing, |x| Value::Real(x, 0));
            table.push(vec![
                Value::Text(timed.candidate.clone()),
                Value::Real(timed.map_ns, 0),
                real(low),
                real(high),
                Value::Count(timed.rounds as u64),
                Value::Count(timed.maps_failed),
            ]);
        }
        table.notes.push(
            "The recorded calls in their recorded order, as recorded and not scaled. Rounds take turns in one process, whose memory is the same in all: intervals that overlap set nobody apart."
                .to_owned(),
        );
        table
    }
}

fn number(name: &str) -> Column {
    Column::number(name, Unit::None)
}

fn wait(ns: Option<u64>) -> Value {
    ns.map_or(Value::Missing, Value::Ns)
}

fn sweep_table(rows: &[Row]) -> Table {
    let mut table = Table::new(
        "Candidates, in virtual time",
        vec![
            Column::text("candidate"),
            Column::number("memory", Unit::Named("MiB".to_owned())),
            number("delayed"),
            number("never mapped"),
            Column::number("median wait", Unit::Time),
            Column::number("longest wait", Unit::Time),
            number("devices hit"),
            Column::number("high-water", Unit::Named("slots".to_owned())),
            Column::text("spilled"),
            number("transient"),
            number("pools added"),
        ],
    );
    for row in rows {
        table.push(vec![
            Value::Text(row.name()),
            Value::Real(mib(row.memory_bytes), 2),
            Value::Count(row.delayed),
            Value::Count(row.never),
            wait(row.median_wait_ns),
            wait(row.longest_wait_ns),
            Value::Count(row.devices_hit as u64),
            Value::Count(row.high_water),
            Value::Text(percent(row.spilled, row.maps)),
            Value::Count(row.transient),
            Value::Count(row.pools_added),
        ]);
    }
    table
}

/// `all` is how many requests there are where each gets room.
fn predicted_table(predicted: &Predicted, all: u64) -> Table {
    let mut table = Table::new(
        format!("What would have happened with {}", predicted.row.boot),
        vec![
            Column::text("device"),
            number("requests"),
            number("delayed"),
            Column::text("share"),
            number("never mapped"),
            Column::number("median wait", Unit::Time),
            Column::number("longest wait", Unit::Time),
        ],
    );
    for row in &predicted.devices {
        table.push(device_row(row));
    }
    table.notes.extend(predicted.rounded.clone());
    let sent = predicted.row.requests;
    if sent < all {
        table.notes.push(format!(
            "{} of {} requests were sent: behind one that never gets room its queue place sends no more.",
            count(sent),
            count(all)
        ));
    }
    table
}

fn device_row(row: &DeviceRow) -> Vec<Value> {
    vec![
        Value::Text(row.device.clone()),
        Value::Count(row.requests),
        Value::Count(row.delayed),
        Value::Text(percent(row.delayed, row.requests)),
        Value::Count(row.never),
        wait(row.median_wait_ns),
        wait(row.longest_wait_ns),
    ]
}

fn hold_out_table(held: &HoldOut) -> Table {
    let mut table = Table::new(
        "Advice of the first half, judged by the second",
        vec![
            Column::text("advice"),
            Column::number("wanted in the first half", Unit::Named("slots".to_owned())),
            Column::number("wanted in the second", Unit::Named("slots".to_owned())),
            number("requests"),
            number("delayed"),
            Column::number("longest wait", Unit::Time),
            Column::text("held"),
        ],
    );
    table.push(vec![
        Value::Text(held.row.boot.clone()),
        Value::Count(held.first_high_water),
        Value::Count(held.second_high_water),
        Value::Count(held.row.requests),
        Value::Count(held.row.delayed),
        wait(held.row.longest_wait_ns),
        Value::Text(if held.held { "yes" } else { "no" }.to_owned()),
    ]);
    table.notes.push(
        "Both halves as recorded, not scaled. What is held or waits at the cut is asked at the second half's beginning."
            .to_owned(),
    );
    table
}
