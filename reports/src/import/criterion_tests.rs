//! Tests of [`super::read`]: what criterion wrote, what the exporter wrote, and what nobody should have.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::export::tests::{CELL, export, launch, run, six};
use crate::export::{Form, criterion};
use tempfile::TempDir;

/// As criterion 0.8 wrote them, of a benchmark with a value and a slope.
const ABOUT: &str = r#"{"group_id":"find_pool","function_id":"sorted","value_str":"64","throughput":{"Bytes":4096},"full_id":"find_pool/sorted/64","directory_name":"find_pool/sorted/64","title":"find_pool/sorted/64"}"#;
const ESTIMATES: &str = r#"{"mean":{"confidence_interval":{"confidence_level":0.95,"lower_bound":54.1,"upper_bound":55.9},"point_estimate":55.0,"standard_error":0.4},"median":{"confidence_interval":{"confidence_level":0.95,"lower_bound":54.0,"upper_bound":56.0},"point_estimate":55.0,"standard_error":0.5},"median_abs_dev":{"confidence_interval":{"confidence_level":0.95,"lower_bound":0.0,"upper_bound":1.4826},"point_estimate":1.4826,"standard_error":0.3},"slope":{"confidence_interval":{"confidence_level":0.95,"lower_bound":54.5,"upper_bound":55.7},"point_estimate":55.25,"standard_error":0.3},"std_dev":{"confidence_interval":{"confidence_level":0.95,"lower_bound":0.0,"upper_bound":1.0},"point_estimate":1.0,"standard_error":0.2}}"#;
const SAMPLE: &str = r#"{"sampling_mode":"Linear","iters":[10.0,20.0,30.0],"times":[540.0,1100.0,1680.0]}"#;

/// A folder with one benchmark under the baseline `new`.
fn one(about: &str, estimates: &str, sample: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("find_pool/sorted/64/new");
    std::fs::create_dir_all(&place).unwrap();
    for (name, text) in [("benchmark", about), ("estimates", estimates), ("sample", sample)] {
        std::fs::write(place.join(format!("{name}.json")), text).unwrap();
    }
    folder
}

fn from(folder: &Path, baselines: &[&str]) -> Result<Vec<RunRecord>, ImportError> {
    read(folder, &baselines.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
}

fn says(folder: &TempDir, what: &str) {
    let error = from(folder.path(), &["new"]).unwrap_err().to_string();
    assert!(error.contains(what), "{error}");
}

#[test]
fn a_benchmark_is_one_launch() {
    let records = from(one(ABOUT, ESTIMATES, SAMPLE).path(), &["new"]).unwrap();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.kind, record.scenario.as_str()), (Kind::Imported, "find_pool/sorted/64"));
    assert_eq!(record.place.as_ref().map(|place| place.launch), Some(0));
    let metrics = [("mean_ns", 55.0), ("ns_per_op", 55.0), ("slope_ns", 55.25), ("std_dev_ns", 1.0)];
    assert_eq!(record.metrics, metrics.map(|(name, number)| (name.to_owned(), number)).into());
    assert_eq!(record.counts["points"], 3);
    let said = [("function", "sorted"), ("throughput", "{\"Bytes\":4096}"), ("value", "64")];
    assert_eq!(record.parameters, said.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let line = serde_json::to_string(record).unwrap();
    assert_eq!(&serde_json::from_str::<RunRecord>(&line).unwrap(), record);
}

#[test]
fn an_export_comes_back_with_its_medians() {
    let folder = tempfile::tempdir().unwrap();
    let (old, odd) = (six(), [97.25, 1e-3, 12_345.678].map(|ns| launch("s/x=1", None, 0, ns)));
    let new: Vec<RunRecord> = (0..3).map(|n| launch(CELL, None, n, 90.0 + f64::from(n))).collect();
    let export = export(vec![run("old", &[&old, &odd]), run("later", &[&new, &odd])], &[]);
    let Form::Files(files) = criterion::files(&export).unwrap().form else { panic!("no files") };
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let records = from(folder.path(), &["old", "later"]).unwrap();
    let found = |record: &RunRecord| {
        (record.scenario.clone(), record.place.as_ref().unwrap().launch, record.metrics["ns_per_op"])
    };
    let found: Vec<_> = records.iter().map(found).collect();
    let expected = [("s/x=1", 0, 97.25), (CELL, 0, 102.5), ("s/x=1", 1, 97.25), (CELL, 1, 91.0)];
    assert_eq!(found, expected.map(|(id, launch, ns)| (id.to_owned(), launch, ns)));
}

#[test]
fn what_is_missing_is_told_with_its_path() {
    let folder = one(ABOUT, ESTIMATES, SAMPLE);
    let none = from(folder.path(), &["base"]).unwrap_err().to_string();
    assert!(none.contains("no benchmark has the baseline `base`; there are: new"), "{none}");
    std::fs::remove_file(folder.path().join("find_pool/sorted/64/new/sample.json")).unwrap();
    says(&folder, "new/sample.json: cannot be read");
    let empty = tempfile::tempdir().unwrap();
    says(&empty, "there are: none");
    assert!(
        from(&empty.path().join("gone"), &["new"]).unwrap_err().to_string().contains("gone: cannot be read")
    );
}

#[test]
fn what_is_wrong_is_told_with_its_field() {
    let swap = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let about = |from, to| one(&swap(ABOUT, from, to), ESTIMATES, SAMPLE);
    let estimates = |from, to| one(ABOUT, &swap(ESTIMATES, from, to), SAMPLE);
    let sample = |from, to| one(ABOUT, ESTIMATES, &swap(SAMPLE, from, to));
    says(&about("\"full_id\"", "\"id\""), "new/benchmark.json: full_id is missing");
    says(&about("\"group_id\":\"find_pool\"", "\"group_id\":7"), "group_id is 7, not a text");
    says(&about("}", ""), "new/benchmark.json: not JSON");
    says(&estimates("\"median\"", "\"middle\""), "new/estimates.json: median.point_estimate is missing");
    says(
        &estimates("\"point_estimate\":55.0", "\"point_estimate\":\"x\""),
        "mean.point_estimate is \"x\", not a number of ns",
    );
    says(&estimates("\"point_estimate\":55.25", "\"point_estimate\":null"), "slope.point_estimate is null");
    says(&sample("\"times\"", "\"time\""), "new/sample.json: times is missing");
    says(&sample("1100.0", "-1.0"), "times.1 is -1.0, not a number of ns");
    says(&sample("20.0", "0.0"), "iters.1 is not above 0");
    says(&sample("[10.0,", "["), "times has 3 numbers and `iters` has 2");
    says(
        &sample("1100.0", "1200.0"),
        "median.point_estimate is 55, the median of sample.json is 56: files of two runs?",
    );
    says(&one("[]", ESTIMATES, SAMPLE), "full_id is missing");
    says(&one(ABOUT, "nonsense", SAMPLE), "estimates.json: not JSON: expected ident at line 1 column 2");
}

#[test]
fn one_benchmark_in_two_folders_is_refused() {
    let folder = one(ABOUT, ESTIMATES, SAMPLE);
    let (from, to) = (folder.path().join("find_pool/sorted/64/new"), folder.path().join("other/new"));
    std::fs::create_dir_all(&to).unwrap();
    for name in ["benchmark.json", "estimates.json", "sample.json"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    says(&folder, "find_pool/sorted/64 is in");
}
