//! The one place that names atomics, so that checkers can stand in for them: with `--cfg loom` they are loom's, which
//! explores every interleaving and every value that a load may return (`crate::model`); with `--cfg shuttle` they are
//! shuttle's, which runs whole allocators under schedules drawn at random, in sequential consistency (`tests/schedules.rs`).
//! Without either they are the standard library's and parking_lot's own types; only a cell is wrapped, to be accessed as
//! loom's is.

#[cfg(loom)]
pub(crate) use loom as checker;
#[cfg(shuttle)]
pub(crate) use shuttle as checker;

#[cfg(any(loom, shuttle))]
pub(crate) use checker::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence,
};

#[cfg(any(loom, shuttle))]
pub(crate) use checked::{Mutex, Spin, per_thread, thread};
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use modelled::{one_order, test_and_set};
/// The mutex of structures that are checked. One inside of which no atomic of this file is accessed may name parking_lot's
/// itself.
#[cfg(not(any(loom, shuttle)))]
pub(crate) use parking_lot::Mutex;
/// The threads of structures that start or wake some.
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::thread;
#[cfg(not(any(loom, shuttle)))]
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
#[cfg(not(any(loom, shuttle)))]
#[derive(Default)]
pub(crate) struct Spin(u32);

#[cfg(not(any(loom, shuttle)))]
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

/// Where a call leads into a crate that no checker sees into: shuttle may run another thread here. Not under a lock that is not
/// shuttle's.
#[cfg(not(shuttle))]
#[inline(always)]
pub(crate) const fn turn() {}

/// See above: shuttle switches before every access of an atomic.
#[cfg(shuttle)]
pub(crate) fn turn() {
    AtomicBool::new(false).load(Ordering::Relaxed);
}

/// What both checkers spell otherwise than the standard library and parking_lot.
#[cfg(any(loom, shuttle))]
mod checked {
    use super::checker;

    /// The checker's, of which each thread of an execution has its own; loom's knows no constants.
    macro_rules! per_thread {
        (static $name:ident: $type:ty = const $value:block;) => {
            $crate::sync::checker::thread_local! { static $name: $type = $value; }
        };
    }
    pub(crate) use per_thread;

    /// The checker's mutex with parking_lot's signature.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(checker::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> checker::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// The checker's threads, which know no time.
    pub(crate) mod thread {
        pub(crate) use super::checker::thread::{Builder, JoinHandle, Thread, park, yield_now};

        pub(crate) fn park_timeout(_: core::time::Duration) {
            yield_now();
        }
    }

    /// A wait that lets another thread act: checkers run one that spins for ever.
    #[derive(Default)]
    pub(crate) struct Spin(());

    impl Spin {
        #[expect(clippy::unused_self, reason = "as the type that it stands for")]
        pub(crate) fn wait(&mut self) {
            thread::yield_now();
        }
    }
}

/// What loom alone needs.
#[cfg(loom)]
mod modelled {
    /// What SeqCst says of the write before and the load after.
    pub(crate) fn one_order() {
        super::fence(super::Ordering::SeqCst);
    }

    /// Without writing 1 over 1: loom's modification order is partial, and after such a write it would also
    /// explore executions in which the unlock never comes to be read.
    pub(crate) fn test_and_set(word: &super::AtomicU32) -> bool {
        word.compare_exchange(0, 1, super::Ordering::Acquire, super::Ordering::Relaxed).is_ok()
    }
}
