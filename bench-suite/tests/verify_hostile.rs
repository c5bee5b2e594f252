//! Vectors that ask for what no kernel could: refused with a message or run, but never a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bench_suite::policies;
use bench_suite::verify::{FileError, FileResult, Ground, run_file};
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::fs;
use std::io::Read;
use std::path::Path;

const HEADER: &str = r#"{"kind":"header","schema":"swiotlb-golden/1","kernel":"6.12.107","page_size":4096,"slot_size":2048,"segment_slots":128,"max_page_order":10,"min_pool_slots":512,"file":"t","arena":{"base":268435456,"size":1048576}}"#;
const INIT: &str = r#""op":"init","nslabs":128,"nareas":1,"base":134217728,"can_grow":true"#;
const DEVICE: &str = r#""op":"device","dev":0"#;
const MAP: &str = r#""op":"map","h":0,"cpu":0,"dev":0,"orig":268435456,"size":100,"dir":"to","api":"tbl""#;

/// Runs `text` under every policy: each must come to an end.
fn run_all(text: &str) -> Vec<Result<FileResult, FileError>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.jsonl");
    fs::write(&path, text).unwrap();
    let mut ground = Ground::default();
    policies::ALL.iter().map(|policy| run_file(policy.build, policy.reproduces, &mut ground, &path)).collect()
}

/// The last of these operations, for which Linux is said to have done nothing, and why it failed.
fn refusal(ops: &[&str]) -> String {
    let mut text = format!("{HEADER}\n");
    for (i, op) in ops.iter().enumerate() {
        text += &format!("{{\"i\":{i},{op},\"out\":{{}}}}\n");
    }
    // `out` is empty, so every operation but a refused one differs: look at the machine's own words only.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.jsonl");
    fs::write(&path, text).unwrap();
    // Of the policies, the one of another placement is compared with least.
    let policy = policies::by_name("walk-pool-major").unwrap();
    match run_file(policy.build, policy.reproduces, &mut Ground::default(), &path) {
        Ok(result) => {
            result.mismatch.map_or_else(String::new, |m| m.broken.unwrap_or_else(|| "differs".to_owned()))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn set_ups_that_cannot_be_had_are_refused() {
    let cases = [
        (
            r#""op":"init","nslabs":18446744073709551615,"base":0"#,
            "the number of slots is 18446744073709551615",
        ),
        (r#""op":"init","nslabs":16777216,"base":0"#, "the number of slots is 16777216"),
        (r#""op":"init","nareas":18446744073709551615,"base":0"#, "nareas is 18446744073709551615"),
        (r#""op":"init","nslabs":128,"nareas":65536,"base":0"#, "the number of slots is"),
        (r#""op":"init","nslabs":128,"cpus":99999999999,"base":0"#, "cpus is 99999999999"),
        (r#""op":"init","nslabs":128,"base":18446744073709547520"#, "made-up address space"),
        (r#""op":"init","nslabs":128,"base":1"#, "not page aligned"),
        (r#""op":"init","mode":"late","late_size":18446744073709551615"#, "the number of slots is"),
        (r#""op":"device","dev":0,"min_align_mask":5"#, "there is no allocator 0"),
    ];
    for (op, words) in cases {
        let said = refusal(&[op]);
        assert!(said.contains(words), "{op}: {said}");
    }
}

/// What every policy of the kernel's placement refuses the last operation with, after a good set-up and a
/// good mapping.
fn refused_after_map(last: &str) -> String {
    let text = text_of("tiny/18-sync-partial.jsonl.gz");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let map = lines.iter().position(|line| line.contains(r#""op":"map""#)).unwrap();
    lines.truncate(map + 1);
    lines.push(format!("{{\"i\":{map},{last},\"out\":{{}}}}"));
    let results = policies::ALL.iter().zip(run_all(&lines.join("\n")));
    let said: Vec<String> = results
        .filter(|(policy, _)| policy.reproduces.placement)
        .map(|(_, result)| result)
        .map(|result| result.unwrap().mismatch.and_then(|m| m.broken).unwrap_or_else(|| "run".to_owned()))
        .collect();
    assert!(said.iter().all(|words| *words == said[0]), "{said:?}");
    said[0].clone()
}

#[test]
fn operations_that_cannot_be_run_are_refused() {
    let cases = [
        (r#""op":"map","h":9,"cpu":0,"dev":77,"orig":0,"size":1,"dir":"to","api":"tbl""#, "no device 77"),
        (
            r#""op":"map","h":9,"cpu":0,"dev":0,"orig":4096,"size":1,"dir":"to","api":"tbl""#,
            "leave the arena",
        ),
        (
            r#""op":"map","h":9,"cpu":0,"dev":0,"orig":18446744073709551615,"size":9223372036854775808,"dir":"to","api":"tbl""#,
            "leave the arena",
        ),
        (
            r#""op":"map","h":9,"cpu":0,"dev":0,"orig":0,"size":9223372036854775808,"fill":1,"dir":"to","api":"tbl""#,
            "the size is 9223372036854775808",
        ),
        (r#""op":"dev_write","h":0,"off":0,"len":9223372036854775808,"seed":1"#, "leave the mapping"),
        (r#""op":"cpu_write","h":0,"off":18446744073709551615,"len":2,"seed":1"#, "leave the mapping"),
        (r#""op":"check","h":0,"len":1152921504606846976"#, "leave the mapping"),
        (r#""op":"find_pool","dev":0,"pool":-1,"off":0"#, "there was no pool -1"),
        (r#""op":"stats","mem":5"#, "there is no allocator 5"),
        (r#""op":"restricted","mem":1,"base":0,"nslabs":1"#, "run"),
    ];
    for (op, words) in cases {
        let said = refused_after_map(op);
        assert!(said.contains(words), "{op}: {said}");
    }
}

#[test]
fn an_arena_that_is_too_large_is_refused() {
    for arena in [r#""base":0,"size":1152921504606846976"#, r#""base":18446744073708503040,"size":4096"#] {
        let text = HEADER.replace(r#""base":268435456,"size":1048576"#, arena);
        for result in run_all(&text) {
            assert!(result.unwrap_err().to_string().contains("v.jsonl:1: the arena has"), "{arena}");
        }
    }
}

#[test]
fn a_pool_over_the_arena_is_run() {
    // The original lies in the pool's own memory: copies overlap.
    let init = INIT.replace("134217728", "268435456");
    let ops = [init.as_str(), DEVICE, MAP];
    assert_ne!(refusal(&ops), "");
}

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/data/golden").join(name);
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// One number of a vector, by its place among all numbers, and what it becomes.
fn with_number(text: &str, nth: usize, number: &str) -> String {
    let digits = |c: char| c.is_ascii_digit();
    let body = text.find('\n').unwrap();
    let starts: Vec<usize> = (body + 1..text.len())
        .filter(|&i| text.as_bytes()[i - 1] == b':' && text[i..].starts_with(digits))
        .collect();
    let start = starts[nth % starts.len()];
    let end = start + text[start..].find(|c| !digits(c)).unwrap();
    format!("{}{number}{}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_numbers_never_panic(
        file in prop::sample::select(vec!["15-transient", "16-growth", "18-sync-partial", "21-restricted", "26-late-init"]),
        changes in prop::collection::vec(
            (any::<usize>(), prop_oneof![any::<u64>(), 0..300_u64, (0..64_u32).prop_map(|bit| 1 << bit)]), 1..4),
    ) {
        let mut text = text_of(&format!("tiny/{file}.jsonl.gz"));
        for (nth, number) in changes {
            text = with_number(&text, nth, &number.to_string());
        }
        run_all(&text);
    }

    #[test]
    fn shuffled_lines_never_panic(order in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let text = text_of("tiny/15-transient.jsonl.gz");
        let mut lines: Vec<&str> = text.lines().collect();
        let mut mixed = format!("{}\n", lines.remove(0));
        for (i, index) in order.iter().enumerate() {
            let line = index.get(&lines);
            let comma = line.find(',').unwrap();
            mixed += &format!("{{\"i\":{i}{}\n", &line[comma..]);
        }
        run_all(&mixed);
    }
}
