//! Names that come from traces are text in every form of a report and of an export.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{run, text};

/// A device's name, as JSON has it: markup, quotes, a mark that turns text around, a formula.
const DEVICE: &str = r#"<script>x</script>\"'|`\u202e=1+1"#;
/// A trace's name.
const FILE: &str = "=1+1<b>\"'|`\u{202e},x";

fn shown(arguments: &[&str]) -> String {
    let done = run(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// A trace of one mapping.
fn trace() -> String {
    let line = |op: &str, t_ns: u64, more: &str| {
        format!(
            "{{\"t_ns\":{t_ns},\"cpu\":0,\"op\":\"{op}\",\"dev\":\"{DEVICE}\",\"size\":4096,\"dir\":1,\"tlb\":\"0x80000000\"{more}}}\n"
        )
    };
    line("map", 1, ",\"orig\":\"0x100000\",\"t_ret_ns\":9") + &line("unmap", 5_000, "")
}

#[test]
fn a_name_is_text_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path(&format!("{FILE}.jsonl"));
    std::fs::write(&file, trace()).unwrap();
    shown(&["tune", &file, "--no-timing", "--out", &path("advice")]);
    let [page, markdown, figures] = ["p.html", "p.md", "figures"].map(path);
    let report = ["report", &path("advice"), "--trace", &file, "--figures", &figures];
    shown(&[&report[..], &["--out", &page, "--markdown", &markdown]].concat());
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert!(page.matches("&#60;script&#62;x&#60;").count() >= 2 && !page.contains('\u{202e}'));
    let markdown = std::fs::read_to_string(markdown).unwrap();
    assert!(markdown.contains("&lt;script&gt;x") && !markdown.contains("<script"), "{markdown}");
    assert!(!markdown.contains('\u{202e}'), "{markdown}");
    let figures = std::fs::read_dir(figures).unwrap().map(|entry| entry.unwrap().path());
    let figures: Vec<String> = figures.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(figures.iter().any(|svg| svg.contains("=1+1&lt;b&gt;")), "{figures:?}");
    for svg in figures {
        assert!(!svg.contains('\u{202e}') && !svg.contains("<b"), "{svg}");
    }
}

#[test]
fn a_name_is_text_in_csv() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path(&format!("{FILE}.jsonl"));
    std::fs::write(&file, trace()).unwrap();
    shown(&["replay", &file, "--base", "0x80000000", "--swiotlb", "512,1", "--out", &path("kept")]);
    let csv = shown(&["export", "--format", "csv", &path("kept")]);
    // Quoted, with an apostrophe before what would be a formula.
    assert!(csv.contains("\"'=1+1<b>\"\"'|`\\u{202e},x") && !csv.contains('\u{202e}'), "{csv}");
}
