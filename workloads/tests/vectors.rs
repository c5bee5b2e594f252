//! The bundled golden vectors read from end to end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use workloads::golden::{GoldenFile, Op, Pools, Step, find_files, to_text};
use workloads::lines::Lines;

#[test]
fn every_file_reads() {
    let mut ops: BTreeMap<&str, u64> = BTreeMap::new();
    let mut files = 0;
    for path in find_files(&common::folders("golden")).unwrap() {
        let file = GoldenFile::open(&path).unwrap();
        assert_eq!(file.header().file, common::stem(&path));
        assert_eq!((file.header().slot_size, file.header().segment_slots), (2048, 128));
        let mut steps = 0;
        for step in file {
            let step = step.unwrap();
            assert_eq!(step.line, steps + 2);
            match &step.op {
                Op::Snapshot => assert!(matches!(step.out.pools, Some(Pools::List(_)))),
                Op::Stats { .. } => assert!(matches!(step.out.pools, Some(Pools::Count(_)))),
                Op::Map(_) => assert_eq!(step.out.ok == Some(true), step.out.slot.is_some()),
                _ => {}
            }
            *ops.entry(step.op.name()).or_default() += 1;
            steps += 1;
        }
        assert!(steps > 3);
        files += 1;
    }
    assert!(files >= 47, "{files} files");
    assert_eq!(ops.len(), 20, "every operation of the schema occurs: {ops:?}");
}

#[test]
fn what_is_written_is_read_back() {
    for path in find_files(&common::folders("golden")).unwrap() {
        let file = GoldenFile::open(&path).unwrap();
        let header = file.header().clone();
        let steps: Vec<Step> = file.map(Result::unwrap).collect();
        let text = Cursor::new(to_text(&header, &steps).into_bytes());
        let again = GoldenFile::from_lines(Lines::from_reader(Path::new("again"), text).unwrap()).unwrap();
        assert_eq!(*again.header(), header);
        let again: Vec<Step> = again.map(Result::unwrap).collect();
        assert!(again == steps, "{}", path.display());
    }
}
