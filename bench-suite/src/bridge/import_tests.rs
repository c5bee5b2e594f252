//! Tests of the import: what the tool prints is read, anything else is refused with file and line.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use crate::bridge::Options;
use proptest::prelude::*;
use std::io::Cursor;
use swiotlb_core::device::Direction;

const GOOD: &str = "dma mapping benchmark: threads:2 seconds:10 node:-1 dir:TO_DEVICE granule: 4\n\
                    average map latency(us):0.3 standard deviation:1.5\n\
                    average unmap latency(us):12.0 standard deviation:0.0\n";

fn from(bytes: &[u8]) -> Result<Saved, ImportError> {
    read(Lines::from_reader(Path::new("saved"), Cursor::new(bytes.to_owned()))?)
}

fn of(text: &str) -> Result<Saved, ImportError> {
    from(text.as_bytes())
}

/// The message for a good run with one part put in another's place.
fn refused(part: &str, by: &str) -> String {
    assert!(GOOD.contains(part), "{part}");
    of(&GOOD.replacen(part, by, 1)).unwrap_err().to_string()
}

#[test]
fn a_run_is_read() {
    let saved = of(GOOD).unwrap();
    let spread = |mean_ns, stddev_ns| Spread { mean_ns, stddev_ns };
    let asked = Asked { threads: 2, seconds: 10, node: Some(-1), dir: Direction::ToDevice, granule: Some(4) };
    let figures = Figures { map: spread(300.0, 1_500.0), unmap: spread(12_000.0, 0.0) };
    assert_eq!(saved.runs, [Imported { line: 1, asked, figures }]);
    assert_eq!(saved.foreign, 0);
}

#[test]
fn runs_follow_each_other_with_anything_between() {
    let text = format!("# ./dma_map_benchmark -t 2\n{GOOD}\nroot@host:~#\r\n\n{GOOD}{GOOD}");
    let saved = of(&text).unwrap();
    assert_eq!(saved.runs.iter().map(|run| run.line).collect::<Vec<_>>(), [2, 8, 11]);
    assert_eq!(saved.foreign, 2);
}

#[test]
fn older_and_later_forms_are_read() {
    let older = GOOD.replace(" granule: 4", "");
    assert_eq!(of(&older).unwrap().runs[0].asked.granule, None);
    let later =
        GOOD.replace("benchmark:", "benchmark(SINGLE_MODE):").replace("granule: 4", "granule:4 more:1");
    assert_eq!(of(&later).unwrap().runs[0].asked, of(GOOD).unwrap().runs[0].asked);
}

#[test]
fn what_we_print_is_read_back() {
    let options = Options { threads: 3, granule: 8, ..Options::default() };
    let figures = of(GOOD).unwrap().runs[0].figures;
    let saved = of(&format!("{}\n{figures}", options.asked())).unwrap();
    assert_eq!((saved.runs[0].asked, saved.runs[0].figures), (options.asked(), figures));
}

#[test]
fn a_cut_run_names_what_is_missing() {
    let lines: Vec<&str> = GOOD.lines().collect();
    let said = of(lines[0]).unwrap_err().to_string();
    assert_eq!(
        said,
        "saved:1: the file ends inside the run of line 1: `average map latency(us):…` is missing"
    );
    let said = of(&lines[..2].join("\n")).unwrap_err().to_string();
    assert!(said.contains("saved:2:") && said.contains("average unmap"), "{said}");
    let said = of(&format!("{}\n{GOOD}", lines[0])).unwrap_err().to_string();
    assert!(said.starts_with("saved:2: the run of line 1 goes on with"), "{said}");
    let said = of(lines[1]).unwrap_err().to_string();
    assert!(said.starts_with("saved:1: figures without a line"), "{said}");
}

#[test]
fn wrong_options_are_named() {
    assert_eq!(
        refused("threads:2", "threads:1025"),
        "saved:1: threads:`1025`: must be a number from 1 to 1024"
    );
    assert!(refused("threads:2", "").contains("no `threads:` among the options"));
    assert!(refused("seconds:10", "seconds:99999999999999999999").contains("from 1 to 300"));
    assert!(refused("node:-1", "node:-2").contains("node:`-2`"));
    assert!(refused("TO_DEVICE", "UP").contains("dir:`UP`: there are BIDIRECTIONAL"));
    assert!(refused("granule: 4", "granule: 0").contains("granule:`0`"));
    assert!(
        refused("benchmark: threads:2 seconds:10 node:-1 dir:TO_DEVICE granule: 4", "benchmark")
            .contains("no options")
    );
}

#[test]
fn wrong_figures_are_named() {
    assert_eq!(refused(":0.3", ":x"), "saved:2: the mean is `x`, not a time in us");
    for none in ["-1.0", "nan", "inf", "1e3", "", "+1", "1.2.3"] {
        assert!(refused(":0.3", &format!(":{none}")).contains("not a time in us"), "{none}");
    }
    let said = refused(":1.5", ":1844674407370955161.5");
    assert_eq!(said, "saved:2: the deviation is `1844674407370955161.5` us, longer than the run of 10 s");
    assert!(refused(":12.0", &format!(":{}", "9".repeat(400))).starts_with("saved:3: the mean is"));
    assert!(refused("standard deviation:0.0", "").contains("saved:3: no `standard deviation:`"));
}

#[test]
fn garbage_holds_no_run() {
    for text in ["", "\n\n", "nothing\nhere\n", "DMA MAPPING BENCHMARK: threads:1"] {
        let said = of(text).unwrap_err().to_string();
        assert!(said.starts_with("saved: no run of dma_map_benchmark in it"), "{said}");
    }
    assert!(matches!(from(b"\xff\xfe").unwrap_err(), ImportError::Line(_)));
    let said = refused("dir:TO_DEVICE", "dir:\u{1b}[31m\u{202e}").to_string();
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said:?}");
}

proptest! {
    #[test]
    fn no_damage_is_believed(at in 0..GOOD.len(), byte in any::<u8>()) {
        let mut bytes = GOOD.as_bytes().to_owned();
        bytes[at] = byte;
        if let Ok(saved) = from(&bytes) {
            for run in saved.runs {
                let times = [run.figures.map, run.figures.unmap].map(|s| [s.mean_ns, s.stddev_ns]);
                let limit = f64::from(run.asked.seconds) * 1e9;
                prop_assert!(times.as_flattened().iter().all(|ns| (0.0..=limit).contains(ns)));
            }
        }
    }
}
