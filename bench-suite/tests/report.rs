//! `swiotlb-bench report`, and how stored runs are read: plain and compressed.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{SUITE, out, run, suite_file, text};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::path::Path;

/// What the program printed, having done what it was asked.
fn shown(arguments: &[&str]) -> String {
    let done = run(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// Ends with this exit code, and says this on standard error.
fn refused(arguments: &[&str], code: i32, what: &str) {
    let done = run(arguments);
    let errors = text(&done.stderr);
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(what), "{arguments:?}: {what}: {errors}");
}

/// Compresses the file, as gzip does: the plain one is gone afterwards.
fn compress(path: &Path) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&std::fs::read(path).unwrap()).unwrap();
    std::fs::write(format!("{}.gz", path.display()), encoder.finish().unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_report_is_made_of_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    assert!(run(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"]).status.success());
    let done = run(&["report", &out.1]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let page = std::fs::read_to_string(out.0.join("report.html")).unwrap();
    assert!(page.contains("Cells that take next to nothing") && page.contains("<svg"), "{page}");
    // The command that made the run, and not the program's path.
    assert!(
        page.contains("\nswiotlb-bench measure ") && page.contains("--launches 1 --no-control"),
        "{page}"
    );

    let readme = folder.path().join("README.md");
    let name = readme.to_str().unwrap();
    let figures = folder.path().join("docs").join("figures");
    let old = "a\n<!-- swiotlb-bench:begin fast -->\nold\n<!-- swiotlb-bench:end fast -->\nb\n";
    std::fs::write(&readme, old).unwrap();
    let arguments = ["report", &out.1, "--splice", name, "--figures", figures.to_str().unwrap(), "--png"];
    let done = run(&arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let spliced = std::fs::read_to_string(&readme).unwrap();
    assert!(spliced.starts_with("a\n<!--") && spliced.ends_with("-->\nb\n") && !spliced.contains("\nold"));
    let link = spliced.split("](<").nth(1).and_then(|rest| rest.split(">)").next()).unwrap();
    assert!(link.starts_with("docs/figures/") && folder.path().join(link).exists(), "{link}");
    let picture = std::fs::read(folder.path().join(link).with_extension("png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{} bytes", picture.len());
    assert!(text(&run(&arguments).stdout).contains("README.md: nothing has changed"));
}

#[test]
fn a_report_that_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    let refused = |arguments: &[&str], what: &str| {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(1));
        assert!(text(&done.stderr).contains(what), "{what}: {}", text(&done.stderr));
    };
    refused(&["report", folder.path().to_str().unwrap()], "no runs.jsonl in it");
    assert!(run(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"]).status.success());
    let readme = folder.path().join("README.md");
    let name = readme.to_str().unwrap();
    refused(&["report", &out.1, "--splice", name], "README.md: ");
    for (content, what) in [
        ("nothing\n", "no marker of a section of this report, whose names are summary, "),
        ("<!-- swiotlb-bench:begin summary -->\n", "line 1: `summary` begins here and never ends"),
    ] {
        std::fs::write(&readme, content).unwrap();
        refused(&["report", &out.1, "--splice", name], what);
        assert_eq!(std::fs::read_to_string(&readme).unwrap(), content);
    }
}

#[test]
fn a_compressed_run_is_read_as_a_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    shown(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"]);
    let other = folder.path().join("history").to_str().unwrap().to_owned();
    let page = folder.path().join("page.md").to_str().unwrap().to_owned();
    let all = || {
        shown(&["report", &out.1, "--markdown", &page]);
        let report = std::fs::read_to_string(&page).unwrap();
        [report, shown(&["cmp", &out.1, &out.1]), shown(&["export", "--format", "csv", &out.1])]
    };
    let plain = all();
    assert!(plain[0].contains("3 process launches") && plain[2].contains("fast/policy=none,service=1us"));
    for name in ["runs.jsonl", "plan.json"] {
        compress(&out.0.join(name));
    }
    let compressed = all();
    assert_eq!(plain[1..], compressed[1..]);
    let told = |report: &str| report.replace("runs.jsonl.gz", "runs.jsonl");
    assert_eq!(plain[0], told(&compressed[0]));
    assert!(shown(&["history", "add", &out.1, "--history", &other]).contains("added as "));
    let file = out.0.join("runs.jsonl.gz").to_str().unwrap().to_owned();
    assert!(shown(&["history", "add", &file, "--history", &other]).contains("is there already"));
    assert_eq!(shown(&["export", "--format", "csv", &file]), compressed[2], "a file is called as its folder");

    // Nothing is added to what is compressed.
    let before = std::fs::read(&file).unwrap();
    refused(&["measure", "--resume", "--out", &out.1], 1, "compressed records are only read: `gunzip ");
    refused(&["measure", &suite, "--out", &out.1], 1, "compressed records are only read: `gunzip ");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert!(!out.0.join("runs.jsonl").exists());
}

#[test]
fn a_compressed_run_that_was_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    shown(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"]);
    compress(&out.0.join("runs.jsonl"));
    let file = out.0.join("runs.jsonl.gz");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let history = folder.path().join("history").to_str().unwrap().to_owned();
    for arguments in [
        &["report", &out.1][..],
        &["cmp", &out.1, &out.1],
        &["export", "--format", "csv", &out.1],
        &["history", "add", &out.1, "--history", &history],
    ] {
        refused(
            arguments,
            1,
            "runs.jsonl.gz: cannot read: its gzip data end too early: the file was cut off",
        );
    }
    let plan = out.0.join("plan.json");
    std::fs::write(&file, whole).unwrap();
    compress(&plan);
    let whole = std::fs::read(out.0.join("plan.json.gz")).unwrap();
    std::fs::write(out.0.join("plan.json.gz"), &whole[..20]).unwrap();
    refused(&["report", &out.1], 1, "plan.json.gz: cannot read: its gzip data end too early");
}

#[test]
fn an_excerpt_is_spliced_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    shown(&["measure", &suite, "--out", &out.1, "--launches", "2", "--no-control"]);
    let (readme, figures) = (folder.path().join("README.md"), folder.path().join("figures"));
    let file = |middle: &str| {
        format!(
            "a\n<!-- swiotlb-bench:begin fast service!=2us by service -->\n{middle}<!-- swiotlb-bench:end fast -->\nb\n"
        )
    };
    std::fs::write(&readme, file("old\n")).unwrap();
    let arguments =
        ["report", &out.1, "--splice", readme.to_str().unwrap(), "--figures", figures.to_str().unwrap()];
    let check = [&arguments[..], &["--check"]].concat();
    refused(&check, 1, "README.md: is not what these records give");
    assert!(!figures.exists(), "a check writes nothing");
    shown(&arguments);
    let spliced = std::fs::read_to_string(&readme).unwrap();
    assert!(spliced.contains("| service=1us (ns) | service=3us (ns) |"), "{spliced}");
    assert!(!spliced.contains("2us (ns)") && !spliced.contains("old\n"), "{spliced}");
    let drawn: Vec<_> = std::fs::read_dir(&figures).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [figure] = &drawn[..] else { panic!("only what the part shows: {drawn:?}") };
    assert!(spliced.contains(&format!("figures/{}", figure.file_name().unwrap().to_string_lossy())));
    shown(&check);

    let svg = std::fs::read_to_string(figure).unwrap();
    std::fs::write(figure, svg.replace("fast", "slow")).unwrap();
    refused(&check, 1, ".svg: is not what these records give");
    std::fs::write(figure, svg).unwrap();
    std::fs::write(&readme, spliced.replace("service=1us (ns)", "service=1ms (ns)")).unwrap();
    refused(&check, 1, "1 file is stale");
    std::fs::write(&readme, file("").replace("service!=2us", "service=9us")).unwrap();
    refused(&arguments, 1, "no cell of fast is left by its filter");
}

/// The cells of a table's row, whatever the form, one line each.
fn words(html: &str) -> String {
    let text: String =
        html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let text = text.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"").replace("&#60;", "<");
    text.replace("&#62;", ">").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn markdown_says_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    shown(&["measure", &suite, "--out", &out.1, "--launches", "6", "--no-control"]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [page, markdown, figures] = ["p.html", "p.md", "figures"].map(path);
    shown(&["report", &out.1, "--out", &page, "--markdown", &markdown, "--figures", &figures]);
    let page = words(&std::fs::read_to_string(&page).unwrap());
    let markdown = std::fs::read_to_string(&markdown).unwrap();
    let plain = markdown.replace('\\', "").replace("&gt;", ">").replace("&lt;", "<");
    let (mut lines, mut rows) = (0, 0);
    for line in plain.lines() {
        if line.starts_with("![") || line.starts_with("```") || line.starts_with("| :-") || line.is_empty() {
            continue;
        }
        let cells: Vec<&str> = match line.strip_prefix("| ") {
            Some(row) => {
                row.trim_end_matches(" |").split(" | ").filter(|cell| !cell.trim().is_empty()).collect()
            }
            None => vec![line.trim_start_matches(['#', ' ', '-'])],
        };
        rows += usize::from(cells.len() > 1);
        lines += 1;
        for cell in cells {
            let cell = cell.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(page.contains(&cell), "{cell:?} of {line:?} is not on the page");
        }
    }
    assert!(lines > 40 && rows > 20, "{lines} {rows}");
    let sections = plain.lines().filter(|line| line.starts_with("## ") || line.starts_with("### ")).count();
    assert_eq!(sections, page_sections(&path("p.html")), "as many sections");
    assert_eq!(plain.matches("](<figures/").count(), std::fs::read_dir(&figures).unwrap().count());
}

fn page_sections(page: &str) -> usize {
    let page = std::fs::read_to_string(page).unwrap();
    page.matches("<h2").count() + page.matches("<h3").count()
}

/// A trace of the tree.
fn trace(name: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/data/traces");
    data.join(name).to_str().unwrap().to_owned()
}

/// A report as Markdown.
fn report(folder: &Path, arguments: &[&str]) -> String {
    let page = folder.join("report.md");
    shown(&[&["report"], arguments, &["--markdown", page.to_str().unwrap()]].concat());
    std::fs::read_to_string(page).unwrap()
}

fn says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn a_trace_is_shown_by_size_and_lifetime_and_over_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (grown, own) = (trace("dyn_growth.jsonl.gz"), trace("static_vblk.tracecmd-report.txt.gz"));
    let figures = folder.path().join("figures");
    let text =
        report(folder.path(), &["--trace", &grown, "--trace", &own, "--figures", figures.to_str().unwrap()]);
    says(
        &text,
        &[
            "# swiotlb-bench: dyn_growth, static_vblk",
            "Nothing was measured for it.",
            "## Trace: dyn_growth",
            "![dyn_growth: sizes and lifetimes of mappings](<",
            "![static_vblk: pools of the kernel policy over the recorded time](<",
            "| 0000:00:02.0 | ",
            "not everything in it could be used: map entry without return: 1",
            "swiotlb-bench report --trace ",
        ],
    );
    assert!(!text.contains("## Machine"), "no number was taken: {text}");
    let svg = std::fs::read_to_string(
        figures.join("dyn-growth-pools-of-the-kernel-policy-over-the-recorded-tim.svg"),
    );
    says(&svg.unwrap(), &["slots in use (%)", "fragmentation (%)", "pools (count)", "p99 of map as"]);
    // The same trace without what lies beside it does not say which pool the kernel had.
    let bare = folder.path().join("bare.jsonl.gz");
    std::fs::copy(&grown, &bare).unwrap();
    let text = report(folder.path(), &["--trace", bare.to_str().unwrap()]);
    says(&text, &["No timeline: ", "neither the trace nor ", "sizes and lifetimes of mappings"]);
    refused(&["report", "--trace", "nothing.jsonl"], 1, "nothing.jsonl");
    let kept = folder.path().join("kept").to_str().unwrap().to_owned();
    shown(&["replay", &grown, "--out", &kept]);
    says(
        &report(folder.path(), &[&kept]),
        &["*Figure: dyn_growth under kernel: pools over the recorded time (in the page)*"],
    );
}

#[test]
fn a_history_is_shown_beside_the_run_that_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let history = path("history");
    for night in ["one", "two"] {
        shown(&["measure", &suite, "--launches", "2", "--no-control", "--out", &path(night)]);
        shown(&["history", "add", &path(night), "--history", &history]);
    }
    let text = report(folder.path(), &[&path("two"), "--history", &history]);
    says(
        &text,
        &[
            "## Night by night",
            "2 runs from ",
            "*Figure: fast/policy=none,service=1us: ns_per_op (in the page)*",
            "series has a shift that nobody has accepted",
            " --history ",
        ],
    );
    // Alone, it is a report of every series.
    says(&report(folder.path(), &["--history", &history]), &["# swiotlb-bench report", "## Night by night"]);
    refused(&["report", &path("two"), "--history", &path("nothing")], 1, "no history there");
}
