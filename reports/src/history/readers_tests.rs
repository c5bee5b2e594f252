//! Histories that a reader may not write to, and runs that were added before they were finished.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::night::tests::text;
use super::tests::{Place, night};
use super::*;
use std::collections::BTreeMap;
use std::fs;

/// Every file of a history with its content.
fn files(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = [place.history(), place.history().join("records")];
    let paths =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn unlocked(place: &Place) -> History {
    History::in_folder(Folder::unlocked(&place.history())).unwrap()
}

#[test]
fn who_may_not_write_reads_the_same_and_leaves_everything_as_it_is() {
    let place = Place::new();
    let names = place.nights(0, &[1.0, 2.0, 3.0]);
    let all = |history: &History| (history.runs().unwrap(), history.judged(&|_| true).unwrap());
    let expected = all(&place.open());
    let index = place.history().join("index.sqlite");
    let whole = fs::read(&index).unwrap();
    // Another command has the lock, and a kill has left a draft and half an acceptance.
    fs::write(place.history().join("records/draft.jsonl.new"), "{").unwrap();
    let busy = place.open();
    fs::write(place.history().join("records/draft.jsonl.new"), "{").unwrap();
    fs::write(place.history().join("accepted.jsonl"), "{\"machine\":\"").unwrap();
    let looks = |says: &str| {
        let before = files(&place);
        let history = unlocked(&place);
        assert_eq!(all(&history), expected, "{says}");
        assert!(history.notes.join("\n").contains(says), "{says}: {:?}", history.notes);
        assert_eq!(files(&place), before, "{says}");
    };
    looks("the last line was cut");
    fs::write(&index, &whole[..whole.len() / 2]).unwrap();
    looks("made again in memory of 3 runs");
    fs::remove_file(&index).unwrap();
    looks("index.sqlite: missing, made again in memory of 3 runs");
    drop(busy);
    // A copy that the index lacks yet.
    fs::write(&index, &whole).unwrap();
    let copy = place.history().join(format!("records/{}.jsonl", names[2]));
    fs::rename(&copy, copy.with_extension("away")).unwrap();
    drop(place.open());
    fs::rename(copy.with_extension("away"), &copy).unwrap();
    looks("its records were not in the index; now they are");
}

#[test]
fn a_lock_that_is_another_s_says_what_needs_none() {
    for kind in [std::io::ErrorKind::PermissionDenied, std::io::ErrorKind::ReadOnlyFilesystem] {
        let said = error::in_lock(Path::new("h/lock"), kind.into()).to_string();
        assert!(said.starts_with("h/lock: cannot lock: ") && said.contains("needs no lock"), "{said}");
    }
    let other = error::in_lock(Path::new("h/lock"), std::io::ErrorKind::StorageFull.into());
    assert!(matches!(other, HistoryError::Io { .. }), "{other}");
}

#[test]
fn a_run_that_is_not_finished_is_marked_until_it_is_and_is_no_baseline() {
    let place = Place::new();
    let names = place.nights(0, &[1.0, 2.0]);
    let (records, left) = (night(2, 3.0), |missing| Some(Unfinished { missing, planned: 3 }));
    let add = |n: usize, left| place.open().add_part(&place.file(&text(&records[..n])), left).unwrap();
    let newest = || place.open().runs().unwrap().pop().unwrap();
    let baseline = || {
        let history = place.open();
        let machine = history.judged(&|_| true).unwrap()[0].series.key.machine.clone();
        history.baseline(&machine, &["s"], &|_| true).unwrap().unwrap().run.name
    };
    assert!(matches!(add(1, left(2)), Added::New(_)));
    let mark = || newest().unfinished.map(|left| left.to_string());
    assert_eq!(mark().as_deref(), Some("2 of 3 launches missing"));
    let listed = crate::terminal::render(&tables::runs(&place.open().runs().unwrap()));
    assert_eq!(listed.matches("unfinished: 2 of 3 launches missing").count(), 1, "{listed}");
    assert_eq!(baseline(), names[1]);
    // The mark is no part of the index.
    fs::remove_file(place.history().join("index.sqlite")).unwrap();
    assert!(mark().is_some());
    assert!(matches!(add(2, left(1)), Added::Grown(_)));
    assert_eq!(newest().unfinished, left(1));
    assert!(matches!(add(3, left(0)), Added::Grown(_)));
    assert_eq!((newest().unfinished, baseline()), (None, newest().name));
    // Less of it, added once more, takes nothing back; of a run without a plan nobody knows.
    assert!(matches!(add(1, left(2)), Added::Already(_)));
    assert!(matches!(add(3, None), Added::Already(_)));
    assert_eq!(newest().unfinished, None);
    // One that an older version added without a mark gets it when it is added again.
    assert!(matches!(add(3, left(5)), Added::Already(_)));
    assert_eq!(newest().unfinished, left(5));
}
