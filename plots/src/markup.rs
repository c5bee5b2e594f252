//! What tests of figures share: reading the markup back.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

/// Names that try to be more than names.
pub const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u{202e}gnp.exe\u{2066}\u{0}\u{ffff}",
    "]]>&amp;<!-- \r\n",
    "fill=\"#FFFFFF\" </style><style>",
    "漢字 ünï",
    "",
];

/// Whether a figure with a hostile name in it is a figure and nothing else.
pub fn assert_harmless(svg: &str) {
    resvg::usvg::roxmltree::Document::parse(svg).unwrap();
    let tags = tags(svg);
    let known =
        ["svg", "title", "desc", "style", "text", "rect", "circle", "line", "polyline", "polygon", "path"];
    assert!(tags.iter().all(|tag| known.contains(&tag.trim_start_matches('/'))), "{tags:?}");
    assert_eq!(tags.iter().filter(|tag| *tag == "style").count(), 1);
    let hidden = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{ffff}');
    assert!(!svg.chars().any(hidden));
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "a place is no number");
}

/// All texts of a figure, in order of drawing.
pub fn texts(svg: &str) -> Vec<String> {
    svg.split("<text")
        .skip(1)
        .map(|part| part.split_once('>').unwrap().1.split_once('<').unwrap().0.trim().to_owned())
        .collect()
}

/// Asserts that each of `wanted` is part of the figure's texts, which may break a line inside it.
pub fn assert_says(svg: &str, wanted: &[&str]) {
    let texts = texts(svg).join(" ");
    for words in wanted {
        assert!(texts.contains(words), "{words:?} in {texts}");
    }
}

/// The tags' names in order, `/` before those that close; every tag closed and text without markup.
pub fn tags(svg: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap().trim_end_matches('/');
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name.to_owned())),
            None if tag.ends_with('/') => {}
            None => open.push(name.to_owned()),
        }
        let style = name == "style";
        assert!(style || !text.contains(['"', '\'']), "{text}");
        all.push(name.to_owned());
    }
    assert_eq!(open, [] as [String; 0]);
    all
}
