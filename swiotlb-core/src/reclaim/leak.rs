//! No reclamation: memory that was unlinked is never freed. The cheapest read side, as a bound.

use super::Reclaim;

/// Leaks what is deferred.
#[derive(Default)]
pub struct Leak;

impl Reclaim for Leak {
    type Local = ();
    type Guard<'a> = ();
    const NAME: &'static str = "leak";
    const FREES: bool = false;

    fn register(&self) {}

    #[inline]
    fn enter((): &()) {}

    unsafe fn defer<F: FnOnce() + Send>((): &(), free: F) {
        core::mem::forget(free);
    }

    fn advance((): &()) {}
}
