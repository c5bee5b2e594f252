//! Runs and copies that are not what they should be: records twice, damaged copies, clocks that jumped.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::night::tests::{launch, text};
use super::tests::{Place, night};
use super::*;
use std::fs;

#[test]
fn a_run_with_a_record_twice_is_refused_before_it_is_kept_and_spoils_no_history() {
    let place = Place::new();
    let names = place.nights(0, &[1.0, 2.0]);
    let mut replayed = night(2, 3.0);
    replayed.iter_mut().for_each(|record| record.place = None);
    let twice = [replayed.clone(), replayed].concat();
    let error = place.add(&twice).unwrap_err().to_string();
    assert!(error.contains("runs.jsonl: record 4 is record 1 once more"), "{error}");
    let kept = || fs::read_dir(place.history().join("records")).unwrap().count();
    assert_eq!(kept(), 2);
    // One that lies there all the same, as an older version kept it, is left out and told; nothing else is lost.
    let copy = place.history().join("records").join("2023-11-16T221320Z-000000000000.jsonl");
    fs::write(&copy, text(&twice)).unwrap();
    fs::remove_file(place.history().join("index.sqlite")).unwrap();
    let history = place.open();
    assert_eq!(
        history.runs().unwrap().iter().map(|run| &run.name).collect::<Vec<_>>(),
        [&names[0], &names[1]]
    );
    assert!(
        history.notes[1].starts_with("left out: ") && history.notes[1].contains("once more"),
        "{:?}",
        history.notes
    );
    drop(history);
    assert!(matches!(place.add(&night(3, 4.0)).unwrap(), Added::New(_)));
}

#[test]
fn what_the_index_refuses_of_one_run_is_left_out_and_told() {
    let place = Place::new();
    let names = place.nights(0, &[1.0, 2.0]);
    fs::rename(place.history().join("records"), place.history().join("away")).unwrap();
    fs::create_dir(place.history().join("records")).unwrap();
    drop(place.open());
    fs::remove_dir(place.history().join("records")).unwrap();
    fs::rename(place.history().join("away"), place.history().join("records")).unwrap();
    let index = rusqlite::Connection::open(place.history().join("index.sqlite")).unwrap();
    let refuses = format!(
        "CREATE TRIGGER t BEFORE INSERT ON run WHEN NEW.name = '{}' BEGIN SELECT RAISE(ABORT, 'no'); END",
        names[0]
    );
    index.execute_batch(&refuses).unwrap();
    drop(index);
    let history = place.open();
    assert_eq!(history.runs().unwrap().iter().map(|run| &run.name).collect::<Vec<_>>(), [&names[1]]);
    assert!(
        history.notes[0].starts_with("left out: ") && history.notes[0].contains("no"),
        "{:?}",
        history.notes
    );
}

#[test]
fn a_copy_that_was_damaged_or_changed_is_refused_and_its_numbers_stay() {
    let place = Place::new();
    let name = place.nights(0, &[1.0]).remove(0);
    let copy = place.history().join(format!("records/{name}.jsonl"));
    let (whole, before) = (fs::read(&copy).unwrap(), place.open().judged(&|_| true).unwrap());
    let second = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    let changed = String::from_utf8(whole.clone()).unwrap();
    let (longer, same) = (changed.replace("1.01", "17.01"), changed.replace("1.01", "7.01"));
    let half = whole[..whole.len() / 2].to_vec();
    for (harm, lacks) in [
        (whole[..second].to_vec(), "lacks 2 of the 3 records"),
        (half, "lacks 2 of the 3 records"),
        (longer.into_bytes(), "lacks 1 of the 3 records"),
        (same.into_bytes(), "lacks 1 of the 3 records"),
    ] {
        fs::write(&copy, &harm).unwrap();
        for _ in 0..2 {
            let history = place.open();
            assert_eq!(history.notes.len(), 1, "{:?}", history.notes);
            assert!(
                history.notes[0].starts_with("left out: ") && history.notes[0].contains(lacks),
                "{:?}",
                history.notes
            );
            assert_eq!(history.judged(&|_| true).unwrap(), before);
        }
    }
    // Without an index nobody knows better: what is whole counts, and the cut is told.
    fs::write(&copy, &whole[..whole.len() - 2]).unwrap();
    fs::remove_file(place.history().join("index.sqlite")).unwrap();
    let history = place.open();
    assert!(history.notes[1].contains(".jsonl:3: cut by a run that was interrupted"), "{:?}", history.notes);
    assert_eq!(history.runs().unwrap()[0].records, 2);
    drop(history);
    // The run that the copy was made of puts it back.
    assert!(matches!(place.add(&night(0, 1.0)).unwrap(), Added::Grown(_)));
    assert_eq!((fs::read(&copy).unwrap(), place.open().judged(&|_| true).unwrap()), (whole.clone(), before));
    // Written again without a change: nothing to say.
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, &whole).unwrap();
    assert_eq!(place.open().notes, Vec::<String>::new());
}

#[test]
fn a_run_of_a_clock_that_jumped_is_refused_or_told() {
    let place = Place::new();
    let names = place.nights(3, &[1.0]);
    // The first moment of 2100.
    let future = [launch(4_102_444_800, 0, 1.0)];
    let error = place.add(&future).unwrap_err().to_string();
    assert!(error.contains("2100-01-01T000000Z-") && error.contains("dated in the future"), "{error}");
    assert_eq!(place.open().runs().unwrap().len(), 1);
    let Added::New(late) = place.add(&night(1, 1.0)).unwrap() else { panic!("it is new") };
    assert!(late.notes[0].contains(&format!("older than the newest run {}", names[0])), "{:?}", late.notes);
    let Added::New(next) = place.add(&night(4, 1.0)).unwrap() else { panic!("it is new") };
    assert_eq!(next.notes, Vec::<String>::new());
    // One that lies there already is told whenever the history is opened.
    let name = Night::read(Path::new("f"), text(&future)).unwrap().run.name;
    fs::write(place.history().join(format!("records/{name}.jsonl")), text(&future)).unwrap();
    for _ in 0..2 {
        let notes = place.open().notes.join("\n");
        assert!(notes.contains(&format!("counts as the newest run: remove records/{name}.jsonl")), "{notes}");
    }
}
