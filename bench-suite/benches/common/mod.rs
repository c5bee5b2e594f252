//! What the criterion targets share: short measurements, and no verdict that nobody asked for.

use bench_suite::policies::Entry;
use bench_suite::scenario::Scenario;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use std::path::PathBuf;
use std::process::exit;
use std::time::Duration;

/// The options that name a baseline.
const BASELINES: [&str; 5] = ["--save-baseline", "-s", "--baseline", "-b", "--baseline-lenient"];
/// Where results go if no baseline is named.
const UNNAMED: &str = "unnamed";

/// Runs `benches` under criterion, configured from the command line.
///
/// criterion compares every run with the one before and calls the difference a regression or an
/// improvement. On a shared machine about half of these verdicts are wrong, so there is none unless a
/// baseline was named. criterion has no switch for that: results go under a name that is cleared first, and
/// what is not there is not compared with.
pub fn run(target: &str, benches: fn(&mut Criterion)) {
    let named = std::env::args().any(|arg| {
        let is = |name: &str| arg == name || arg.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        BASELINES.iter().any(|name| is(name))
    });
    let criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20)
        .nresamples(2_000)
        .configure_from_args();
    let mut criterion = if named {
        println!(
            "criterion's verdict between two runs on a shared machine is wrong about half the time; only a \
             paired comparison, blocks of both in turn in fresh processes, is worth acting on."
        );
        criterion
    } else {
        forget_unnamed(target);
        criterion.save_baseline(UNNAMED.to_owned())
    };
    benches(&mut criterion);
    criterion.final_summary();
}

/// Where criterion keeps its results: beside the directory of the executable, as cargo lays it out.
fn results() -> Option<PathBuf> {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return Some(home.into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = || Some(std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned());
    Some(target.or_else(beside)?.join("criterion"))
}

/// Removes the results of earlier runs of `target` that had no name.
fn forget_unnamed(target: &str) {
    let Some(results) = results() else { return };
    // A group has a folder for each function, and that one for each parameter.
    let Ok(groups) = std::fs::read_dir(results) else { return };
    let own = groups.flatten().filter(|group| group.file_name().to_string_lossy().starts_with(target));
    for group in own {
        remove_below(group.path(), 3);
    }
}

/// Removes every folder [`UNNAMED`] at most `depth` folders below `folder`.
fn remove_below(folder: PathBuf, depth: u32) {
    let Ok(inside) = std::fs::read_dir(folder) else { return };
    for entry in inside.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name() == UNNAMED {
            // Left behind, it only brings a verdict that was not asked for.
            let _ = std::fs::remove_dir_all(entry.path());
        } else if depth > 1 {
            remove_below(entry.path(), depth - 1);
        }
    }
}

/// A group whose benchmarks take about equally long.
pub fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    group
}

/// Measures `scenario` under `entry` as `group/id/policy`.
pub fn bench(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, entry: &Entry, scenario: &Scenario) {
    let mut prepared = None;
    group.bench_function(criterion::BenchmarkId::new(id, entry.name), |bencher| {
        // Here, so that what a filter leaves out is not prepared.
        let state = prepared.get_or_insert_with(|| {
            entry.runs.prepare(scenario).unwrap_or_else(|error| stop(&error.to_string()))
        });
        bencher.iter_custom(|ops| {
            let mut took = Duration::ZERO;
            let run = state.run(1, ops, &mut |time| took += time);
            run.unwrap_or_else(|error| stop(&format!("{id}, {}: {error}", entry.name)));
            took
        });
    });
}

/// Ends the run: a number that failed its check is none.
fn stop(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}
