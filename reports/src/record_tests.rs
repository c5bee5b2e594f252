//! Tests of [`super::RunRecord`]: what is written is read, and the published schema describes it.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use serde_json::{Map, Value};

use super::*;
use crate::course::{Interval, Spread};
use crate::machine::Cache;

/// A record with every field in use.
pub(crate) fn sample() -> RunRecord {
    let named = |pairs: &[(&str, u64)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v)).collect();
    let mut map = Latency::new();
    (0..20_000).for_each(|i| map.record(90 + i % 1_000));
    map.record(crate::latency::MAX_NS + 1);
    let mut find = Latency::new();
    (0..30).for_each(|i| find.record(5 + i));
    let mut record = RunRecord::new(
        Kind::Replay,
        "nvme-randread",
        PolicyName {
            label: "kernel".into(),
            axes: BTreeMap::from([("lock".into(), "queued".into()), ("search".into(), "list".into())]),
        },
    );
    record.suite = Some("quick".into());
    record.parameters = BTreeMap::from([("swiotlb".into(), "4096,4".into())]);
    (record.seed, record.revision, record.started) = (u64::MAX, "408f583".into(), 1_700_000_000);
    record.machine = Machine {
        cpu_model: Some("AMD EPYC".into()),
        caches: Some(vec![Cache { level: 1, kind: "Data".into(), bytes: 32_768, shared_by: "0".into() }]),
        load_average: Some([0.5, 0.25, 0.125]),
        hypervisor: Some(true),
        ..Machine::default()
    };
    record.clock = Some(Clock { name: "tsc".into(), overhead_ns: 9.5, precision_ns: 0.4 });
    record.counts = named(&[("maps", 20_001), ("unmaps", 19_990)]);
    record.failures = named(&[("capacity", 3), ("fragmentation", 1)]);
    record.counters = named(&[("areas_tried", 20_010), ("slots_stepped_over", 123_456)]);
    record.latencies = BTreeMap::from([("map".into(), map), ("find_pool".into(), find)]);
    record.placement = Some(Placement { identical: 20_001, compared: 20_001 });
    record.notes = vec!["12 unmaps without a map were skipped".into()];
    with_evidence(record)
}

/// The fields that came with 1.1.
fn with_evidence(mut record: RunRecord) -> RunRecord {
    record.place = Some(Place {
        suite_hash: "0123456789abcdef".into(),
        launch: 3,
        block: Some(1),
        arm: Some("A".into()),
        build: Some("0123456789ab/2".into()),
        padding: Some(4_097),
    });
    record.void = Some("the oracle found 1 violation".into());
    record.metrics = BTreeMap::from([("ns_per_op".into(), 97.5)]);
    record.threads = vec![Thread {
        role: "mapper".into(),
        cpu: 1,
        pinned_to: Some(1),
        ops: 7,
        counts: BTreeMap::from([("maps".into(), 7)]),
        failures: BTreeMap::from([("capacity".into(), 1)]),
    }];
    record.fairness = Some(Fairness { shares: vec![0.5, 0.5], jain: 1.0, longest_wait_ns: 12 });
    record.oracle = Some(Oracle { mode: "sampled 1/64".into(), checked: 9, violations: 1 });
    record.noise = Some(Noise { steal_ns: Some(4), clock_source: Some("tsc".into()), ..Noise::default() });
    let spread = Spread { mean: 12.5, low: 1.0, high: 99.5 };
    let interval = Interval {
        end_ns: 1_000,
        occupancy: spread,
        fragmentation: spread,
        pools: spread,
        samples: 2_000,
        tail_ns: Some(77),
        max_ns: Some(99),
    };
    record.course =
        Some(Course { operation: "map".into(), quantile: "p99".into(), intervals: vec![interval] });
    record
}

fn value() -> Value {
    serde_json::to_value(sample()).unwrap()
}

fn read(value: Value) -> Result<RunRecord, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn a_record_comes_back_whole() {
    let text = serde_json::to_string(&sample()).unwrap();
    assert!(text.starts_with("{\"schema\":\"swiotlb-bench/1.4\","));
    assert!(!text.contains('\n'));
    let back: RunRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert_eq!(back.latencies["map"].quantiles(), sample().latencies["map"].quantiles());
}

#[test]
fn another_major_version_is_refused_and_a_minor_one_is_not() {
    for (schema, accepted) in [
        ("swiotlb-bench/1", true),
        ("swiotlb-bench/1.7", true),
        ("swiotlb-bench/2", false),
        ("swiotlb-bench/10", false),
        ("swiotlb-bench/1.", false),
        ("swiotlb-bench/01", false),
        ("other/1", false),
        ("", false),
    ] {
        let mut v = value();
        v["schema"] = schema.into();
        let answer = read(v);
        assert_eq!(answer.is_ok(), accepted, "{schema}");
        if let Err(e) = answer {
            assert!(e.to_string().contains("is not swiotlb-bench/1"), "{e}");
        }
    }
}

#[test]
fn unknown_fields_are_ignored_and_optional_ones_may_lack() {
    let mut v = value();
    v["from_the_future"] = 1.into();
    v["policy"]["colour"] = "blue".into();
    read(v).unwrap();
    let required = schema()["required"].as_array().unwrap().clone();
    let v = value();
    for key in v.as_object().unwrap().keys() {
        let mut cut = v.as_object().unwrap().clone();
        cut.remove(key);
        let needed = required.iter().any(|r| r == key);
        assert_eq!(read(Value::Object(cut)).is_err(), needed, "{key}");
    }
}

#[test]
fn placement_is_a_line_for_scripts() {
    let p = Placement { identical: 12_345, compared: 12_346 };
    assert_eq!(p.to_string(), "placement: 12345 of 12346 identical");
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../schema/record-1.json")).unwrap()
}

/// Follows `$ref`, and of `anyOf` takes what is not null.
fn resolve<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    if let Some(name) = node["$ref"].as_str() {
        return resolve(root, &root["$defs"][name.strip_prefix("#/$defs/").unwrap()]);
    }
    match node["anyOf"].as_array() {
        Some(any) => resolve(root, any.iter().find(|n| n["type"] != "null").unwrap()),
        None => node,
    }
}

fn keys(object: &Map<String, Value>, node: &Value, path: &str) {
    for required in node["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(required.as_str().unwrap()), "{path} lacks {required}");
    }
    for key in object.keys() {
        let known = node["properties"].get(key).is_some() || node["additionalProperties"].is_object();
        assert!(known, "the schema does not describe {path}.{key}");
    }
}

/// The parts of JSON Schema that `record-1.json` uses, enough to check a value against it.
fn check(root: &Value, node: &Value, value: &Value, path: &str) {
    let may_be_null = node["anyOf"].as_array().is_some_and(|any| any.iter().any(|n| n["type"] == "null"));
    if value.is_null() && may_be_null {
        return;
    }
    let node = resolve(root, node);
    if let Some(choices) = node["enum"].as_array() {
        assert!(choices.contains(value), "{path}: {value}");
    }
    let types = node["type"].as_array().cloned().unwrap_or_else(|| vec![node["type"].clone()]);
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |t: &Value| t == actual || (t == "number" && actual == "integer");
    assert!(types.iter().any(fits), "{path}: {actual} is not {types:?}");
    if let Value::Object(object) = value {
        keys(object, node, path);
        for (key, inner) in object {
            let inner_node = node["properties"].get(key).unwrap_or(&node["additionalProperties"]);
            check(root, inner_node, inner, &format!("{path}.{key}"));
        }
    }
    if let Value::Array(items) = value {
        items.iter().for_each(|item| check(root, &node["items"], item, &format!("{path}[]")));
    }
}

#[test]
fn the_published_schema_describes_a_full_record_and_an_empty_one() {
    let root = schema();
    check(&root, &root, &value(), "record");
    for kind in [Kind::Replay, Kind::Cell, Kind::Micro, Kind::Bridge, Kind::Imported] {
        let empty = RunRecord::new(kind, "x", PolicyName::default());
        check(&root, &root, &serde_json::to_value(empty).unwrap(), "record");
    }
}

#[test]
fn the_published_schema_names_nothing_that_is_not_written() {
    let (root, v) = (schema(), value());
    let names = |node: &Value| resolve(&root, node)["properties"].as_object().unwrap().clone();
    for (node, part) in [
        (root.clone(), &v),
        (root["properties"]["policy"].clone(), &v["policy"]),
        (root["properties"]["machine"].clone(), &v["machine"]),
        (root["properties"]["clock"].clone(), &v["clock"]),
        (root["properties"]["placement"].clone(), &v["placement"]),
        (root["properties"]["place"].clone(), &v["place"]),
        (root["properties"]["fairness"].clone(), &v["fairness"]),
        (root["properties"]["oracle"].clone(), &v["oracle"]),
        (root["properties"]["noise"].clone(), &v["noise"]),
        (root["properties"]["course"].clone(), &v["course"]),
        (root["$defs"]["interval"].clone(), &v["course"]["intervals"][0]),
        (root["$defs"]["spread"].clone(), &v["course"]["intervals"][0]["pools"]),
        (root["$defs"]["thread"].clone(), &v["threads"][0]),
        (root["$defs"]["latency"].clone(), &v["latencies"]["map"]),
        (root["$defs"]["cache"].clone(), &v["machine"]["caches"][0]),
    ] {
        for name in names(&node).keys() {
            assert!(part.get(name).is_some(), "{name}");
        }
    }
}

#[test]
fn a_record_of_the_first_version_is_still_read() {
    let first = r#"{"schema":"swiotlb-bench/1","kind":"replay","scenario":"x","policy":{"label":"kernel"},
        "seed":1,"revision":"r","started":2,"notes":["n"]}"#;
    let record: RunRecord = serde_json::from_str(first).unwrap();
    assert_eq!((record.place, record.void, record.noise), (None, None, None));
    assert!(record.metrics.is_empty() && record.threads.is_empty());
}
