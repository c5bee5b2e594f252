//! Copies: which bytes of an original and of its bounce buffer change, and no other.

use super::machine::{BIDI, ODD_PAGE, SLOT, bytes, end, masked, mem_at, pattern, request};
use crate::common::{Testable, device, orig};
use std::ops::Range;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::mem::{Device, IoTlbMem};
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::probe::Note;

/// Bytes on either side of a buffer that must stay as they are.
const AROUND: u64 = 4096;

/// What lies at a buffer of `size` bytes at `at` and around it.
fn with_surroundings(memory: &PhysMemory, at: PhysAddr, size: u64) -> Vec<u8> {
    bytes(memory, at.wrapping_sub(AROUND), size + 2 * AROUND)
}

/// `before` with the bytes `part` of the buffer taken from `from`.
fn changed(before: &[u8], part: Range<u64>, from: &[u8]) -> Vec<u8> {
    let mut after = before.to_vec();
    for i in part {
        let i = usize::try_from(i + AROUND).unwrap();
        after[i] = from[i];
    }
    after
}

/// Fills a buffer and what is around it.
fn fill(memory: &PhysMemory, at: PhysAddr, size: u64, seed: u8) -> Vec<u8> {
    let all = pattern(seed, size + 2 * AROUND);
    memory.write(at.wrapping_sub(AROUND), &all).unwrap();
    all
}

/// A mapping of `size` bytes between two others, with the device that has it.
struct Mapped<'a, P: Testable> {
    mem: &'a IoTlbMem<P>,
    orig: PhysAddr,
    addr: PhysAddr,
    size: u64,
}

impl<P: Testable> Mapped<'_, P> {
    /// Both buffers with patterns of their own, all around too.
    fn filled(&self) -> (Vec<u8>, Vec<u8>) {
        let memory = self.mem.memory();
        (fill(memory, self.orig, self.size, 0xa5), fill(memory, self.addr, self.size, 0x3c))
    }

    fn seen(&self) -> (Vec<u8>, Vec<u8>) {
        let memory = self.mem.memory();
        (with_surroundings(memory, self.orig, self.size), with_surroundings(memory, self.addr, self.size))
    }
}

/// Maps `size` bytes in the midst of a pool of single slots, for a device with `mask`, and calls `then`.
fn with_mapping<P: Testable>(mask: u64, low: u64, size: u64, then: impl Fn(&Device<P>, &Mapped<'_, P>)) {
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, false);
    let (dev, neighbour, caller) = (masked(&mem, mask), device(&mem), mem.caller(0));
    let session = caller.enter();
    for i in 0..6 {
        session.map(&neighbour, &request(orig(20 + i), 1, 0)).unwrap();
    }
    let orig = orig(1).wrapping_add(low);
    let addr = session.map(&dev, &request(orig, size, 0)).unwrap();
    for i in 0..6 {
        session.map(&neighbour, &request(crate::common::orig(30 + i), 1, 0)).unwrap();
    }
    then(&dev, &Mapped { mem: &mem, orig, addr, size });
    end(&session, &dev, addr, size);
}

fn parts_land_in_their_place<P: Testable>() {
    for (mask, low) in [(0, 0x6f3), (0x7ff, 0x123), (0xfff, 0xabc)] {
        with_mapping::<P>(mask, low, 5_000, |dev, mapped| {
            let caller = mapped.mem.caller(0);
            let session = caller.enter();
            for k in (0..mapped.size).step_by(613).chain([2047, 2048, 4999]) {
                for len in [1, 77, SLOT, mapped.size] {
                    let part = k..(k + len).min(mapped.size);
                    let (at, len) = (mapped.addr.wrapping_add(k), part.end - part.start);
                    let (orig, bounce) = mapped.filled();
                    session.sync_for_cpu(dev, at, len, BIDI).unwrap();
                    let want = (changed(&orig, part.clone(), &bounce), bounce);
                    assert!(mapped.seen() == want, "for the CPU: {part:?}, mask {mask:#x}");
                    let (orig, bounce) = mapped.filled();
                    session.sync_for_device(dev, at, len, BIDI).unwrap();
                    let want = (orig.clone(), changed(&bounce, part.clone(), &orig));
                    assert!(mapped.seen() == want, "for the device: {part:?}, mask {mask:#x}");
                }
            }
        });
    }
}

fn clipped<P: Testable>() {
    for (mask, low) in [(0, 0), (0x7ff, 0x4d2), (0xfff, 0x9c1)] {
        with_mapping::<P>(mask, low, 5_000, |dev, mapped| {
            // What rounding leaves behind the last byte belongs to the allocation: none here.
            let caller = mapped.mem.caller(0);
            let session = caller.enter();
            for k in [0, 1, 1_000, 2_047, 2_048, 4_000, 4_999] {
                let (at, part) = (mapped.addr.wrapping_add(k), k..mapped.size);
                let (orig, bounce) = mapped.filled();
                assert!(caller.probe().take_notes().is_empty());
                session.sync_for_cpu(dev, at, 5_100, BIDI).unwrap();
                assert_eq!(caller.probe().take_notes(), [Note::BounceOverflow], "from {k} on");
                assert!(mapped.seen() == (changed(&orig, part.clone(), &bounce), bounce), "from {k} on");
                let (orig, bounce) = mapped.filled();
                session.sync_for_device(dev, at, 5_100, BIDI).unwrap();
                assert_eq!(caller.probe().take_notes(), [Note::BounceOverflow], "from {k} on");
                assert!(mapped.seen() == (orig.clone(), changed(&bounce, part, &orig)), "from {k} on");
                session.sync_for_cpu(dev, at, mapped.size - k, BIDI).unwrap();
                assert!(caller.probe().take_notes().is_empty(), "to the very end is not beyond it");
            }
        });
    }
}

fn nothing_of_another_s<P: Testable>() {
    const HALF: u64 = 1_500;
    let mem = mem_at::<P>(ODD_PAGE, 128, 1, false);
    let (dev, caller, memory) = (device(&mem), mem.caller(0), mem.memory());
    let session = caller.enter();
    // Somebody's secret in every slot.
    let secret = pattern(0x77, 128 * SLOT);
    memory.write(orig(5), &secret).unwrap();
    let all = session.map(&dev, &request(orig(5), 128 * SLOT, 0)).unwrap();
    end(&session, &dev, all, 128 * SLOT);
    for (i, skip_cpu_sync) in [(0, false), (1, true)] {
        let mine = pattern(0x11, 2 * HALF);
        memory.write(orig(i), &mine).unwrap();
        let attrs = Attrs { skip_cpu_sync, ..Attrs::default() };
        let req = MapRequest { attrs, ..MapRequest::new(orig(i), 2 * HALF, Direction::FromDevice) };
        let addr = session.map(&dev, &req).unwrap();
        assert_eq!(bytes(memory, addr, 2 * HALF), mine, "the device sees what an earlier user left");
        let written = pattern(0x22, HALF);
        memory.write(addr, &written).unwrap();
        session.unmap(&dev, addr, 2 * HALF, Direction::FromDevice, Attrs::default()).unwrap();
        let seen = bytes(memory, orig(i), 2 * HALF);
        let (first, second) = seen.split_at(usize::try_from(HALF).unwrap());
        assert!(first == written && second == &mine[first.len()..], "the rest is as it was");
    }
}

fn directions_are_kept<P: Testable>() {
    for dir in [Direction::FromDevice, Direction::ToDevice, BIDI] {
        let mem = mem_at::<P>(ODD_PAGE, 128, 1, false);
        let (dev, caller, memory) = (device(&mem), mem.caller(0), mem.memory());
        let session = caller.enter();
        let addr = session.map(&dev, &MapRequest::new(orig(0), 3_000, dir)).unwrap();
        let (by_device, by_cpu) = (pattern(0x22, 3_000), pattern(0x44, 3_000));
        let fill = || {
            memory.write(addr, &by_device).unwrap();
            memory.write(orig(0), &by_cpu).unwrap();
        };
        fill();
        session.sync_for_device(&dev, addr, 3_000, dir).unwrap();
        let of_device = if dir == Direction::FromDevice { &by_device } else { &by_cpu };
        assert_eq!(&bytes(memory, addr, 3_000), of_device, "{dir:?}: for the device");
        fill();
        session.sync_for_cpu(&dev, addr, 3_000, dir).unwrap();
        let of_cpu = if dir == Direction::ToDevice { &by_cpu } else { &by_device };
        assert_eq!(&bytes(memory, orig(0), 3_000), of_cpu, "{dir:?}: for the CPU");
        fill();
        session.unmap(&dev, addr, 3_000, dir, Attrs::default()).unwrap();
        assert_eq!(&bytes(memory, orig(0), 3_000), of_cpu, "{dir:?}: at unmap");
    }
}

fn pieces_of_128<P: Testable>() {
    for low in (0..0x1000).step_by(0x180) {
        for size in [128, 2_048, 6_272] {
            with_mapping::<P>(0xfff, low, size, |dev, mapped| {
                let caller = mapped.mem.caller(0);
                let session = caller.enter();
                let (mut orig, bounce) = mapped.filled();
                for k in (0..size).step_by(128) {
                    let at = mapped.addr.wrapping_add(k);
                    session.sync_for_cpu(dev, at, 128, BIDI).unwrap();
                    orig = changed(&orig, k..k + 128, &bounce);
                    let now = with_surroundings(mapped.mem.memory(), mapped.orig, size);
                    assert!(now == orig, "piece {k} of {size} at {low:#x}");
                }
                let (orig, mut bounce) = mapped.filled();
                for k in (0..size).step_by(128) {
                    let at = mapped.addr.wrapping_add(k);
                    session.sync_for_device(dev, at, 128, BIDI).unwrap();
                    bounce = changed(&bounce, k..k + 128, &orig);
                    let now = with_surroundings(mapped.mem.memory(), mapped.addr, size);
                    assert!(now == bounce, "piece {k} of {size} at {low:#x}");
                }
                assert!(caller.probe().take_notes().is_empty(), "no piece runs past the end");
            });
        }
    }
}

on_both! {
    /// Partial sync: the offset inside a slot was not added to the original's address.
    row_02_a_part_is_copied_to_its_own_place => parts_land_in_their_place;
    /// No bound: a sync longer than the mapping overran it.
    row_03_sync_beyond_the_end_is_clipped => clipped;
    /// Information leak: nothing was copied in for devices that write.
    row_05_a_device_that_writes_half_leaves_the_rest => nothing_of_another_s;
    /// The rework of row 5 copied in at sync too, over what the device had written.
    row_06_sync_for_device_spares_what_the_device_wrote => directions_are_kept;
    /// Partial syncs of later slots: a difference that may be negative was kept unsigned, and checks were too strict.
    row_28_pieces_of_128_bytes_at_every_offset => pieces_of_128;
}
