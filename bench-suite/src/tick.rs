//! The time, told to reclaimers that let memory return at ticks only.
//!
//! The core has no clock. Whoever measures frees what has expired now and then; this is where the time is read
//! for it, and only if the policy waits for it.

use std::sync::OnceLock;
use std::time::Instant;
use swiotlb_core::caller::Caller;
use swiotlb_core::policy::Policy;
use swiotlb_core::reclaim::Reclaim;

/// Milliseconds since this process first asked.
fn now_ms() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since = ORIGIN.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

/// Frees what has expired by now; how many pools.
pub fn free_expired<P: Policy>(caller: &Caller<'_, P>) -> usize {
    if P::Reclaim::NEEDS_TIME {
        caller.mem().set_now_ms(now_ms());
    }
    caller.free_expired()
}
