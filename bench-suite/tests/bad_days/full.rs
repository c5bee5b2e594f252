//! The disk is full: a limit on the size of files for what is kept, a device that takes nothing for what is shown.

use crate::{Place, data, has_ended, kept};
use std::fs::{File, OpenOptions};
use std::process::Stdio;

/// A device that takes nothing.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn whatever_measures_stops_with_what_is_safe_and_goes_on() {
    for (command, runs, records) in [
        ("ab none none @slow.toml --blocks 4 --floor 90%", "out", 16),
        ("gate @gate.toml", "out", 8),
        ("calibrate @slow.toml --policy none --comparisons 1 --blocks 4 --floor 90%", "out/null/00000", 16),
    ] {
        let (place, command) = (Place::new(), format!("{command} --out @out"));
        let (_, said) = has_ended(&place.limited(16, &command), 1);
        assert!(said.contains("bytes before it are safe: free space and resume"), "{command}: {said}");
        let before = kept(&place.path(runs));
        assert!((1..records).contains(&before), "{command}: {before}");
        has_ended(&place.done(&format!("{command} --resume")), 0);
        assert_eq!(kept(&place.path(runs)), records, "{command}");
    }
}

#[test]
fn what_is_kept_at_the_end_says_what_did_not_fit() {
    let place = Place::new();
    let trace = data("traces/boot_probe.jsonl.gz");
    place.run("run", "1");
    has_ended(&place.done("export @run --format criterion --out @criterion"), 0);
    for (command, records) in [
        (format!("replay {trace} --out @replay"), 1),
        ("dma-map-benchmark --maps 4096 --swiotlb 4096 --out @dma".to_owned(), 1),
        ("import criterion @criterion --baseline run --out @import".to_owned(), 3),
    ] {
        let (_, said) = has_ended(&place.limited(1, &command), 1);
        assert!(said.contains("no space left for a record of "), "{command}: {said}");
        let out = place.path(command.split_once("--out @").unwrap().1);
        assert_eq!(kept(&out), 0, "{command}");
        has_ended(&place.done(&command), 0);
        assert_eq!(kept(&out), records, "{command}");
    }
}

#[test]
fn a_file_that_is_there_is_not_lost_to_one_that_does_not_fit() {
    let place = Place::new();
    place.run("run", "2");
    let markers = "<!-- swiotlb-bench:begin fast -->\nold\n<!-- swiotlb-bench:end fast -->\n";
    let text = format!("{}\n{markers}", "What somebody wrote. ".repeat(200));
    let trace = data("traces/boot_probe.jsonl.gz");
    for command in [
        "report @run --splice @out",
        "report @run --out @out",
        "report @run --markdown @out",
        "export @run --format csv --out @out",
        "cmp @run @run --markdown @out",
        &format!("tune {trace} --no-timing --out @folder"),
    ] {
        let paths =
            ["out", "folder/tune.md", "folder/tune.json", "folder/tune.svg"].map(|name| place.path(name));
        std::fs::create_dir_all(place.path("folder")).unwrap();
        paths.iter().for_each(|path| std::fs::write(path, &text).unwrap());
        let (_, said) = has_ended(&place.limited(1, command), 1);
        assert!(
            said.contains("File too large") && said.contains(place.folder.path().to_str().unwrap()),
            "{said}"
        );
        for path in &paths {
            assert_eq!(std::fs::read_to_string(path).unwrap(), text, "{command}: {}", path.display());
        }
        let drafts = std::fs::read_dir(place.folder.path()).unwrap().flatten();
        assert!(drafts.filter(|file| file.file_name().to_string_lossy().ends_with(".new")).count() == 0);
    }
}

#[test]
fn a_history_is_as_it_was() {
    let place = Place::new();
    place.run("first", "1");
    place.run("second", "4");
    has_ended(&place.done("history add @first --history @history"), 0);
    let (_, said) = has_ended(&place.limited(4, "history add @second --history @history"), 1);
    assert!(said.contains("history"), "{said}");
    let (listed, _) = has_ended(&place.done("history list --history @history"), 0);
    assert_eq!(listed.matches("fast").count(), 1, "{listed}");
    has_ended(&place.done("history add @second --history @history"), 0);
    let (listed, _) = has_ended(&place.done("history list --history @history"), 0);
    assert_eq!(listed.matches("fast").count(), 2, "{listed}");
}

#[test]
fn what_cannot_be_shown_is_told_and_hides_no_regression() {
    let place = Place::new();
    // More steps than its base.
    let gate = "gate @gate.toml --a fast --b kernel --out @out";
    let whole = format!("{gate} --junit @junit.xml --markdown @summary.md");
    let done = place.command(&whole).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
    let (_, said) = has_ended(&done.wait_with_output().unwrap(), 3);
    assert!(said.contains("regressed:\n  counters of tiny/"), "{said}");
    assert!(said.contains("standard output: No space left on device"), "{said}");
    assert!(said.contains("every record is safe in "), "{said}");
    // Everything that had room was written.
    for name in ["junit.xml", "summary.md", "out/tally.json"] {
        assert!(place.path(name).exists(), "{name}");
    }
    let (_, said) = has_ended(&place.done(&format!("{gate} --junit /dev/full --resume")), 3);
    assert!(said.contains("/dev/full: No space left on device"), "{said}");
}

#[test]
fn a_comparison_that_cannot_be_shown_ends_with_1_and_is_shown_later() {
    let place = Place::new();
    let ab = "ab none none @slow.toml --blocks 2 --floor 90% --out @out";
    let (shown, said) = has_ended(&place.done(&format!("{ab} --markdown /dev/full")), 1);
    assert!(shown.contains("ns_per_op: B = none against A = none"), "{shown}");
    assert!(said.contains("/dev/full: No space left on device") && said.contains("--resume"), "{said}");
    let before = kept(&place.path("out"));
    let (again, _) = has_ended(&place.done(&format!("{ab} --resume")), 0);
    assert_eq!((again, kept(&place.path("out"))), (shown, before));
}

#[test]
fn whatever_prints_says_that_nothing_took_it() {
    let place = Place::new();
    place.run("run", "2");
    has_ended(&place.done("history add @run --history @history"), 0);
    let (trace, vectors) = (data("traces/boot_probe.jsonl.gz"), data("golden/tiny"));
    for command in [
        "--help",
        "list suites",
        "list policies",
        "measure @fast.toml --dry-run",
        "ab none none @slow.toml --dry-run",
        "cmp @run @run",
        "report @run --out @page.html",
        "export @run --format go",
        "history list --history @history",
        "history show --history @history",
        "profile @slow.toml --for 1ms",
        "dma-map-benchmark --maps 4096 --swiotlb 4096",
        &format!("replay {trace}"),
        &format!("verify {vectors} --policy kernel"),
    ] {
        let done = place.command(command).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let done = done.wait_with_output().unwrap();
        // clap's own text has no ear for it.
        let code = if command == "--help" { 0 } else { 1 };
        let (_, said) = has_ended(&done, code);
        assert!(code == 0 || said.contains("standard output: No space left on device"), "{command}: {said}");
    }
}
