//! The one place that names atomics, so that a model checker can stand in for them.

pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
};

/// Waits for another thread to act: a pause for the core at first, then the rest of the time slice,
/// because a user thread, unlike the kernel, can be preempted while it holds a lock.
#[derive(Default)]
pub(crate) struct Spin(u32);

impl Spin {
    /// Pauses before a spinner starts to give its time slice away.
    const PAUSES: u32 = 1 << 10;

    #[inline]
    pub(crate) fn wait(&mut self) {
        if self.0 < Self::PAUSES {
            self.0 += 1;
            core::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
