//! What ThreadSanitizer must report, and what it must not: two threads that add to one plain number, and the same behind a
//! lock of two atomic accesses. `ci/tsan.sh` runs both before it believes a silence.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

struct Number {
    taken: AtomicBool,
    value: UnsafeCell<u64>,
}

// SAFETY: none with `locked` false, which is what is to be reported.
unsafe impl Sync for Number {}

fn add(number: &Number, locked: bool) {
    for _ in 0..10_000 {
        while locked && number.taken.swap(true, Ordering::Acquire) {
            thread::yield_now();
        }
        // SAFETY: exclusive with `locked` true.
        unsafe { *number.value.get() += 1 };
        if locked {
            number.taken.store(false, Ordering::Release);
        }
    }
}

fn main() {
    let locked = std::env::args().nth(1).as_deref() == Some("locked");
    let number = Number { taken: AtomicBool::new(false), value: UnsafeCell::new(0) };
    thread::scope(|s| {
        s.spawn(|| add(&number, locked));
        add(&number, locked);
    });
    println!("{}", number.value.into_inner());
}
