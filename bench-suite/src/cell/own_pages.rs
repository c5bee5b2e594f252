//! The program's own pages, put in place before a cell runs: its code, its data, and those of its libraries.
//!
//! A function that runs for the first time may lie on a page that the process has not touched yet. That is a fault like
//! one of a buffer: it would fall into whatever is timed then, and void it, by the luck of where the linker has put
//! what waits for a contended lock. A hint to the host: where it cannot follow, such faults are counted as before.

use core::ffi::c_void;
use core::ptr;
use rustix::mm::{Advice, madvise};

/// A mapping of a file: its first byte, bytes, and whether it is written to.
#[derive(Debug, PartialEq, Eq)]
struct OfFile {
    start: usize,
    bytes: usize,
    written: bool,
}

/// What a line of `/proc/self/maps` says, if it is of a file that may be read.
fn of_file(line: &str) -> Option<OfFile> {
    let mut fields = line.split_ascii_whitespace();
    let (range, may, path) = (fields.next()?, fields.next()?, fields.nth(3)?);
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (path.starts_with('/') && may.starts_with('r') && may.ends_with('p')).then_some(OfFile {
        start,
        bytes: end.checked_sub(start)?,
        written: may.starts_with("rw"),
    })
}

/// Puts them in place.
pub fn put_in_place() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for OfFile { start, bytes, written } in maps.lines().filter_map(of_file) {
        let advice = if written { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
        let at: *mut c_void = ptr::with_exposed_provenance_mut(start);
        // SAFETY: the advice maps pages in and changes no byte of them; a range that has gone meanwhile is an error.
        let _ = unsafe { madvise(at, bytes, advice) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_read_or_written_are_told_from_the_rest() {
        let read =
            of_file("555000-557000 r-xp 00001000 fe:00 12 /usr/bin/a program").unwrap_or_else(|| panic!());
        assert_eq!(read, OfFile { start: 0x55_5000, bytes: 0x2000, written: false });
        assert!(of_file("7f00-8f00 rw-p 00000000 fe:00 12 /lib/x.so").is_some_and(|of| of.written));
        for not in [
            "555000-557000 rw-p 00000000 00:00 0 [heap]",
            "555000-557000 rw-p 00000000 00:00 0",
            "555000-557000 ---p 00000000 fe:00 12 /lib/x.so",
            "555000-557000 rw-s 00000000 fe:00 12 /dev/shm/x",
            "no line",
        ] {
            assert_eq!(of_file(not), None, "{not}");
        }
    }
}
