//! `swiotlb-bench verify` as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/data/golden").join(name)
}

fn text_of(name: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(golden(name)).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.arg("verify").env_remove("SWIOTLB_BENCH_POLICY").stdin(Stdio::null());
    command
}

fn verify(policies: &str, paths: &[&Path]) -> (i32, String, String) {
    let mut command = command();
    if !policies.is_empty() {
        command.args(["--policy", policies]);
    }
    let Output { status, stdout, stderr } = command.args(paths).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn every_policy_agrees_with_the_bundled_vectors() {
    let (code, out, err) = verify("", &[&golden("")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let policies = bench_suite::policies::chosen(&[]).unwrap().len();
    assert_eq!(last_line(&out), format!("47 files, {} operations, 0 mismatches", policies * 45_990), "{out}");
    assert!(out.lines().any(|line| line.starts_with(" kernel ") && line.ends_with("| nothing")), "{out}");
}

#[test]
fn another_placement_is_held_to_what_it_declares() {
    let (code, out, err) = verify("walk-pool-major", &[&golden("tiny")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("| placement, page events, what follows from placement"), "{out}");
}

#[test]
fn a_wrong_slot_is_a_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong.jsonl");
    let text = text_of("tiny/01-next-fit.jsonl.gz");
    let map = text.lines().position(|line| line.contains(r#""slot":3,"#)).unwrap();
    fs::write(&path, text.replacen(r#""slot":3,"#, r#""slot":77,"#, 1)).unwrap();
    let (code, out, err) = verify("kernel,lookup-sorted", &[&path]);
    assert_eq!((code, err.as_str()), (4, ""));
    let place = format!("{}:{}: op {} (map): slot: expected 77, got 3", path.display(), map + 1, map - 1);
    for policy in ["kernel", "lookup-sorted"] {
        assert!(out.lines().any(|line| line == format!("{policy}: {place}")), "{out}");
    }
    assert_eq!(last_line(&out), format!("1 file, {} operations, 2 mismatches", 2 * map));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let done = command.arg("verify").arg(&path).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(4), "a full disk hides no mismatch");
}

#[test]
fn a_cut_file_is_an_error_and_the_others_still_run() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.jsonl.gz");
    let whole = fs::read(golden("tiny/16-growth.jsonl.gz")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let (code, out, err) = verify("kernel", &[&cut, &golden("tiny/01-next-fit.jsonl.gz")]);
    assert_eq!(code, 1);
    assert!(err.contains("cut.jsonl.gz:") && err.contains("the gzip data ends too early"), "{err}");
    assert!(last_line(&out).starts_with("2 files, ") && last_line(&out).ends_with(", 0 mismatches"), "{out}");
}

#[test]
fn a_line_over_a_megabyte_is_an_error_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.jsonl.gz");
    let header = text_of("tiny/01-next-fit.jsonl.gz").lines().next().unwrap().to_owned();
    let mut gz = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    writeln!(gz, "{header}").unwrap();
    writeln!(gz, r#"{{"i":0,"why":"{}"}}"#, "x".repeat(3 << 20)).unwrap();
    gz.finish().unwrap();
    let (code, _, err) = verify("kernel", &[&path]);
    assert_eq!(code, 1);
    assert!(err.contains("long.jsonl.gz:2: line longer than 1048576 bytes"), "{err}");
}

#[test]
fn an_unknown_policy_is_a_usage_error_that_names_the_nearest_first() {
    let (code, out, err) = verify("kernal", &[&golden("tiny")]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there is no policy `kernal`; the nearest is kernel"), "{err}");
}

#[test]
fn nothing_to_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, err) = verify("", &[dir.path()]);
    assert_eq!(code, 1);
    assert!(err.contains("no *.jsonl or *.jsonl.gz in this folder or below"), "{err}");
    let (code, _, err) = verify("", &[Path::new("does/not/exist")]);
    assert_eq!((code, err.contains("does/not/exist: ")), (1, true), "{err}");
    assert_eq!(verify("", &[]).0, 2);
}

#[test]
fn the_environment_names_policies_too() {
    let output = command().env("SWIOTLB_BENCH_POLICY", "lock-std").arg(golden("tiny")).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(" lock-std ") && !out.contains(" kernel "), "{out}");
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let output = command().arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for words in ["Exit codes:", "SWIOTLB_BENCH_POLICY", "<PATH>..."] {
        assert!(help.contains(words), "{help}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = command()
        .args(["--policy", "kernel"])
        .arg(golden("tiny"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()));
}
