//! Comparisons as a user meets them: whole ones of fast cells, with their exit codes.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{TIMED, alone, file, program, run, run_with, suite_file, text};
use reports::store;
use std::path::Path;

/// A folder with a suite in it, and the name of a folder for records.
fn place() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), TIMED);
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    (folder, suite, out)
}

#[test]
fn a_slower_side_is_a_confirmed_regression() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let summary = folder.path().join("summary.md");
    let arguments = [
        "ab",
        "none:service=2us",
        "none:service=2600ns",
        &suite,
        "--out",
        &out,
        "--gate",
        "--null",
        "--markdown",
    ];
    let done = run(&[&arguments[..], &[summary.to_str().unwrap()]].concat());
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{shown}{}", text(&done.stderr));
    assert!(shown.contains("regressed") && shown.contains("null, A again"), "{shown}");
    let markdown = std::fs::read_to_string(summary).unwrap();
    assert!(markdown.starts_with("### ns_per_op: B = none:service=2600ns"), "{markdown}");
    assert!(markdown.contains("| regressed |"), "{markdown}");
    // What was kept says the same again, and nothing is run for it.
    let before = std::fs::read(Path::new(&out).join("runs.jsonl")).unwrap();
    let again = run(&[&arguments[..arguments.len() - 1], &["--resume"]].concat());
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(3), shown));
    assert_eq!(std::fs::read(Path::new(&out).join("runs.jsonl")).unwrap(), before);
    let records = store::load(&Path::new(&out).join("runs.jsonl")).unwrap().records;
    let arm = |name: &str| {
        records.iter().filter(|r| r.place.as_ref().unwrap().arm.as_deref() == Some(name)).count()
    };
    assert!(arm("A") >= 24 && arm("A") == arm("B") && arm("B") == arm("N"));
}

#[test]
fn a_side_against_itself_is_not() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    // A floor that no busy machine moves a median beyond.
    let done = run(&["ab", "none", "none", &suite, "--out", &out, "--blocks", "12", "--floor", "20%"]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(!text(&done.stdout).contains("regressed"));
}

#[test]
fn a_quick_comparison_only_advises() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let done = run(&["ab", "none:service=2us", "none:service=4us", &suite, "--out", &out, "--quick"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("Fewer than 12 blocks only advise."), "{}", text(&done.stdout));
    let records = store::load(&Path::new(&out).join("runs.jsonl")).unwrap().records;
    assert_eq!(records.len(), 24);
    let other =
        run(&["ab", "none:service=2us", "none:service=5us", &suite, "--out", &out, "--quick", "--resume"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("a run of other cells"), "{}", text(&other.stderr));
}

#[test]
fn no_answer_is_an_exit_code_for_those_who_want_it() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let done = run(&["ab", "none", "none", &suite, "--out", &out, "--blocks", "3", "--fail-inconclusive"]);
    assert_eq!(done.status.code(), Some(5), "{}", text(&done.stderr));
    let shown = text(&done.stdout);
    assert!(
        shown.contains("not enough data") && shown.contains("No look can tell a single change"),
        "{shown}"
    );
}

#[test]
fn launches_that_are_void_leave_no_block() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let slow = "none:service=200ms";
    let done = run(&["ab", slow, slow, &suite, "--out", &out, "--blocks", "1", "--cell-limit", "100ms"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stdout));
    assert!(text(&done.stderr).contains("a cell has no whole block"), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("4 launches void"), "{}", text(&done.stdout));
}

#[test]
fn a_dry_run_says_what_it_takes_and_what_it_can_find() {
    let tail = ["--dry-run", "--filter", "position=tail"];
    let done = run(&[&["ab", "kernel", "lookup-sorted", "find-pool"], &tail[..]].concat());
    let shown = text(&done.stdout);
    assert!(
        shown.starts_with("7 cells; launches at 12 blocks: 336 (about 50 s), 18 blocks: 504 (about 76 s), "),
        "{shown}{}",
        text(&done.stderr)
    );
    assert!(shown.contains("A single change can be told from 10 blocks on"), "{shown}");
    let sets = run(&["ab", "kernel:nareas=1", "kernel:nareas=2", "areas", "--dry-run", "--set", "threads=1"]);
    assert!(text(&sets.stdout).starts_with("1 cell;"), "{}", text(&sets.stderr));
    let shorthand =
        run(&["ab", "swiotlb=8192,1", "swiotlb=8192,2", "areas", "--dry-run", "--set", "threads=1"]);
    assert_eq!(text(&shorthand.stdout), text(&sets.stdout), "{}", text(&shorthand.stderr));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let says = |arguments: &[&str], what: &str| {
        let done = run(&[&["ab"], arguments].concat());
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{arguments:?}: {}", text(&done.stderr));
    };
    says(&["kernel", "lokup-sorted", "find-pool"], "the nearest is lookup-sorted");
    says(&["kernel", "lookup-sorted", "control"], "has no policy under test");
    says(&["none", "none", "find-pool"], "the suite has policies under test");
    says(&["kernel", "kernel:nraeas=2", "areas"], "the nearest is nareas");
    says(&["kernel", "kernel:nareas=2", "areas"], "has to be set on both");
    says(&["kernel:nareas=1:2:+1", "kernel:nareas=1", "areas"], "one value for each key");
    says(&["swiotlb=force", "kernel", "areas"], "write swiotlb=SLOTS");
    says(&["kernel", "kernel", "areas", "locks"], "a comparison wants one suite");
    says(&["kernel", "kernel", "areas", "--floor", "1"], "write a percentage");
    says(&["kernel", "kernel", "areas", "--blocks", "100000"], "beyond the");
}

#[test]
fn a_calibration_says_how_often_it_was_wrong_and_is_quoted() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let arguments = ["calibrate", &suite, "--policy", "none", "--comparisons", "2", "--blocks", "12"];
    let more = ["--floor", "20%", "--inject", "80%", "--out", &out];
    let done = run(&[&arguments[..], &more[..]].concat());
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{shown}{}", text(&done.stderr));
    assert!(shown.contains("0 of 2 verdicts false") && shown.contains("learned floor"), "{shown}");
    assert!(shown.contains("80.0 |           2 |     2 |"), "{shown}");
    // Everything is there: nothing runs, and the same is said.
    let again = run(&[&arguments[..], &more[..], &["--resume"]].concat());
    assert_eq!(text(&again.stdout), shown);
    let learned = Path::new(&out).join("calibration.json");
    let with =
        ["ab", "none", "none", &suite, "--blocks", "12", "--floor", "20%", "--dry-run", "--calibration"];
    let quoted = run(&[&with[..], &[learned.to_str().unwrap()]].concat());
    assert!(text(&quoted.stdout).contains("0 of 2 verdicts false"), "{}", text(&quoted.stderr));
    // What is false at 1 %, a floor of 20 % has hidden.
    let closer = [&with[..6], &["--dry-run", "--calibration", learned.to_str().unwrap()]].concat();
    let refused = run(&closer);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("of a larger floor than 1.00 %"), "{}", text(&refused.stderr));
    let moved = std::fs::read_to_string(&learned).unwrap().replace("\"machine\": \"", "\"machine\": \"x");
    let moved = file(folder.path(), "moved.json", &moved);
    let refused = run(&[&with[..], &[moved.as_str()]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("learned on machine x"), "{}", text(&refused.stderr));
    let other = run(&["ab", "none", "none", &suite, "--dry-run", "--calibration", learned.to_str().unwrap()]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("of other rules"), "{}", text(&other.stderr));
    let real = |threads| run(&["calibrate", "areas", "--inject", "2%", "--set", threads, "--dry-run"]);
    assert!(real("threads=1").status.success(), "{}", text(&real("threads=1").stderr));
    let contended = real("threads=2");
    assert_eq!(contended.status.code(), Some(2), "{}", text(&contended.stdout));
    // On one core it would get no verdict either way.
    let alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2);
    let why = if alone { "no cell gets a verdict" } else { "slowdown: it is put into cells of one thread" };
    assert!(text(&contended.stderr).contains(why), "{}", text(&contended.stderr));
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_swiotlb-bench");

/// A program that is this one behind a script, so that it differs from every other such.
fn wrapped(folder: &Path, name: &str) -> String {
    let path = file(folder, name, &format!("#!/bin/sh\n# {name}\nexec {PROGRAM} \"$@\"\n"));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// What stands in for cargo and for the linker: the one calls the other, which "links" a script that says how.
fn tools(folder: &Path) -> [String; 2] {
    let executable = |name: &str, content: &str| {
        let path = file(folder, name, content);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    };
    let cargo = r#"#!/bin/sh
for a in "$@"; do case $a in -Clinker=*) linker=${a#-Clinker=} ;; esac; done
exec "$linker" main.o -o /dev/null
"#;
    let cc = r#"#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -o) shift; out=$1 ;; *) how="$how $1" ;; esac; shift; done
[ "$out" = /dev/null ] && exit
printf '#!/bin/sh\n# %s\nexec PROGRAM "$@"\n' "$how" >"$out" && chmod +x "$out"
"#;
    [executable("cargo", cargo), executable("cc", &cc.replace("PROGRAM", PROGRAM))]
}

#[test]
fn programs_are_sides_and_their_records_say_which_ran() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let names = |side: &str| [1, 2, 3].map(|n| wrapped(folder.path(), &format!("{side}{n}")));
    let (old, new) = (names("old"), names("new"));
    let side = |layouts: &[String], runs: &str| format!("build:{}::none:service={runs}", layouts.join("+"));
    let compared = |layouts: usize, out: &str| {
        let (a, b) = (side(&old[..layouts], "2us"), side(&new[..layouts], "4us"));
        run_with(&["ab", &a, &b, &suite, "--out", out, "--blocks", "12"], &[("PATH", "/usr/bin:/bin")])
    };
    let done = compared(3, &out);
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{shown}{}", text(&done.stderr));
    let records = store::load(&Path::new(&out).join("runs.jsonl")).unwrap().records;
    assert_eq!(records.len(), 48);
    for record in &records {
        let place = record.place.as_ref().unwrap();
        let ran = if place.arm.as_deref() == Some("B") { &new } else { &old };
        assert!(ran.contains(place.build.as_ref().unwrap()), "{place:?}");
        assert!(place.padding.is_some() && record.revision != "unknown");
    }
    // Of one layout a side nobody knows what its place in memory did: advice, however large the change.
    let done = compared(1, &format!("{out}-alone"));
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{shown}{}", text(&done.stderr));
    assert!(
        shown.contains("regressed") && shown.contains("A has 1 layout: where its code happens to lie"),
        "{shown}"
    );
    assert!(shown.contains("only advise"), "{shown}");
    let a = side(&old[..1], "2us");
    let says = |a: &str, b: &str, code, what: &str| {
        let done = run(&["ab", a, b, &suite, "--out", &format!("{out}-{code}"), "--blocks", "12"]);
        assert_eq!(done.status.code(), Some(code), "{a} {b}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{a} {b}: {}", text(&done.stderr));
    };
    says(&a, "none", 2, "one side is a build and the other is not");
    says(&a, &a, 2, "the very same program");
    says(&a, "build:/nowhere::none:service=2us", 1, "/nowhere: No such file");
    says(&a, &format!("build:{suite}::none:service=2us"), 1, "does not run fast/");
    assert!(!Path::new(&format!("{out}-1")).exists(), "nothing is begun with a program that does not run");
}

#[test]
fn relinked_copies_say_how_often_a_comparison_of_builds_is_wrong() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let ([cargo, cc], state) = (tools(folder.path()), folder.path().to_str().unwrap());
    let tools = [("PATH", "/usr/bin:/bin"), ("CARGO", &cargo), ("CC", &cc), ("XDG_STATE_HOME", state)];
    let cache = folder.path().join("cache");
    let terms = ["--layouts", "3", "--cache", cache.to_str().unwrap(), "--blocks", "12", "--floor", "20%"];
    let calibrate = ["calibrate", &suite, "--policy", "none", "--comparisons", "1", "--out", &out];
    let done = run_with(&[&calibrate[..], &["--builds", "6"], &terms].concat(), &tools);
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{shown}{}", text(&done.stderr));
    assert!(shown.contains("none against relinked copies of itself"), "{shown}");
    let records = store::load(&Path::new(&out).join("null/00000/runs.jsonl")).unwrap().records;
    let ran: std::collections::BTreeSet<_> = records.iter().map(|r| r.place.clone().unwrap().build).collect();
    assert_eq!(ran.len(), 6, "{ran:?}");
    let folders = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let mut builds = folders.filter(|path| path.to_str().unwrap().contains("/checkout-bench-"));
    let linked = std::fs::read_to_string(builds.next().unwrap().join("layout-5/swiotlb-bench")).unwrap();
    assert!(linked.contains("main.o -Wl,--shuffle-sections=.text*=5"), "{linked}");
    // A comparison of builds quotes it, one of policies does not.
    let quotes = |side: &str| {
        let done = run_with(&[&["ab", side, side, &suite, "--dry-run"], &terms[..]].concat(), &tools);
        text(&done.stdout)
    };
    assert!(quotes("rev:.::none").contains("0 of 1 verdicts false"), "{}", quotes("rev:.::none"));
    assert!(quotes("none").contains("nothing was learned of A against itself"), "{}", quotes("none"));
    // Without cargo, with too few copies, or outside a checkout nothing is compared.
    let says = |folder: &Path, copies: &str, code: i32, what: &str| {
        let mut command = program(&["calibrate", &suite, "--policy", "none", "--builds", copies]);
        let done = command.args(terms).env("PATH", "/nowhere").current_dir(folder).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{}", text(&done.stderr));
    };
    says(Path::new("."), "6", 1, "no cargo");
    says(Path::new("."), "5", 2, "want 6 copies");
    says(folder.path(), "6", 1, "run this inside one");
}
