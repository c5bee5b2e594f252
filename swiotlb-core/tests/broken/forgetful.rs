//! Statistics that count what comes and not all of what goes.

use swiotlb_core::area::AreaSlots;
use swiotlb_core::stats::{Global, Stats};

/// [`Global`] without the subtraction for transient pools.
#[derive(Default)]
pub struct Forgetful(Global);

impl Stats for Forgetful {
    type Shard = ();
    const NAME: &'static str = "forgetful";
    const EXACT: bool = true;

    fn shard(&self) {}

    fn add_used(&self, shard: &(), slots: u64) {
        self.0.add_used(shard, slots);
    }

    fn sub_used(&self, shard: &(), slots: u64) {
        self.0.sub_used(shard, slots);
    }

    fn add_transient(&self, slots: u64) {
        self.0.add_transient(slots);
    }

    fn sub_transient(&self, _slots: u64) {}

    fn used(&self, in_areas: impl FnOnce() -> u64) -> u64 {
        self.0.used(in_areas)
    }

    fn used_hiwater(&self) -> u64 {
        self.0.used_hiwater()
    }

    fn reset_hiwater<'a, A: AreaSlots + 'a>(&self, areas: &mut dyn Iterator<Item = &'a A>) {
        self.0.reset_hiwater(areas);
    }

    fn transient_nslabs(&self) -> u64 {
        self.0.transient_nslabs()
    }
}
