//! Where the loops of the prepared states lie in the program: see `crate::hot`.

use super::Bookkeeping;
use super::find_pool::{dependent, same_address, section_each};
use super::slot_search::round_trips;
use crate::hot::Loop;
use crate::pages::OnHost;
use swiotlb_core::caller::Caller;
use swiotlb_core::policy::{Policy, With};

/// The loops that [`super::States`] compile for `P`. The fallback's is that of the slot search with copying, on
/// an allocator that is full: the check follows it further.
pub(crate) fn loops<P: With>() -> Vec<Loop> {
    let mut loops = vec![("slot-search-copy", trips::<OnHost<P>>()), ("fallback", trips::<OnHost<P>>())];
    loops.extend(bare::<Bookkeeping<P>>());
    loops
}

fn trips<P: Policy>() -> *const () {
    round_trips::<Caller<'static, P>> as *const ()
}

fn bare<P: Policy>() -> [Loop; 4] {
    [
        ("slot-search", trips::<P>()),
        ("find-pool-same", same_address::<Caller<'static, P>> as *const ()),
        ("find-pool-section-each", section_each::<Caller<'static, P>> as *const ()),
        ("find-pool-dependent", dependent::<Caller<'static, P>> as *const ()),
    ]
}
