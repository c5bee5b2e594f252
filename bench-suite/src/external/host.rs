//! What this program does for an outside allocator: the functions of `struct swiotlb_ext_host`.
//!
//! Invariant: the context that a library is given lives, at one address, until the allocator that it belongs to is
//! gone; so every function may turn the context into a reference, from any thread.

use super::abi;
use crate::subject::Blocks;
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::collections::HashMap;
use std::io::{Write as _, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::{Context, NoEncryption, PageSource as _, PhysMemory, PoolMemory, PoolPages};
use swiotlb_core::rules::PAGE_SIZE;

thread_local! {
    /// Bytes that allocators with [`Copies::Counted`] have copied on this thread.
    static COPIED: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that were copied and counted on this thread so far.
pub fn copied_here() -> u64 {
    COPIED.get()
}

/// Whether bytes are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// They are not: bookkeeping alone.
    Off,
    /// They are: what is measured.
    On,
    /// They are, and counted for each thread.
    Counted,
}

/// What the functions work on.
pub struct Host {
    memory: Arc<PhysMemory>,
    pages: PoolPages<Blocks, NoEncryption>,
    /// Pages that the library holds, by their address.
    held: Mutex<HashMap<u64, PoolMemory>>,
    copies: Copies,
    /// What messages are signed with.
    name: String,
}

impl Host {
    /// A host over `memory`, whose pages for pools come from `blocks`.
    pub fn new(memory: Arc<PhysMemory>, blocks: Blocks, copies: Copies, name: String) -> Box<Self> {
        let pages = PoolPages::new(blocks, NoEncryption, None);
        Box::new(Self { memory, pages, held: Mutex::default(), copies, name })
    }

    /// Its functions, valid as long as it is. It must not move: it is boxed.
    pub fn table(&self) -> abi::Host {
        let copy = match self.copies {
            Copies::Off => copy_nothing,
            Copies::On => copy,
            Copies::Counted => copy_counted,
        };
        let ctx = core::ptr::from_ref(self).cast_mut().cast();
        abi::Host { size: abi::size::<abi::Host>(), reserved: 0, ctx, copy, at, pages_alloc, pages_free, log }
    }

    /// The memory.
    pub fn memory(&self) -> &Arc<PhysMemory> {
        &self.memory
    }

    /// Whether bytes are copied.
    pub fn copies(&self) -> Copies {
        self.copies
    }

    /// A line for the user.
    #[cold]
    pub fn say(&self, text: &str) {
        // That nobody may be reading it is no reason to stop.
        let _ = writeln!(stderr(), "swiotlb-bench: {}: {}", self.name, reports::text::visible(text));
    }

    fn alloc(&self, bytes: u64, limit: u64) -> Option<u64> {
        let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).filter(|&bytes| bytes > 0)?;
        let pages = self.pages.alloc(&self.memory, bytes, PhysAddr(limit), Context::Atomic).ok()?;
        let base = pages.base;
        if self.memory.zero(base, bytes).is_err() {
            self.pages.free(&self.memory, pages);
            return None;
        }
        self.held().insert(base.0, pages);
        Some(base.0)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<u64, PoolMemory>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Host {
    /// Frees what the library did not.
    fn drop(&mut self) {
        let held = core::mem::take(self.held.get_mut().unwrap_or_else(PoisonError::into_inner));
        held.into_values().for_each(|pages| self.pages.free(&self.memory, pages));
    }
}

// SAFETY: functions, and a context that is a shared reference to a `Host`, which is `Sync`.
unsafe impl Send for abi::Host {}
// SAFETY: as above.
unsafe impl Sync for abi::Host {}

/// The host behind a context.
///
/// # Safety
/// `ctx` is the context of a [`Host::table`] whose host is still there.
unsafe fn host<'h>(ctx: *mut c_void) -> &'h Host {
    // SAFETY: the caller's promise. All that is shared is behind `Sync` types, so a shared reference may be made
    // on any thread.
    unsafe { &*ctx.cast::<Host>() }
}

// The header lets a library call these with its context from `init` until `fini` returns. The host is dropped after
// that (`instance.rs`), so `host` may be called in each of them.

unsafe extern "C" fn copy(ctx: *mut c_void, from: u64, to: u64, bytes: u64) {
    // SAFETY: see above.
    let host = unsafe { host(ctx) };
    // SAFETY: `copy` checks both ranges itself and bears with an overlap; that nobody else writes them meanwhile is
    // what the header demands of the library, and it of its callers.
    unsafe { host.memory.copy(PhysAddr(from), PhysAddr(to), bytes) };
}

unsafe extern "C" fn copy_counted(ctx: *mut c_void, from: u64, to: u64, bytes: u64) {
    COPIED.set(COPIED.get().wrapping_add(bytes));
    // SAFETY: the same contract.
    unsafe { copy(ctx, from, to, bytes) };
}

unsafe extern "C" fn copy_nothing(_ctx: *mut c_void, _from: u64, _to: u64, _bytes: u64) {}

unsafe extern "C" fn at(ctx: *mut c_void, addr: u64, bytes: u64) -> *mut c_void {
    // SAFETY: see above.
    let host = unsafe { host(ctx) };
    let pointer = host.memory.pointer(PhysAddr(addr), bytes);
    pointer.map_or(core::ptr::null_mut(), |pointer| pointer.as_ptr().cast())
}

unsafe extern "C" fn pages_alloc(ctx: *mut c_void, bytes: u64, limit: u64, addr: *mut u64) -> c_int {
    // SAFETY: see above.
    let Some(base) = unsafe { host(ctx) }.alloc(bytes, limit) else { return abi::OUT_OF_PAGES };
    // SAFETY: the library passes a place for the address, by the header.
    unsafe { addr.write(base) };
    abi::OK
}

unsafe extern "C" fn pages_free(ctx: *mut c_void, addr: u64) {
    // SAFETY: see above.
    let host = unsafe { host(ctx) };
    let pages = host.held().remove(&addr);
    match pages {
        Some(pages) => host.pages.free(&host.memory, pages),
        None => host.say(&format!("gave pages at {addr:#x} back, which it does not hold")),
    }
}

unsafe extern "C" fn log(ctx: *mut c_void, text: *const c_char) {
    // SAFETY: see above.
    let host = unsafe { host(ctx) };
    if !text.is_null() {
        // SAFETY: not null, and a text that ends, by the header.
        let text = unsafe { CStr::from_ptr(text) };
        host.say(&text.to_string_lossy());
    }
}
