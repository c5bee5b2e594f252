//! What the fuzz targets share.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `case.rs` | a machine and what is asked of it, from any bytes |
//! | `jsonl.rs` | a trace's records as text |
//! | `pairing.rs` | what must hold of a trace whose unmaps are paired with their maps |

pub mod case;
pub mod jsonl;
pub mod pairing;

use std::io::Cursor;
use std::path::Path;
use workloads::lines::Lines;

/// What messages call the input.
pub const NAME: &str = "fuzz";

/// The input as a file's lines.
///
/// # Panics
/// Never: bytes in memory can be read.
#[must_use]
pub fn lines(data: &[u8]) -> Lines {
    Lines::from_reader(Path::new(NAME), Cursor::new(data.to_vec())).expect("bytes in memory can be read")
}

/// Checks that a message says where: `fuzz:LINE…`, and that the input has such a line.
///
/// # Panics
/// It does not.
pub fn says_where(message: &str, data: &[u8]) {
    let behind = message.strip_prefix("fuzz:").unwrap_or_else(|| panic!("no place in `{message}`"));
    let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    let line: usize = behind[..digits].parse().unwrap_or_else(|_| panic!("no line in `{message}`"));
    let packed = data.starts_with(&[0x1f, 0x8b]);
    let most = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(line >= 1 && (packed || line <= most), "of {most} lines: `{message}`");
}
