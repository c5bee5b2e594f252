//! One window: a stretch of host memory that stands behind [`super::WINDOW`] bytes of made-up addresses.
//!
//! Invariant: a window is private, anonymous, zero when new, readable and writable, that many bytes long,
//! and is unmapped exactly once, by whoever owns the pointer.

use super::space::WINDOW_LEN;
use core::ptr::NonNull;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// What to tell the host about huge pages behind new windows (`madvise`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// Ask for none (`MADV_NOHUGEPAGE`).
    Never,
    /// Say nothing: the host's setting decides.
    #[default]
    Default,
    /// Ask for them (`MADV_HUGEPAGE`).
    Always,
}

/// Maps a new window. It is not touched: pages come with first use, and none are reserved.
///
/// # Errors
/// The host's error number, if it refuses the mapping. A refused hint is no error: it is only a hint.
pub(super) fn map(huge: HugePages) -> Result<NonNull<u8>, Errno> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a null hint without MAP_FIXED: the host picks a free range, so no mapping of anyone is
    // replaced.
    let start = unsafe { mmap_anonymous(core::ptr::null_mut(), WINDOW_LEN, prot, flags) }?;
    let advice = match huge {
        HugePages::Never => Some(Advice::LinuxNoHugepage),
        HugePages::Default => None,
        HugePages::Always => Some(Advice::LinuxHugepage),
    };
    if let Some(advice) = advice {
        // SAFETY: the range was mapped just now and is nobody else's yet. Neither advice changes contents.
        let _only_a_hint = unsafe { madvise(start, WINDOW_LEN, advice) };
    }
    NonNull::new(start.cast()).ok_or(Errno::NOMEM)
}

/// Unmaps a window.
///
/// # Safety
/// `start` came from [`map`], was not unmapped before, and nobody accesses the window from now on.
pub(super) unsafe fn unmap(start: NonNull<u8>) {
    // SAFETY: the caller vouches that this is a whole mapping that nobody uses any longer.
    let outcome = unsafe { munmap(start.as_ptr().cast(), WINDOW_LEN) };
    debug_assert!(outcome.is_ok(), "munmap of a whole window: {outcome:?}");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_window_starts_zero_whatever_the_hint() {
        for huge in [HugePages::Never, HugePages::Default, HugePages::Always] {
            let start = map(huge).unwrap();
            // SAFETY: the first byte of a window that this test owns.
            assert_eq!(unsafe { start.read() }, 0);
            // SAFETY: mapped above, unmapped once, not used afterwards.
            unsafe { unmap(start) };
        }
    }
}
