//! The wall clock steps while a run goes on. Dates are the wall clock's and may be in any order; durations are those of a
//! clock that only goes forward. A library stands before the system's and lets the one clock jump at every look.

use crate::fast_suite::until_lines;
use crate::{Place, has_ended, kept, toy};
use reports::record::RunRecord;
use reports::store;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Adds `CLOCK_STEP` seconds to what the wall clock says; with `CLOCK_JUMPS` it adds them or takes them off, by chance.
const STEPS: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
	struct timespec steady;
	const char *step = getenv("CLOCK_STEP");
	long answer = syscall(SYS_clock_gettime, clock, now);

	if (answer || clock != CLOCK_REALTIME || !step)
		return (int)answer;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &steady);
	if (getenv("CLOCK_JUMPS") && ((steady.tv_nsec >> 12) & 1))
		now->tv_sec -= atol(step);
	else
		now->tv_sec += atol(step);
	return 0;
}
"#;

/// The library; nothing where there is no compiler, which is said.
fn steps(place: &Place) -> Option<PathBuf> {
    let source = place.file("steps.c", STEPS);
    toy::compiled(place.folder.path(), "steps.so", source.as_ref(), &[])
}

/// A command whose wall clock is off by so many seconds, or jumps by as many.
fn off(place: &Place, library: &PathBuf, command: &str, (seconds, jumps): (i64, bool)) -> Command {
    let mut command = place.command(command);
    command.env("LD_PRELOAD", library).env("CLOCK_STEP", seconds.to_string());
    command.envs(jumps.then_some(("CLOCK_JUMPS", "1")));
    command
}

fn records(place: &Place, run: &str) -> Vec<RunRecord> {
    store::load(&place.path(run).join("runs.jsonl")).unwrap().records
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_clock_that_jumps_by_days_spoils_dates_and_nothing_else() {
    let place = Place::new();
    let Some(library) = steps(&place) else { return };
    let jumps = (i64::try_from(DAY).unwrap(), true);
    let measure = "measure @fast.toml --launches 8 --no-control --out @run --cell-limit 60s";
    // Cut on the way and resumed, under such a clock both times.
    let mut child = off(&place, &library, measure, jumps).stdout(Stdio::null()).spawn().unwrap();
    until_lines(&mut child, &place.path("run/runs.jsonl"), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    has_ended(&off(&place, &library, "measure --resume --out @run", jumps).output().unwrap(), 0);
    assert_eq!(kept(&place.path("run")), 24);
    let (records, middle) = (records(&place, "run"), now());
    let early = records.iter().filter(|record| record.started < middle).count();
    assert!((1..24).contains(&early), "the clock has jumped: {early}");
    // No day got into a duration: cells take some microseconds for an operation.
    assert!(records.iter().all(|record| (100.0..1e8).contains(&record.metrics["ns_per_op"])));
    // Readers take the records in whatever order their dates are.
    for command in ["report @run --out @page.html", "cmp @run @run", "export @run --format csv"] {
        has_ended(&off(&place, &library, command, jumps).output().unwrap(), 0);
    }
}

#[test]
fn a_comparison_is_paired_by_its_blocks_and_not_by_dates() {
    let place = Place::new();
    let Some(library) = steps(&place) else { return };
    let ab = "ab none none @slow.toml --blocks 3 --floor 90% --out @out";
    let jumps = (i64::try_from(DAY).unwrap(), true);
    let (shown, _) = has_ended(&off(&place, &library, ab, jumps).output().unwrap(), 0);
    let (again, _) = has_ended(&place.done(&format!("{ab} --resume")), 0);
    assert_eq!((shown, kept(&place.path("out"))), (again, 12));
}

#[test]
fn a_history_refuses_a_run_of_tomorrow_and_tells_one_of_yesterday() {
    let place = Place::new();
    let Some(library) = steps(&place) else { return };
    let measured = |run: &str, days: i64| {
        let measure = format!("measure @fast.toml --launches 1 --no-control --out @{run}");
        let off = off(&place, &library, &measure, (days * i64::try_from(DAY).unwrap(), false));
        has_ended(&{ off }.output().unwrap(), 0);
    };
    measured("tomorrow", 1);
    let (_, said) = has_ended(&place.done("history add @tomorrow --history @history"), 1);
    assert!(said.contains("dated in the future") && said.contains("mend the clock"), "{said}");
    place.run("today", "1");
    has_ended(&place.done("history add @today --history @history"), 0);
    measured("yesterday", -1);
    let (_, said) = has_ended(&place.done("history add @yesterday --history @history"), 0);
    assert!(said.contains("older than the newest run"), "{said}");
}

#[test]
fn a_clock_before_1970_is_0_and_no_panic() {
    let place = Place::new();
    let Some(library) = steps(&place) else { return };
    let before = (-i64::try_from(2 * now()).unwrap(), false);
    let measure = "measure @fast.toml --launches 1 --no-control";
    has_ended(&off(&place, &library, measure, before).output().unwrap(), 0);
    assert!(records(&place, "runs/fast-0").iter().all(|record| record.started == 0));
    // The same second again, as after a step back: the folder that it names is another run's.
    let (_, said) = has_ended(&off(&place, &library, measure, before).output().unwrap(), 1);
    assert!(said.contains("runs/fast-0 holds a run: --resume goes on with it"), "{said}");
    assert_eq!(kept(&place.path("runs/fast-0")), 3);
}
