//! Lines of a file that is plain or gzip, each of bounded length.
//!
//! Which of the two is told by the first two bytes (`1f 8b`), not by the file's name; a gzip file may have
//! several members. Invariant: memory is bounded by [`MAX_LINE`], however far the file expands.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Most bytes that a line may have, its line feed left out: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;

/// First two bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// First bytes that are looked at before anything else.
const HEAD: u64 = 16;

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// Reads a file line by line.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    gzip: bool,
    number: u64,
    buf: Vec<u8>,
    /// What a look ahead met.
    fault: Option<io::Error>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("gzip", &self.gzip)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// [`LineFault::Open`] if the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self, LineError> {
        let fault = |e| LineError { path: path.to_owned(), line: 0, fault: LineFault::Open(e) };
        let file = File::open(path).map_err(fault)?;
        Self::from_reader(path, file)
    }

    /// Reads from `input`; `path` is only what errors call it.
    ///
    /// # Errors
    /// [`LineFault::Open`] if the first bytes cannot be read.
    pub fn from_reader(path: &Path, mut input: impl Read + Send + 'static) -> Result<Self, LineError> {
        let mut head = Vec::new();
        (&mut input).take(HEAD).read_to_end(&mut head).map_err(|e| LineError {
            path: path.to_owned(),
            line: 0,
            fault: LineFault::Open(e),
        })?;
        let gzip = head.starts_with(&GZIP_MAGIC);
        let whole = Cursor::new(head).chain(input);
        let reader: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER, whole))
        };
        Ok(Self { path: path.to_owned(), reader, gzip, number: 0, buf: Vec::new(), fault: None })
    }

    /// The file's path, as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the line read last; the first line is 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The file's next bytes, at least `HEAD` of them where it is plain and has as many; nothing where they cannot be
    /// read, which the next line tells.
    pub fn peek(&mut self) -> &[u8] {
        match self.reader.fill_buf() {
            Ok(head) => head,
            Err(error) => {
                // Reading again is right after an interruption only: a decoder tells what is wrong once.
                self.fault = Some(error).filter(|error| error.kind() != io::ErrorKind::Interrupted);
                &[]
            }
        }
    }

    /// The next line's bytes without its end (`\n` or `\r\n`), or `None` after the last line.
    ///
    /// # Errors
    /// Every [`LineFault`] but [`LineFault::NotUtf8`]; the error's line is the one that was being read.
    pub fn next_bytes(&mut self) -> Result<Option<&[u8]>, LineError> {
        self.buf.clear();
        if let Some(error) = self.fault.take() {
            return Err(self.error_at(self.number + 1, LineFault::of(error, self.gzip)));
        }
        // One byte for the line feed, one to see that the line goes on.
        let limit = MAX_LINE as u64 + 2;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buf);
        let read = match read {
            Ok(read) => read,
            Err(e) => return Err(self.error_at(self.number + 1, LineFault::of(e, self.gzip))),
        };
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buf.last() == Some(&b'\n') {
            self.buf.pop();
            if self.buf.last() == Some(&b'\r') {
                self.buf.pop();
            }
        }
        if self.buf.len() > MAX_LINE {
            return Err(self.error_at(self.number, LineFault::TooLong));
        }
        Ok(Some(&self.buf))
    }

    /// The next line as text, or `None` after the last line.
    ///
    /// # Errors
    /// Every [`LineFault`].
    pub fn next_text(&mut self) -> Result<Option<&str>, LineError> {
        if self.next_bytes()?.is_none() {
            return Ok(None);
        }
        match std::str::from_utf8(&self.buf) {
            Ok(text) => Ok(Some(text)),
            Err(e) => Err(LineError {
                path: self.path.clone(),
                line: self.number,
                fault: LineFault::NotUtf8 { column: e.valid_up_to() + 1 },
            }),
        }
    }

    fn error_at(&self, line: u64, fault: LineFault) -> LineError {
        LineError { path: self.path.clone(), line, fault }
    }
}

/// A line that could not be read, with its file and number.
#[derive(Debug)]
pub struct LineError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 if none was reached.
    pub line: u64,
    /// What went wrong.
    pub fault: LineFault,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.fault),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.fault),
        }
    }
}

impl std::error::Error for LineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            LineFault::Open(e) | LineFault::Io(e) => Some(e),
            _ => None,
        }
    }
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// The file could not be opened, or its first bytes not read.
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// The gzip data ends before its trailer.
    #[error("the gzip data ends too early; the file was cut off: fetch or record it again")]
    CutGzip,
    /// The gzip data is damaged (checksum, block or header).
    #[error("the gzip data is damaged ({0}): fetch the file again")]
    CorruptGzip(String),
    /// The line has more than [`MAX_LINE`] bytes.
    #[error("line longer than {MAX_LINE} bytes; this is no file of one record per line")]
    TooLong,
    /// The line is not UTF-8.
    #[error("not UTF-8 from byte {column} of the line on")]
    NotUtf8 {
        /// First byte that is wrong, from 1.
        column: usize,
    },
}

impl LineFault {
    fn of(e: io::Error, gzip: bool) -> Self {
        match e.kind() {
            io::ErrorKind::UnexpectedEof if gzip => Self::CutGzip,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if gzip => {
                Self::CorruptGzip(e.to_string())
            }
            _ => Self::Io(e),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gz(data: &[u8]) -> Vec<u8> {
        let mut enc = GzEncoder::new(Vec::new(), Compression::default());
        enc.write_all(data).unwrap();
        enc.finish().unwrap()
    }

    fn all(data: Vec<u8>) -> Result<Vec<String>, LineError> {
        let mut lines = Lines::from_reader(Path::new("f"), Cursor::new(data))?;
        let mut out = Vec::new();
        while let Some(text) = lines.next_text()? {
            out.push(text.to_owned());
        }
        Ok(out)
    }

    #[test]
    fn plain_and_gzip_read_alike() {
        let data = b"a\r\n\nb".to_vec();
        assert_eq!(all(data.clone()).unwrap(), ["a", "", "b"]);
        assert_eq!(all(gz(&data)).unwrap(), ["a", "", "b"]);
        assert_eq!(all(Vec::new()).unwrap(), Vec::<String>::new());
        assert_eq!(all(b"x".to_vec()).unwrap(), ["x"]);
        for data in [data.clone(), gz(&data)] {
            let mut lines = Lines::from_reader(Path::new("f"), Cursor::new(data)).unwrap();
            assert_eq!(lines.peek(), b"a\r\n\nb");
            assert_eq!(lines.next_text().unwrap(), Some("a"), "looking takes nothing");
        }
    }

    #[test]
    fn members_follow_each_other() {
        let mut data = gz(b"a\nb");
        data.extend(gz(b"c\n"));
        assert_eq!(all(data).unwrap(), ["a", "bc"]);
    }

    #[test]
    fn every_cut_of_a_gzip_file_is_an_error() {
        let whole = gz(b"one line\nand one more line\n");
        for cut in 2..whole.len() {
            let e = all(whole[..cut].to_vec()).unwrap_err();
            assert!(matches!(e.fault, LineFault::CutGzip), "cut at {cut}: {e}");
            // Whoever has looked at the beginning is told, too.
            let mut lines = Lines::from_reader(Path::new("f"), Cursor::new(whole[..cut].to_vec())).unwrap();
            let head = lines.peek().len();
            assert!(head > 0 || matches!(lines.next_bytes().unwrap_err().fault, LineFault::CutGzip), "{cut}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        let mut data = gz(b"one\ntwo\n");
        let crc = data.len() - 8;
        data[crc] ^= 1;
        let e = all(data).unwrap_err();
        assert!(matches!(e.fault, LineFault::CorruptGzip(_)), "{e}");
        assert!(e.to_string().starts_with("f:3: the gzip data is damaged"), "{e}");
    }

    #[test]
    fn the_longest_line_is_read_and_a_longer_one_refused() {
        let mut data = vec![b'x'; MAX_LINE];
        data.extend(b"\r\nend\n");
        assert_eq!(all(data.clone()).unwrap().len(), 2);
        data.insert(0, b'x');
        data.splice(0..0, *b"first\n");
        let e = all(data).unwrap_err();
        assert!(matches!(e.fault, LineFault::TooLong));
        assert_eq!(e.line, 2);
    }

    #[test]
    fn a_bomb_is_refused_at_its_first_long_line() {
        let e = all(gz(&vec![b'0'; 64 << 20])).unwrap_err();
        assert!(matches!(e.fault, LineFault::TooLong));
    }

    #[test]
    fn bytes_that_are_not_utf8_name_their_place() {
        let e = all(b"fine\nab\xff\n".to_vec()).unwrap_err();
        assert_eq!(e.to_string(), "f:2: not UTF-8 from byte 3 of the line on");
    }

    #[test]
    fn a_missing_file_says_so() {
        let e = Lines::open(Path::new("/nonexistent/file")).unwrap_err();
        assert!(e.to_string().starts_with("/nonexistent/file: cannot be opened"), "{e}");
    }
}
