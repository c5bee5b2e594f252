//! The slowdown that `calibrate --inject` puts into a cell: a value of the cell like any other, so that its id
//! and its records say so.

use super::{CellError, CellSpec, plan};
use workloads::op::DeviceTouch;
use workloads::suite::Cell;
use workloads::suite::keys::{Scenario, Sort};

/// The value's name. No suite may set it.
pub const KEY: &str = "slowdown";
/// Parts per million in a percent.
const PERCENT: f64 = 10_000.0;

/// Makes every batch of the cell longer by `ppm` parts per million.
pub fn put(cell: &mut Cell, ppm: u32) {
    let text = format!("{}%", f64::from(ppm) / PERCENT);
    cell.id.push_str(&format!(",{KEY}={text}"));
    cell.values.insert(KEY.to_owned(), text);
}

/// By how much the cell's batches are to be longer, parts per million.
///
/// # Errors
/// Where the value is no percentage.
pub fn of(spec: &CellSpec) -> Result<u32, CellError> {
    let Some(text) = spec.text(KEY) else { return Ok(0) };
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let ppm = number.map(|percent| percent * PERCENT).filter(|ppm| (0.0..=f64::from(u32::MAX)).contains(ppm));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within u32")]
    let ppm = ppm.map(|ppm| ppm.round() as u32);
    ppm.ok_or_else(|| CellError::Parameter { key: KEY.to_owned(), value: text.to_owned() })
}

/// Whether a cell can be slowed: one thread in a closed loop whose batches are timed whole.
///
/// # Errors
/// Why not.
pub fn check(spec: &CellSpec) -> Result<(), CellError> {
    if of(spec)? == 0 {
        return Ok(());
    }
    let refuse = |why: &str| Err(CellError::Spec(format!("{KEY}: {why}")));
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    match scenario.sort {
        Sort::Control | Sort::Virtual | Sort::Replay => {
            return refuse("this scenario has no batches to slow");
        }
        Sort::Model => {
            let (_, common) = plan::workload(spec)?;
            if !matches!(common.touch, DeviceTouch::None) {
                return refuse("with a device at work each call is timed by itself, and not batches");
            }
        }
        _ => {}
    }
    if super::backend::threads(spec)? > 1 {
        return refuse("it is put into cells of one thread");
    }
    if spec.text("loop") == Some("open") { refuse("an open loop has no batches") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use std::collections::BTreeMap;

    fn spec(scenario: &str, pairs: &[(&str, &str)]) -> CellSpec {
        let text = |t: &str| t.to_owned();
        let values: BTreeMap<_, _> = pairs.iter().map(|(k, v)| (text(k), text(v))).collect();
        let (id, scenario, policy) = (text("s/x=1"), text(scenario), text("kernel"));
        let mut cell = Cell { id, scenario, policy, values, seed: 1 };
        put(&mut cell, 12_500);
        let (suite, suite_hash) = (text("s"), String::new());
        let (block, arm, counting, program) = (None, None, None, None);
        CellSpec { suite, suite_hash, cell, launch: 0, quick: true, block, arm, counting, program }
    }

    #[test]
    fn it_is_a_value_of_the_cell() {
        let slowed = spec("slot_search", &[]);
        assert_eq!(slowed.cell.id, "s/x=1,slowdown=1.25%");
        assert_eq!(of(&slowed).unwrap(), 12_500);
        let mut wrong = slowed;
        wrong.cell.values.insert(KEY.to_owned(), "-1%".to_owned());
        assert!(of(&wrong).unwrap_err().to_string().contains("slowdown=-1%"));
    }

    #[test]
    fn cells_without_batches_of_one_thread_are_refused() {
        for (scenario, pairs) in [
            ("slot_search", &[("state", "empty")][..]),
            ("find_pool", &[("pools", "4")]),
            ("dummy", &[("service", "2us")]),
            ("model nvme", &[("threads", "1")]),
        ] {
            check(&spec(scenario, pairs)).unwrap();
        }
        for (scenario, pairs, says) in [
            ("slot_search", &[("threads", "2")][..], "one thread"),
            ("model nvme", &[("threads", "2")], "one thread"),
            ("model nvme", &[("touch", "flush")], "device at work"),
            ("model nvme", &[("loop", "open")], "open loop"),
            ("virtual nvme", &[], "no batches"),
            ("control", &[], "no batches"),
        ] {
            let error = check(&spec(scenario, pairs)).expect_err(scenario).to_string();
            assert!(error.contains(says), "{scenario}: {error}");
        }
    }
}
