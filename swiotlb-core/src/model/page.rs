//! The pool of the models that watch who reads what when.

use crate::addr::PhysAddr;
use crate::lookup::PoolRange;
use crate::sync::AtomicPtr;
use loom::cell::UnsafeCell;

/// A pool of one page, whose bytes loom watches.
pub(super) struct Page {
    start: PhysAddr,
    link: AtomicPtr<Page>,
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom checks every access of the cell.
unsafe impl Sync for Page {}

impl PoolRange for Page {
    fn start(&self) -> PhysAddr {
        self.start
    }
    fn end(&self) -> PhysAddr {
        PhysAddr(self.start.0 + 0x1000)
    }
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

impl Page {
    /// Leaked, so that a fault of a twin is a failed execution and not a use after free.
    pub(super) fn leaked(start: PhysAddr) -> &'static Self {
        Box::leak(Box::new(Self { start, link: AtomicPtr::default(), bytes: UnsafeCell::new(7) }))
    }

    /// Reads what was written when the pool was made.
    pub(super) fn read(&self) {
        // SAFETY: not overwritten under this section, or loom fails the execution.
        self.bytes.with(|bytes| assert_eq!(unsafe { *bytes }, 7));
    }

    /// What stands for freeing it.
    pub(super) fn overwrite(&self) {
        // SAFETY: as in `read`.
        self.bytes.with_mut(|bytes| unsafe { *bytes = 0 });
    }
}
