//! The recipes for nights: what a scheduler runs, with a program that says what it was asked.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// A machine of one's own: a checkout, tools that do nothing, and nights.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        machine.script("tools/git", "exit 0");
        // Where rustup puts it, and on no PATH.
        machine.script("rustup/bin/cargo", "exit 0");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// A night of a program that notes what it was asked, and then does this with `out`, its folder.
    fn night(&self, then: &str) -> Output {
        let asked = self.path("asked");
        let out = "[ \"$1\" = report ] && exit\nfor out; do :; done; mkdir -p \"$out\"; touch \"$out/nightly.json\"";
        let text = format!("echo \"$*\" >> {}\n{out}\n{then}", asked.display());
        self.script("checkout/target/release/swiotlb-bench", &text);
        self.scheduled().env("CARGO_HOME", self.path("rustup")).output().unwrap()
    }

    /// The script as a scheduler starts it: with hardly a variable.
    fn scheduled(&self) -> Command {
        let path = format!("{}:/usr/bin:/bin", self.path("tools").display());
        let places = ["checkout", "nights", "history"].map(|name| self.path(name));
        let mut script = Command::new(recipe("contrib/nightly/night.sh"));
        script.args(places).env_clear().env("PATH", path);
        script
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.path("asked");
        let text = fs::read_to_string(&asked).unwrap_or_default();
        let _ = fs::remove_file(asked);
        text.lines().map(str::to_owned).collect()
    }
}

/// What a scheduler hears of a night.
fn told(done: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(code), "{told}{}", String::from_utf8_lossy(&done.stderr));
    told
}

#[test]
fn a_night_tells_its_news_and_nothing_else() {
    let machine = Machine::new();
    assert_eq!(told(&machine.night("echo table; echo fine > \"$out/summary.md\""), 0), "");
    let asked = machine.asked();
    let known =
        asked.len() == 1 && asked[0].starts_with("nightly quick --gate ") && asked[0].contains(" --history ");
    assert!(known, "{asked:?}");
    told(&machine.night("mkdir \"$out/suites\"; echo fine > \"$out/summary.md\""), 0);
    let page = machine.asked().pop().unwrap();
    assert!(
        page.starts_with("report ") && page.ends_with("/report.html") && page.contains("--history"),
        "{page}"
    );
    // The last complaint, and the summary with its tables once.
    let then = "echo 'the table'; echo first >&2; echo 'ends with 3: gate' >&2\n\
                echo 'the table' > \"$out/summary.md\"; exit 3";
    let news = told(&machine.night(then), 3);
    assert!(news.contains("ended with 3.\nends with 3: gate\nthe table\n"), "{news}");
    assert_eq!(news.matches("the table").count(), 1, "{news}");
    // One that ends before there is a summary has said why.
    let news = told(&machine.night("rm -r \"$out\"; echo 'gate.toml: No such file' >&2; exit 2"), 2);
    assert!(news.contains("gate.toml: No such file"), "{news}");
    machine.script("rustup/bin/cargo", "echo 'error: could not compile' >&2; exit 101");
    let news = told(&machine.night("exit 0"), 1);
    assert!(news.contains("could not begin") && news.contains("could not compile"), "{news}");
}

#[test]
fn a_night_that_a_reboot_cut_goes_on_and_is_told() {
    let machine = Machine::new();
    told(&machine.night("exit 137"), 137);
    let begun = machine.asked().pop().unwrap().rsplit(' ').next().unwrap().to_owned();
    // Another second than now.
    let cut = machine.path("nights/2020-01-01T000000Z").to_str().unwrap().to_owned();
    fs::rename(begun, &cut).unwrap();
    let news = told(&machine.night("echo fine > \"$out/summary.md\""), 0);
    assert!(news.contains(&format!("{cut} was cut, and goes on")), "{news}");
    let asked = machine.asked();
    assert_eq!((asked.len(), &*asked[0]), (2, &*format!("nightly --resume --out {cut}")));
    assert!(
        asked[1].starts_with("nightly quick ") && !asked[1].ends_with(&cut),
        "a folder of its own: {asked:?}"
    );
    // Once it is over it is left alone.
    told(&machine.night("echo fine > \"$out/summary.md\""), 0);
    assert_eq!(machine.asked().len(), 1);
}

#[test]
fn a_cargo_that_rustup_installed_is_found_by_whatever_says_where_it_is() {
    let machine = Machine::new();
    told(&machine.night("echo fine > \"$out/summary.md\""), 0);
    machine.script("home/.cargo/bin/cargo", "touch \"$HOME/built\"");
    let done = machine.scheduled().env("HOME", machine.path("home")).output().unwrap();
    assert_eq!(told(&done, 0), "");
    assert!(machine.path("home/built").exists());
}

#[test]
fn a_night_that_is_still_at_work_is_left_alone_and_wakes_nobody() {
    let machine = Machine::new();
    told(&machine.night("exit 137"), 137);
    machine.asked();
    let held = File::options().append(true).open(machine.path("nights/lock")).unwrap();
    held.try_lock().unwrap();
    machine.script("tools/git", "touch pulled");
    assert_eq!(told(&machine.night("echo fine > \"$out/summary.md\""), 0), "");
    assert!(machine.asked().is_empty() && !machine.path("checkout/pulled").exists());
    let noted = fs::read_to_string(machine.path("nights/not-begun.txt")).unwrap();
    assert!(noted.contains("a night before it is still at work"), "{noted}");
    drop(held);
    told(&machine.night("echo fine > \"$out/summary.md\""), 0);
    assert_eq!(machine.asked().len(), 2, "the one that was cut, and the next");
}

#[test]
fn the_gravest_night_decides_how_the_script_ends() {
    for (cut, next, ends) in
        [(3, 6, 3), (6, 3, 3), (1, 5, 1), (5, 1, 1), (3, 4, 4), (4, 1, 4), (6, 5, 6), (0, 5, 5)]
    {
        let machine = Machine::new();
        told(&machine.night("exit 137"), 137);
        let then =
            format!("echo told > \"$out/summary.md\"; [ \"$2\" = --resume ] && exit {cut}; exit {next}");
        let news = told(&machine.night(&then), ends);
        assert!(news.contains("was cut, and goes on"), "{news}");
    }
}

#[test]
fn failures_are_told_and_histories_kept() {
    let text = |name: &str| fs::read_to_string(recipe(name)).unwrap();
    let unit = text("contrib/nightly/swiotlb-nightly.service");
    let told = unit.lines().find_map(|line| line.strip_prefix("OnFailure=")).unwrap();
    let tells = text(&format!("contrib/nightly/{told}"));
    assert!(tells.contains("_SYSTEMD_INVOCATION_ID=$$(") && !tells.contains("--since"), "{tells}");
    assert!(
        unit.contains("/contrib/nightly/night.sh ") && text("contrib/nightly/crontab").contains("/night.sh ")
    );
    let workflow = text(".github/workflows/nightly.yml");
    let save = workflow.split("actions/cache/save@").nth(1).unwrap();
    assert!(save.trim_start_matches(|c| c != '\n').trim_start().starts_with("if: always()"), "{save}");
    assert!(!workflow.contains("24 hours ago") && !workflow.contains("SWIOTLB_BENCH_BASELINE"));
}
