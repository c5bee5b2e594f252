//! A read section of a thread, and the calls in it: what is measured. Each is one call of the library's function
//! and the translation of its arguments and its answer.

use super::abi;
use super::codes;
use super::instance::{Device, Thread};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::error::{MapError, SyncError, UnmapError};
use swiotlb_core::phys::PhysMemory;

/// A thread inside a read section. Sections of one thread may nest: the library sees the outermost.
pub struct Section<'t> {
    thread: &'t Thread<'t>,
}

// SAFETY of all calls below: the allocator is alive because the thread borrows it; the caller is this thread's own,
// and calls with it follow one another, because a thread is not `Sync`; `Device::raw` answers for devices of this
// allocator only. Requests and places for answers live during the call.

impl<'t> Section<'t> {
    /// Enters one.
    #[inline]
    pub fn enter(thread: &'t Thread<'_>) -> Self {
        let outer = thread.sections.get();
        thread.sections.set(outer + 1);
        if outer == 0
            && let Some((enter, _)) = thread.instance.library.ops.section
        {
            // SAFETY: see above.
            unsafe { enter(thread.raw()) };
        }
        Self { thread }
    }

    /// Maps a buffer, whatever the device reaches.
    ///
    /// # Errors
    /// Why it could not.
    #[inline]
    pub fn map(&self, device: &Device, request: &MapRequest) -> Result<PhysAddr, MapError> {
        let MapRequest { orig, size, alloc_align_mask, dir, attrs } = *request;
        if !PhysMemory::in_space(orig, size) {
            return Err(MapError::NoSuchMemory { orig, size });
        }
        let theirs =
            abi::Request { orig: orig.0, size, alloc_align_mask, dir: dir as u32, attrs: bits(attrs) };
        let Some(device) = device.raw(self.thread) else { return Err(MapError::ForeignDevice) };
        let mut addr = PhysAddr::INVALID.0;
        let map = self.thread.instance.library.ops.map;
        // SAFETY: see above.
        let code = unsafe { map(self.thread.raw(), device, &raw const theirs, &raw mut addr) };
        if code == abi::OK {
            Ok(PhysAddr(addr))
        } else {
            Err(codes::map(code, self.thread.instance, request))
        }
    }

    /// Maps a buffer; an address that the device does not reach is given back without a copy.
    ///
    /// # Errors
    /// Why it could not.
    #[inline]
    pub fn map_streaming(&self, device: &Device, request: &MapRequest) -> Result<PhysAddr, MapError> {
        let addr = self.map(device, request)?;
        if device.limits.reaches(addr, request.size) {
            return Ok(addr);
        }
        let attrs = Attrs { skip_cpu_sync: true, ..request.attrs };
        // Cannot fail: the mapping is the one just made.
        let _ = self.unmap(device, addr, request.size, request.dir, attrs);
        Err(MapError::Unreachable { addr, reach: device.limits.reach() })
    }

    /// Ends a mapping.
    ///
    /// # Errors
    /// A caller's mistake.
    #[inline]
    pub fn unmap(
        &self,
        device: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
        attrs: Attrs,
    ) -> Result<(), UnmapError> {
        let Some(device) = device.raw(self.thread) else { return Err(UnmapError::ForeignDevice) };
        let unmap = self.thread.instance.library.ops.unmap;
        // SAFETY: see above.
        let code = unsafe { unmap(self.thread.raw(), device, addr.0, bytes, dir as u32, bits(attrs)) };
        if code == abi::OK { Ok(()) } else { Err(codes::unmap(code, self.thread.instance, addr, dir)) }
    }

    /// Copies a part to the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake.
    #[inline]
    pub fn sync_for_cpu(
        &self,
        device: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.sync(self.thread.instance.library.ops.sync_for_cpu, device, addr, bytes, dir)
    }

    /// Copies a part from the original, if the direction says so.
    ///
    /// # Errors
    /// A caller's mistake.
    #[inline]
    pub fn sync_for_device(
        &self,
        device: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        self.sync(self.thread.instance.library.ops.sync_for_device, device, addr, bytes, dir)
    }

    #[inline]
    fn sync(
        &self,
        sync: abi::Sync,
        device: &Device,
        addr: PhysAddr,
        bytes: u64,
        dir: Direction,
    ) -> Result<(), SyncError> {
        let Some(device) = device.raw(self.thread) else { return Err(SyncError::ForeignDevice) };
        // SAFETY: see above.
        let code = unsafe { sync(self.thread.raw(), device, addr.0, bytes, dir as u32) };
        if code == abi::OK { Ok(()) } else { Err(codes::sync(code, self.thread.instance, addr, dir)) }
    }

    /// The pool that holds an address.
    #[inline]
    pub fn find_pool(&self, device: &Device, addr: PhysAddr) -> Option<abi::Pool> {
        let find_pool = self.thread.instance.library.ops.find_pool;
        let device = device.raw(self.thread)?;
        let mut pool = abi::Pool::default();
        // SAFETY: see above.
        let code = unsafe { find_pool(self.thread.raw(), device, addr.0, &raw mut pool) };
        (code == abi::OK).then_some(pool)
    }
}

/// Leaves the thread's section, if it is in one, while `act` runs: the header allows some calls outside only. As for
/// policies of ours, a replay runs the growth worker in the middle of a section.
pub fn outside<R>(thread: &Thread<'_>, act: impl FnOnce() -> R) -> R {
    let Some((enter, exit)) = thread.instance.library.ops.section.filter(|_| thread.sections.get() > 0)
    else {
        return act();
    };
    // SAFETY: see above; the section is entered again before anybody uses it.
    unsafe { exit(thread.raw()) };
    let done = act();
    // SAFETY: as before.
    unsafe { enter(thread.raw()) };
    done
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        let left = self.thread.sections.get() - 1;
        self.thread.sections.set(left);
        if left == 0
            && let Some((_, exit)) = self.thread.instance.library.ops.section
        {
            // SAFETY: see above.
            unsafe { exit(self.thread.raw()) };
        }
    }
}

/// The attributes as Linux numbers them.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "two low bits")]
const fn bits(attrs: Attrs) -> u32 {
    let skip = if attrs.skip_cpu_sync { Attrs::SKIP_CPU_SYNC } else { 0 };
    let no_warn = if attrs.no_warn { Attrs::NO_WARN } else { 0 };
    (skip | no_warn) as u32
}
