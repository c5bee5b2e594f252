//! How much of the process's heap is in use.
//!
//! The C library's own books, so that it is exact and the same in every launch: no page that was or was not
//! touched, no memory behind bounce buffers (which is mapped, not allocated).

/// Bytes that are allocated and not freed, those with a mapping of their own in whole pages; nothing where the C
/// library does not tell.
#[must_use]
pub(super) fn in_use() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes no argument and gives plain numbers back; the library locks its own books.
        let books = unsafe { libc::mallinfo2() };
        u64::try_from(books.uordblks.saturating_add(books.hblkhd)).ok()
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_in_use() {
        // Far more than other tests allocate meanwhile.
        const BYTES: usize = 1 << 30;
        let before = in_use();
        let held = std::hint::black_box(Vec::<u8>::with_capacity(BYTES));
        let more = in_use().zip(before).map(|(now, before)| now.saturating_sub(before));
        assert!(more.is_some_and(|more| more > BYTES as u64 / 10 * 9), "{more:?}");
        drop(held);
    }
}
