//! The folder cannot be made or written. A file where a folder is wanted refuses whoever asks, an administrator too.

use crate::{Place, data, has_ended, kept};

#[test]
fn whatever_keeps_says_which_folder_it_cannot_have_and_has_run_nothing() {
    let place = Place::new();
    place.run("run", "1");
    place.file("file", "no folder");
    let trace = data("traces/boot_probe.jsonl.gz");
    let saved = "dma mapping benchmark: threads:1 seconds:20 node:-1 dir:BIDIRECTIONAL granule: 1\n\
                 average map latency(us):0.3 standard deviation:0.5\naverage unmap latency(us):0.2 standard deviation:0.4\n";
    place.file("saved.txt", saved);
    for command in [
        "measure @fast.toml --out @file/below",
        "ab none none @slow.toml --out @file/below",
        "gate @gate.toml --out @file/below",
        "calibrate @slow.toml --policy none --out @file/below",
        "nightly @fast.toml --out @file/below --history @history",
        "nightly @fast.toml --out @night --history @file/below",
        "history add @run --history @file/below",
        "report @run --out @file/below",
        "report @run --markdown @file/below",
        "report @run --figures @file/below",
        "export @run --format csv --out @file/below",
        "export @run --format criterion --out @file/below",
        "cmp @run @run --markdown @file/below",
        "dma-map-benchmark --import @saved.txt --out @file/below",
        "dma-map-benchmark --maps 4096 --swiotlb 4096 --out @file/below",
        &format!("replay {trace} --out @file/below"),
        &format!("tune {trace} --no-timing --out @file/below"),
    ] {
        let (_, said) = has_ended(&place.done(command), 1);
        assert!(said.contains(&place.name("file/below")), "{command}: {said}");
        assert!(said.contains("Not a directory"), "{command}: {said}");
    }
    assert_eq!(std::fs::read_to_string(place.path("file")).unwrap(), "no folder");
    assert!(!place.path("night").exists());
}

#[test]
fn a_night_takes_no_folder_that_another_command_has() {
    let place = Place::new();
    place.run("run", "1");
    let (_, said) = has_ended(&place.done("nightly @fast.toml --out @run --history @history"), 1);
    assert!(said.contains("run holds a run of another command: choose another --out"), "{said}");
    assert!(!place.path("run/lock").exists() && !place.path("run/nightly.json").exists());
}

#[test]
fn a_gate_whose_results_have_no_place_keeps_its_exit_code_and_its_records() {
    let place = Place::new();
    place.file("file", "no folder");
    let gate = "gate @gate.toml --out @out --junit @file/below";
    let (shown, said) = has_ended(&place.done(gate), 1);
    assert!(said.contains("file/below: Not a directory") && said.contains("--resume"), "{said}");
    assert!(shown.contains("4 checks: "), "{shown}");
    assert_eq!(kept(&place.path("out")), 8);
    let (_, said) =
        has_ended(&place.done(&format!("{gate} --a fast --b kernel").replace("@out", "@other")), 3);
    assert!(said.contains("file/below: Not a directory"), "{said}");
}

#[test]
fn a_command_line_that_cannot_be_kept_stops_no_run() {
    let place = Place::new();
    place.run("run", "1");
    std::fs::remove_file(place.path("run/commands.txt")).unwrap();
    std::fs::create_dir(place.path("run/commands.txt")).unwrap();
    let (_, said) = has_ended(&place.done("measure --resume --out @run"), 0);
    assert!(said.contains("the command line is not kept"), "{said}");
}

#[test]
fn records_that_cannot_be_opened_are_named() {
    let place = Place::new();
    place.run("run", "1");
    std::fs::remove_file(place.path("run/runs.jsonl")).unwrap();
    std::fs::create_dir(place.path("run/runs.jsonl")).unwrap();
    for command in ["measure --resume --out @run", "report @run", "history add @run --history @history"] {
        let (_, said) = has_ended(&place.done(command), 1);
        assert!(said.contains("run/runs.jsonl: "), "{command}: {said}");
    }
}
