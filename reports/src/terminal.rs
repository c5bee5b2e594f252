//! A table as text for a terminal or a log.
//!
//! Plain characters in columns of even width: no colour, no cursor movement and no wrapping, so that the
//! same bytes come out for a terminal, a pipe and a file, whatever `NO_COLOR` says.

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table as Grid, TableStyle};

use crate::table::{Align, Table};
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
    grid.set_header(table.columns.iter().map(|c| aligned(text::visible(&c.heading()), c.align)));
    for row in table.rows() {
        grid.add_row(row.iter().zip(&table.columns).map(|(v, c)| aligned(v.shown(), c.align)));
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

fn aligned(content: String, align: Align) -> Cell {
    Cell::new(content).set_alignment(match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Unit, Value};

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
