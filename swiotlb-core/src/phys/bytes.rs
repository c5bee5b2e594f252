//! Copies to and from shared memory that may be raced: every byte is a relaxed atomic access of its own.
//!
//! Invariant: two of these at once on the same bytes are no data race. Each byte read is one that some
//! thread wrote (or the zero it started with); a longer value may be torn. That is what lets
//! [`super::PhysMemory`] offer reading and writing as safe calls on memory that all threads share.
//!
//! On x86-64 the loop is one string instruction. It does what a loop of relaxed loads and stores of
//! single bytes may do: the processor may join and reorder them, and relaxed accesses to different bytes
//! carry no order either. Elsewhere, and under Miri, the loop is spelled out.

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod imp {
    use core::arch::asm;

    /// Copies `len` bytes.
    ///
    /// # Safety
    /// As [`super::store`] and [`super::load`]: one side is the caller's alone, the other is shared.
    #[inline]
    pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller vouches for `len` bytes on both sides. The direction flag is clear on entry
        // to every asm block, and `rep movsb` changes no flags and needs no stack.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") len => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags)
            );
        }
    }

    /// Writes `len` zero bytes.
    ///
    /// # Safety
    /// As [`super::zero`].
    #[inline]
    pub(super) unsafe fn zero(to: *mut u8, len: usize) {
        // SAFETY: the caller vouches for `len` bytes at `to`. The direction flag is clear on entry to
        // every asm block, and `rep stosb` changes no flags and needs no stack.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") len => _,
                inout("rdi") to => _,
                in("al") 0_u8,
                options(nostack, preserves_flags)
            );
        }
    }
}

#[cfg(any(not(target_arch = "x86_64"), miri, test))]
#[cfg_attr(all(target_arch = "x86_64", not(miri)), allow(dead_code, reason = "compared with in tests"))]
mod portable {
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// The byte at `at + i` as an atomic.
    ///
    /// # Safety
    /// The byte is valid for reads and writes for `'a`, and only ever raced by atomic accesses.
    #[inline]
    unsafe fn byte<'a>(at: *mut u8, i: usize) -> &'a AtomicU8 {
        // SAFETY: the caller vouches for the byte, so the sum stays within its allocation.
        let at = unsafe { at.add(i) };
        // SAFETY: a `u8` needs no alignment; validity and absence of plain races are the caller's word.
        unsafe { AtomicU8::from_ptr(at) }
    }

    /// See [`super::store`].
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn store(from: &[u8], to: *mut u8) {
        for (i, value) in from.iter().enumerate() {
            // SAFETY: `i` is within the bytes that the caller vouches for.
            // Relaxed: no partner, see the module's invariant.
            unsafe { byte(to, i) }.store(*value, Relaxed);
        }
    }

    /// See [`super::load`].
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn load(from: *mut u8, to: &mut [u8]) {
        for (i, value) in to.iter_mut().enumerate() {
            // SAFETY: `i` is within the bytes that the caller vouches for.
            // Relaxed: no partner, see the module's invariant.
            *value = unsafe { byte(from, i) }.load(Relaxed);
        }
    }

    /// See [`super::zero`].
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn zero(to: *mut u8, len: usize) {
        for i in 0..len {
            // SAFETY: `i` is within the bytes that the caller vouches for.
            // Relaxed: no partner, see the module's invariant.
            unsafe { byte(to, i) }.store(0, Relaxed);
        }
    }
}

/// Writes `from` to shared memory at `to`.
///
/// # Safety
/// `from.len()` bytes at `to` are valid for reads and writes, and other threads reach them meanwhile only
/// by calls of this module.
#[inline]
pub(super) unsafe fn store(from: &[u8], to: *mut u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: `from` is the caller's own slice; for `to` the caller vouches.
    unsafe {
        imp::copy(from.as_ptr(), to, from.len());
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    // SAFETY: the same contract.
    unsafe {
        portable::store(from, to);
    }
}

/// Fills `to` from shared memory at `from`.
///
/// # Safety
/// `to.len()` bytes at `from` are valid for reads (and, on other processors than x86-64, writes), and other
/// threads write them meanwhile only by calls of this module.
#[inline]
pub(super) unsafe fn load(from: *mut u8, to: &mut [u8]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: `to` is the caller's own slice; for `from` the caller vouches.
    unsafe {
        imp::copy(from, to.as_mut_ptr(), to.len());
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    // SAFETY: the same contract.
    unsafe {
        portable::load(from, to);
    }
}

/// Writes `len` zero bytes to shared memory at `to`.
///
/// # Safety
/// `len` bytes at `to` are valid for reads and writes, and other threads reach them meanwhile only by calls
/// of this module.
#[inline]
pub(super) unsafe fn zero(to: *mut u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the same contract.
    unsafe {
        imp::zero(to, len);
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    // SAFETY: the same contract.
    unsafe {
        portable::zero(to, len);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_spellings_do_the_same() {
        for len in [0_usize, 1, 7, 8, 63, 64, 65, 4096] {
            let from: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0] ^ 0x5a).collect();
            let (mut a, mut b, mut back) = (vec![1; len], vec![1; len], vec![2; len]);
            // SAFETY: each vector has `len` bytes and belongs to this thread.
            unsafe { super::store(&from, a.as_mut_ptr()) };
            // SAFETY: as above.
            unsafe { super::portable::store(&from, b.as_mut_ptr()) };
            assert_eq!((&a, &b), (&from, &from));
            // SAFETY: as above.
            unsafe { super::load(a.as_mut_ptr(), &mut back) };
            assert_eq!(back, from);
            back.fill(3);
            // SAFETY: as above.
            unsafe { super::portable::load(a.as_mut_ptr(), &mut back) };
            assert_eq!(back, from);
            // SAFETY: as above.
            unsafe { super::zero(a.as_mut_ptr(), len) };
            // SAFETY: as above.
            unsafe { super::portable::zero(b.as_mut_ptr(), len) };
            assert!(a == b && a.iter().all(|&byte| byte == 0));
        }
    }
}
