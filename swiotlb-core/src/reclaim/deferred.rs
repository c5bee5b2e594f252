//! A closure that waits for readers, its captures' lifetimes vouched for by whoever deferred it.

/// A deferred closure.
pub(super) struct Deferred(Box<dyn FnOnce() + Send>);

impl Deferred {
    /// Boxes `free`.
    ///
    /// # Safety
    /// What `free` captures must stay valid until it has run or was dropped.
    pub(super) unsafe fn new<F: FnOnce() + Send>(free: F) -> Self {
        let boxed: Box<dyn FnOnce() + Send + '_> = Box::new(free);
        // SAFETY: only the lifetime changes, and the caller vouches for it.
        Self(unsafe {
            core::mem::transmute::<Box<dyn FnOnce() + Send + '_>, Box<dyn FnOnce() + Send>>(boxed)
        })
    }

    /// Runs it.
    pub(super) fn run(self) {
        (self.0)();
    }
}
