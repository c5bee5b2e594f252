#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::child;
use super::*;
use std::sync::Barrier;

/// Bytes that differ from their neighbours.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251).to_le_bytes()[0].wrapping_add(1)).collect()
}

fn read(memory: &PhysMemory, addr: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xee; len];
    memory.read(PhysAddr(addr), &mut bytes).unwrap();
    bytes
}

#[test]
fn windows_come_with_first_use_and_start_zero() {
    let memory = PhysMemory::new();
    assert_eq!(memory.mapped_windows(), 0);
    assert!(!memory.contains(PhysAddr(0), 1) && memory.contains(PhysAddr(0), 0));
    memory.ensure(PhysAddr(WINDOW - 1), 1).unwrap();
    assert_eq!(memory.mapped_windows(), 1);
    assert!(memory.contains(PhysAddr(0), WINDOW) && !memory.contains(PhysAddr(0), WINDOW + 1));
    memory.ensure(PhysAddr(WINDOW - 1), 2).unwrap();
    assert_eq!(memory.mapped_windows(), 2);
    assert_eq!(read(&memory, WINDOW - 8, 16), [0; 16]);
}

#[test]
fn the_space_ends_where_it_says() {
    let memory = PhysMemory::with_hint(HugePages::Never);
    memory.write(PhysAddr(SPACE - 1), &[7]).unwrap();
    assert_eq!(read(&memory, SPACE - 1, 1), [7]);
    for (addr, bytes) in [(SPACE - 1, 2), (SPACE, 1), (u64::MAX, 1), (u64::MAX, u64::MAX), (0, SPACE + 1)] {
        let beyond = PageError::BeyondSpace { addr: PhysAddr(addr), bytes, space: SPACE };
        assert_eq!(memory.ensure(PhysAddr(addr), bytes), Err(beyond));
        assert_eq!(memory.zero(PhysAddr(addr), bytes), Err(beyond));
        assert_eq!(memory.touch(PhysAddr(addr), bytes), Err(beyond));
        assert!(!memory.contains(PhysAddr(addr), bytes));
    }
    let mut to = [3; 2];
    assert!(memory.read(PhysAddr(SPACE - 1), &mut to).is_err() && to == [3; 2]);
    assert!(memory.write(PhysAddr(SPACE - 1), &[1, 2]).is_err());
    assert_eq!(read(&memory, SPACE - 1, 1), [7]);
    assert_eq!(memory.ensure(PhysAddr(SPACE), 0), Ok(()));
    assert_eq!(memory.mapped_windows(), 1);
}

#[test]
fn write_and_read_cross_windows() {
    let memory = PhysMemory::new();
    let bytes = pattern(10_000);
    memory.write(PhysAddr(3 * WINDOW - 777), &bytes).unwrap();
    assert_eq!(read(&memory, 3 * WINDOW - 777, 10_000), bytes);
    assert_eq!(read(&memory, 3 * WINDOW - 778, 1), [0]);
    assert_eq!(memory.mapped_windows(), 2);
}

#[test]
fn copies_equal_those_in_one_flat_array() {
    let memory = PhysMemory::new();
    let bytes = pattern(5000);
    let starts = [0, 1, 2047, WINDOW - 5000, WINDOW - 4999, WINDOW - 2500, WINDOW - 1, WINDOW];
    for from in starts {
        for to in starts.map(|start| start + 4 * WINDOW) {
            for len in [0, 1, 64, 4999, 5000] {
                memory.write(PhysAddr(from), &bytes).unwrap();
                memory.zero(PhysAddr(to), 5000).unwrap();
                // SAFETY: the windows differ, and no other thread knows this memory.
                unsafe { memory.copy(PhysAddr(from), PhysAddr(to), len as u64) };
                let mut expected = bytes[..len].to_vec();
                expected.resize(5000, 0);
                assert_eq!(read(&memory, to, 5000), expected, "{from:#x} {to:#x} {len}");
            }
        }
    }
    assert_eq!(memory.lost_bytes(), 0);
}

#[test]
fn a_copy_maps_what_is_missing() {
    let memory = PhysMemory::new();
    memory.write(PhysAddr(8), &[9; 8]).unwrap();
    // SAFETY: disjoint, and no other thread knows this memory.
    unsafe { memory.copy(PhysAddr(8), PhysAddr(2 * WINDOW), 8) };
    assert_eq!(read(&memory, 2 * WINDOW, 8), [9; 8]);
    // SAFETY: as above.
    unsafe { memory.copy(PhysAddr(5 * WINDOW), PhysAddr(8), 4) };
    assert_eq!(read(&memory, 8, 8), [0, 0, 0, 0, 9, 9, 9, 9]);
    assert_eq!((memory.mapped_windows(), memory.lost_bytes()), (3, 0));
}

#[test]
fn a_copy_beyond_the_space_is_lost_and_counted() {
    let memory = PhysMemory::new();
    memory.write(PhysAddr(0), &[5; 16]).unwrap();
    for (from, to) in [(0, SPACE), (0, u64::MAX - 4), (SPACE - 4, 0), (u64::MAX - 16, 0)] {
        // SAFETY: disjoint, and no other thread knows this memory.
        unsafe { memory.copy(PhysAddr(from), PhysAddr(to), 16) };
    }
    assert_eq!((read(&memory, 0, 16), memory.lost_bytes()), (vec![5; 16], 64));
}

#[test]
fn touch_keeps_contents_and_zero_clears_only_its_range() {
    let memory = PhysMemory::new();
    let bytes = pattern(20_000);
    memory.write(PhysAddr(WINDOW - 9000), &bytes).unwrap();
    memory.touch(PhysAddr(WINDOW - 9000), 20_000).unwrap();
    memory.touch_read(PhysAddr(WINDOW - 9000), 20_000).unwrap();
    assert_eq!(read(&memory, WINDOW - 9000, 20_000), bytes);
    memory.zero(PhysAddr(WINDOW - 8999), 19_998).unwrap();
    let mut expected = vec![0; 20_000];
    (expected[0], expected[19_999]) = (bytes[0], bytes[19_999]);
    assert_eq!(read(&memory, WINDOW - 9000, 20_000), expected);
}

#[test]
fn touch_puts_a_page_behind_each_page() {
    let memory = PhysMemory::with_hint(HugePages::Never);
    memory.touch(PhysAddr(PAGE_SIZE - 1), 2 * PAGE_SIZE).unwrap();
    let pages = length(WINDOW / PAGE_SIZE).min(5);
    let mut resident = vec![0_u8; pages];
    let start = memory.span(PhysAddr(0), 1).unwrap();
    // SAFETY: the range lies in a window, and `resident` has a byte for each page of it.
    let rc = unsafe { mincore(start.cast(), pages << 12, resident.as_mut_ptr()) };
    assert_eq!((rc, resident), (0, vec![1, 1, 1, 0, 0]));
}

// SAFETY: the C library's own declaration.
unsafe extern "C" {
    fn mincore(addr: *mut core::ffi::c_void, length: usize, vec: *mut u8) -> core::ffi::c_int;
}

#[test]
fn racing_first_uses_agree_on_one_window() {
    const THREADS: u64 = 4;
    const WINDOWS_USED: u64 = 8;
    for _ in 0..20 {
        let memory = PhysMemory::new();
        let start = Barrier::new(length(THREADS));
        std::thread::scope(|scope| {
            for id in 0..THREADS {
                let (memory, start) = (&memory, &start);
                scope.spawn(move || {
                    start.wait();
                    for window in 0..WINDOWS_USED {
                        let byte = [id.to_le_bytes()[0] + 1];
                        memory.write(PhysAddr(window * WINDOW + id), &byte).unwrap();
                    }
                });
            }
        });
        assert_eq!(memory.mapped_windows() as u64, WINDOWS_USED);
        for window in 0..WINDOWS_USED {
            assert_eq!(read(&memory, window * WINDOW, 5), [1, 2, 3, 4, 0]);
        }
    }
}

#[test]
fn racing_safe_calls_lose_nothing_outside_their_bytes() {
    let memory = PhysMemory::new();
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for id in 0..2_u8 {
            let (memory, start) = (&memory, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..2000 {
                    memory.write(PhysAddr(3 + u64::from(id) * 5), &[id + 1; 5]).unwrap();
                }
            });
        }
        start.wait();
        for _ in 0..2000 {
            memory.touch(PhysAddr(0), 16).unwrap();
            assert!(read(&memory, 3, 10).iter().all(|&byte| byte <= 2));
        }
    });
    assert_eq!(read(&memory, 3, 10), [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
}

/// Under `ulimit -v 8388608` a drop that kept its windows would run out before the end.
#[test]
fn drop_gives_the_windows_back() {
    for _ in 0..300 {
        let memory = PhysMemory::new();
        memory.ensure(PhysAddr(0), 1).unwrap();
        memory.ensure(PhysAddr(SPACE - 1), 1).unwrap();
    }
}

#[test]
fn a_host_that_refuses_is_an_error() {
    child::must_pass("phys::memory::tests::refusal_in_a_child", "ulimit -v 1048576");
}

#[test]
fn refusal_in_a_child() {
    if !child::is_this() {
        return;
    }
    let memory = PhysMemory::new();
    let outcome = memory.ensure(PhysAddr(0), 4 << 30);
    let mapped = memory.mapped_windows() as u64;
    let addr = PhysAddr(mapped * WINDOW);
    assert_eq!(outcome, Err(PageError::Host { addr, errno: 12 }));
    assert!(memory.contains(PhysAddr(0), mapped * WINDOW));
    memory.write(PhysAddr(0), &[1; 32]).unwrap();
    // SAFETY: disjoint, and no other thread knows this memory.
    unsafe { memory.copy(PhysAddr(0), addr, 16) };
    assert_eq!(memory.lost_bytes(), 16);
    // SAFETY: as above.
    unsafe { memory.copy(addr, PhysAddr(8), 16) };
    assert_eq!(memory.lost_bytes(), 32);
    assert_eq!(read(&memory, 0, 32), [[1; 8], [0; 8], [0; 8], [1; 8]].concat());
}

#[test]
fn ranges_that_overlap_are_copied_as_if_they_did_not() {
    for (from, to) in [(0, 3), (3, 0), (5, 5)] {
        let memory = PhysMemory::new();
        memory.write(PhysAddr(from), b"abcdefgh").unwrap();
        // SAFETY: no other thread knows this memory.
        unsafe { memory.copy(PhysAddr(from), PhysAddr(to), 8) };
        assert_eq!(read(&memory, to, 8), b"abcdefgh");
    }
}
