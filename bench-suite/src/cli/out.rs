//! Standard output, for data. A closed pipe ends the program quietly.

use super::Failure;
use std::io::{ErrorKind, Write};

/// Writes `text` to standard output.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read has enough; everything that had to be kept is in files.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::error(format!("standard output: {error}"))),
    }
}
