use super::*;
use crate::document::Tone;
use crate::table::{Column, Unit, Value};

/// Names that try to be more than names.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u{202e}gnp.exe\u{2066}\u{0}\u{ffff}",
    "]]>&amp;<!-- \r\n",
    "</style><style>*{display:none}</style>",
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}{% raw %}",
    "",
];

fn everywhere(name: &str) -> Document {
    let mut table =
        Table::new(name, vec![Column::text(name), Column::number(name, Unit::Named(name.into()))]);
    for _ in 0..9 {
        table.push(vec![Value::Text(name.into()), Value::Count(1)]);
    }
    table.notes.push(name.into());
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>t</title></svg>".to_owned();
    let mut document = Document::new(name, name);
    let see = document.push(name, name, vec![Block::Text(name.into()), Block::Table(table)]);
    let figure = Figure { title: name.into(), svg };
    let blocks = vec![
        Block::Findings(vec![Finding::new(Tone::Bad, name).see(see)]),
        Block::Figure(figure),
        Block::Commands(vec![name.into()]),
    ];
    document.push_below(name, name, blocks);
    document
}

/// The tags' names in order, style and script without their content; but for places where a long word may break.
fn tags(page: &str) -> Vec<String> {
    let without = |page: String, tag: &str| match (page.find(tag), page.find(&tag.replace('<', "</"))) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &page[..from + tag.len()], &page[to..]),
        _ => page,
    };
    let page = without(without(page.to_owned(), "<style>"), "<script>");
    let name = |part: &str| part.split(['>', ' ', '\n']).next().map(str::to_owned);
    page.split('<').skip(1).filter_map(name).filter(|name| name != "wbr").collect()
}

#[test]
fn a_hostile_name_is_text_and_nothing_else() {
    let plain = tags(&page(&everywhere("plain")).expect("a page"));
    for name in HOSTILE {
        let page = page(&everywhere(name)).expect("a page");
        assert_eq!(tags(&page), plain, "{name:?}");
        assert!(!page.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{ffff}'));
        // A quote inside an attribute would end it.
        let attributes = page.split("aria-label=\"").skip(1).filter_map(|rest| rest.split('"').nth(1));
        assert!(attributes.into_iter().all(|after| after.starts_with(['>', ' '])), "{name:?}");
    }
}

#[test]
fn nothing_is_fetched_and_only_the_one_script_runs() {
    let page = page(&everywhere("x")).expect("a page");
    for mark in [" src=", "@import", "url(", "fetch(", "http-equiv=\"refresh"] {
        assert!(!page.contains(mark), "{mark}");
    }
    let links = page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert!(links.into_iter().all(|link| link.starts_with('#') || link == "data:,"));
    let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
    let hash = BASE64.encode(Sha256::digest(script.unwrap_or_default()));
    assert!(
        page.contains(&format!("script-src 'sha256-{hash}'")),
        "the policy names the script that is there"
    );
}

#[test]
fn every_link_leads_to_a_section() {
    let page = page(&everywhere("a name")).expect("a page");
    let targets = page.split(" href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
    let targets: Vec<_> = targets.collect();
    assert_eq!(targets, ["main", "a-name", "a-name-2", "a-name"]);
    assert!(targets.iter().all(|target| page.contains(&format!(" id=\"{target}\""))));
}

#[test]
fn numbers_carry_what_they_are_sorted_by() {
    let mut table = Table::new("t", vec![Column::text("a"), Column::number("b", Unit::Time)]);
    table.push(vec![Value::Text("x".into()), Value::Ns(12_345)]);
    let mut document = Document::new("d", "");
    document.push("s", "S", vec![Block::Table(table)]);
    let page = page(&document).expect("a page");
    assert!(page.contains("<td>x</td><td class=\"r\" data-v=\"12345\">12.3 us</td>"), "{page}");
    assert!(!page.contains("data-filter>"), "one row is not worth a filter");
}
