//! No statistics: what exact ones cost is the difference to this.

use super::Stats;

/// Counts nothing; every number is 0.
#[derive(Default)]
pub struct Off;

impl Stats for Off {
    type Shard = ();
    const NAME: &'static str = "off";
    const EXACT: bool = false;

    fn shard(&self) {}

    fn add_used(&self, _shard: &(), _slots: u64) {}
    fn sub_used(&self, _shard: &(), _slots: u64) {}
    fn add_transient(&self, _slots: u64) {}
    fn sub_transient(&self, _slots: u64) {}
    fn used(&self) -> u64 {
        0
    }
    fn used_hiwater(&self) -> u64 {
        0
    }
    fn reset_hiwater(&self) {}
    fn transient_nslabs(&self) -> u64 {
        0
    }
}
