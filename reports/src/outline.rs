//! A report as GitHub's Markdown.
//!
//! The same sections as the page ([`crate::html`]), in the same order. A figure is a picture where the caller says
//! where it lies, else its title.

use crate::document::{Block, Document, Figure, Finding, Section};
use crate::markdown::{self, escape};
use std::fmt::Write as _;

/// `document` as Markdown; `links` are the files of its figures, in order, each as a link from the Markdown's
/// folder; a figure without one is named only. Ends in a newline.
#[must_use]
pub fn render(document: &Document, links: &[String]) -> String {
    let mut out = format!("# {}\n\n{}\n", escape(&document.title), escape(&document.lead));
    for section in document.sections() {
        let depth = if section.below { "###" } else { "##" };
        let _ =
            write!(out, "\n{depth} {}\n{}", escape(&section.title), body(document, section.name(), links));
    }
    out
}

/// What stands below the heading of the section called `name`, and of those below it; empty where there is none.
#[must_use]
pub fn part(document: &Document, name: &str, links: &[String]) -> String {
    let mut sections = document.sections().iter().skip_while(|section| section.name() != name);
    let Some(first) = sections.next() else { return String::new() };
    let mut out = body(document, name, links);
    if !first.below {
        for section in sections.take_while(|section| section.below) {
            let _ =
                write!(out, "\n### {}\n{}", escape(&section.title), body(document, section.name(), links));
        }
    }
    out
}

fn body(document: &Document, name: &str, links: &[String]) -> String {
    let before = document.sections().iter().take_while(|section| section.name() != name);
    let mut links = links.iter().skip(before.map(figures).sum());
    let blocks = document.section(name).map(|section| section.blocks.as_slice()).unwrap_or_default();
    let mut out = String::new();
    for block in blocks {
        let link = if matches!(block, Block::Figure(_)) { links.next() } else { None };
        let _ = write!(out, "\n{}", text(block, link));
    }
    out
}

fn figures(section: &Section) -> usize {
    section.blocks.iter().filter(|block| matches!(block, Block::Figure(_))).count()
}

fn text(block: &Block, link: Option<&String>) -> String {
    match block {
        Block::Text(text) => format!("{}\n", escape(text)),
        Block::Findings(findings) => findings.iter().map(finding).collect(),
        Block::Table(table) => markdown::render(table).replacen("### ", "#### ", 1),
        Block::Figure(figure) => picture(figure, link),
        Block::Commands(lines) => fenced(lines),
    }
}

fn finding(finding: &Finding) -> String {
    format!("- **{}** {}\n", finding.tone.word(), escape(&finding.text))
}

fn picture(figure: &Figure, link: Option<&String>) -> String {
    let title = escape(&figure.title);
    match link {
        Some(link) => format!("![{title}](<{}>)\n", target(link)),
        None => format!("*Figure: {title} (in the page)*\n"),
    }
}

/// A link's target, which ends at `>` or a line's end: those, and what begins an escape, are percent-encoded.
fn target(link: &str) -> String {
    let mut out = String::new();
    for c in link.chars() {
        if c.is_control() || matches!(c, '<' | '>' | '\\' | '%' | '&') {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Lines as they are, in a fence that none of them ends.
fn fenced(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| crate::text::visible(line)).collect();
    let mut fence = "```".to_owned();
    while lines.iter().any(|line| line.contains(&fence)) {
        fence.push('`');
    }
    format!("{fence}sh\n{}\n{fence}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Tone;
    use crate::table::{Column, Table, Value};

    fn document() -> Document {
        let mut table = Table::new("cells", vec![Column::text("a")]);
        table.push(vec![Value::Text("x|y".into())]);
        let figure = |title: &str| Block::Figure(Figure { title: title.into(), svg: "<svg></svg>".into() });
        let mut document = Document::new("T <b>", "lead");
        let findings = vec![Finding::new(Tone::Bad, "it *fails*").see("a")];
        document.push("summary", "Summary", vec![Block::Findings(findings)]);
        document.push("a", "A", vec![figure("one"), Block::Table(table)]);
        document.push_below("b", "B", vec![figure("two"), Block::Commands(vec!["x ```; y".into()])]);
        document.push("c", "C", vec![Block::Text("end".into())]);
        document
    }

    #[test]
    fn the_form() {
        let links = ["f/1.svg".to_owned(), "f/2 <&>.svg".to_owned()];
        let expected = "\
# T &lt;b&gt;

lead

## Summary

- **wrong** it \\*fails\\*

## A

![one](<f/1.svg>)

#### cells

| a |
| :--- |
| x\\|y |

### B

![two](<f/2 %3C%26%3E.svg>)

````sh
x ```; y
````

## C

end
";
        assert_eq!(render(&document(), &links), expected);
    }

    #[test]
    fn a_part_has_what_is_below_it() {
        let links = ["1.svg".to_owned(), "2.svg".to_owned()];
        let (a, b) = (part(&document(), "a", &links), part(&document(), "b", &links));
        assert!(a.contains("![one](<1.svg>)") && a.contains("### B") && !a.contains("end"), "{a}");
        assert!(b.starts_with("\n![two](<2.svg>)") && !b.contains("one"), "{b}");
        assert!(part(&document(), "b", &[]).contains("*Figure: two (in the page)*"));
        assert_eq!(part(&document(), "nothing", &links), "");
    }
}
