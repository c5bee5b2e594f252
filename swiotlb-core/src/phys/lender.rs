//! Who lends memory of the process: its allocator, or the host with a mapping for each loan.
//!
//! Invariant: a loan is whole pages that start at a page, initialised, readable and writable, and belong to the
//! borrower alone until they are given back.

use super::space::length;
use crate::rules::PAGE_SIZE;
use core::fmt::Debug;
use core::ptr::NonNull;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::alloc::{Layout, dealloc};

/// A lender.
///
/// # Safety
/// [`Lender::lend`] keeps the invariant of this file.
pub unsafe trait Lender: Debug + Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;

    /// `bytes` bytes, a positive number of whole pages. Contents are any.
    ///
    /// # Errors
    /// The host's error number.
    fn lend(bytes: u64) -> Result<NonNull<u8>, i32>;

    /// Takes a loan back.
    ///
    /// # Safety
    /// `start` came from [`Lender::lend`] of `bytes`, is given back once, is readable and writable, and nobody
    /// accesses it from now on.
    unsafe fn give_back(start: NonNull<u8>, bytes: u64);
}

/// The process's allocator (`std::alloc`): the bytes are `malloc`'s, or whatever the program chose instead.
#[derive(Clone, Copy, Debug)]
pub struct System;

fn layout(bytes: u64) -> Result<Layout, i32> {
    Layout::from_size_align(length(bytes), length(PAGE_SIZE)).map_err(|_| Errno::NOMEM.raw_os_error())
}

/// Takes memory as the allocator left it. To the language it is uninitialised; what it holds is some bytes all
/// the same, and the empty assembly, which may have written them, makes them such: the compiler can no longer
/// assume anything of them, at the cost of no instruction.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn as_it_is(start: *mut u8) -> *mut u8 {
    // SAFETY: no instruction; it stands for one that writes to each byte what the byte holds.
    unsafe { core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags)) };
    start
}

// SAFETY: a layout of whole pages, aligned to a page. Elsewhere than on x86-64 the bytes are zero; there, see
// `as_it_is`.
unsafe impl Lender for System {
    const NAME: &'static str = "system";

    fn lend(bytes: u64) -> Result<NonNull<u8>, i32> {
        let layout = layout(bytes)?;
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the trait asks for a positive size.
        let start = as_it_is(unsafe { std::alloc::alloc(layout) });
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        // SAFETY: the trait asks for a positive size.
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        NonNull::new(start).ok_or(Errno::NOMEM.raw_os_error())
    }

    unsafe fn give_back(start: NonNull<u8>, bytes: u64) {
        if let Ok(layout) = layout(bytes) {
            // SAFETY: from `lend`, with the same layout, once.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

/// A mapping of its own for each loan (`mmap`, `munmap`): never touched before, so every page costs a fault.
#[derive(Clone, Copy, Debug)]
pub struct Mapping;

// SAFETY: a private anonymous mapping: whole pages, zero, readable, writable, and nobody else's.
unsafe impl Lender for Mapping {
    const NAME: &'static str = "mmap";

    fn lend(bytes: u64) -> Result<NonNull<u8>, i32> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint without MAP_FIXED: no mapping of anyone is replaced.
        let start = unsafe { mmap_anonymous(core::ptr::null_mut(), length(bytes), prot, MapFlags::PRIVATE) };
        let start = start.map_err(Errno::raw_os_error)?;
        NonNull::new(start.cast()).ok_or(Errno::NOMEM.raw_os_error())
    }

    unsafe fn give_back(start: NonNull<u8>, bytes: u64) {
        // SAFETY: the caller vouches that this is a whole mapping that nobody uses any longer.
        let outcome = unsafe { munmap(start.as_ptr().cast(), length(bytes)) };
        debug_assert!(outcome.is_ok(), "munmap of a whole loan: {outcome:?}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn lends_pages_of_its_own<L: Lender>() {
        let loans: Vec<_> = (1..20).map(|pages| (L::lend(pages * PAGE_SIZE).unwrap(), pages)).collect();
        for &(start, pages) in &loans {
            assert!(start.addr().get().is_multiple_of(length(PAGE_SIZE)));
            // SAFETY: a loan of this test's.
            unsafe { start.as_ptr().write_bytes(pages.to_le_bytes()[0], length(pages * PAGE_SIZE)) };
        }
        for &(start, pages) in &loans {
            let whole = length(pages * PAGE_SIZE);
            // SAFETY: written above, and nobody writes it now.
            let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr(), whole) };
            assert!(bytes.iter().all(|byte| *byte == pages.to_le_bytes()[0]), "{} shares pages", L::NAME);
        }
        for (start, pages) in loans {
            // SAFETY: lent above, given back once, not used afterwards.
            unsafe { L::give_back(start, pages * PAGE_SIZE) };
        }
    }

    #[test]
    fn loans_do_not_overlap() {
        lends_pages_of_its_own::<System>();
        lends_pages_of_its_own::<Mapping>();
    }

    #[test]
    fn what_cannot_be_lent_is_refused() {
        let absurd = 1 << 62;
        assert_eq!(System::lend(absurd), Err(Errno::NOMEM.raw_os_error()));
        assert_eq!(Mapping::lend(absurd), Err(Errno::NOMEM.raw_os_error()));
    }
}
