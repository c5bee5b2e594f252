//! A night on bad days: its disk is full, and somebody builds the program anew before it goes on.

use crate::{Place, has_ended, kept};
use serde_json::Value;

/// The exit code of a stage of the night.
fn ended(place: &Place, stage: &str) -> Option<i64> {
    let text = std::fs::read(place.path("night/nightly.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["ended"][stage]["exit"].as_i64()
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
    place.file("many.toml", &format!("{}\n[launches]\nquick = 30\nfull = 30\n", crate::fast_suite::SUITE));
    let night = "nightly @many.toml --quick --out @night --history @history";
    let (_, said) = has_ended(&place.limited(96, night), 1);
    assert!(said.contains("free space and resume"), "{said}");
    assert_eq!((ended(&place, "doctor"), ended(&place, "suites")), (Some(0), Some(1)));
    let before = kept(&place.path("night/suites"));
    assert!((1..93).contains(&before), "{before}");
    let plan = as_if_rebuilt(&place);
    let (_, said) = has_ended(&place.done("nightly --resume --out @night"), 1);
    assert!(said.contains("a run of another build of this program (SHA-256 0, "), "{said}");
    assert_eq!((ended(&place, "suites"), kept(&place.path("night/suites"))), (Some(1), before));
    std::fs::write(place.path("night/suites/plan.json"), plan).unwrap();
    has_ended(&place.done("nightly --resume --out @night"), 0);
    assert_eq!(kept(&place.path("night/suites")), 93);
    has_ended(&place.done("history list --history @history"), 0);
}
