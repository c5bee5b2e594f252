//! No statistics: what exact ones cost is the difference to this.

use super::Stats;
use crate::area::AreaSlots;

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
    fn used(&self, _in_areas: impl FnOnce() -> u64) -> u64 {
        0
    }
    fn used_hiwater(&self) -> u64 {
        0
    }
    fn reset_hiwater<'a, A: AreaSlots + 'a>(&self, _areas: &mut dyn Iterator<Item = &'a A>) {}
    fn transient_nslabs(&self) -> u64 {
        0
    }
}
