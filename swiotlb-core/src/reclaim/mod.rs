//! Reclamation: how long memory that readers may still look at is kept.
//!
//! | reclaim | when it wins |
//! |---|---|
//! | [`Epoch`] | readers announce an epoch; one that stays inside holds memory back, but never a writer |
//! | [`Quiescent`] | cheapest read side; a caller that does nothing counts as a reader and holds memory back |
//! | [`RefCounted`] | no thread is registered; two shared counters are written by every section |
//! | [`RwLocked`] | simplest; readers write one shared word, and memory returns when nobody reads |
//! | [`Delayed`] | any of these as the kernel's RCU behaves: memory comes back in batches, at ticks of a clock |
//! | [`Leak`] | no price on either side, and memory never returns: the bound to compare with |
//!
//! Each allocator owns a collector of its own: a reader of one never holds up another's memory.

mod deferred;
mod delayed;
mod epoch;
mod leak;
mod quiescent;
mod ref_count;
mod rw_lock;
#[cfg(test)]
mod tests;

pub use delayed::Delayed;
pub use epoch::Epoch;
pub use leak::Leak;
pub use quiescent::Quiescent;
pub use ref_count::RefCounted;
pub use rw_lock::RwLocked;

/// A way to wait for readers. `defer` runs its closure only after every guard that exists now has gone.
pub trait Reclaim: Default + Send + Sync + 'static {
    /// One thread's registration. Not shared between threads.
    type Local;
    /// Held while pools are looked at (`rcu_read_lock` to `rcu_read_unlock`).
    type Guard<'a>;
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether what is deferred ever runs.
    const FREES: bool;
    /// Whether memory returns only once somebody told the time ([`Reclaim::set_now_ms`]).
    const NEEDS_TIME: bool = false;

    /// Registers the calling thread.
    fn register(&self) -> Self::Local;

    /// Enters a read section. Sections of one thread may nest.
    fn enter(local: &Self::Local) -> Self::Guard<'_>;

    /// Runs `free` once every read section that is open now has ended, on whatever thread notices. Never sooner; under
    /// [`Quiescent`] only once every other registered thread has also ended a section since, has called
    /// [`Reclaim::advance`], or is gone.
    ///
    /// # Safety
    /// What `free` captures must stay valid until it runs, whichever thread that is on.
    unsafe fn defer<F: FnOnce() + Send>(guard: &Self::Guard<'_>, free: F);

    /// Pushes grace periods along; does not block and promises nothing.
    fn advance(local: &Self::Local);

    /// As [`Reclaim::advance`], for one who waits: what waits for time alone, and no longer for a reader, runs at
    /// once (`synchronize_rcu_expedited`).
    fn expedite(local: &Self::Local) {
        Self::advance(local);
    }

    /// Says what the time is, in milliseconds since an origin of the caller's choice. Only [`Delayed`] asks for
    /// it; it never runs back.
    fn set_now_ms(&self, ms: u64) {
        let _ = ms;
    }
}
