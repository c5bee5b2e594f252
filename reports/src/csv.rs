//! A table as CSV (RFC 4180), for programs.
//!
//! Plain numbers without separators; times in ns, with `_ns` at the heading; an empty field where there is
//! no value. What hides, moves or breaks text is an escape ([`crate::text`]). Text that a spreadsheet would run
//! as a formula gets an apostrophe in front; numbers never do. Title and notes are not part of it.

use crate::quantile::Cell;
use crate::table::{Column, Table, Unit, Value};
use crate::text::visible;

/// The heading and the rows, each line ended by CR LF.
#[must_use]
pub fn render(table: &Table) -> String {
    let mut out = String::new();
    line(&mut out, table.columns.iter().map(|c| text(&heading(c))));
    for row in table.rows() {
        line(&mut out, row.iter().map(field));
    }
    out
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    out.push_str(&fields.collect::<Vec<_>>().join(","));
    out.push_str("\r\n");
}

fn heading(column: &Column) -> String {
    match &column.unit {
        Unit::None => column.name.clone(),
        Unit::Time => format!("{}_ns", column.name),
        Unit::Named(unit) => format!("{}_{unit}", column.name),
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Text(content) => text(content),
        Value::Count(n) | Value::Ns(n) | Value::Quantile(Cell::Value(n)) => n.to_string(),
        Value::Real(x, decimals) if x.is_finite() => format!("{x:.decimals$}"),
        Value::Quantile(Cell::Above(_) | Cell::TooFew(_)) | Value::Real(..) | Value::Missing => String::new(),
    }
}

/// A text field: on one line, no formula, and quoted where it has to be.
fn text(content: &str) -> String {
    let content = visible(content);
    let formula = content.trim_start().starts_with(['=', '+', '-', '@']);
    let content = if formula { format!("'{content}") } else { content };
    let quoted = content.contains([',', '"']) || content.trim() != content;
    if quoted { format!("\"{}\"", content.replace('"', "\"\"")) } else { content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain_and_absent_ones_empty() {
        let columns = vec![
            Column::text("operation"),
            Column::number("p50", Unit::Time),
            Column::number("p99", Unit::Time),
            Column::number("size", Unit::Named("KiB".into())),
        ];
        let mut t = Table::new("x", columns);
        let quantile = |cell| Value::Quantile(cell);
        t.push(vec![Value::Text("map".into()), quantile(Cell::Value(12_345)), quantile(Cell::TooFew(9))]);
        t.push(vec![Value::Missing, Value::Ns(1_000_000), Value::Count(5_000), Value::Real(-1.5, 2)]);
        let expected = "operation,p50_ns,p99_ns,size_KiB\r\nmap,12345,,\r\n,1000000,5000,-1.50\r\n";
        assert_eq!(render(&t), expected);
    }

    #[test]
    fn formulas_are_disarmed() {
        for (name, shown) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\\t=1"),
            ("\u{a0}=1", "'\u{a0}=1"),
            (" =1", "' =1"),
            ("=\"a\",1", "\"'=\"\"a\"\",1\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(text(name), shown, "{name:?}");
        }
    }

    #[test]
    fn quotes_commas_and_lines_are_quoted() {
        for (name, shown) in [
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "two\\nlines"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("a ", "\"a \""),
            ("", ""),
            ("漢字", "漢字"),
        ] {
            assert_eq!(text(name), shown);
        }
    }
}
