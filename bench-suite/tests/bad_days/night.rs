//! A night on bad days: its disk is full, and somebody builds the program anew before it goes on. The night is written
//! down as one that was cut after its first stages, which have nothing to do with it.

use crate::{Place, has_ended, kept};
use serde_json::{Value, json};

/// A night that has its suites before it.
fn cut(place: &Place) {
    let measure = place.arguments("measure @fast.toml --launches 8 --no-control --out @night/suites");
    let over = |name: &str| (name.to_owned(), json!({ "exit": 0, "left_out": null, "seconds": 1 }));
    let left_out =
        ("gate".to_owned(), json!({ "exit": null, "left_out": "no --gate was given", "seconds": 0 }));
    let ended: serde_json::Map<String, Value> =
        [over("doctor"), over("control"), left_out].into_iter().collect();
    let night = json!({ "version": 1, "commands": { "suites": measure }, "ended": ended });
    std::fs::create_dir(place.path("night")).unwrap();
    std::fs::write(place.path("night/nightly.json"), night.to_string()).unwrap();
}

/// The exit code of the night's suites.
fn ended(place: &Place) -> Option<i64> {
    let text = std::fs::read(place.path("night/nightly.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["ended"]["suites"]["exit"].as_i64()
}

/// Has the plan of the stage's run say that another program made it; gives back what it was.
fn as_if_rebuilt(place: &Place) -> Vec<u8> {
    let path = place.path("night/suites/plan.json");
    let whole = std::fs::read(&path).unwrap();
    let mut plan: Value = serde_json::from_slice(&whole).unwrap();
    plan["made"]["program"] = "0".into();
    std::fs::write(path, plan.to_string()).unwrap();
    whole
}

#[test]
fn a_full_disk_breaks_a_stage_which_goes_on_with_the_program_that_began_it() {
    let place = Place::new();
    cut(&place);
    let resume = "nightly --resume --out @night";
    let (_, said) = has_ended(&place.limited(16, resume), 1);
    assert!(said.contains("free space and resume"), "{said}");
    let before = kept(&place.path("night/suites"));
    assert!(ended(&place) == Some(1) && (1..24).contains(&before), "{before}");
    let plan = as_if_rebuilt(&place);
    let (_, said) = has_ended(&place.done(resume), 1);
    assert!(said.contains("a run of another build of this program (SHA-256 0, "), "{said}");
    assert_eq!((ended(&place), kept(&place.path("night/suites"))), (Some(1), before));
    std::fs::write(place.path("night/suites/plan.json"), plan).unwrap();
    has_ended(&place.done(resume), 0);
    assert_eq!((ended(&place), kept(&place.path("night/suites"))), (Some(0), 24));
}
