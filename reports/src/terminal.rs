//! A table as text for a terminal or a log.
//!
//! Plain characters in columns of even width: no colour, no cursor movement and no wrapping, so that the
//! same bytes come out for a terminal, a pipe and a file, whatever `NO_COLOR` says.

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table as Grid, TableStyle};

use crate::table::{Align, Table, Value};
use crate::text;

/// A rule below the headings, bars between columns, nothing else.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('|'))
    .header_separator(LineStyle::none().fill('-').junction('+'))
    .content_lines(ContentLineStyle::none().junction('|'));

/// The table with its title above and its notes below; ends in a newline.
#[must_use]
pub fn render(table: &Table) -> String {
    let mut grid = Grid::new();
    grid.load_style(STYLE);
    let shown = shown(table);
    let columns = || table.columns.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(column, _)| column);
    grid.set_header(columns().map(|c| aligned(text::visible(&c.heading()), c.align)));
    for row in table.rows() {
        let values = row.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(value, _)| value);
        grid.add_row(values.zip(columns()).map(|(v, c)| aligned(v.shown(), c.align)));
    }
    let mut out = text::visible(&table.title);
    out.push_str("\n\n");
    out.extend(grid.lines().map(|line| format!("{}\n", line.trim_end())));
    for note in &table.notes {
        out.push_str(&text::visible(note));
        out.push('\n');
    }
    out
}

/// Which columns are shown: remarks have no heading, and no column where there are none.
fn shown(table: &Table) -> Vec<bool> {
    let is_empty = |value: &Value| matches!(value, Value::Missing) || value.shown().is_empty();
    let says = |at: usize| table.rows().iter().any(|row| row.get(at).is_some_and(|value| !is_empty(value)));
    table.columns.iter().enumerate().map(|(at, column)| !column.heading().is_empty() || says(at)).collect()
}

fn aligned(content: String, align: Align) -> Cell {
    Cell::new(content).set_alignment(match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Unit};

    #[test]
    fn numbers_line_up_on_the_right() {
        let mut t = Table::new("Latency", vec![Column::text("operation"), Column::number("p50", Unit::Time)]);
        t.push(vec![Value::Text("map".into()), Value::Ns(97)]);
        t.push(vec![Value::Text("unmap".into()), Value::Ns(123_456)]);
        t.notes.push("One thread.".into());
        let expected = "\
Latency

 operation |    p50
-----------+--------
 map       |  97 ns
 unmap     | 123 us
One thread.
";
        assert_eq!(render(&t), expected);
    }

    #[test]
    fn remarks_have_a_column_where_there_are_some() {
        let mut t = Table::new("Cells", vec![Column::text("cell"), Column::text("")]);
        t.push(vec![Value::Text("a".into()), Value::Text(String::new())]);
        t.push(vec![Value::Text("b".into())]);
        assert!(!render(&t).contains('|'), "{}", render(&t));
        t.push(vec![Value::Text("c".into()), Value::Text("unpinned".into())]);
        assert!(render(&t).contains(" c    | unpinned\n"), "{}", render(&t));
    }

    #[test]
    fn hostile_names_stay_on_their_line_and_move_no_cursor() {
        let mut t = Table::new("a\u{1b}[2J", vec![Column::text("b\r\nc")]);
        for name in ["\u{1b}[31mred", "two\nlines", "\u{202e}ltr", "a\tb|c", "漢字"] {
            t.push(vec![Value::Text(name.into())]);
        }
        let out = render(&t);
        assert_eq!(out.lines().count(), 2 + 2 + 5);
        assert!(!out.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{out}");
    }
}
