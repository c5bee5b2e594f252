//! What a stage complains of on its standard error: shown as it comes, kept in the stage's file, and its last message
//! told in the summary.
//!
//! Invariant: a file that takes nothing, as on a full disk, keeps nobody from seeing it; and a process that a stage left
//! behind with its standard error keeps no night from going on.

use reports::text::{shorten, visible};
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How complaints of this program begin; further lines of one are indented.
const FIRST: &str = "swiotlb-bench: ";
/// Lines that are told of the last message, and characters of them.
const MOST: (usize, usize) = (4, 400);
/// How long a stage that has ended is listened to, where another process has its standard error too.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is heard of a stage.
#[derive(Debug)]
pub struct Said {
    last: Arc<Mutex<Last>>,
    /// Carries nothing: it is closed once all was heard.
    heard: Receiver<Infallible>,
}

impl Said {
    /// Hears all that comes from `stage`, and repeats it to `shown` and `kept`.
    pub fn listen(
        stage: impl Read + Send + 'static,
        mut shown: impl Write + Send + 'static,
        mut kept: impl Write + Send + 'static,
    ) -> Self {
        let last = Arc::new(Mutex::new(Last::default()));
        let (hears, (hearing, heard)) = (Arc::clone(&last), channel());
        std::thread::spawn(move || {
            let _hearing = hearing;
            let (mut stage, mut line) = (BufReader::new(stage), Vec::new());
            while stage.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                // Best effort, both: that nobody reads, or a disk is full, is no end of a stage.
                let _ = shown.write_all(&line);
                let _ = kept.write_all(&line);
                hears.lock().unwrap_or_else(PoisonError::into_inner).hear(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { last, heard }
    }

    /// The last message of a stage that has ended, on one line; empty where it said nothing.
    #[must_use]
    pub fn last(&self) -> String {
        // That all was heard and that patience has ended come to the same.
        let _ = self.heard.recv_timeout(PATIENCE);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).told()
    }
}

/// The lines of the last message: its first, and its last ones.
#[derive(Debug, Default)]
struct Last(Vec<String>);

impl Last {
    fn hear(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if !line.starts_with(char::is_whitespace) {
            self.0.clear();
        }
        if self.0.len() == MOST.0 {
            self.0.remove(1);
        }
        self.0.push(line.strip_prefix(FIRST).unwrap_or(line).trim().to_owned());
    }

    fn told(&self) -> String {
        shorten(&visible(&self.0.join(" ")), MOST.1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use std::io;

    /// Takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_repeated_and_the_last_message_is_told_on_one_line() {
        let place = tempfile::tempdir().unwrap();
        let [shown, kept] = ["shown", "kept"].map(|name| place.path().join(name));
        let text =
            "swiotlb-bench: warning: one\n  more\nswiotlb-bench: regressed:\n  a\n  b\n\n  c\n  d\u{202e}";
        let file = |path| std::fs::File::create(path).unwrap();
        let said = Said::listen(text.as_bytes(), file(&shown), file(&kept));
        assert_eq!(said.last(), "regressed: b c d\\u{202e}");
        assert_eq!(std::fs::read_to_string(shown).unwrap(), text);
        assert_eq!(std::fs::read_to_string(kept).unwrap(), text);
    }

    #[test]
    fn a_full_disk_and_a_stage_that_says_nothing_are_no_end_of_it() {
        let said = |text: &'static [u8]| Said::listen(text, Full, Full).last();
        assert_eq!(said(b"swiotlb-bench: free space\n"), "free space");
        assert_eq!(said(b"\xff\n"), "\u{fffd}");
        assert_eq!(said(b""), "");
    }

    #[test]
    fn who_keeps_a_stage_s_standard_error_is_not_waited_for() {
        let (heard, mut says) = io::pipe().unwrap();
        says.write_all(b"swiotlb-bench: done\n").unwrap();
        let said = Said::listen(heard, io::sink(), io::sink());
        assert_eq!(said.last(), "done");
        drop(says);
    }
}
