#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::super::child;
use super::*;
use crate::rules::PAGE_SIZE;

/// Whether the host lets `addr` be written, by its own list of mappings.
fn writable(memory: &PhysMemory, addr: u64) -> bool {
    let host = memory.span(PhysAddr(addr), 1).unwrap().addr();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let parse = |text| usize::from_str_radix(text, 16).unwrap();
        (parse(start)..parse(end)).contains(&host)
    });
    let (_, rest) = line.unwrap().split_once(' ').unwrap();
    assert!(rest.starts_with('r'), "pages stay readable");
    rest.as_bytes()[1] == b'w'
}

#[test]
fn a_window_starts_encrypted_and_only_decrypted_pages_are_writable() {
    let (memory, model) = (PhysMemory::new(), PageAttribute::new());
    let at = |page: u64| page * PAGE_SIZE;
    memory.write(PhysAddr(at(1)), &[7]).unwrap();
    memory.ensure(PhysAddr(WINDOW), 1).unwrap();
    model.decrypt(&memory, PhysAddr(at(4)), 2 * PAGE_SIZE).unwrap();
    let pages = [0, 1, 3, 4, 5, 6].map(|page| writable(&memory, at(page)));
    assert_eq!(pages, [false, false, false, true, true, false]);
    assert!(writable(&memory, WINDOW), "a window that the model has not seen is as it was");
    memory.write(PhysAddr(at(4)), &[8; 8192]).unwrap();
    model.encrypt(&memory, PhysAddr(at(4)), PAGE_SIZE).unwrap();
    assert_eq!([4, 5].map(|page| writable(&memory, at(page))), [false, true]);
    let mut byte = [0; 1];
    memory.read(PhysAddr(at(4)), &mut byte).unwrap();
    assert_eq!(byte, [8], "contents survive the change");
}

#[test]
fn a_range_over_two_windows_changes_in_both() {
    let (memory, model) = (PhysMemory::new(), PageAttribute::new());
    let base = PhysAddr(WINDOW - PAGE_SIZE);
    model.decrypt(&memory, base, 2 * PAGE_SIZE).unwrap();
    let probes = [base.0 - 1, base.0, WINDOW, WINDOW + PAGE_SIZE];
    assert_eq!(probes.map(|addr| writable(&memory, addr)), [false, true, true, false]);
    model.encrypt(&memory, base, 2 * PAGE_SIZE).unwrap();
    assert_eq!(probes.map(|addr| writable(&memory, addr)), [false; 4]);
}

#[test]
fn what_the_host_refuses_is_told() {
    let (memory, model) = (PhysMemory::new(), PageAttribute::new());
    assert_eq!(model.decrypt(&memory, PhysAddr(1), 1), Err(AttributeError::Host(22)));
    let beyond = model.encrypt(&memory, PhysAddr(crate::phys::SPACE), 1);
    assert_eq!(beyond, Err(AttributeError::Host(14)));
}

#[test]
fn racing_first_sights_of_a_window_lose_no_decryption() {
    for _ in 0..20 {
        let (memory, model) = (PhysMemory::new(), PageAttribute::new());
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for id in 0..4_u64 {
                let (memory, model, start) = (&memory, &model, &start);
                scope.spawn(move || {
                    let base = PhysAddr(id * 2 * PAGE_SIZE);
                    start.wait();
                    model.decrypt(memory, base, PAGE_SIZE).unwrap();
                    // A lost decryption ends the process here.
                    memory.write(base, &[1]).unwrap();
                });
            }
        });
    }
}

#[test]
fn the_limit_on_mappings_is_told_as_such() {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    // On a host that allows far more, the pages would not fit the test.
    if limit.trim().parse::<u64>().unwrap() <= 300_000 {
        child::must_pass("phys::decrypt::attribute::tests::mapping_limit_in_a_child", ":");
    }
}

#[test]
fn mapping_limit_in_a_child() {
    if !child::is_this() {
        return;
    }
    let (memory, model) = (PhysMemory::new(), PageAttribute::new());
    let page = |i: u64| PhysAddr(i * 2 * PAGE_SIZE);
    let refused = (0..160_000_u64).find_map(|i| Some((i, model.decrypt(&memory, page(i), 1).err()?)));
    let (count, error) = refused.unwrap();
    assert_eq!(error, AttributeError::MappingLimit);
    let allowed: u64 = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    assert!(count <= allowed / 2 && count > allowed / 2 - 1000, "{count} scattered pages of {allowed}");
    // Encrypting joins mappings, so it frees room.
    for i in (0..count).rev() {
        model.encrypt(&memory, page(i), 1).unwrap();
    }
    model.decrypt(&memory, page(count), 1).unwrap();
}

#[test]
fn a_write_to_an_encrypted_page_ends_the_process() {
    let output = child::run("phys::decrypt::attribute::tests::forbidden_write_in_a_child", "ulimit -c 0");
    assert!(!output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("test result"), "ended by the fault itself");
}

#[test]
fn forbidden_write_in_a_child() {
    if !child::is_this() {
        return;
    }
    let (memory, model) = (PhysMemory::new(), PageAttribute::new());
    model.encrypt(&memory, PhysAddr(0), 1).unwrap();
    memory.write(PhysAddr(0), &[1]).unwrap();
}
