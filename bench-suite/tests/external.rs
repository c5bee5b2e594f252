//! Policies from outside: loading, and the commands that run them. Libraries are compiled here; without a C compiler
//! the tests say so and pass.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod toy;

use bench_suite::external::{LoadError, TableError, entry};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use toy::{STORAGE, compiled, policy, source, with_toy};

/// The toy with a change to its table.
fn changed(folder: &Path, name: &str, change: &str) -> Option<PathBuf> {
    compiled(folder, name, &source("tests/external/changed.c"), &[&format!("-DCHANGE={change}")])
}

fn bench(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let Output { status, stdout, stderr } =
        command.args(arguments).env_clear().stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn golden(name: &str) -> String {
    source("../workloads/data/golden").join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_be_loaded_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let refused = |name: &str| entry(&path(name)).err().unwrap();
    assert!(refused("none.so").contains("none.so: cannot be read: No such file"), "{}", refused("none.so"));
    std::fs::write(path("text.so"), "no library").unwrap();
    assert!(refused("text.so").contains("text.so: cannot be loaded as a shared library: "));
    assert!(refused("a,b.so").contains("holds ',', which no id of a cell may hold"), "{}", refused("a,b.so"));
    std::fs::write(path("empty.c"), "int nothing;").unwrap();
    let Some(_) = compiled(folder.path(), "empty.so", Path::new(&path("empty.c")), &[]) else { return };
    assert!(refused("empty.so").contains("exports no function `swiotlb_ext_get`"), "{}", refused("empty.so"));
}

#[test]
fn a_table_that_cannot_be_used_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (change, says)) in [
        ("table.abi_version = 7", "version 7 of the interface, and this program speaks version 1"),
        ("table.size = 0", "does not speak version 1"),
        ("table.size = 4", "4 bytes, which is no table"),
        ("table.size = 64", "`sync_for_cpu` is NULL"),
        ("table.map = NULL", "`map` is NULL, and it is required"),
        ("table.stats = NULL", "`stats` is NULL, and it is required"),
        ("table.name = \"Toy 2\"", "its name is not 1 to 32"),
        ("table.name = NULL", "its name is not 1 to 32"),
        ("table.declares = 12", "declares 0xc"),
        ("table.section_enter = (void *)toy_fini", "of `section_enter`"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{number}.so");
        let Some(library) = changed(folder.path(), &name, change) else { return };
        let error = entry(library.to_str().unwrap()).err().unwrap();
        assert!(error.contains(says) && error.contains(&name), "{change}: {error}");
    }
}

#[test]
fn a_shorter_table_of_the_same_version_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    // As long as a table without any optional function; what lies beyond is not looked at.
    let change = "(table.size = offsetof(struct swiotlb_ext_ops, thread_enter), table.work = (void *)1)";
    let flags = [&*format!("-DCHANGE={change}"), "-include", "stddef.h"];
    let source = source("tests/external/changed.c");
    let Some(library) = compiled(folder.path(), "short.so", &source, &flags) else { return };
    let (code, out, err) = bench(&["verify", "--policy", &policy(&library), &golden("tiny")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
}

#[test]
fn a_pool_that_does_not_hold_the_address_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(source("../swiotlb-core/include/example/toy.c")).unwrap();
    let off_by_one = text.replacen("addr >= mem->end", "addr > mem->end", 1);
    assert_ne!(text, off_by_one);
    let file = folder.path().join("one_more.c");
    std::fs::write(&file, off_by_one).unwrap();
    let Some(library) = compiled(folder.path(), "one_more.so", &file, &[]) else { return };
    let (code, out, err) = bench(&["verify", "--policy", &policy(&library), &golden("")]);
    assert_eq!((code, err.as_str()), (4, ""), "{out}");
    assert!(out.contains(", which lies outside"), "{out}");
}

#[test]
fn errors_name_the_file_and_the_reason() {
    let error = LoadError::Table { path: "/a/x.so".into(), source: TableError::Missing("map") };
    assert_eq!(error.to_string(), "/a/x.so: its function `map` is NULL, and it is required");
}

#[test]
fn the_toy_agrees_with_the_vectors_and_a_broken_one_does_not() {
    let Some((_folder, library)) = with_toy(&[]) else { return };
    let (code, out, err) = bench(&["verify", "--policy", &policy(&library), &golden("")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("47 files, 45990 operations, 0 mismatches\n"), "{out}");
    assert!(
        out.contains(
            "| placement, page events, reclaim order, flag of devices, what follows from placement, late"
        ),
        "{out}"
    );
    let trace = source("../workloads/data/traces/boot_probe.jsonl.gz");
    let (code, out, err) = bench(&["replay", "--policy", &policy(&library), trace.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.lines().any(|line| line.starts_with("outside policy: ")), "{out}");
    let Some((_folder, library)) = with_toy(&["-DBREAK"]) else { return };
    let (code, out, err) = bench(&["verify", "--policy", &policy(&library), &golden("")]);
    assert_eq!((code, err.as_str()), (4, ""), "{out}");
    assert!(out.contains("belong to a live mapping at"), "{out}");
}

#[test]
fn statistics_that_are_declared_have_to_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.c");
    let text = std::fs::read_to_string(source("tests/external/changed.c")).unwrap();
    let stats = "static void wrong(void *mem, struct swiotlb_ext_stats *stats)\n\
        { toy_stats(mem, stats); stats->used += stats->used > 2; }\n#undef swiotlb_ext_get\n";
    std::fs::write(&file, text.replace("#undef swiotlb_ext_get\n", stats)).unwrap();
    let flags = ["-DCHANGE=table.stats = wrong"];
    let Some(library) = compiled(folder.path(), "wrong.so", &file, &flags) else { return };
    let (code, out, _) = bench(&["verify", "--policy", &policy(&library), &golden("tiny")]);
    assert!(code == 4 && out.contains("slots are in use, and live mappings take"), "{out}");
}

#[test]
fn placement_that_is_declared_is_held_to_the_kernel_s() {
    let folder = tempfile::tempdir().unwrap();
    let source_file = source("tests/external/next_fit.c");
    let Some(library) = compiled(folder.path(), "next.so", &source_file, &[]) else { return };
    // It has no transient pools: what is left are the vectors that need none.
    let without_growth =
        ["01", "03", "04", "05", "07", "09", "10", "11", "12", "18", "29", "32", "35", "36", "37", "38"];
    let tiny = std::fs::read_dir(golden("tiny")).unwrap().map(|file| file.unwrap().path());
    let named = |path: &PathBuf| {
        without_growth.iter().any(|n| path.file_name().unwrap().to_str().unwrap().starts_with(n))
    };
    let mut files: Vec<String> = tiny.filter(named).map(|path| path.to_str().unwrap().to_owned()).collect();
    assert_eq!(files.len(), without_growth.len());
    files.push(golden("random/r28-n8192-a64-fixed-bimodal-f10.jsonl.gz"));
    files.push(golden("random/r64-n2048-a16-fixed-large-f95.jsonl.gz"));
    let verify = |library: &Path| {
        let policy = policy(library);
        let files = files.iter().map(String::as_str);
        bench(&["verify", "--policy", &policy].into_iter().chain(files).collect::<Vec<_>>())
    };
    let (code, out, err) = verify(&library);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains(
            "| page events, reclaim order, flag of devices, areas, pools that come and go, notes, late"
        ),
        "{out}"
    );
    // The toy keeps no placement; where it says so, every slot is a mismatch.
    let Some(liar) = changed(folder.path(), "liar.so", "table.declares = 3") else { return };
    let (code, out, _) = verify(&liar);
    assert!(
        code == 4 && out.contains("01-next-fit.jsonl.gz:8: op 6 (map): slot: expected 3, got 0"),
        "{out}"
    );
    let trace = source("../workloads/data/traces/boot_probe.jsonl.gz");
    let (code, out, err) =
        bench(&["replay", "--check", "--policy", &policy(&library), trace.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("placement: 5840 of 5840 identical"), "{out}");
}

#[test]
fn everything_optional_is_used_as_the_header_says() {
    let folder = tempfile::tempdir().unwrap();
    let source_file = source("tests/external/transient.c");
    let Some(library) = compiled(folder.path(), "all.so", &source_file, &[]) else { return };
    let policy = policy(&library);
    let (code, out, err) = bench(&["verify", "--policy", &policy, &golden("")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let trace = source("../workloads/data/traces/dyn_growth.jsonl.gz");
    let (code, out, err) = bench(&["replay", "--policy", &policy, trace.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let line = |what: &str| out.lines().find(|line| line.trim_start().starts_with(what)).unwrap_or_default();
    assert!(line("transient_pools").ends_with("6,910"), "{out}");
    assert!(line("areas_tried").ends_with("19,207"), "{out}");
    assert!(out.contains("outside policy: the interface takes"), "{out}");
    let (out, set) = (folder.path().join("out"), format!("policy={policy}"));
    let measure = |suite: &str, filter: &str| {
        let out = out.join(suite);
        let records = ["--quick", "--launches", "1", "--out", out.to_str().unwrap()];
        bench(&[&["measure", suite, "--set", &set, "--filter", filter][..], &records].concat())
    };
    // Pools from maps; parts of a fallback that need no stages; pools that come and go, where there are two cores.
    for (suite, filter) in [("quick-find-pool", "pools<=64"), ("quick-fallback", "slots<=32")] {
        let (code, text, err) = measure(suite, filter);
        assert_eq!((code, err.as_str()), (0, ""), "{suite}: {text}");
    }
    let (code, text, _) = measure("find-pool-churn", "pools<=64");
    assert!(code == 0 || text.contains("want as many cores"), "{text}");
}

#[test]
fn plans_are_run_and_compared() {
    let Some((folder, library)) = with_toy(&[]) else { return };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("tiny.toml"), STORAGE).unwrap();
    let measure = |policy: &str, out: &str| {
        let set = format!("policy={policy}");
        let arguments = ["measure", &path("tiny.toml"), "--quick", "--launches", "1", "--set", &set, "--out"];
        bench(&[&arguments[..], &[&path(out)]].concat())
    };
    let (code, text, err) = measure(&policy(&library), "measured");
    assert_eq!((code, err.as_str()), (0, ""), "{text}");
    let records = std::fs::read_to_string(path("measured/runs.jsonl")).unwrap();
    let label = records.split("external=toy-first-fit sha256=").nth(1).unwrap();
    assert!(label.bytes().take(12).all(|byte| byte.is_ascii_hexdigit()), "{label}");
    assert!(records.contains("\"interface_ns\":") && records.contains("outside policy: the interface"));
    let a = policy(&library);
    for (b, shown, out) in [
        (&format!("{a}:nslabs=2048"), "nslabs=2048 against A = ext:", "sizes"),
        (&"kernel".to_owned(), "B = kernel against A = ext:", "policies"),
    ] {
        let arguments = ["ab", &a, b, &path("tiny.toml"), "--quick", "--blocks", "2", "--out", &path(out)];
        let (code, text, err) = bench(&arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{text}");
        assert!(text.contains(shown), "{text}");
    }
}

#[test]
fn the_ownership_oracle_catches_a_broken_one_while_measuring() {
    let Some((folder, library)) = with_toy(&["-DBREAK"]) else { return };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("tiny.toml"), STORAGE).unwrap();
    let set = format!("policy={}", policy(&library));
    let arguments =
        ["measure", &path("tiny.toml"), "--quick", "--launches", "1", "--set", &set, "--out", &path("out")];
    let (code, text, _) = bench(&arguments);
    assert!(code == 4 && text.contains("violations"), "{text}");
}

#[test]
fn slots_that_are_given_twice_end_a_replay_and_an_advice() {
    let Some((folder, library)) = with_toy(&["-DBREAK"]) else { return };
    let (policy, out) = (policy(&library), folder.path().join("out"));
    let trace = source("../workloads/data/traces/boot_probe.jsonl.gz");
    let (trace, out) = (trace.to_str().unwrap(), out.to_str().unwrap());
    let (code, text, err) =
        bench(&["replay", trace, "--policy", &policy, "--policy", "kernel", "--out", out]);
    assert!(code == 4 && err.contains("toy.so: the allocator breaks the rules"), "{code}: {err}");
    assert!(err.contains("whose slots still belong to map "), "{err}");
    // The other policy's numbers count.
    assert!(text.contains("policy kernel: ") && !text.contains("toy.so"), "{text}");
    assert_eq!(std::fs::read_to_string(Path::new(out).join("runs.jsonl")).unwrap().lines().count(), 1);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut shown = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let shown =
        shown.args(["replay", trace, "--policy", &policy, "--policy", "kernel"]).stdout(full).output();
    assert_eq!(shown.unwrap().status.code(), Some(4), "a full disk does not hide it");
    let (code, text, err) = bench(&["tune", trace, "--policy", &policy, "--no-timing"]);
    assert_eq!((code, text.as_str()), (4, ""), "{err}");
    assert!(err.contains("toy.so: the allocator breaks the rules"), "{err}");
}

#[test]
fn an_advice_has_no_growth_of_a_library_that_does_not_grow() {
    let Some((_folder, library)) = with_toy(&[]) else { return };
    let trace = source("../workloads/data/traces/boot_probe.jsonl.gz");
    let arguments = ["tune", trace.to_str().unwrap(), "--policy", &policy(&library), "--no-timing", "--json"];
    let (code, text, err) = bench(&arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{text}");
    let advice: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |outside: bool, growth: bool| {
        let rows = advice["tried"].as_array().unwrap().iter();
        let outside = rows.filter(|row| row["policy"].as_str().unwrap().starts_with("ext:") == outside);
        outside.filter(|row| row["growth"] == growth).count()
    };
    assert!(of(false, true) > 0 && of(true, false) == of(false, false));
    assert_eq!(of(true, true), 0);
}

#[test]
fn what_an_outside_policy_cannot_do_is_said_and_the_rest_goes_on() {
    let Some((folder, library)) = with_toy(&[]) else { return };
    let set = format!("policy={}", policy(&library));
    let out = folder.path().join("out");
    let arguments = ["measure", "quick-find-pool", "--quick", "--launches", "1", "--filter", "pools<=64"];
    let (code, text, err) =
        bench(&[&arguments[..], &["--set", &set, "--out", out.to_str().unwrap()]].concat());
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("Void: this cell needs transient pools") && err.contains("2 launches are void"),
        "{text}{err}"
    );
    assert!(
        text.lines().any(|line| line.starts_with(" 1     | tail     |") && !line.contains("void")),
        "{text}"
    );
}

#[test]
fn a_library_that_is_not_there_stops_a_run_before_it_begins() {
    for arguments in [
        &["verify", "--policy", "ext:/no/such.so", "x"][..],
        &["replay", "--policy", "ext:/no/such.so", "x"],
        &["measure", "quick-search", "--set", "policy=ext:/no/such.so"],
        &["ab", "kernel", "ext:/no/such.so:nareas=2", "quick-search"],
    ] {
        let (code, out, err) = bench(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains("/no/such.so: cannot be read"), "{arguments:?}: {err}");
    }
}
