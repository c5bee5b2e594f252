//! Reports of made-up runs.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::made_up::{all_cells, folder, planned, run, source};
use super::*;
use crate::measure::ab;
use crate::measure::comparison::{Comparison, Pair, rules};
use crate::measure::plan::{RUNS_FILE, RunPlan};
use reports::compare::floor::Floor;
use reports::document::Section;
use reports::html;
use reports::outline;
use workloads::suite::Mode;

const SUITE: &str = r#"
name = "made-up"
title = "What is asked"
analysis = "What it means."
scenario = "find_pool"
policies = ["kernel", "lookup-sorted"]
[axes]
pools = [1, 16, 256]
[[expect]]
says = "half"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
ratio_below = 0.6
[[expect]]
says = "a tenth"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
ratio_below = 0.1
"#;

/// The second policy takes half the time.
fn half(record: &mut RunRecord) {
    let base = if record.parameters["policy"] == "kernel" { 100.0 } else { 50.0 };
    let launch = record.place.as_ref().map_or(0, |place| place.launch);
    record.metrics.insert("ns_per_op".into(), base * (1.0 + f64::from(launch)));
}

fn page(document: &Document) -> String {
    html::page(document).unwrap()
}

fn says(document: &Document, words: &str) {
    let text = outline::render(document, &[]);
    assert!(text.contains(words), "{words:?} in {text}");
}

#[test]
fn a_run_is_told_from_the_answer_to_the_commands() {
    let folder = run(SUITE, 12, half);
    let document = compose(&[source(&folder)], &Beside::default());
    let names: Vec<&str> = document.sections().iter().map(Section::name).collect();
    let run = names[1].to_owned();
    assert_eq!(names[2..], ["made-up", "method", "machine", "noise", "error-rate", "repeat"]);
    assert_eq!((names[0], run.is_empty()), ("summary", false));
    says(&document, "On 1970-01-02, on x (4 cores): 72 process launches of revision 0123456789ab.");
    says(&document, "- **wrong** made-up: expected and not so: a tenth.");
    says(
        &document,
        "- **found** made-up: lookup-sorted takes 0.5 of the kernel's time in the median of 3 cells (0.5 to 0.5; surely less in 3).",
    );
    says(&document, "| made-up | lookup-sorted | 3 | 0.500 | 0.500 | 0.500 | 3 | 0 |");
    says(&document, "1 of 2 expectations hold");
    says(&document, "git checkout 0123456789abcdef");
    says(&document, "swiotlb-bench measure --resume --out ");
    assert_eq!(document.figures().count(), 1);
    let first = document.sections()[0].blocks.iter().find_map(|block| match block {
        Block::Findings(findings) => findings.first(),
        _ => None,
    });
    assert_eq!(first.map(|finding| finding.tone), Some(Tone::Bad), "what is wrong comes first");
    assert_eq!(
        page(&document),
        page(&compose(&[source(&folder)], &Beside::default())),
        "the same folder, the same page"
    );
}

#[test]
fn what_limits_the_numbers_is_said() {
    let plan = RunPlan::rounds(vec![(planned(SUITE), all_cells(SUITE), 2)], 1, Mode::Quick);
    let folder = folder(&plan, |record| {
        half(record);
        record.machine.kernel = Some(record.scenario.clone());
        if record.scenario.contains("pools=16") {
            record.void = Some("memory was not in place".into());
        }
    });
    let path = folder.path().join(RUNS_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().take(10).collect();
    std::fs::write(&path, format!("{}\nnonsense\n{}", kept.join("\n"), &kept[0][..99])).unwrap();
    let document = compose(&[source(&folder)], &Beside::default());
    says(&document, "a quick run, enough to see that it works");
    says(&document, "2 of 12 launches are missing: the run was not finished");
    says(&document, "launches are void; the first: memory was not in place");
    says(&document, "1 line is no record and is left out: ");
    says(&document, "the last line is cut");
    says(&document, "too few launches for an interval");
}

#[test]
fn nothing_in_a_suite_or_a_record_is_markup() {
    let hostile = "<script>alert(1)</script>\\\"'><img src=x onerror=alert(1)>\\u202e{{ 7*7 }}";
    let text = SUITE
        .replace("What is asked", hostile)
        .replace("What it means.", hostile)
        .replace("a tenth", hostile);
    let shown = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}{{ 7*7 }}";
    let folder = run(&text, 1, |record| {
        half(record);
        record.failures.insert(shown.into(), 3);
        record.machine.cpu_model = Some(shown.into());
        record.revision = shown.into();
        record.notes.push(shown.into());
    });
    let document = compose(&[source(&folder)], &Beside::default());
    let page = page(&document);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("<img") && !page.contains('\u{202e}'), "{page}");
    assert!(page.matches("&#60;script&#62;").count() > 5);
    let markdown = outline::render(&document, &[]);
    let outside = markdown.split("```").step_by(2).collect::<String>();
    assert!(!outside.contains("<script") && !outside.contains("<img"), "{outside}");
}

#[test]
fn a_comparison_is_told_as_far_as_its_looks_went() {
    let mut cells = all_cells(SUITE);
    let others = cells.split_off(3);
    let pair = |cell: &Cell| Pair {
        name: format!("made-up/pools={}", cell.values["pools"]),
        floor: Floor::of(0.01),
        judged: true,
    };
    let comparison = Comparison {
        a: "kernel".into(),
        b: "lookup-sorted".into(),
        null: false,
        metric: "ns_per_op".into(),
        rules: rules(None, true, false).unwrap(),
        calibration: None,
        pairs: cells.iter().map(pair).collect(),
    };
    let pairs = cells.into_iter().zip(others).collect();
    let plan = ab::plan(planned(SUITE), pairs, comparison, 1, Mode::Quick);
    let folder = folder(&plan, half);
    let document = compose(&[source(&folder)], &Beside::default());
    says(&document, "lookup-sorted (B) against kernel (A) in ns_per_op: ");
    says(&document, "3 improved (advice only); the largest change is -50.0 % ");
    says(&document, "how often these verdicts are wrong on this machine is not known.");
    says(&document, "swiotlb-bench ab kernel lookup-sorted made-up --metric ns_per_op --seed 1 --quick");
    assert_eq!(document.figures().count(), 1);
    let path = folder.path().join(RUNS_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.lines().take(20).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let document = compose(&[source(&folder)], &Beside::default());
    says(&document, "52 launches are missing before the look at 6 blocks");
    says(&document, "no verdict yet");
}

#[test]
fn a_thousand_cells_stay_small() {
    let pools = (1..=500).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let text = SUITE.replace("[1, 16, 256]", &format!("[{pools}]"));
    let document = compose(&[source(&run(&text, 2, half))], &Beside::default());
    let page = page(&document);
    assert!(page.len() < 10 << 20, "{} bytes", page.len());
    assert!(page.matches("<tr>").count() > 1_000, "every cell has its row");
}

#[test]
fn records_without_a_plan_are_shown_one_by_one() {
    let folder = run(SUITE, 6, |record| {
        let mut latency = reports::latency::Latency::new();
        (0..50).for_each(|ns| latency.record(ns));
        record.latencies.insert("map".into(), latency);
    });
    let document = compose(&[Source::read(&folder.path().join(RUNS_FILE)).unwrap()], &Beside::default());
    says(&document, "The first 30 records; 6 more are in ");
    says(&document, "Latency: made-up/");
    let page = page(&document);
    assert_eq!(page.matches("<svg").count(), 30, "the latencies of each");
    assert!(page.contains("under kernel: latency of its operations"), "{page}");
}

#[test]
fn runs_of_one_suite_are_told_apart_and_what_is_surely_faster_nowhere_is_not_found() {
    let same = |record: &mut RunRecord| {
        let launch = record.place.as_ref().map_or(0, |place| place.launch);
        record.metrics.insert("ns_per_op".into(), 100.0 + f64::from(launch));
    };
    let folders = [run(SUITE, 12, half), run(SUITE, 12, same)];
    let sources = folders.each_ref().map(source);
    let text = outline::render(&compose(&sources, &Beside::default()), &[]);
    for source in &sources {
        assert!(text.contains(&format!("| made-up ({}) | lookup-sorted | 3 |", source.name())), "{text}");
    }
    assert_eq!(text.matches("- **found** made-up").count(), 1, "{text}");
}

#[test]
fn that_most_batches_were_dropped_is_minded() {
    let dropped = |share: u64| {
        let folder = run(SUITE, 6, |record| {
            half(record);
            record
                .counts
                .extend([("batches".to_owned(), 100 - share), ("batches_dropped".to_owned(), share)]);
        });
        outline::render(&compose(&[source(&folder)], &Beside::default()), &[])
    };
    let words = "More than half of the batches were dropped in made-up (60 %)";
    assert!(dropped(60).contains(words) && !dropped(40).contains("batches were dropped in"));
}
