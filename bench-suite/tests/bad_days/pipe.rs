//! Nobody reads: the pipe of standard output was closed before the first line, or that of standard error too. Commands
//! end as they would have, and what they measured is kept.

use crate::fast_suite::text;
use crate::{Place, data, has_ended, kept};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::Stdio;

/// What is kept of the commands that keep records, by their folders.
const KEPT: [(&str, usize); 7] = [
    ("measure", 3),
    ("ab", 4),
    ("gate", 8),
    ("calibrate/null/00000", 4),
    ("import", 3),
    ("dma", 1),
    ("replay", 1),
];

/// Runs the command with standard output closed, and one that keeps records with both closed, into a folder of its own.
fn ends(place: &Place, command: &str, code: i32) {
    let keeps = KEPT.iter().any(|(folder, _)| command.ends_with(folder.split('/').next().unwrap()));
    for &both in if keeps { &[false, true][..] } else { &[false] } {
        let command = command.replace("@out", if both { "@both" } else { "@out" });
        let mut child = place.command(&command);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        match child.stderr.take() {
            Some(closed) if both => drop(closed),
            Some(mut read) => drop(read.read_to_string(&mut said).unwrap()),
            None => {}
        }
        assert_eq!(child.wait().unwrap().code(), Some(code), "{command}: {said}");
        assert!(!said.contains("panicked") && !said.contains("standard output"), "{command}: {said}");
    }
}

/// The sub-commands that `--help` lists.
fn commands(place: &Place) -> BTreeSet<String> {
    let help = text(&place.done("--help").stdout);
    let listed = help.split_once("Commands:").unwrap().1.split_once("Options:").unwrap().0.to_owned();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_ends_quietly_and_keeps_what_it_measured() {
    let place = Place::new();
    place.run("run", "2");
    has_ended(&place.done("history add @run --history @history"), 0);
    has_ended(&place.done("export @run --format criterion --out @criterion"), 0);
    let (trace, vectors) = (data("traces/boot_probe.jsonl.gz"), data("golden/tiny"));
    let all: [(&str, i32); 22] = [
        ("help", 0),
        ("measure @fast.toml --launches 1 --no-control --out @out/measure", 0),
        ("ab none none @slow.toml --blocks 1 --floor 90% --out @out/ab", 0),
        ("gate @gate.toml --a fast --b kernel --out @out/gate", 3),
        ("calibrate @slow.toml --policy none --comparisons 1 --blocks 1 --out @out/calibrate", 0),
        ("nightly @fast.toml --resume --out @run", 1),
        ("cmp @run @run", 0),
        ("report @run --out @out.html", 0),
        ("export @run --format csv", 0),
        ("import criterion @criterion --baseline run --out @out/import", 0),
        ("history show --history @history", 0),
        ("list policies", 0),
        ("profile @slow.toml --for 1ms", 0),
        ("doctor", 0),
        ("overhead", 0),
        ("cells --quick --filter find_pool", 0),
        ("search --dummy 1us --from 20k/s --to 21k/s --maps 1200 --under 1s", 0),
        ("dma-map-benchmark --maps 4096 --swiotlb 4096 --out @out/dma", 0),
        (&format!("replay {trace} --out @out/replay"), 0),
        (&format!("tune {trace} --no-timing --out @out/tune"), 0),
        (&format!("verify {vectors} --policy kernel"), 0),
        ("soak 1_000", 0),
    ];
    let of = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let shown: BTreeSet<String> = all.iter().map(|(line, _)| of(line)).collect();
    assert_eq!(shown, commands(&place), "every command has its line here");
    for (command, code) in all {
        ends(&place, command, code);
    }
    for (folder, records) in KEPT {
        for out in ["out", "both"] {
            assert_eq!(kept(&place.path(out).join(folder)), records, "{out}/{folder}");
        }
    }
    assert!(place.path("out/gate/tally.json").exists() && place.path("out/tune/tune.json").exists());
}

#[test]
fn a_pipe_that_is_closed_after_the_first_line_is_no_other() {
    let place = Place::new();
    let listed = place.command("list policies").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut listed = listed.unwrap();
    let mut first = [0; 1];
    listed.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let (_, said) = has_ended(&listed.wait_with_output().unwrap(), 0);
    assert!(said.is_empty(), "{said}");
}
