//! The one place that names atomics, so that the model checker can stand in for them: with `--cfg loom` they
//! are loom's, which explores every interleaving and every value that a load may return (`crate::model`).
//! Without it they are the standard library's and parking_lot's own types; only a cell is wrapped, to be accessed as
//! loom's is.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
};

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use modelled::{Mutex, Spin, one_order, per_thread, test_and_set, thread};
/// The mutex of structures that are modelled. One that is not may name parking_lot's itself.
#[cfg(not(loom))]
pub(crate) use parking_lot::Mutex;
/// The threads of structures that start or wake some.
#[cfg(not(loom))]
pub(crate) use std::thread;
#[cfg(not(loom))]
pub(crate) use std::thread_local as per_thread;

/// A cell whose accesses loom checks. The caller answers for what it does with the pointer, while `f` runs only.
#[cfg(not(loom))]
#[derive(Default)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// Calls `f` with a pointer to read through.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to write through.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Between a SeqCst write and a SeqCst load of another word: nothing, because the accesses order each other. loom takes
/// them for AcqRel, and is told by a fence.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn one_order() {}

/// Sets `word` to 1 (Acquire); whether it was 0.
#[cfg(not(loom))]
#[inline]
pub(crate) fn test_and_set(word: &AtomicU32) -> bool {
    word.swap(1, Ordering::Acquire) == 0
}

/// Waits for another thread to act: a pause for the core at first, then the rest of the time slice,
/// because a user thread, unlike the kernel, can be preempted while it holds a lock.
#[cfg(not(loom))]
#[derive(Default)]
pub(crate) struct Spin(u32);

#[cfg(not(loom))]
impl Spin {
    /// Pauses before a spinner starts to give its time slice away.
    const PAUSES: u32 = 1 << 10;

    #[inline]
    pub(crate) fn wait(&mut self) {
        if self.0 < Self::PAUSES {
            self.0 += 1;
            core::hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

/// What loom lacks or spells otherwise.
#[cfg(loom)]
mod modelled {
    /// loom's, of which each thread of the model has its own; it knows no constants.
    macro_rules! per_thread {
        (static $name:ident: $type:ty = const $value:block;) => {
            loom::thread_local! { static $name: $type = $value; }
        };
    }
    pub(crate) use per_thread;

    /// loom's mutex with parking_lot's signature.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// loom's threads, which know no time.
    pub(crate) mod thread {
        pub(crate) use loom::thread::{Builder, JoinHandle, Thread, park};

        pub(crate) fn park_timeout(_: core::time::Duration) {
            loom::thread::yield_now();
        }
    }

    /// What SeqCst says of the write before and the load after.
    pub(crate) fn one_order() {
        super::fence(super::Ordering::SeqCst);
    }

    /// Without writing 1 over 1: loom's modification order is partial, and after such a write it would also
    /// explore executions in which the unlock never comes to be read.
    pub(crate) fn test_and_set(word: &super::AtomicU32) -> bool {
        word.compare_exchange(0, 1, super::Ordering::Acquire, super::Ordering::Relaxed).is_ok()
    }

    /// A wait that lets another thread of the model act: loom runs one that spins for ever.
    #[derive(Default)]
    pub(crate) struct Spin(());

    impl Spin {
        #[expect(clippy::unused_self, reason = "as the type that it stands for")]
        pub(crate) fn wait(&mut self) {
            loom::thread::yield_now();
        }
    }
}
