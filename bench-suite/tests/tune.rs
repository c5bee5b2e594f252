//! `swiotlb-bench tune` as an operator runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/data/traces").join(name)
}

fn tune(trace: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.arg("tune").arg(trace).args(args).env_clear().output().unwrap()
}

fn shown(trace: &Path, args: &[&str]) -> String {
    let output = tune(trace, args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    // What was written is told, and nothing else.
    let told =
        errors.is_empty() || (args.contains(&"--out") && errors.contains(": wrote tune.md, tune.json"));
    assert!(
        output.status.success() && told && errors.lines().count() < 2,
        "{args:?}: {} {errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(trace: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&shown(trace, &[&["--json", "--no-timing"], args].concat())).unwrap()
}

/// A trace of its own: lines of JSON.
fn written(lines: &[String]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    std::fs::write(&path, lines.concat()).unwrap();
    (folder, path)
}

fn call(op: &str, t_us: u64, device: &str, page: u64, size: u64) -> String {
    let (orig, tlb) = (0x10_0000 + page * 0x1000, 0x800_0000 + page * 0x4_0000);
    let tlb = if op == "map_fail" { Value::Null } else { format!("{tlb:#x}").into() };
    let line = serde_json::json!({
        "t_ns": t_us * 1000, "cpu": 0, "op": op, "dev": device, "orig": format!("{orig:#x}"), "size": size,
        "dir": 1, "tlb": tlb, "t_ret_ns": t_us * 1000 + 1,
    });
    format!("{line}\n")
}

#[test]
fn the_advice_delays_nobody_and_one_step_smaller_would() {
    let advice = json(&data("boot_probe.jsonl.gz"), &["--hold-out"]);
    let chosen = &advice["chosen"];
    assert_eq!((&chosen["boot"], &chosen["delayed"]), (&"swiotlb=1024,4".into(), &0.into()));
    assert!(advice["smaller"]["delayed"].as_u64().unwrap() > 0);
    assert_eq!(advice["recording"]["censored"], Value::Array(Vec::new()));
    let free = chosen["slots"].as_u64().unwrap() - chosen["high_water"].as_u64().unwrap();
    assert!(free * 4 >= chosen["slots"].as_u64().unwrap());
    let held = &advice["hold_out"];
    assert_eq!((&held["row"]["delayed"], &held["held"]), (&0.into(), &true.into()));
    // As docs/TUNE.md says.
    assert_eq!((&held["first_high_water"], &held["second_high_water"]), (&524.into(), &651.into()));
    let text = shown(&data("boot_probe.jsonl.gz"), &["--no-timing"]);
    assert!(text.starts_with("boot_probe: boot with swiotlb=1024,4 (2 MiB)"), "{text}");
    for said in ["emulated (QEMU", "in the last quarter", "One step smaller, swiotlb=512,4", "unknown"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_small_pool_hits_the_devices_that_it_hit_in_the_kernel() {
    // The same load on the kernel with 1,024 slots delayed requests of these two devices, most of the second.
    let advice = json(&data("dyn_growth.jsonl.gz"), &["--at", "1024,4"]);
    assert_eq!(advice["chosen"]["boot"], "swiotlb=8192,4");
    assert_eq!(advice["wanted"]["high_water"]["most"], 3120);
    let delayed = |name: &str| {
        let devices = advice["at"][0]["devices"].as_array().unwrap();
        devices.iter().find(|row| row["device"] == name).unwrap()["delayed"].as_u64().unwrap()
    };
    assert_eq!(delayed("0000:00:03.0"), 0);
    // As docs/TUNE.md says.
    assert_eq!((delayed("0000:00:02.0"), delayed("0000:00:01.0")), (1_807, 866));
    let same = json(&data("dyn_growth.jsonl.gz"), &["--at", "1024,4"]);
    assert_eq!(advice, same, "the same on every run");
}

#[test]
fn a_censored_recording_says_so_and_gets_more_room() {
    let mut lines: Vec<String> = (0..4).map(|i| call("map", i * 100, "d", i, 262_144)).collect();
    lines.push(call("map_fail", 500, "d", 9, 262_144));
    lines.extend((0..4).map(|i| call("unmap", 1000 + i * 100, "d", i, 262_144)));
    lines.push(call("map", 2000, "d", 9, 262_144));
    lines.push(call("unmap", 3000, "d", 9, 262_144));
    let (_folder, path) = written(&lines);
    let advice = json(&path, &[]);
    assert_eq!(advice["recording"]["censored"][0], "1 map call failed");
    // Five at once, had there been room: 640 slots, and half of the pool stays free.
    assert_eq!(advice["wanted"]["high_water"]["most"], 640);
    assert_eq!(advice["chosen"]["slots"], 2048);
    assert_eq!(advice["devices"][0]["cost"], "retried");
    let text = shown(&path, &["--no-timing"]);
    assert!(text.contains("lower bound") && text.contains("the same load with room"), "{text}");
}

#[test]
fn what_a_failure_costs_each_device_is_told_and_played() {
    // A disk asks again, a network card does not, a third device never fails.
    let mut lines = vec![call("map_fail", 0, "disk", 1, 4096), call("map", 100, "disk", 1, 4096)];
    lines.extend((0..3).map(|i| call("map_fail", 200 + i, "net", 40 + i, 2048)));
    lines.push(call("unmap", 300, "disk", 1, 4096));
    // Later the disk holds 1 MiB, and meanwhile the card and the third device map a little.
    lines.extend((0..4).map(|i| call("map", 5_000_000 + i * 10, "disk", 10 + i, 262_144)));
    lines.extend((0..2).map(|i| call("map", 5_001_000 + i * 10, "net", 50 + i, 2048)));
    lines.push(call("map", 5_002_000, "quiet", 60, 2048));
    lines.extend((0..2).map(|i| call("unmap", 5_003_000 + i * 10, "net", 50 + i, 2048)));
    lines.push(call("unmap", 5_004_000, "quiet", 60, 2048));
    lines.extend((0..4).map(|i| call("unmap", 5_005_000 + i * 10, "disk", 10 + i, 262_144)));
    let (_folder, path) = written(&lines);
    let advice = json(&path, &["--at", "512,1"]);
    let of = |rows: &Value, device: &str, name: &str| {
        rows.as_array().unwrap().iter().find(|row| row["device"] == device).unwrap()[name].clone()
    };
    let facts = |device| {
        ["failed_calls", "delayed", "never", "cost"].map(|name| of(&advice["devices"], device, name))
    };
    assert_eq!(facts("disk"), [1.into(), 1.into(), 0.into(), Value::from("retried")]);
    assert_eq!(facts("net"), [3.into(), 3.into(), 3.into(), Value::from("dropped")]);
    assert_eq!(facts("quiet"), [0.into(), 0.into(), 0.into(), Value::from("unknown")]);
    // Where the disk takes all 512 slots, the card loses its packets; the third device is taken to wait.
    let played = |device| {
        ["requests", "delayed", "never", "longest_wait_ns"]
            .map(|name| of(&advice["at"][0]["devices"], device, name))
    };
    assert_eq!(played("net"), [2.into(), 2.into(), 2.into(), Value::Null]);
    assert_eq!(played("quiet")[..3], [1.into(), 1.into(), Value::from(0)]);
    assert!(played("quiet")[3].as_u64().unwrap() > 1_000_000, "{advice:?}");
    let text = shown(&path, &["--no-timing", "--at", "512,1"]);
    for said in [" net ", "dropped", "retried", "Of devices without a failure the recording does not say"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn copies_are_drawn_from_a_seed_and_bounded_by_their_sum() {
    let lines: Vec<String> = (0..60)
        .flat_map(|i| {
            let size = (i % 32 + 1) * 2048;
            [call("map", i * 1000, "d", i, size), call("unmap", i * 1000 + 100, "d", i, size)]
        })
        .collect();
    let (_folder, path) = written(&lines);
    let scaled = |seed: &str| json(&path, &["--scale", "devices=4", "--seed", seed]);
    let one = scaled("1");
    assert_eq!((&one["wanted"]["draws"], &one["wanted"]["in_phase"]), (&50.into(), &128.into()));
    let spread = &one["wanted"]["high_water"];
    let at = |name: &str| spread[name].as_u64().unwrap();
    assert!(at("least") <= at("median") && at("median") <= at("most") && at("most") <= 128);
    assert!(at("least") < at("most"), "{spread}");
    assert_eq!(one["drawn"][0]["draws"], 50);
    assert_eq!(one, scaled("1"));
    assert_ne!(one["wanted"], scaled("2")["wanted"]);
}

#[test]
fn files_hold_the_same_advice_and_names_are_escaped() {
    let name = "<script>|x`";
    let (folder, path) = written(&[call("map", 0, name, 1, 4096), call("unmap", 900, name, 1, 4096)]);
    let out = folder.path().join("out");
    let printed = shown(&path, &["--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(std::fs::read_to_string(out.join("tune.json")).unwrap(), printed);
    let markdown = std::fs::read_to_string(out.join("tune.md")).unwrap();
    assert!(markdown.contains("&lt;script&gt;\\|x\\`") && !markdown.contains("<script>"), "{markdown}");
    let figure = std::fs::read_to_string(out.join("tune.svg")).unwrap();
    assert!(figure.contains("<svg") && figure.contains("swiotlb=512,1"));
    let timed = serde_json::from_str::<Value>(&printed).unwrap()["timed"].clone();
    assert_eq!(timed[0]["rounds"], 6);
    assert!(markdown.contains("](<tune.svg>)"), "{markdown}");
    assert!(std::fs::read_to_string(out.join("commands.txt")).unwrap().starts_with("swiotlb-bench tune "));
}

#[test]
fn a_report_has_the_advice_with_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (advice, page) = (path("advice"), path("page.md"));
    shown(&data("boot_probe.jsonl.gz"), &["--no-timing", "--out", &advice]);
    let report = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
        command.args(["report", &advice, "--markdown", &page]).env_clear().output().unwrap()
    };
    assert!(report().status.success());
    let text = std::fs::read_to_string(&page).unwrap();
    for said in [
        "- **found** boot_probe: boot with swiotlb=1024,4 (2 MiB): enough for what was recorded.",
        "## Advice: boot_probe",
        "- **found** The devices want ",
        "- **mind** The recording is ",
        "Record next: ",
        "Nothing was timed, so that no front of memory and tail is drawn.",
        "*Figure: boot_probe: each choice by itself, from swiotlb=1024,4 (in the page)*",
        "#### Candidates, in virtual time",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let file = Path::new(&advice).join("tune.json");
    let json = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, json.replace("\"recording\"", "\"noise\"")).unwrap();
    let errors = String::from_utf8(report().stderr).unwrap();
    assert!(errors.contains("tune.json: no advice of this version ("), "{errors}");
}

#[test]
fn the_kernels_own_events_will_do() {
    let path = data("static_vblk.tracecmd-report.txt.gz");
    let with = json(&path, &["--device", "0000:00:02.0,min_align_mask=0xfff"]);
    let without = json(&path, &[]);
    let wanted = |advice: &Value| advice["wanted"]["high_water"]["most"].as_u64().unwrap();
    // With a mask, offsets in a page take slots for padding.
    assert!(wanted(&with) > wanted(&without), "{} {}", wanted(&with), wanted(&without));
    assert_eq!(without["recording"]["resolution_ns"], 1000);
    // Which masks nobody gave is told.
    let unknown = |advice: &Value| advice["recording"]["unknown_masks"].as_array().unwrap().len();
    assert_eq!(unknown(&without), unknown(&with) + 1);
    let text = shown(&path, &["--no-timing"]);
    assert!(text.contains("no alignment masks, and none were given for ") && text.contains("0000:00:02.0"));
    assert!(text.contains("- the alignment masks of "), "{text}");
}

#[test]
fn what_was_asked_for_and_is_built_otherwise_is_told() {
    let asked = ["--at", "1000,4", "--at", "512", "--at", "0,0"];
    let advice = json(&data("boot_probe.jsonl.gz"), &asked);
    let of = |i: usize| (advice["at"][i]["row"]["boot"].clone(), advice["at"][i]["rounded"].clone());
    let rounded = |text: &str| Value::from(format!("{text}, as the kernel rounds"));
    assert_eq!(of(0), ("swiotlb=1024,4".into(), rounded("1000,4 is built as 1024,4")));
    // As many areas as the recorded machine has CPUs.
    assert_eq!(of(1), ("swiotlb=512,4".into(), Value::Null));
    assert_eq!(of(2), ("swiotlb=128,1".into(), rounded("0,0 is built as 128,1")));
    let text = shown(&data("boot_probe.jsonl.gz"), &[&asked[..], &["--no-timing"]].concat());
    assert!(text.contains("1000,4 is built as 1024,4, as the kernel rounds"), "{text}");
    let sent = |i: usize| advice["at"][i]["row"]["requests"].as_u64().unwrap();
    let said = text.matches("requests were sent: behind one that never gets room").count();
    assert_eq!(said, (0..3).filter(|&i| sent(i) < sent(0)).count(), "{text}");
}

#[test]
fn calls_that_are_thrown_away_make_the_advice_unsure() {
    let good = [call("map", 0, "d", 1, 2048), call("unmap", 90, "d", 1, 2048)];
    let absurd = [call("map", 200, "d", 2, 99_999_999_999), call("unmap", 290, "d", 2, 99_999_999_999)];
    let (_folder, path) = written(&[good.clone(), absurd.clone()].concat());
    let text = shown(&path, &["--no-timing"]);
    assert!(
        text.contains("until a better recording says more") && text.contains("absurd size (2)"),
        "{text}"
    );
    assert!(text.contains("2 calls were thrown away"), "{text}");
    let (_folder, path) = written(&[absurd.concat(), good[1].clone()]);
    let output = tune(&path, &[]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("no map could be used (absurd size (2))"), "{errors}");
}

#[test]
fn mistakes_are_told() {
    let path = data("boot_probe.jsonl.gz");
    for (args, code, said) in [
        (&["--scale", "devices=100"][..], 2, "write devices=N"),
        (&["--at", "force"], 2, "write SLOTS or SLOTS,AREAS"),
        (&["--devices", "no/such.toml"], 1, "no/such.toml: cannot be read: No such file"),
        (&["--meta", "no/such.json"], 1, "no/such.json: cannot be read: No such file"),
        (&["--max-records", "9"], 1, "raise the limit (--max-records)"),
        (&["--no-timing", "--out", "/dev/null/x"], 1, "/dev/null/x: cannot be made: "),
        (&["--policy", "fast,kernal"], 2, "there is no policy `kernal`"),
        (&["--device", "x,min_align_mask=5"], 2, "no mask of low bits"),
        (&["--device", "x,min_align_mask=0xfff"], 1, "no device `x` in this trace"),
    ] {
        let output = tune(&path, args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(said), "{args:?}: {errors}");
    }
}

#[test]
fn what_could_not_be_read_is_told_and_makes_the_advice_unsure() {
    let mut lines: Vec<String> = (0..8)
        .flat_map(|i| [call("map", i * 100, "d", 1, 2048), call("unmap", i * 100 + 90, "d", 1, 2048)])
        .collect();
    let sure = written(&lines);
    lines.insert(3, "neither this\n".to_owned());
    let unsure = written(&lines);
    let [sure, unsure] =
        [sure, unsure].map(|(folder, path)| (json(&path, &[]), shown(&path, &["--no-timing"]), folder));
    assert_eq!((&sure.0["unsure"], &unsure.0["unsure"]), (&false.into(), &true.into()));
    assert_eq!((&unsure.0["recording"]["unread"], &sure.0["recording"]["unread"]), (&1.into(), &0.into()));
    assert!(
        unsure.1.contains("Not everything in it could be used: ")
            && unsure.1.contains("1 line could not be read")
    );
    assert!(!sure.1.contains("Not everything"), "{}", sure.1);
    // Whose pool's size nobody says.
    assert!(sure.1.contains("how large its kernel's pool was"), "{}", sure.1);
}
