//! What a device does with a buffer between map and unmap: nothing, work on another core, or a flush.
//!
//! Without it a copy back reads lines that the same core has just written, which is too fast. The other
//! core is a helper thread with one mailbox per loop thread: a word that holds the handle plus one while
//! there is a buffer to work on. A mailbox that is still full is waited for, so that no buffer is left out.
//!
//! A map whose buffer is touched is always ordered before its unmap, as a real device's completion orders
//! them; the publication of pools to lookups is not concerned.

use super::table::{Backoff, Table};
use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::Direction;
use swiotlb_core::phys::PhysMemory;
use workloads::op::DeviceTouch;

/// What the device did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TouchReport {
    /// What was asked for.
    pub how: DeviceTouch,
    /// Buffers worked on.
    pub touched: u64,
    /// Whether the device's core was its own; without one the device takes time from the loops.
    pub spare_core: bool,
}

/// A loop thread's mailbox to the device.
#[derive(Debug, Default)]
struct Mailbox {
    /// Handle plus 1 (low 32 bits), bytes (29 bits), direction (2 bits), or 0: empty.
    word: AtomicU64,
    /// The bounce address; belongs to the loop thread while `word` is 0, else to the device.
    addr: AtomicU64,
}

/// The device of a run.
#[derive(Debug)]
pub struct Touch {
    how: DeviceTouch,
    memory: Option<Arc<PhysMemory>>,
    mailboxes: Box<[CachePadded<Mailbox>]>,
    touched: AtomicU64,
    failed_maps: AtomicU64,
    over: AtomicBool,
}

impl Touch {
    /// A device for `threads` loop threads. Without memory, or while the oracle plays the device, it does
    /// nothing.
    #[must_use]
    pub fn new(how: DeviceTouch, memory: Option<Arc<PhysMemory>>, threads: usize) -> Self {
        let how = if memory.is_some() { how } else { DeviceTouch::None };
        Self {
            how,
            memory,
            mailboxes: (0..threads).map(|_| CachePadded::default()).collect(),
            touched: AtomicU64::new(0),
            failed_maps: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Whether it does anything.
    #[inline]
    #[must_use]
    pub fn acts(&self) -> bool {
        self.how != DeviceTouch::None
    }

    /// Whether it needs a thread of its own: see [`Touch::serve`].
    #[must_use]
    pub fn needs_core(&self) -> bool {
        self.how == DeviceTouch::OtherCore
    }

    /// What it did.
    #[must_use]
    pub fn report(&self, spare_core: bool) -> TouchReport {
        TouchReport { how: self.how, touched: self.touched.load(Ordering::Relaxed), spare_core }
    }

    /// Counts a failed map, for the growth events. Relaxed: a count.
    pub fn map_failed(&self) {
        self.failed_maps.fetch_add(1, Ordering::Relaxed);
    }

    /// Maps that failed so far, all threads together.
    #[must_use]
    pub fn failed_maps(&self) -> u64 {
        self.failed_maps.load(Ordering::Relaxed)
    }

    /// Gives a buffer to the device. Its handle is marked as touched already.
    pub fn act(&self, table: &Table, thread: usize, handle: u32, addr: PhysAddr, bytes: u64, dir: Direction) {
        if self.how == DeviceTouch::Flush {
            if let Some(memory) = &self.memory {
                memory.flush_lines(addr, bytes);
            }
            self.touched.fetch_add(1, Ordering::Relaxed);
            table.touch_ends(handle);
            return;
        }
        let mailbox = &self.mailboxes[thread];
        let mut backoff = Backoff::default();
        // Acquire: pairs with the device's Release store of 0: its read of `addr` comes before ours to it.
        while mailbox.word.load(Ordering::Acquire) != 0 {
            backoff.wait();
        }
        mailbox.addr.store(addr.0, Ordering::Relaxed);
        // Release: the device sees the address and what the map copied into the buffer.
        mailbox.word.store(pack(handle, bytes, dir), Ordering::Release);
    }

    /// Works on buffers until [`Touch::finish`]: the device's own thread.
    pub fn serve(&self, table: &Table) {
        let Some(memory) = &self.memory else { return };
        let mut backoff = Backoff::default();
        // Relaxed: the flag orders nothing; every mailbox is looked at once more after it.
        let mut last_round = false;
        while !last_round {
            last_round = self.over.load(Ordering::Relaxed);
            for mailbox in &self.mailboxes {
                // Acquire: pairs with the Release in `act`.
                let word = mailbox.word.load(Ordering::Acquire);
                if word == 0 {
                    continue;
                }
                let (handle, bytes, dir) = unpack(word);
                work(memory, PhysAddr(mailbox.addr.load(Ordering::Relaxed)), bytes, dir);
                // Release: the mailbox belongs to the loop thread again.
                mailbox.word.store(0, Ordering::Release);
                self.touched.fetch_add(1, Ordering::Relaxed);
                table.touch_ends(handle);
                backoff = Backoff::default();
            }
            backoff.wait();
        }
    }

    /// Waits until the device is done with a handle, whatever the time.
    pub fn wait_idle(&self, table: &Table, handle: u32) {
        if !self.acts() {
            return;
        }
        let mut backoff = Backoff::default();
        while !table.is_idle(handle) {
            backoff.wait();
        }
    }

    /// Ends [`Touch::serve`]. To be called when no loop gives it buffers any more.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Reads what the device reads, writes what it writes.
fn work(memory: &PhysMemory, addr: PhysAddr, bytes: u64, dir: Direction) {
    let mut buffer = [0x5a_u8; 4_096];
    let mut done = 0;
    while done < bytes {
        let part = usize::try_from(bytes - done).map_or(buffer.len(), |left| left.min(buffer.len()));
        let at = addr.wrapping_add(done);
        // An error would be a range outside the address space: no mapping lies there.
        if dir.to_device() {
            let _ = memory.read(at, &mut buffer[..part]);
        }
        if dir.from_device() {
            let _ = memory.write(at, &buffer[..part]);
        }
        done += part as u64;
    }
    std::hint::black_box(&buffer);
}

fn pack(handle: u32, bytes: u64, dir: Direction) -> u64 {
    debug_assert!(handle < u32::MAX && bytes < 1 << 29);
    (dir as u64) << 61 | (bytes & ((1 << 29) - 1)) << 32 | u64::from(handle + 1)
}

#[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
fn unpack(word: u64) -> (u32, u64, Direction) {
    let dir = Direction::from_kernel(word >> 61 & 3).unwrap_or(Direction::Bidirectional);
    ((word as u32).wrapping_sub(1), word >> 32 & ((1 << 29) - 1), dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_s_word_survives_packing() {
        for dir in [Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice] {
            for (handle, bytes) in [(0, 1), (7, 262_144), (u32::MAX - 1, (1 << 29) - 1)] {
                assert_eq!(unpack(pack(handle, bytes, dir)), (handle, bytes, dir));
            }
        }
    }
}
