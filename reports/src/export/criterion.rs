//! criterion's folders: `GROUP/BENCHMARK/BASELINE/{benchmark,sample,estimates,tukey}.json`, as critcmp and criterion
//! 0.8 read them.
//!
//! A point of a sample is a launch, of one iteration: criterion's own points are parts of one process, which
//! says less. A baseline is a run, or one arm of it, so that `critcmp` compares runs and arms and puts none
//! together. critcmp shows means; the median is there too, and it is what this program goes by.

use super::cells::{Cell, Export, Run};
use super::measure::unit;
use super::names::FILE;
use super::{Exported, Form, left_out};
use crate::stats::bootstrap::{Draws, interval, replicates};
use crate::stats::spread::standard_deviation;
use crate::stats::{mean, median, sorted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is exported unless the user names another metric.
pub const METRIC: &str = "ns_per_op";

/// Names of folders that criterion gives a meaning to.
const TAKEN: [&str; 4] = ["base", "change", "new", "report"];

/// criterion's own: it draws 100,000 times, of 100 points.
const LEVEL: f64 = 0.95;
const DRAWS: Draws = Draws { replicates: 2_000, seed: 1 };

/// The runs as criterion's folders.
///
/// # Errors
/// In words: more than one metric is wanted, or one that is no time, neither of which the form can hold.
pub fn files(export: &Export<'_>) -> Result<Exported, String> {
    let metric = match export.metrics.as_slice() {
        [] => METRIC,
        [metric] if unit(metric).starts_with("ns") => metric,
        [metric] => return Err(format!("criterion's files hold times, and {metric} is none")),
        _ => return Err("criterion's files hold one metric: name one".to_owned()),
    };
    let (mut files, mut without, mut folders) = (Vec::new(), 0, BTreeSet::new());
    for (run, cell, _) in export.cells() {
        let times = cell.samples(metric);
        let Some(estimates) = estimates(&times) else {
            without += 1;
            continue;
        };
        let benchmark = Benchmark::of(&cell.id());
        let folder = Path::new(&benchmark.directory).join(baseline(run, cell));
        // The file is named by what decides the folder, so this does not happen; if it did, no cell may vanish.
        if !folders.insert(folder.clone()) {
            return Err(format!("two cells would be {}", folder.display()));
        }
        let ones = vec![1.0; times.len()];
        let contents = [
            ("benchmark.json", benchmark.json()),
            ("estimates.json", estimates),
            ("sample.json", json!({ "sampling_mode": "Flat", "iters": ones, "times": times })),
            ("tukey.json", fences(&times)),
        ];
        files.extend(contents.map(|(name, json)| (folder.join(name), json.to_string())));
    }
    let notes = left_out(without, "cells", &format!("no launch has {metric}")).into_iter().collect();
    Ok(Exported { entries: files.len(), form: Form::Files(files), notes })
}

/// The folder of a run, or of one of its arms.
fn baseline(run: &Run<'_>, cell: &Cell<'_>) -> PathBuf {
    let label = cell.arm().map_or_else(|| run.label.clone(), |arm| format!("{}-{arm}", run.label));
    let name = FILE.name(&label);
    PathBuf::from(if TAKEN.contains(&name.as_str()) { format!("run-{name}") } else { name })
}

/// What criterion knows a benchmark by.
struct Benchmark {
    id: String,
    group: String,
    function: Option<String>,
    directory: String,
}

impl Benchmark {
    /// The suite is the group, the rest of the id the function.
    fn of(id: &str) -> Self {
        let (group, function) = match id.split_once('/') {
            Some((group, function)) => (group, Some(function)),
            None => (id, None),
        };
        let directory = match function {
            Some(function) => format!("{}/{}", FILE.name(group), FILE.name(function)),
            None => FILE.name(group),
        };
        let [id, group] = [id, group].map(str::to_owned);
        Self { id, group, function: function.map(str::to_owned), directory }
    }

    fn json(&self) -> Value {
        json!({
            "group_id": self.group,
            "function_id": self.function,
            "value_str": null,
            "throughput": null,
            "full_id": self.id,
            "directory_name": self.directory,
            "title": self.id,
        })
    }
}

/// `estimates.json`; nothing where there is no launch. One launch has no spread, which criterion's form cannot
/// say: its intervals are then the value alone, and its deviations 0.
fn estimates(times: &[f64]) -> Option<Value> {
    mean(times)?;
    let one = |statistic: fn(&[f64]) -> Option<f64>| {
        let drawn = |which: &[usize]| {
            statistic(&which.iter().filter_map(|&i| times.get(i).copied()).collect::<Vec<_>>())
        };
        let point = statistic(times).unwrap_or(0.0);
        let error = standard_deviation(&replicates(times.len(), DRAWS, drawn)).unwrap_or(0.0);
        let (low, high) = interval(times.len(), DRAWS, 1.0 - LEVEL, drawn).unwrap_or((point, point));
        json!({
            "confidence_interval": { "confidence_level": LEVEL, "lower_bound": low, "upper_bound": high },
            "point_estimate": point,
            "standard_error": error,
        })
    };
    Some(json!({
        "mean": one(mean),
        "median": one(median),
        "median_abs_dev": one(deviation),
        "slope": null,
        "std_dev": one(|times| standard_deviation(times).or(Some(0.0))),
    }))
}

/// The median absolute deviation, scaled as criterion scales it: to a normal distribution's, by 1.4826, for any
/// number of points.
fn deviation(times: &[f64]) -> Option<f64> {
    let centre = median(times)?;
    median(&times.iter().map(|time| (time - centre).abs() * 1.4826).collect::<Vec<_>>())
}

/// Tukey's fences, three and one and a half quartile distances away, as criterion keeps them.
fn fences(times: &[f64]) -> Value {
    let sorted = sorted(times);
    let [first, third] = [0.25, 0.75].map(|p| between(&sorted, p));
    let distance = third - first;
    json!([first - 3.0 * distance, first - 1.5 * distance, third + 1.5 * distance, third + 3.0 * distance])
}

/// The quantile by linear interpolation (R's type 7), which criterion takes; `sorted` has a value.
fn between(sorted: &[f64], p: f64) -> f64 {
    let rank = p * sorted.len().saturating_sub(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the number of values")]
    let below = rank as usize;
    let at = |i: usize| sorted.get(i).or(sorted.last()).copied().unwrap_or(0.0);
    at(below) + (at(below + 1) - at(below)) * rank.fract()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::export::tests::{CELL, export, launch, run, six};

    fn made(export: &Export<'_>) -> Vec<(String, Value)> {
        let Form::Files(files) = files(export).unwrap().form else { panic!("no files") };
        let read = |(path, text): (PathBuf, String)| {
            (path.display().to_string(), serde_json::from_str(&text).unwrap())
        };
        files.into_iter().map(read).collect()
    }

    #[test]
    fn a_run_is_a_baseline() {
        let launches = six();
        let files = made(&export(vec![run("night", &[&launches])], &[]));
        let folder = "slot-search/policy=kernel,slots=1,threads=2/night";
        let names: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let expected =
            ["benchmark", "estimates", "sample", "tukey"].map(|name| format!("{folder}/{name}.json"));
        assert_eq!(names, expected);
        let benchmark = json!({
            "group_id": "slot-search", "function_id": "policy=kernel,slots=1,threads=2", "value_str": null,
            "throughput": null, "full_id": CELL, "title": CELL,
            "directory_name": "slot-search/policy=kernel,slots=1,threads=2",
        });
        assert_eq!(files[0].1, benchmark);
        let estimates = &files[1].1;
        assert_eq!(estimates["mean"]["point_estimate"], 102.5);
        assert_eq!(estimates["median"]["point_estimate"], 102.5);
        // By hand: deviations from 102.5 are 0.5, 0.5, 1.5, 1.5, 2.5, 2.5.
        assert_eq!(estimates["median_abs_dev"]["point_estimate"], 1.5 * 1.4826);
        assert!((estimates["std_dev"]["point_estimate"].as_f64().unwrap() - 3.5_f64.sqrt()).abs() < 1e-12);
        let bounds = &estimates["median"]["confidence_interval"];
        let [low, high] = ["lower_bound", "upper_bound"].map(|key| bounds[key].as_f64().unwrap());
        assert!((100.0..102.5).contains(&low) && high > 102.5 && high <= 105.0, "{bounds}");
        let times = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0];
        assert_eq!(files[2].1, json!({ "sampling_mode": "Flat", "iters": vec![1.0; 6], "times": times }));
        // R: quantile(100:105, c(.25, .75)) is 101.25 and 103.75.
        assert_eq!(files[3].1, json!([93.75, 97.5, 107.5, 111.25]));
    }

    #[test]
    fn arms_and_runs_are_baselines_of_their_own() {
        let arms = ["A", "B"].map(|arm| [launch("s/x=1", Some(arm), 0, 1.0)]);
        let plain = [launch("s/x=1", None, 0, 2.0)];
        let found = made(&export(vec![run("ab", &[&arms[0], &arms[1]]), run("new", &[&plain])], &[]));
        let folders: BTreeSet<&str> =
            found.iter().filter_map(|(path, _)| Some(path.rsplit_once('/')?.0)).collect();
        assert_eq!(folders, ["s/x=1/ab-A", "s/x=1/ab-B", "s/x=1/run-new"].into());
        let one = &found.iter().find(|(path, _)| path == "s/x=1/ab-A/estimates.json").unwrap().1;
        assert_eq!(one["mean"]["confidence_interval"]["upper_bound"], 1.0);
        assert_eq!(one["std_dev"]["point_estimate"], 0.0);
    }

    #[test]
    fn names_from_outside_stay_below_the_folder() {
        let bad = [launch("../../etc/passwd", None, 0, 1.0)];
        let whole = [launch("..", None, 0, 1.0)];
        for (path, _) in made(&export(vec![run("..", &[&bad, &whole])], &[])) {
            assert!(
                Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn one_time_is_what_the_form_holds() {
        let launches = six();
        let wrong = |metrics: &[&str]| files(&export(vec![run("r", &[&launches])], metrics)).unwrap_err();
        assert!(wrong(&["jain"]).contains("jain is none"));
        assert!(wrong(&["ns_per_op", "map.p99"]).contains("name one"));
        let none = files(&export(vec![run("r", &[&launches])], &["map.p99"])).unwrap();
        assert_eq!(
            (none.form, none.notes),
            (Form::Files(vec![]), vec!["1 cells left out: no launch has map.p99".to_owned()])
        );
    }
}
