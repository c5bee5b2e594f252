//! Whether the host was steady: how far the control's launches lie apart.

use super::groups;
use super::metrics::NS_PER_OP;
use reports::record::RunRecord;

/// The suite that goes into every run, to judge the host.
pub const CONTROL: &str = "control";
/// A control whose launches spread more than this, most over least, makes the host unfit.
pub const STEADY: f64 = 1.10;

/// The control's longest launch over its shortest; nothing where it did not run.
#[must_use]
pub fn control_spread(records: &[RunRecord]) -> Option<f64> {
    let control: Vec<RunRecord> =
        records.iter().filter(|r| r.suite.as_deref() == Some(CONTROL)).cloned().collect();
    let groups = groups::by_cell(&control);
    let summary = groups.values().next()?.summary(NS_PER_OP)?;
    Some(summary.most / summary.least).filter(|x| x.is_finite())
}
