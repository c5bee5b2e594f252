//! Tests of suites as a whole: good ones, bad ones with their places, ids and seeds.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;

const POLICIES: [&str; 4] = ["kernel", "lock-ticket", "lock-std", "lookup-sorted"];
const GOOD: &str = r#"name = "find-pool"
title = "find_pool against the number of pools"
questions = ["Q1"]
analysis = "What a lookup costs."
scenario = "find_pool"
policies = ["kernel", "lookup-*"]
skip = ["pools=1,position=head"]

[parameters]
section = "per-batch"

[axes]
pools = "1:64:*4"
position = ["head", "tail"]

[quick]
pools = [1, 64]

[launches]
quick = 2
full = 6

[[expect]]
says = "a sorted array wins among many pools"
metric = "ns_per_op"
compare = "policy=lookup-sorted"
against = "policy=kernel"
where = { pools = 64 }
ratio_below = 0.5
"#;

fn good() -> Suite {
    read("good.toml", GOOD).unwrap()
}

fn all(changes: &Changes) -> Result<Vec<Cell>, SuiteError> {
    cells(&good(), changes, &POLICIES, Limits::default())
}

#[test]
fn a_suite_is_read_whole() {
    let suite = good();
    assert_eq!(suite.axes["pools"], ["1", "4", "16", "64"]);
    assert_eq!((suite.launches.quick, suite.launches.full), (2, 6));
    assert_eq!(suite.expects.len(), 1);
    assert_eq!(suite.hash, hash(GOOD));
}

#[test]
fn cells_have_stable_ids_and_seeds() {
    let found = all(&Changes { seed: 7, ..Changes::default() }).unwrap();
    assert_eq!(found.len(), 2 * (4 * 2 - 1));
    assert_eq!(found[0].id, "find-pool/policy=kernel,pools=1,position=tail");
    assert_eq!(found[0].values["section"], "per-batch");
    assert_eq!(found[0].seed, derived_seed(7, "find-pool/pools=1,position=tail"));
    // Pinned: an id or a seed that changes breaks every run that is resumed.
    assert_eq!(derived_seed(7, "find-pool/pools=1,position=tail"), 0xc76a_abe7_692e_bc53);
    let moved = GOOD
        .replace("position = [\"head\", \"tail\"]\n", "")
        .replace("[axes]\n", "[axes]\nposition = [\"head\", \"tail\"]\n");
    let again = cells(
        &read("good.toml", &moved).unwrap(),
        &Changes { seed: 7, ..Changes::default() },
        &POLICIES,
        Limits::default(),
    );
    assert_eq!(again.unwrap(), found);
}

#[test]
fn policies_share_their_requests() {
    let cells = all(&Changes::default()).unwrap();
    let of =
        |policy: &str| -> Vec<u64> { cells.iter().filter(|c| c.policy == policy).map(|c| c.seed).collect() };
    assert_eq!(of("kernel"), of("lookup-sorted"));
}

#[test]
fn quick_set_and_filter_change_the_cells() {
    let set = |key: &str, values: &str| vec![(key.to_owned(), values.to_owned())];
    let count = |changes: Changes| all(&changes).unwrap().len();
    assert_eq!(count(Changes { mode: Mode::Quick, ..Changes::default() }), 2 * 3);
    assert_eq!(count(Changes { set: set("pools", "2:8:+2,100"), ..Changes::default() }), 2 * 5 * 2);
    assert_eq!(count(Changes { set: set("policy", "lock-*"), ..Changes::default() }), 2 * 7);
    let filter = Filter::parse("policy=kernel,pools>=16,position=tail").unwrap();
    assert_eq!(count(Changes { filter, ..Changes::default() }), 2);
    let fixed = all(&Changes { set: set("section", "per-lookup"), ..Changes::default() }).unwrap();
    assert!(fixed[0].id.ends_with("section=per-lookup"), "{}", fixed[0].id);
}

#[test]
fn mistakes_on_the_command_line_name_what_is_near() {
    let set = |key: &str, values: &str| vec![(key.to_owned(), values.to_owned())];
    let says = |changes| all(&changes).unwrap_err().to_string();
    let text = says(Changes { set: set("pool", "1"), ..Changes::default() });
    assert_eq!(text, "--set pool=1: there is no parameter `pool`; the nearest is pools");
    let text = says(Changes { set: set("policy", "kernal"), ..Changes::default() });
    assert_eq!(text, "--set policy=kernal: there is no policy `kernal`; the nearest is kernel");
    let text = says(Changes { filter: Filter::parse("poolz=1").unwrap(), ..Changes::default() });
    assert!(text.contains("no axis or parameter `poolz`; the nearest is pools"), "{text}");
    let text = says(Changes { filter: Filter::parse("pools=3").unwrap(), ..Changes::default() });
    assert_eq!(text, "--filter: there is no pools `3`; the nearest are 1, 4, 16");
    let text = says(Changes { filter: Filter::parse("policy=krnel").unwrap(), ..Changes::default() });
    assert_eq!(text, "--filter: there is no policy `krnel`; the nearest is kernel");
    let text =
        says(Changes { filter: Filter::parse("pools=1,position=head").unwrap(), ..Changes::default() });
    assert!(text.contains("no cell is left"), "{text}");
    let text = says(Changes { set: set("pools", "1:60000:+1"), ..Changes::default() });
    assert!(text.contains("more than"), "{text}");
}

#[test]
fn mistakes_in_a_file_have_line_and_column() {
    for (from, to, says) in [
        (
            "pools = \"1:64:*4\"",
            "polls = \"1:64:*4\"",
            "bad.toml:13:1: there is no parameter `polls`; the nearest is pools",
        ),
        ("pools = \"1:64:*4\"", "pools = \"1:64:4\"", "bad.toml:13:9: `1:64:4` is not a range"),
        ("pools = \"1:64:*4\"", "pools = 0", "bad.toml:13:9: `0` is not within 1 to 65536"),
        ("pools = \"1:64:*4\"", "pools = [1, 1]", "bad.toml:13:13: the value 1 is there twice"),
        (
            "\"head\", \"tail\"]",
            "\"head\", \"tial\"]",
            "bad.toml:14:21: there is no choice `tial`; the nearest is tail",
        ),
        (
            "scenario = \"find_pool\"",
            "scenario = \"findpool\"",
            "bad.toml:5:12: there is no scenario `findpool`; the nearest is find_pool",
        ),
        ("title =", "titel =", "bad.toml:2:1: there is no key of the suite `titel`; the nearest is title"),
        ("title = \"find_pool against the number of pools\"\n", "", "bad.toml:1:1: the suite lacks `title`"),
        (
            "metric = ",
            "metrc = ",
            "bad.toml:25:1: there is no key of the expect `metrc`; the nearest is metric",
        ),
        (
            "compare = \"policy=lookup-sorted\"",
            "compare = \"polcy=lookup-sorted\"",
            "bad.toml:26:11: there is no axis or parameter `polcy`; the nearest is policy",
        ),
        ("questions = [\"Q1\"]", "questions = [\"Q9\"]", "bad.toml:3:14: there is no question or claim `Q9`"),
        ("ratio_below = 0.5", "", "lacks a bound"),
        ("ratio_below", "ratio_belw", "the nearest is ratio_below"),
        (
            "where = { pools = 64 }",
            "where = { pool = 64 }",
            "there is no axis or parameter `pool`; the nearest is pools",
        ),
        ("[launches]", "[launchs]", "there is no key of the suite `launchs`; the nearest is launches"),
        ("quick = 2", "quick = 0", "have to be within 1 and 1000"),
        ("name = \"find-pool\"", "name = \"Find Pool\"", "bad.toml:1:8: `name` has to be"),
        ("[axes]", "[axes", "bad.toml:12:6: "),
        (
            "policies = [\"kernel\", \"lookup-*\"]",
            "policies = [3]",
            "bad.toml:6:13: `policies` has to be a list of texts",
        ),
        ("policies = [\"kernel\", \"lookup-*\"]", "", "the suite lacks `policies`"),
        ("[quick]\npools", "[quick]\nsection", "`1` is neither"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let error = read("bad.toml", &text).unwrap_err().to_string();
        let fits = error.contains(says)
            || (from.starts_with("[quick]") && error.contains("is no axis of this suite"))
            || (from.starts_with("[quick]") && error.contains("choice"));
        assert!(fits, "{to}: {error}");
    }
}

#[test]
fn conditions_that_no_cell_fulfils_are_refused_with_their_place() {
    for (from, to, says) in [
        (
            "policies = [\"kernel\"",
            "policies = [\"kernal\"",
            "bad.toml:6:13: there is no policy `kernal`; the nearest is kernel",
        ),
        (
            "against = \"policy=kernel\"",
            "against = \"policy=kernal\"",
            "bad.toml:27:11: there is no policy `kernal`; the nearest is kernel",
        ),
        ("where = { pools = 64 }", "where = { pools = 999 }", "bad.toml:28:9: there is no pools `999`; "),
        ("where = { pools = 64 }", "where = \"pools>64\"", "bad.toml:26:11: no cell of the suite fulfils"),
        ("where = { pools = 64 }", "where = { policy = \"kernel\" }", "fulfils these conditions"),
        (
            "skip = [\"pools=1,position=head\"]",
            "skip = [\"pools=1,position=haed\"]",
            "bad.toml:7:9: there is no position `haed`; the nearest is head",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let suite = read("bad.toml", &text).unwrap();
        // A quick run or a filter that leaves such cells out is no mistake of the file; a typo is one in any.
        for mode in [Mode::Quick, Mode::Full] {
            let changes = Changes { mode, ..Changes::default() };
            let error = cells(&suite, &changes, &POLICIES, Limits::default()).unwrap_err().to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
    }
}

#[test]
fn suites_of_many_cells_are_checked_without_looking_at_every_pair() {
    let text = GOOD
        .replace("pools = \"1:64:*4\"", "pools = \"1:5000:+1\"")
        .replace("compare = \"policy=lookup-sorted\"", "compare = \"policy=*\"")
        .replace("where = { pools = 64 }\n", "")
        .replace("against = \"policy=kernel\"", "against = \"policy=kernel,pools=1,position=head\"");
    let suite = read("many.toml", &text).unwrap();
    let error = cells(&suite, &Changes::default(), &POLICIES, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("no cell of the suite is there to compare with"), "{error}");
}

#[test]
fn an_axis_has_so_many_values_and_no_more() {
    let axis = |values: &str| read("axis.toml", &GOOD.replace("\"1:64:*4\"", values)).map(|suite| suite.axes);
    assert_eq!(axis("[\"1:5000:+1\", \"5001:10000:+1\"]").unwrap()["pools"].len(), 10_000);
    let error = axis("[\"1:5000:+1\", \"5001:10001:+1\"]").unwrap_err().to_string();
    assert_eq!(error, "axis.toml:13:23: more than 10000 values of one axis");
}

#[test]
fn a_claim_has_one_of_the_known_numbers() {
    let expect = GOOD.replace("[[expect]]", "[[claim]]\nid = \"N1\"\nsign = \"lower\"");
    let text = expect.replace("ratio_below", "smallest");
    assert_eq!(read("x", &text).unwrap().claims.len(), 1);
    let error = read("x", &text.replace("N1", "N99")).unwrap_err().to_string();
    assert!(error.starts_with("x:24:6: there is no claim `N99`"), "{error}");
}

#[test]
fn impossible_geometry_is_refused_before_anything_runs() {
    let suite = |parameters: &str| {
        let text = format!(
            "name = \"x\"\ntitle = \"x\"\nanalysis = \"x\"\nscenario = \"model nvme\"\npolicies = [\"kernel\"]\n[parameters]\n{parameters}"
        );
        read("x.toml", &text)
    };
    let refused = |parameters: &str, memory_bytes| {
        let limits = Limits { memory_bytes, cores: Some(2) };
        match suite(parameters) {
            Ok(suite) => cells(&suite, &Changes::default(), &POLICIES, limits).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    assert!(refused("nslabs = 0", None).contains("x.toml:7:10: `0` is not within 1 to"));
    assert!(refused("nareas = 70000", None).contains("is not within 1 to 65536"));
    assert!(refused("nslabs = 512\nnareas = 8", None).contains("there are at most 4"));
    assert!(
        refused("nslabs = 32768", Some(1 << 20)).contains("does not fit into this machine's 1048576 bytes")
    );
    assert!(refused("growth_delay = 10", None).contains("is not a time with its unit"));
}

#[test]
fn a_suite_without_a_policy_has_cells_too() {
    let text = "name = \"control\"\ntitle = \"x\"\nanalysis = \"x\"\nscenario = \"control\"\n";
    let suite = read("control.toml", text).unwrap();
    let all = cells(&suite, &Changes::default(), &POLICIES, Limits::default()).unwrap();
    assert_eq!((all.len(), all[0].id.as_str()), (1, "control/policy=none"));
    let set = vec![("policy".to_owned(), "kernel".to_owned())];
    let refused = cells(&suite, &Changes { set, ..Changes::default() }, &POLICIES, Limits::default());
    let says = refused.unwrap_err().to_string();
    assert_eq!(says, "--set policy=kernel: `control` has no policy under test");
    assert!(read("x", &format!("{text}policies = [\"kernel\"]")).is_err());
}

#[test]
fn the_models_are_those_that_there_are() {
    let mut known: Vec<&str> = keys::models().collect();
    let mut there: Vec<&str> = crate::model::Model::names().to_vec();
    known.sort_unstable();
    there.sort_unstable();
    assert_eq!(known, there);
}

#[test]
fn every_parameter_of_a_model_has_its_key() {
    for name in keys::models() {
        let Some(model) = crate::model::Model::by_name(name) else { continue };
        let table = serde_json::to_value(model).unwrap();
        let mut there: Vec<&str> =
            table.as_object().unwrap().keys().map(String::as_str).filter(|k| *k != "name").collect();
        let mut known: Vec<&str> = model_keys::own(name).iter().map(|(key, _)| *key).collect();
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(known, there, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z=\\[\\]\"\n0-9:*+, ]{0,200}", at in 0_usize..600, cut in 0_usize..600) {
        let _ = read("x", &text);
        let at = GOOD.floor_char_boundary(at);
        let _ = read("x", &format!("{}{text}{}", &GOOD[..at], &GOOD[GOOD.floor_char_boundary(cut)..]));
    }
}
