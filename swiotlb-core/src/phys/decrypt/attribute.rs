//! A page-attribute change by the host: the protection of the pages stands for their encryption.
//!
//! Invariant: in every window that this model has seen, a page is writable exactly while it is decrypted.
//! The first time it sees a window it makes all of it read-only, so pages that a page source hands out start
//! encrypted; a write to a page that was not decrypted stops the process, as the kernel's does.
//!
//! So its windows belong to pools alone. A CPU's buffers, or anything else that is written without being
//! decrypted, must lie in other windows ([`crate::phys::WINDOW`] apart); and one value serves one
//! [`PhysMemory`].
//!
//! Lent memory (`phys/lent.rs`) has no such windows. It comes writable, as its lender made it; from the first
//! change on it is as above, until [`Decrypt::forget`] makes it writable for the lender again.

use super::Decrypt;
use crate::addr::PhysAddr;
use crate::error::{AttributeError, PageError};
use crate::phys::lent::is_lent;
use crate::phys::{PhysMemory, WINDOW};
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::mm::{MprotectFlags, mprotect};
use std::collections::BTreeSet;

const ENCRYPTED: MprotectFlags = MprotectFlags::READ;
const DECRYPTED: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// Decryption by `mprotect`. Every isolated page of the other state costs the host two mappings, so
/// `vm.max_map_count` (65,530 unless raised) allows about 32,750 scattered pages: then
/// [`AttributeError::MappingLimit`].
#[derive(Debug, Default)]
pub struct PageAttribute {
    /// Start addresses of the windows whose pages are encrypted unless decrypted.
    seen: Mutex<BTreeSet<u64>>,
}

impl PageAttribute {
    /// A model that has seen no window.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every window of the range read-only that was not seen before. The lock is held across the
    /// change: otherwise a second thread could decrypt a page of the window before it, and lose that.
    fn adopt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        let first = base.0 & !(WINDOW - 1);
        let end = base.0.saturating_add(bytes.max(1));
        let mut seen = self.seen.lock();
        let mut window = first;
        while window < end {
            if !seen.contains(&window) {
                protect(memory, PhysAddr(window), WINDOW, ENCRYPTED)?;
                seen.insert(window);
            }
            window += WINDOW;
        }
        Ok(())
    }

    /// Gives the pages of the range the protection `flags`. Each is read first, so that an entry of the
    /// page table is there to be changed, as there is in the kernel's direct map.
    fn change(
        &self,
        memory: &PhysMemory,
        base: PhysAddr,
        bytes: u64,
        flags: MprotectFlags,
    ) -> Result<(), AttributeError> {
        memory.touch_read(base, bytes).map_err(refused)?;
        if !is_lent(base) {
            self.adopt(memory, base, bytes)?;
        }
        protect(memory, base, bytes, flags)
    }
}

/// Changes the protection of an ensured range, window by window; stops at the first refusal.
fn protect(
    memory: &PhysMemory,
    base: PhysAddr,
    bytes: u64,
    flags: MprotectFlags,
) -> Result<(), AttributeError> {
    let mut outcome = Ok(());
    memory.each_piece(base, bytes, |start, len| {
        if outcome.is_ok() {
            // SAFETY: the range lies in one window, which lives as long as `memory` and is reached through
            // raw pointers only. Pages stay readable, so no read faults; a write to an encrypted page ends
            // the process by a fault, which is no undefined behaviour of the program's own making.
            outcome = unsafe { mprotect(start.cast(), len, flags) };
        }
    });
    outcome.map_err(|errno| match errno {
        Errno::NOMEM => AttributeError::MappingLimit,
        other => AttributeError::Host(other.raw_os_error()),
    })
}

/// No window to change: the host's reason, or its word for an address that is none.
fn refused(error: PageError) -> AttributeError {
    match error {
        PageError::Host { errno, .. } => AttributeError::Host(errno),
        _ => AttributeError::Host(Errno::FAULT.raw_os_error()),
    }
}

impl Decrypt for PageAttribute {
    const ENCRYPTED: bool = true;

    fn decrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        self.change(memory, base, bytes, DECRYPTED)
    }

    fn encrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        self.change(memory, base, bytes, ENCRYPTED)
    }

    fn forget(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        protect(memory, base, bytes, DECRYPTED)
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
