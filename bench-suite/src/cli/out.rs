//! Standard output: lines of data, written as one stream.
//!
//! Invariant: a pipe that was closed is no error. What comes after it is dropped, and the program ends
//! with the exit code that it would have had.

use super::{Exit, Failure, complain};
use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::path::Path;

/// Where a sub-command's data goes. Holds the lock of standard output, so there is one at a time.
pub(super) struct Out<W: Write = StdoutLock<'static>> {
    to: BufWriter<W>,
    closed: bool,
}

impl Out {
    /// Standard output.
    pub(super) fn stdout() -> Self {
        Self::new(io::stdout().lock())
    }
}

impl<W: Write> Out<W> {
    fn new(to: W) -> Self {
        Self { to: BufWriter::new(to), closed: false }
    }

    /// Writes `text` and a line feed.
    ///
    /// # Errors
    /// Standard output takes no more, for instance because the disk is full.
    pub(super) fn line(&mut self, text: impl core::fmt::Display) -> Result<(), Failure> {
        self.write(|to| writeln!(to, "{text}"))
    }

    /// Writes `text` as it is.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(|to| to.write_all(text.as_bytes()))
    }

    /// Hands everything to the operating system. To be called last: what `drop` writes nobody checks.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.write(Write::flush)
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.to) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            done => done.map_err(|e| Failure::error(format_args!("standard output: {e}"))),
        }
    }
}

/// Writes `text` to standard output as it is.
///
/// # Errors
/// As [`Out::line`].
pub(super) fn say(text: &str) -> Result<(), Failure> {
    let mut out = Out::stdout();
    out.text(text)?;
    out.flush()
}

/// A file that could not be written. `elsewhere` is the flag that names another place for it.
pub(super) fn unwritten(path: &Path, error: &io::Error, elsewhere: &str) -> Failure {
    let is_full =
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    let room = if is_full { "free some space, or " } else { "" };
    Failure::error(format_args!(
        "{}: cannot write: {error}: {room}name another place with {elsewhere}",
        path.display()
    ))
}

/// Adds `text` to the summary of a GitHub workflow's step.
///
/// # Errors
/// A file that takes it not.
pub(super) fn summarise(step: &Path, text: &str) -> Result<(), Failure> {
    let append = || OpenOptions::new().append(true).create(true).open(step)?.write_all(text.as_bytes());
    append().map_err(|error| unwritten(step, &error, "GITHUB_STEP_SUMMARY"))
}

/// Whether everything was written that was to be: all of it was tried. What else failed beside the first is told here.
///
/// # Errors
/// The first.
pub(super) fn all(written: impl IntoIterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let failures: Vec<Failure> = written.into_iter().filter_map(Result::err).collect();
    let mut failures = failures.into_iter();
    let first = failures.next();
    failures.for_each(|failure| complain(failure.message));
    first.map_or(Ok(()), Err)
}

/// How a run ends that came to `ended` and whose results were `told` or not. What it measured is safe in `runs`
/// and can be told again; a bad end is not hidden by a file that could not be written.
///
/// # Errors
/// The failure, unless the end is worse.
pub(super) fn ending(ended: Exit, told: Result<(), Failure>, runs: &Path) -> Result<Exit, Failure> {
    let Err(failure) = told else { return Ok(ended) };
    let failure = failure.and(format_args!(
        "every record is safe in {}, and the same command with --resume and --out tells it again",
        runs.display()
    ));
    kept(ended, Err(failure))
}

/// How a command ends that came to `ended`, whether its results were `told` or not: what is confirmed or wrong is not
/// hidden by an output that takes nothing.
///
/// # Errors
/// The failure, unless the end is worse.
pub(super) fn kept(ended: Exit, told: Result<(), Failure>) -> Result<Exit, Failure> {
    match told {
        Err(failure) if matches!(ended, Exit::Regression | Exit::Verification) => {
            complain(failure.message);
            Ok(ended)
        }
        told => told.map(|()| ended),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    /// Takes nothing, for one reason.
    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let mut out = Out::new(Refuses(ErrorKind::BrokenPipe));
        out.line("data").unwrap();
        out.flush().unwrap();
        assert!(out.closed);
        out.text("dropped").unwrap();
    }

    #[test]
    fn what_is_wrong_or_confirmed_is_not_hidden_by_an_output_that_takes_nothing() {
        let ends = |ended| kept(ended, Err(Failure::error("full"))).map_err(|failure| failure.message);
        for grave in [Exit::Regression, Exit::Verification] {
            assert_eq!(ends(grave), Ok(grave));
        }
        for other in [Exit::Ok, Exit::Error, Exit::Inconclusive, Exit::Unfit] {
            assert_eq!(ends(other), Err("full".to_owned()));
        }
        assert_eq!(kept(Exit::Unfit, Ok(())).map_err(|failure| failure.message), Ok(Exit::Unfit));
    }

    #[test]
    fn what_cannot_be_written_says_what_to_do() {
        let says = |kind: ErrorKind| unwritten(Path::new("page"), &kind.into(), "--out").message;
        assert!(says(ErrorKind::PermissionDenied).ends_with(": name another place with --out"));
        let full = says(ErrorKind::StorageFull);
        assert!(
            full.starts_with("page: cannot write: ") && full.contains("free some space, or name"),
            "{full}"
        );
    }

    #[test]
    fn a_full_disk_is_not() {
        let mut out = Out::new(Refuses(ErrorKind::StorageFull));
        out.line("data").unwrap();
        assert!(out.flush().is_err());
    }
}
