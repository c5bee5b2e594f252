//! Tests of [`super::Store`]: what was finished stays, whatever cuts the file.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use std::fs;

use super::*;
use crate::record::tests::sample;
use crate::record::{Clock, Kind, PolicyName};

fn small(name: &str) -> RunRecord {
    RunRecord::new(Kind::Cell, name, PolicyName::default())
}

fn store(folder: &tempfile::TempDir, records: &[RunRecord]) -> PathBuf {
    let path = folder.path().join("runs.jsonl");
    let (mut store, repair) = Store::open(&path).unwrap();
    assert_eq!(repair, None);
    records.iter().for_each(|r| store.append(r).unwrap());
    path
}

#[test]
fn records_come_back_in_order_over_several_openings() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[sample(), small("b")]);
    store(&folder, &[small("c")]);
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.bad, []);
    let names: Vec<_> = loaded.records.iter().map(|r| r.scenario.as_str()).collect();
    assert_eq!(names, ["nvme-randread", "b", "c"]);
    assert_eq!(loaded.records[0].latencies["map"].samples(), 20_001);
}

#[test]
fn a_file_cut_anywhere_keeps_every_finished_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[small("a"), small("b")]);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        // A record is whole once its last brace is there, with or without its newline.
        let finished = usize::from(length >= first - 1) + usize::from(length >= whole.len() - 1);
        let boundary = [0, first - 1, first, whole.len() - 1, whole.len()].contains(&length);
        let loaded = load(&path).unwrap();
        assert_eq!((loaded.records.len(), loaded.bad.len()), (finished, usize::from(!boundary)), "{length}");
        assert!(loaded.bad.iter().all(|b| b.cut));

        let (mut store, repair) = Store::open(&path).unwrap();
        assert_eq!(repair.is_some(), ![0, first, whole.len()].contains(&length), "{length}");
        store.append(&small("c")).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!((loaded.records.len(), loaded.bad.len()), (finished + 1, 0), "{length}");
    }
}

#[test]
fn a_repair_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[small("a"), small("b")]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(Store::open(&path).unwrap().1, Some(Repair::Terminated { line: 2 }));
    assert_eq!(fs::read(&path).unwrap(), whole);
    fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    let repair = Store::open(&path).unwrap().1.unwrap();
    assert!(repair.to_string().starts_with("line 2 was cut by a run that was interrupted; its "), "{repair}");
}

#[test]
fn bad_lines_are_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[small("a")]);
    let good = fs::read_to_string(&path).unwrap();
    let newer = good.replace("swiotlb-bench/1.4", "swiotlb-bench/2");
    fs::write(&path, format!("{good}\nnonsense\u{1b}\n{newer}{good}{{\"schema\":\"swio")).unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.records.len(), 2);
    let bad: Vec<_> = loaded.bad.iter().map(|b| (b.line, b.cut)).collect();
    assert_eq!(bad, [(3, false), (4, false), (6, true)]);
    let message = loaded.bad[1].to_string();
    assert!(message.contains("runs.jsonl:4: schema `swiotlb-bench/2` is not swiotlb-bench/1"), "{message}");
    assert!(loaded.bad[2].to_string().contains("the last line is cut"));
}

#[test]
fn damage_is_told_from_another_version_with_what_to_do() {
    let line = serde_json::to_string(&small("a")).unwrap() + "\n";
    let said = |line: &str| load_from(line.as_bytes(), Path::new("x")).unwrap().bad[0].to_string();
    let array = said(&line.replacen('{', "[", 1));
    assert!(array.starts_with("x:1: damaged: it begins with `[`; a record of swiotlb-bench/1"), "{array}");
    assert!(array.contains("put the line back from a copy of the file, or remove it"), "{array}");
    for damaged in [line.replacen(':', "", 1), "{}\n".to_owned(), line.replacen("\"seed\"", "seed", 1)] {
        let said = said(&damaged);
        assert!(said.contains("x:1: damaged: ") && said.contains(", at byte "), "{said}");
        assert!(!said.contains("version that wrote it") && !said.contains("line 1 column"), "{said}");
    }
    let newer = said(&line.replace("swiotlb-bench/1", "swiotlb-bench/7"));
    assert!(newer.ends_with("read it with the version that wrote it, or run again"), "{newer}");
}

#[test]
fn bytes_that_are_no_text_and_endless_nesting_are_bad_lines() {
    let mut bytes = vec![0xff, 0x00, b'\n'];
    bytes.extend([b'['; 100_000]);
    bytes.push(b'\n');
    let loaded = load_from(bytes.as_slice(), Path::new("x")).unwrap();
    assert_eq!((loaded.records.len(), loaded.bad.len()), (0, 2));
}

#[test]
fn a_line_without_end_is_skipped_in_bounded_memory() {
    let tail = serde_json::to_vec(&small("after")).unwrap();
    let long = io::repeat(b'x').take(MAX_LINE * 2).chain(&b"\n"[..]).chain(tail.as_slice());
    let loaded = load_from(BufReader::new(long), Path::new("x")).unwrap();
    assert_eq!((loaded.records.len(), loaded.bad[0].line, loaded.bad[0].cut), (1, 1, false));
}

#[test]
fn a_foreign_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    fs::write(&path, "Dear reader,\nthis has no newline").unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("not a file of records (its last line, 2,"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "Dear reader,\nthis has no newline");
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Io { action: "open", .. })));
    assert!(matches!(load(&folder.path().join("none")), Err(StoreError::Io { action: "open", .. })));
}

#[test]
fn two_writers_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.jsonl");
    let first = Store::open(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Busy { .. })));
    // As a process has it that another thread is starting and that has not yet run its own program.
    let _copy = first.0.file.try_clone().unwrap();
    drop(first);
    Store::open(&path).unwrap();
}

#[test]
fn a_record_that_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[]);
    let mut record = small("nan\n");
    record.clock = Some(Clock { name: "tsc".into(), overhead_ns: f64::NAN, precision_ns: 1.0 });
    let error = Store::open(&path).unwrap().0.append(&record).unwrap_err().to_string();
    assert!(error.starts_with("a record of `nan\\n` cannot be written"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"");
}

/// A disk with room for so many bytes, which may refuse to cut a file.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
    cuts: bool,
}

impl Write for Disk {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let n = line.len().min(self.room - self.bytes.len());
        self.bytes.extend(&line[..n]);
        if n == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(n) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log for Disk {
    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
    fn cut_to(&mut self, length: u64) -> io::Result<()> {
        if self.cuts {
            self.bytes.truncate(usize::try_from(length).unwrap());
            return Ok(());
        }
        Err(ErrorKind::PermissionDenied.into())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_finished() {
    let line = line_of(&small("a")).unwrap();
    for (room, cuts) in (line.len()..line.len() * 2).flat_map(|room| [(room, true), (room, false)]) {
        let mut disk = Disk { bytes: Vec::new(), room, cuts };
        append_line(&mut disk, Path::new("runs.jsonl"), &line).unwrap();
        let error = append_line(&mut disk, Path::new("runs.jsonl"), &line).unwrap_err();
        assert!(matches!(&error, StoreError::Full { kept, .. } if *kept == line.len() as u64), "{error}");
        let loaded = load_from(disk.bytes.as_slice(), Path::new("x")).unwrap();
        // Room for all but the newline leaves a second whole record where the file cannot be cut.
        let whole = 1 + usize::from(!cuts && room == line.len() * 2 - 1);
        assert_eq!(loaded.records.len(), whole, "{room} {cuts}");
        assert!(!cuts || disk.bytes == line);
    }
}

#[test]
fn some_records_are_read_and_the_others_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder, &[small("a"), small("b"), small("a")]);
    let mut read = Vec::new();
    let bad = each_of(&path, |scenario| scenario == "a", |record| read.push(record)).unwrap();
    assert_eq!((read, bad.len()), (vec![small("a"), small("a")], 0));
}
