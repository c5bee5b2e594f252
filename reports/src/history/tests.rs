//! Adding, reading again, rebuilding, accepting.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::night::tests::{launch, text};
use super::*;
use crate::record::RunRecord;
use std::fs;
use std::io::Write as _;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The launches of night `night`, around `ns`.
pub(super) fn night(night: u64, ns: f64) -> Vec<RunRecord> {
    (0..3).map(|i| launch(1_700_000_000 + night * DAY, i, ns + f64::from(i) / 100.0)).collect()
}

/// A history in a folder that goes when this does, and files of runs beside it.
pub(super) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn history(&self) -> PathBuf {
        self.folder.path().join("history")
    }

    pub(super) fn open(&self) -> History {
        History::create(&self.history()).unwrap()
    }

    pub(super) fn file(&self, text: &[u8]) -> PathBuf {
        let path = self.folder.path().join("runs.jsonl");
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn add(&self, records: &[RunRecord]) -> Result<Added, HistoryError> {
        self.open().add(&self.file(&text(records)))
    }

    /// Nights of these levels, counted from `first`; the names of their runs.
    pub(super) fn nights(&self, first: u64, levels: &[f64]) -> Vec<String> {
        let (mut history, mut names) = (self.open(), Vec::new());
        for (i, ns) in levels.iter().enumerate() {
            match history.add(&self.file(&text(&night(first + i as u64, *ns)))).unwrap() {
                Added::New(night) => names.push(night.run.name),
                other => panic!("{other:?}"),
            }
        }
        names
    }
}

fn all(history: &History) -> Vec<Judged> {
    history.judged(&|_| true).unwrap()
}

/// Twelve nights that swing by 0.2 %, then three that are 10 % up.
const STEP: [f64; 15] =
    [100.0, 100.2, 100.1, 100.0, 100.2, 100.1, 100.0, 100.2, 100.1, 100.0, 100.2, 100.1, 110.0, 110.1, 110.2];

#[test]
fn runs_are_kept_as_they_were_and_make_series() {
    let place = Place::new();
    let missing = History::open(&place.history()).unwrap_err();
    assert!(matches!(missing, HistoryError::None(_)) && !place.history().exists());
    // Added out of order, in the order of time afterwards.
    let later = place.nights(5, &[101.0]).remove(0);
    let earlier = place.nights(4, &[100.0]).remove(0);
    let history = History::open(&place.history()).unwrap();
    assert!(history.notes.is_empty(), "{:?}", history.notes);
    assert_eq!(history.runs().unwrap().iter().map(|run| &run.name).collect::<Vec<_>>(), [&earlier, &later]);
    let kept = history.records_of(&later).unwrap().unwrap();
    assert_eq!(fs::read(kept).unwrap(), text(&night(5, 101.0)));
    let found = all(&history);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].series.key.metric, "ns_per_op");
    assert_eq!(found[1].series.medians(), [100.01, 101.01]);
}

#[test]
fn a_run_is_there_once_however_it_comes() {
    let place = Place::new();
    let records = night(1, 100.0);
    assert!(matches!(place.add(&records[..2]).unwrap(), Added::New(night) if night.run.records == 2));
    assert!(matches!(place.add(&records).unwrap(), Added::Grown(night) if night.run.records == 3));
    assert!(matches!(place.add(&records).unwrap(), Added::Already(_)));
    assert!(matches!(place.add(&records[..2]).unwrap(), Added::Already(_)));
    let runs = place.open().runs().unwrap();
    assert_eq!((runs.len(), runs[0].records), (1, 3));
    let mut changed = records.clone();
    changed[1].seed = 9;
    assert!(matches!(place.add(&changed).unwrap_err(), HistoryError::Changed { .. }));
    let twice = place.add(&records[1..]).unwrap_err();
    assert!(matches!(&twice, HistoryError::Twice { line: 1, run, .. } if *run == runs[0].name), "{twice}");
    assert_eq!(place.open().runs().unwrap(), runs);
}

#[test]
fn a_refused_run_leaves_no_trace() {
    let place = Place::new();
    let mut records = night(1, 100.0);
    records[1].revision = "other".into();
    assert!(matches!(place.add(&records).unwrap_err(), HistoryError::Refused { .. }));
    assert!(matches!(
        place.open().add(place.folder.path().join("records").as_path()),
        Err(HistoryError::Io { .. })
    ));
    assert_eq!(place.open().runs().unwrap(), []);
    assert_eq!(fs::read_dir(place.history().join("records")).unwrap().count(), 0);
}

#[test]
fn an_index_that_is_lost_damaged_or_foreign_is_made_again() {
    let place = Place::new();
    place.nights(0, &STEP);
    let before = {
        let mut history = place.open();
        assert_eq!(history.accept(&|_| true, ("a new kernel", "me", 1)).unwrap().len(), 1);
        (history.runs().unwrap(), all(&history))
    };
    let index = place.history().join("index.sqlite");
    let whole = fs::read(&index).unwrap();
    let foreign = || {
        let connection = rusqlite::Connection::open(&index).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
    };
    let damage: [(&dyn Fn(), &str); 4] = [
        (&|| fs::remove_file(&index).unwrap(), "missing"),
        (
            &|| fs::write(&index, b"no index at all, and long enough to be read as one").unwrap(),
            "not a database",
        ),
        (&|| fs::write(&index, &whole[..whole.len() / 2]).unwrap(), "made again"),
        (&foreign, "version 99 instead of 2"),
    ];
    for (harm, says) in damage {
        harm();
        let history = place.open();
        assert!(history.notes[0].contains(says), "{says}: {:?}", history.notes);
        assert!(history.notes[0].contains("made again of 15 runs"), "{:?}", history.notes);
        assert_eq!((history.runs().unwrap(), all(&history)), before);
        drop(history);
        assert!(place.open().notes.is_empty());
    }
}

#[test]
fn the_index_follows_the_copies() {
    let place = Place::new();
    let names = place.nights(0, &[1.0, 2.0, 3.0]);
    let copy = |name: &str| place.history().join(format!("records/{name}.jsonl"));
    // One is compressed, one removed, one damaged.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&fs::read(copy(&names[0])).unwrap()).unwrap();
    fs::write(copy(&names[0]).with_extension("jsonl.gz"), gz.finish().unwrap()).unwrap();
    fs::remove_file(copy(&names[0])).unwrap();
    fs::remove_file(copy(&names[1])).unwrap();
    fs::write(copy(&names[2]), b"{}\n").unwrap();
    let history = place.open();
    assert_eq!(history.runs().unwrap().iter().map(|r| &r.name).collect::<Vec<_>>(), [&names[0], &names[2]]);
    let notes = history.notes.join("\n");
    assert!(notes.contains(&format!("{}: its records are gone", names[1])), "{notes}");
    assert!(notes.contains("left out: ") && notes.contains(&format!("{}.jsonl:1:", names[2])), "{notes}");
    drop(history);
    assert!(matches!(place.add(&night(0, 1.0)).unwrap(), Added::Already(_)), "compressed or not");
}

#[test]
fn an_alert_is_accepted_once_and_for_all() {
    let place = Place::new();
    let names = place.nights(0, &STEP);
    let mut history = place.open();
    let alerts = history.alerts(&[&names[14]]).unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].open().unwrap().run, names[12]);
    assert!(history.accept(&|_| true, ("  ", "me", 1)).unwrap_err().to_string().contains("say why"));
    assert_eq!(history.accept(&|key| key.metric == "failed", ("x", "me", 1)).unwrap(), []);
    assert_eq!(history.accept(&|_| true, ("longer walks, wanted", "me", 1)).unwrap(), alerts);
    assert_eq!(history.accept(&|_| true, ("again", "me", 2)).unwrap(), []);
    drop(history);
    // A line that a kill has cut is no acceptance, and does not spoil the next.
    let path = place.history().join("accepted.jsonl");
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"{\"machine\":\"").unwrap();
    drop(file);
    let later = place.nights(15, &[121.0]);
    let mut history = place.open();
    assert!(history.notes[0].contains("last line was cut"), "{:?}", history.notes);
    assert_eq!(history.alerts(&[&later[0]]).unwrap()[0].open().unwrap().run, later[0]);
    history.accept(&|_| true, ("another", "me", 3)).unwrap();
    drop(history);
    let history = place.open();
    assert!(history.notes.is_empty() && history.alerts(&[&later[0]]).unwrap().is_empty());
    let show = crate::terminal::render(&tables::series(&all(&history)[1]));
    assert!(show.contains("+10.0 %: accepted by me on 1970-01-01: longer walks, wanted"), "{show}");
    fs::write(&path, b"{}\n").unwrap();
    drop(history);
    let error = History::open(&place.history()).unwrap_err().to_string();
    assert!(error.contains("accepted.jsonl:1: no acceptance"), "{error}");
}

#[test]
fn a_new_machine_is_a_new_series_and_no_alert() {
    let place = Place::new();
    place.nights(0, &STEP[..12]);
    let mut other = night(12, 300.0);
    other.iter_mut().for_each(|record| record.machine.cpu_model = Some("another".into()));
    let Added::New(night) = place.add(&other).unwrap() else { panic!("it is new") };
    let history = place.open();
    assert_eq!(history.alerts(&[&night.run.name]).unwrap(), []);
    assert_eq!(all(&history).len(), 4);
}

#[test]
fn the_baseline_stays_before_open_shifts_and_moves_on_when_they_are_accepted() {
    let place = Place::new();
    let names = place.nights(0, &STEP);
    let mut history = place.open();
    let machine = all(&history)[0].series.key.machine.clone();
    let any = |_: &Run| true;
    let baseline = |history: &History| history.baseline(&machine, &["s"], &any).unwrap().unwrap();
    let found = baseline(&history);
    assert_eq!((&found.run.name, found.passed_over, found.open), (&names[11], 3, 1));
    assert!(found.records.ends_with(format!("records/{}.jsonl", names[11])));
    // Usable ones only. A suite that no run has beside the other needs no numbers: the open shift still counts.
    let usable = |run: &Run| run.name < names[11];
    assert_eq!(history.baseline(&machine, &["s"], &usable).unwrap().unwrap().run.name, names[10]);
    assert_eq!(history.baseline(&machine, &["s"], &|_| false).unwrap(), None);
    assert_eq!(history.baseline(&machine, &["s", "t"], &any).unwrap().unwrap().run.name, names[11]);
    history.accept(&|_| true, ("wanted", "me", 1)).unwrap();
    assert_eq!(baseline(&history).run.name, names[14]);
    // A cell that is measured no more holds nothing back, whatever its last night was.
    let mut gone = night(15, 110.0);
    gone.iter_mut().for_each(|record| record.metrics.extend([("old_ns".to_owned(), 1.0)]));
    drop(history);
    place.add(&gone).unwrap();
    let last = place.nights(16, &[110.1]).remove(0);
    let history = place.open();
    assert_eq!(baseline(&history).run.name, last);
    for (machine, suites) in [("other", &["s"][..]), (&machine, &["s", "t"])] {
        assert_eq!(history.baseline(machine, suites, &any).unwrap().unwrap().run.name, last);
    }
}

#[test]
fn points_are_exported_in_full() {
    let place = Place::new();
    let names = place.nights(0, &STEP);
    let found = all(&place.open());
    let json: Vec<serde_json::Value> = serde_json::from_str(&export::json(&found).unwrap()).unwrap();
    assert_eq!(json.len(), 30);
    let at = &json[15 + 12];
    assert_eq!((&at["run"], &at["median"], &at["n"]), (&names[12].clone().into(), &110.01.into(), &3.into()));
    assert_eq!((&at["metric"], &at["shifts"][0]["state"]), (&"ns_per_op".into(), &"open".into()));
    let csv = crate::csv::render(&export::table(&found));
    let line = csv.lines().find(|line| line.contains(&names[12]) && line.contains("ns_per_op")).unwrap();
    assert!(line.contains(",110.01,3,0.022") && line.ends_with(",open"), "{line}");
}
