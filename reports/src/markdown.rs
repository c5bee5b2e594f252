//! A table as GitHub's Markdown.
//!
//! Every text is shown as it is: nothing in a name becomes markup, HTML, a link, a new row or a new cell.

use std::fmt::Write as _;

use crate::table::{Align, Table, Value};
use crate::text;

/// The table under a heading of the third level, its notes below; ends in a newline.
#[must_use]
pub fn render(table: &Table) -> String {
    let mut out = format!("### {}\n\n", escape(&table.title));
    let headings: Vec<_> = table.columns.iter().map(|c| escape(&c.heading())).collect();
    row(&mut out, &headings);
    let rule = |align| if align == Align::Right { "---:" } else { ":---" };
    row(&mut out, &table.columns.iter().map(|c| rule(c.align).to_owned()).collect::<Vec<_>>());
    for values in table.rows() {
        row(&mut out, &values.iter().map(cell).collect::<Vec<_>>());
    }
    for note in &table.notes {
        let _ = write!(out, "\n{}\n", escape(note));
    }
    out
}

fn row(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Texts are escaped; numbers hold nothing to escape (`> 60.0 s` apart).
fn cell(value: &Value) -> String {
    escape(&value.shown())
}

/// Whether what follows would be taken for the name of a site.
fn is_www(before: &[char]) -> bool {
    before.len() >= 3 && before[before.len() - 3..].iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// One line of Markdown that shows `content` and nothing else.
#[must_use]
pub fn escape(content: &str) -> String {
    let content = text::visible(content);
    let chars: Vec<char> = content.chars().collect();
    let mut out = String::with_capacity(content.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Between letters an underscore is only an underscore.
            '_' if word(i.checked_sub(1)) && word(Some(i + 1)) => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            // Not a link or a mention by itself.
            ':' if chars.get(i + 1) == Some(&'/') => out.push_str("&#58;"),
            '.' if is_www(&chars[..i]) => out.push_str("&#46;"),
            '@' => out.push_str("@&#8203;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Unit};

    #[test]
    fn the_form() {
        let mut t = Table::new("Latency", vec![Column::text("operation"), Column::number("N", Unit::None)]);
        t.push(vec![Value::Text("find_pool".into()), Value::Count(1_234)]);
        t.notes.push("One thread.".into());
        let expected = "\
### Latency

| operation | N |
| :--- | ---: |
| find_pool | 1,234 |

One thread.
";
        assert_eq!(render(&t), expected);
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        for (name, shown) in [
            ("a|b", "a\\|b"),
            ("a\\|b", "a\\\\\\|b"),
            ("<script>alert('x')</script>", "&lt;script&gt;alert('x')&lt;/script&gt;"),
            ("&lt;", "&amp;lt;"),
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("a\nb", "a\\\\nb"),
            ("_a_ a_b __", "\\_a\\_ a_b \\_\\_"),
            ("`*~", "\\`\\*\\~"),
            ("https://x", "https&#58;//x"),
            ("www.x.org, WwW.y", "www&#46;x.org, WwW&#46;y"),
            ("\u{202e}x", "\\\\u{202e}x"),
        ] {
            assert_eq!(escape(name), shown);
        }
    }

    #[test]
    fn a_hostile_name_adds_no_cell_and_no_row() {
        let mut t = Table::new("x\n# y", vec![Column::text("a|b"), Column::text("c")]);
        t.push(vec![Value::Text("| x | y |\n| z |".into()), Value::Text("\\|".into())]);
        let out = render(&t);
        let bars = |line: &str| {
            let mut escaped = false;
            line.chars()
                .filter(|c| {
                    let bar = *c == '|' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    bar
                })
                .count()
        };
        let lines: Vec<_> = out.lines().skip(2).map(bars).collect();
        assert_eq!(lines, [3, 3, 3], "{out}");
    }
}
